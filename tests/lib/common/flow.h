/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * That nothing is left of goroutines and channels which have had their day.
 */
#ifndef FLOW_H
#define FLOW_H

#include <dirent.h>

#include "common.h"
#include "task.h"

struct left {
	unsigned int fds;
	unsigned int threads;
};

static inline unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	must(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/*
 * One channel, for all contexts that were cancelled before they had their own, is
 * made when it is first needed, and kept.
 */
static inline void make_what_is_kept(void)
{
	kc_ctx *ctx;
	kc_chan *c;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	must_int(kc_ctx_done(&c, ctx), 0);
	kc_ctx_unref(ctx);
}

static inline struct left what_is_there(void)
{
	make_what_is_kept();
	return (struct left){ count_fds(), count_threads() };
}

/* Waits for goroutines that are about to end, for ever if one does not. */
static inline void expect_nothing_left(struct left before)
{
	must_int(kc_shutdown(), 0);
	/* One that has been joined may still be there for a moment. */
	until(count_threads() <= before.threads + 2 * THREAD_SANITIZED);
	expect_int(count_fds(), before.fds);
}

#endif /* FLOW_H */
