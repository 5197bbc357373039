/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kchanctl work: a job, and the process that keeps it.
 */
#ifndef KCHANCTL_JOB_H
#define KCHANCTL_JOB_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <kchan/kchan.h>

/* How jobs are done. It does not change. */
struct rules {
	char **cmd;		/* with NULL at the end */
	bool argument;		/* a {} in it is the job, else the job is its input */
	bool quiet;		/* do not tell of each failure */
	int64_t timeout;	/* of CMD; -1: none */
	int64_t lease;		/* of a lease that is not extended; 0: none */
	int64_t backoff;	/* before the first retry */
	unsigned long retries;	/* after that it is sent to the dead letters */
	kc_chan *dead;		/* NULL: retry for ever */
	const char *dead_name;
	sigset_t mask;		/* the signals that CMD blocks */
};

/* How a keeper ends: its exit status. */
enum job_end {
	JOB_DONE,		/* acknowledged */
	JOB_FAILED,		/* returned, to be tried again after a delay */
	JOB_DEAD,		/* sent to the dead letters, and acknowledged */
	JOB_RETURNED,		/* returned at once, because the keeper was asked to */
	JOB_LATE,		/* the lease had ended: the job went back by itself */
	JOB_NOT_RUN,		/* CMD cannot be run: returned at once */
	JOB_NO_CMD,		/* there is no CMD: the same */
	JOB_BROKEN,		/* the keeper cannot work: the lease's end returns it */
};

/*
 * Does the job of a lease, which is the descriptor @fd. @name is that of its channel. This
 * is all that a keeper does.
 */
enum job_end keep_job(const struct rules *rules, int fd, const char *name);

#endif /* KCHANCTL_JOB_H */
