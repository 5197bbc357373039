/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data for people, in lines of a key, a colon and a value; or for programs, as JSON.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <kchan/uapi.h>

#include "names.h"

struct report {
	bool json;
	bool list;		/* JSON: an array of objects, and not one object */
	unsigned int objects;
	unsigned int values;	/* of this object */
};

void report_begin(struct report *report, bool json, bool list);
void report_end(struct report *report);

/* Each object, and in it each value with its key. */
void report_object(struct report *report);
void report_object_end(struct report *report);
void report_text(struct report *report, const char *key, const char *value);
/* The value may have any bytes. */
void report_bytes(struct report *report, const char *key, const char *value, size_t len);
void report_number(struct report *report, const char *key, unsigned long long value);
void report_rate(struct report *report, const char *key, double value);
void report_yes_no(struct report *report, const char *key, bool value);

/* In one word: open, closed while something is left, or ended. */
const char *channel_state(const struct kchan_info *info);

/*
 * What commands tell of a channel, and of a name: its path, its owner and mode, and its
 * channel, or the error.
 */
void report_channel(struct report *report, const struct kchan_info *info);
void report_name(struct report *report, const struct name *name);

#endif /* CLI_REPORT_H */
