// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A log: several append to it, and one writes all that is there at once.
 *
 * The writer waits for a record, and takes with it those that have come while it was
 * busy. One call receives all of them, and one write carries them to the disk. The more
 * there is to do, the less each record costs.
 */
#include "example.h"

#define APPENDERS	3
#define RECORDS		100	/* of each appender */

struct record {
	int who;
	int what;
};

struct log {
	kc_chan *records;
	kc_waitgroup appenders;
};

struct appender {
	struct log *log;
	int who;
};

static void append(void *arg)
{
	const struct appender *a = arg;
	struct record some[RECORDS];

	for (int i = 0; i < RECORDS; i++)
		some[i] = (struct record){ a->who, i };
	CHECK(kc_send_n(a->log->records, some, RECORDS));
}

static void close_log(void *arg)
{
	struct log *log = arg;

	kc_waitgroup_wait(&log->appenders);
	kc_close(log->records);
}

int main(void)
{
	struct log log = { .appenders = KC_WAITGROUP_INIT };
	int next[APPENDERS] = { 0 }, writes = 0, records = 0;
	struct record batch[64];
	struct appender a;
	int n;

	CHECK(kc_make(&log.records, sizeof(batch[0]), 64));
	for (int i = 0; i < APPENDERS; i++) {
		a = (struct appender){ &log, i };
		CHECK(kc_waitgroup_go_copy(&log.appenders, append, &a, sizeof(a)));
	}
	CHECK(kc_go(close_log, &log));
	while ((n = CHECK(kc_recv_n(log.records, batch, 64))) > 0) {
		/* The records of one appender come in its order. */
		for (int i = 0; i < n; i++)
			if (batch[i].what != next[batch[i].who]++)
				return 1;
		records += n;
		writes++;
	}
	printf("%d records, in %s writes\n", records,
	       writes < records ? "fewer" : "as many");
	kc_unref(log.records);
	return 0;
}
