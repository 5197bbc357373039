/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the clients in C have in common: ends of a channel, and TAP.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <fcntl.h>
#include <linux/kchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define client_must(cond)							\
	do {									\
		if (!(cond)) {							\
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1);						\
		}								\
	} while (0)

struct client_pair {
	int recv, send;
};

/* The two ends of a new channel. */
static inline struct client_pair client_pair(unsigned int size, unsigned int capacity,
					     int message)
{
	struct kchan_setup setup = {
		.flags = message ? KCHAN_SETUP_MESSAGE : 0,
		.elem_size = size,
		.capacity = capacity,
	};
	struct kchan_end end = { .flags = KCHAN_END_RECV | KCHAN_END_CLOEXEC |
					  KCHAN_END_NONBLOCK };
	const int fd = open("/dev/kchan", O_RDWR | O_CLOEXEC);
	struct client_pair p;

	client_must(fd >= 0);
	client_must(!ioctl(fd, KCHAN_IOC_SETUP, &setup));
	p.recv = ioctl(fd, KCHAN_IOC_END, &end);
	client_must(p.recv >= 0);
	end.flags ^= KCHAN_END_RECV | KCHAN_END_SEND;
	p.send = ioctl(fd, KCHAN_IOC_END, &end);
	client_must(p.send >= 0);
	close(fd);
	return p;
}

static int client_count, client_failed;

static inline void client_says(int good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++client_count, what);
	fflush(stdout);
	client_failed |= !good;
}

static inline int client_end(void)
{
	printf("1..%d\n", client_count);
	return client_failed;
}

#endif /* CLIENT_H */
