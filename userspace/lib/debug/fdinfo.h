/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads /proc/self/fd and /proc/self/fdinfo.
 */
#ifndef LIBKCHAN_DEBUG_FDINFO_H
#define LIBKCHAN_DEBUG_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

/* An end of a channel. */
struct kc_fdinfo {
	uint64_t channel;	/* the channel's number */
	uint32_t mode;		/* KCHAN_INFO_SEND, KCHAN_INFO_RECV */
	uint32_t send_ends;	/* the number of the channel's ends of that kind */
	uint32_t recv_ends;
	uint32_t file_refs;	/* the references on the open file, without that of the reader */
	bool mapped;		/* a process moves elements without system calls */
	uint32_t map_pid;	/* that process */
};

/*
 * Returns 1 and the data of the end; 0 if the descriptor is no end; -1 if a part is not
 * known.
 */
int kc_fdinfo_read(int fd, struct kc_fdinfo *info);

/*
 * Calls @each(@arg, fd) for all descriptors of the process, until @each returns false.
 * Returns false then, or if the descriptors cannot be listed.
 */
bool kc_each_fd(bool (*each)(void *arg, int fd), void *arg);

#endif /* LIBKCHAN_DEBUG_FDINFO_H */
