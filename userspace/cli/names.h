/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of channels, in the filesystems of names.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <kchan/uapi.h>

struct name {
	const char *path;
	const struct stat *st;
	int error;			/* why the channel cannot be looked at; 0: it was */
	struct kchan_info info;		/* without the end that was opened to look */
};

/* Whether a filesystem of names is mounted. */
bool names_mounted(void);

/*
 * Looks at the channel of a name. Returns 0, or an errno that is also in @name. A user
 * who may not receive from the channel may not look at it.
 */
int name_look(struct name *name, const char *path, const struct stat *st);

/*
 * Calls @see for each name in the files and directories of @paths, an array that ends
 * with NULL, or in all filesystems of names if there are none. Goes on after a failure.
 * What cannot be read is told, unless @quiet. Returns the last status that was not
 * STATUS_OK.
 */
int for_each_name(char *const *paths, bool quiet,
		  int (*see)(const struct name *name, void *arg), void *arg);

/* The user and the group of a file, by name or by number. For one call of printf(). */
const char *user_name(uid_t uid);
const char *group_name(gid_t gid);

#endif /* CLI_NAMES_H */
