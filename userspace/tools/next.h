/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kchanctl work: the next job of several channels.
 */
#ifndef KCHANCTL_NEXT_H
#define KCHANCTL_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>

/*
 * An armed select that receives a job under lease from one of some channels: from exactly
 * one, so that no job waits for a worker that has another one. A kc_lease has one channel.
 * kc_lease_from_fd() makes one of the descriptor, once there is a job.
 */
struct next {
	int fd;			/* -1: none; it is closed on exec */
	bool armed;
};

#define NO_NEXT	{ .fd = -1 }

/* Begins to receive. @limit is that of the lease, 0 for none. 0 or a negative errno. */
int next_arm(struct next *next, kc_chan *const *channels, size_t nr, int64_t limit);

/* Stops that, if there is no job. Returns false if there is one. */
bool next_disarm(struct next *next);

/*
 * Whether a job is there, without reading it: nobody can have failed on it then, so it
 * does not count as returned if it goes back. Returns 1 for a job, 0 for the end of the
 * channel *@ended, -EAGAIN if there is nothing, and -ETIME if there was a job, and its
 * lease has ended.
 */
int next_look(const struct next *next, size_t *ended);

/*
 * Of which channel the job is. This reads it, which has at most @size bytes. Returns the
 * number of the channel, or a negative errno.
 */
int next_channel(const struct next *next, size_t size);

/* What has come, and was not passed on, goes back. */
void next_close(struct next *next);

#endif /* KCHANCTL_NEXT_H */
