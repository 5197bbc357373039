/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The listing of all channels in debugfs, read and understood. What is not as it is
 * said to be ends the test.
 */
#ifndef LISTED_H
#define LISTED_H

#include "chan.h"

#define DEBUG	"/sys/kernel/debug"
#define LISTING	DEBUG "/kchan/channels"

struct listed_waiter {
	bool send;
	int tid;
	int pid;
	uint64_t ms;
	char comm[80];
};

/* An element that is leased or delayed. */
struct listed_elem {
	bool leased;
	uint64_t number;
	uint64_t returns;
	bool for_ever;		/* it does not come back by itself */
	uint64_t left_ms;
	uint64_t read;
};

struct listed {
	uint64_t id;
	uint32_t uid;
	char flags[40];
	char name[40];		/* empty if it has none */
	struct kchan_info info;
	uint64_t sent;
	uint64_t received;
	uint64_t send_waits;
	uint64_t recv_waits;
	uint32_t polled;
	size_t nr_waiters;
	struct listed_waiter *waiters;
	size_t nr_elems;
	struct listed_elem *elems;	/* leased and delayed, by number */
};

struct listing {
	char *text;
	size_t size;
	size_t count;
	struct listed *channels;
};

/* Ends the test as skipped where there is none, or not for us. */
void listing_or_skip(void);
int listing_open(void);

/* All of the file, so many bytes at a time at the most. */
void listing_read_text(struct listing *l, int fd, size_t chunk);

/* Each channel once, the waiters and elements of each as many as its line says. */
void listing_parse(struct listing *l);

/* All of this, as it is now. */
void listing_read(struct listing *l);
void listing_free(struct listing *l);

/* How often an id is listed, and where. */
unsigned int listing_find(struct listing *l, uint64_t id, struct listed **found);

/* The channel of this fd, which is listed once. */
struct listed *listing_must_find(struct listing *l, int fd);

#endif /* LISTED_H */
