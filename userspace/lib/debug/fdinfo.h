/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of this process's descriptors: which there are, and of one of
 * them what is in /proc/self/fdinfo.
 */
#ifndef LIBKCHAN_DEBUG_FDINFO_H
#define LIBKCHAN_DEBUG_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

/* An end of a channel. */
struct kc_fdinfo {
	uint64_t channel;	/* its number */
	uint32_t mode;		/* KCHAN_INFO_SEND, KCHAN_INFO_RECV */
	uint32_t send_ends;	/* that the channel has */
	uint32_t recv_ends;
	uint32_t file_refs;	/* on the open file; who reads this does not count */
};

/*
 * 1 and what is told of the end; 0 if the descriptor is no end; or -1 if that, or
 * something of the above, is not known.
 */
int kc_fdinfo_read(int fd, struct kc_fdinfo *info);

/*
 * Call @each(@arg, fd) for all descriptors of the process, until it returns false. False
 * then, or if it is not known which there are.
 */
bool kc_each_fd(bool (*each)(void *arg, int fd), void *arg);

#endif /* LIBKCHAN_DEBUG_FDINFO_H */
