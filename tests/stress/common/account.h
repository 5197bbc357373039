/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accounts of elements: each bears who has sent it and its number, and a pattern
 * that these tell. Kept in memory that all processes of a test share.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "chan.h"

/* The most that one sender sends. */
#define ACCOUNT_MOST	(1U << 22)

/* What an element begins with, which is the least that one has. */
struct tag {
	uint32_t sender;
	uint32_t number;
	uint64_t check;
};

struct account {
	unsigned int senders;
	struct account_sender {
		atomic_uint sent;
		/* A bit for each element that was received. */
		atomic_uint received[ACCOUNT_MOST / 32];
	} sender[];
};

struct account *account_open(unsigned int senders);

/* The next element of a sender; a message's length is as its number has it. */
struct tag account_next(struct account *a, unsigned int sender);
uint32_t account_len(const struct tag *tag, bool message, uint32_t size);
void account_fill(void *buf, uint32_t len, const struct tag *tag);
/* It was sent. Whether the sender may go on. */
bool account_sent(struct account *a, unsigned int sender);

/* An element was received: ends the test if it is none, torn, or there twice. */
struct tag account_received(struct account *a, const void *data, uint32_t got,
			    bool message, uint32_t size);

/* A parameter of the test, from its environment. */
unsigned long number_from(const char *name, unsigned long otherwise);

/* That all that was sent was received, and nothing else. Returns how many. */
unsigned long account_check(struct account *a);

#endif /* ACCOUNT_H */
