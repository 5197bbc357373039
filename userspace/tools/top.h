/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kchanctl top shows, once or again and again.
 */
#ifndef KCHANCTL_TOP_H
#define KCHANCTL_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/uapi.h>

#include "names.h"

/* A channel. */
struct row {
	char *path;			/* NULL: it has no name that was found */
	struct stat st;			/* of the name */
	int error;			/* why the channel cannot be looked at */
	uid_t uid;
	struct kchan_info info;
	bool counted;			/* only root knows these */
	unsigned long long sent;
	unsigned long long received;
	double send_rate;		/* a second; negative: not known */
	double recv_rate;
};

struct sample {
	int64_t time;
	struct row *rows;
	size_t nr;
};

struct top {
	char *const *paths;		/* what to show; none: all */
	int64_t delay;
	char sort;			/* the letter of the column */
	bool reverse;
	struct sample now;
	struct sample before;
};

/* A column that can be sorted by. */
struct column {
	char letter;
	const char *name;
};

extern const struct column columns[];	/* ends with the letter 0 */

/* Takes the next sample. What cannot be read is told, unless @quiet. */
int top_look(struct top *top, bool quiet);

/* Sorts by another column. By the same once more: in the other order. */
void top_sort(struct top *top, char letter);

/*
 * A line, without its end, for a terminal of this width: columns that do not fit are left
 * out, so that there is room for the name. 0: all columns.
 */
void top_head(char *line, size_t size, int width);
void top_line(char *line, size_t size, int width, const struct row *row);

void top_end(struct top *top);

/* Shows it until the user ends it: screen.c. */
int screen_run(struct top *top);

#endif /* KCHANCTL_TOP_H */
