/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's listing of all channels, in debugfs, which only root can read.
 */
#ifndef KCHANCTL_LISTING_H
#define KCHANCTL_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/uapi.h>

/* A channel. */
struct listed {
	struct kchan_info info;		/* without what an end has */
	uid_t uid;			/* who is charged for it */
	unsigned long long sent;
	unsigned long long received;
	dev_t dev;			/* the name's, if it has one */
	ino_t ino;
};

/*
 * A case that waits for the channel that came before. It has the numbers of the initial
 * PID namespace. In another namespace they differ, and do not match a thread on the same
 * channel.
 */
struct listed_waiter {
	uint64_t channel;
	bool send;
	pid_t tid;
	pid_t pid;
	int64_t ms;
};

/*
 * Calls the functions, which may be NULL, for each channel and each waiter. If one
 * returns false, the reading ends. Returns false if the listing cannot be read.
 */
bool listing_read(bool (*channel)(const struct listed *listed, void *arg),
		  bool (*waiter)(const struct listed_waiter *waiter, void *arg),
		  void *arg);

#endif /* KCHANCTL_LISTING_H */
