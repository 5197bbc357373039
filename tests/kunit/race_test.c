// SPDX-License-Identifier: GPL-2.0-only
/*
 * A party's owner gives up on one CPU while another serves it. Both claim the
 * party, and one of them gets it: whoever looks at a party and finds it open has
 * not got it yet.
 *
 * Between that look and the claim, the one who serves copies the element. So the
 * owner watches where it is copied to, and claims when it sees it begin: elements
 * are long, and one that is copied from its first byte on leaves time.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "harness.h"

#define RACE_SIZE	4096

/* So often the owner has to be first, in so many tries at most. */
#define RACE_MET	5
#define RACE_TRIES	2000

struct race {
	struct kchan *ch;
	struct kchan_party party;
	struct kchan_waiter w;
	struct kchan_elem *elem;	/* the party's */
	u8 *buf;			/* the other one's */
	const u8 *watched;
	struct completion watching;
	struct completion done;
	bool stop;
	bool gave_up;
};

static int race_owner_fn(void *arg)
{
	struct race *r = arg;

	complete(&r->watching);
	/* Nobody sleeps between here and the copy. */
	while (!READ_ONCE(*r->watched) && !READ_ONCE(r->stop))
		cpu_relax();
	r->gave_up = kchan_party_give_up(&r->party);
	kthread_complete_and_exit(&r->done, 0);
}

static void race_park(struct race *r, bool send)
{
	kchan_party_init(&r->party, current);
	r->w.party = &r->party;
	r->w.elem = r->elem;
	r->w.room = RACE_SIZE;
	r->w.status = -EUCLEAN;
	r->elem->len = RACE_SIZE;
	memset(r->elem->data, send ? 0xaa : 0, RACE_SIZE);
	memset(r->buf, send ? 0 : 0xaa, RACE_SIZE);
	r->watched = send ? r->buf : r->elem->data;
	r->stop = false;
	init_completion(&r->watching);
	init_completion(&r->done);

	spin_lock(&r->ch->lock);
	kchan_park(r->ch, &r->w, send ? KCHAN_OP_SEND : KCHAN_OP_RECV);
	spin_unlock(&r->ch->lock);
}

/* Serves the party on this CPU while its owner gives up on @cpu. */
static void race_once(struct kunit *test, struct race *r, bool send,
		      unsigned int cpu)
{
	struct kchan *ch = r->ch;
	struct task_struct *owner;
	ssize_t ret;

	race_park(r, send);
	owner = kthread_create_on_cpu(race_owner_fn, r, cpu, "kt_race/%u");
	if (IS_ERR(owner)) {
		KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(owner));
		return;
	}
	wake_up_process(owner);
	wait_for_completion(&r->watching);
	if (send)
		ret = kt_try_recv(ch, r->buf, RACE_SIZE);
	else
		ret = kt_try_send(ch, r->buf, RACE_SIZE);
	WRITE_ONCE(r->stop, true);
	wait_for_completion(&r->done);

	if (r->gave_up) {
		KUNIT_EXPECT_EQ(test, ret, -EAGAIN);
		KUNIT_EXPECT_EQ(test, atomic_read(&r->party.state),
				KCHAN_CLAIMED);
		KUNIT_EXPECT_EQ(test, r->w.status, -EUCLEAN);
		KUNIT_EXPECT_NULL(test, r->party.winner);
		kchan_unpark(ch, &r->w, send ? KCHAN_OP_SEND : KCHAN_OP_RECV);
	} else {
		const u8 *got = send ? r->buf : r->elem->data;

		KUNIT_EXPECT_EQ(test, ret, RACE_SIZE);
		KUNIT_EXPECT_EQ(test, atomic_read(&r->party.state),
				KCHAN_DONE);
		KUNIT_EXPECT_EQ(test, r->w.status, 0);
		KUNIT_EXPECT_NULL(test, memchr_inv(got, 0xaa, RACE_SIZE));
		if (!send)
			kchan_settle(ch);
	}
	kt_check(test, ch);
}

static void race_give_up(struct kunit *test, bool send)
{
	unsigned int met = 0, tries, cpu;
	struct race *r;

	if (num_online_cpus() < 2)
		kunit_skip(test, "takes two CPUs");

	r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	r->ch = kt_chan(test, RACE_SIZE, 0);
	r->elem = kunit_kzalloc(test, sizeof(*r->elem) + RACE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->elem);
	r->elem->data = (u8 *)(r->elem + 1);
	r->buf = kunit_kzalloc(test, RACE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->buf);

	for (tries = 0; tries < RACE_TRIES && met < RACE_MET; tries++) {
		/* This task stays on the CPU that it is on now. */
		migrate_disable();
		cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
		race_once(test, r, send, cpu);
		migrate_enable();
		met += r->gave_up;
	}
	/* Where the CPUs are an emulator's, they need not run at one time. */
	if (met < RACE_MET)
		kunit_skip(test, "the owner was first %u times of %u", met,
			   tries);
}

static void race_receiver_gives_up(struct kunit *test)
{
	race_give_up(test, false);
}

static void race_sender_gives_up(struct kunit *test)
{
	race_give_up(test, true);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_receiver_gives_up),
	KUNIT_CASE(race_sender_gives_up),
	{}
};

static struct kunit_suite race_suite = {
	.name = "kchan_race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
