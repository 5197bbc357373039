/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_PARTIES_H
#define _KCHAN_TEST_PARTIES_H

#include "call.h"
#include "harness.h"

/* The most cases of a party without a thread. */
#define KT_PARTY_CASES	3

/**
 * struct kt_party - a party without a thread: the test does what its owner would
 * @test: the test
 * @party: the party; its task is the one that made it
 * @call: its cases
 * @branches: of @call
 * @locks: of @call
 * @slots: one for each case
 * @parked: a bit for each case that was queued
 * @collected: the party has ended, and what it received is settled
 */
struct kt_party {
	struct kunit *test;
	struct kchan_party party;
	struct kchan_call call;
	struct kchan_branch branches[KT_PARTY_CASES];
	struct kchan *locks[KT_PARTY_CASES];
	struct kchan_slot slots[KT_PARTY_CASES];
	u64 parked;
	bool collected;
};

struct kt_party *kt_party(struct kunit *test);
unsigned int kt_party_add(struct kt_party *p, struct kchan *ch, bool send,
			  u32 len, u64 n);
void kt_party_park(struct kt_party *p);
struct kt_party *kt_party_sender(struct kunit *test, struct kchan *ch, u64 n);
struct kt_party *kt_party_receiver(struct kunit *test, struct kchan *ch, u32 room);
void kt_party_stale(struct kunit *test, struct kchan *ch, bool send,
		    unsigned int nr);

bool kt_party_give_up(struct kt_party *p);
bool kt_party_open(struct kt_party *p);
int kt_party_status(struct kt_party *p);
unsigned int kt_party_winner(struct kt_party *p);
s64 kt_party_n(struct kt_party *p);
void kt_party_end(struct kt_party *p);

#endif /* _KCHAN_TEST_PARTIES_H */
