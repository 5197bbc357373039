// SPDX-License-Identifier: GPL-2.0-only
/*
 * A party's owner gives up on one CPU while another CPU serves it. Both claim the
 * party, and one of them gets it. A task that has only found the party open has not
 * claimed it yet.
 *
 * Between that look and the claim, the server copies the element. So the owner
 * watches the memory that it is copied to, and claims when the copy begins. Elements
 * are long, and the copy begins with the first byte, so there is time left.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "call.h"
#include "parties.h"
#include "ring.h"

#define RACE_SIZE	4096

/* The owner has to be first this many times, in at most so many tries. */
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
	/* Neither task sleeps between here and the copy. */
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

	kchan_lock(r->ch);
	kchan_park(r->ch, &r->w, send ? KCHAN_OP_SEND : KCHAN_OP_RECV);
	kchan_unlock(r->ch);
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
			kchan_settle(ch, r->elem);
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
	/* If the CPUs are emulated, they need not run at the same time. */
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

/*
 * Between the claim and the telling the lock is always held. So an owner that gives
 * up in between waits for the lock, and is served when it has it.
 */
struct race_owner {
	struct kchan *ch;
	struct kchan_call call;
	struct kchan_branch b;
	struct kchan_slot slot;
	struct kchan_party party;
	struct kvec vec;
	struct iov_iter to;
	u64 n;
	struct completion parked;
	struct completion done;
	bool claimed;
	bool leaving;
	int ret;
};

static int race_leave_fn(void *arg)
{
	struct race_owner *o = arg;

	kchan_party_init(&o->party, current);
	o->ret = kchan_call_stage(&o->call, &o->slot, false) ?:
		 kchan_call_park(&o->call, &o->slot, &o->party, 0);
	complete(&o->parked);
	if (o->ret == -EAGAIN) {
		while (!READ_ONCE(o->claimed))
			cpu_relax();
		WRITE_ONCE(o->leaving, true);
		o->ret = kchan_call_leave(&o->call, &o->slot, &o->party, -ETIMEDOUT);
		if (!o->ret)
			o->ret = kchan_branch_deliver(&o->b, &o->slot.small);
	}
	kchan_call_unstage(&o->call, &o->slot);
	kthread_complete_and_exit(&o->done, 0);
}

static void race_begin_owner(struct race_owner *o, struct kchan *ch)
{
	memset(o, 0, sizeof(*o));
	o->ch = ch;
	init_completion(&o->parked);
	init_completion(&o->done);
	kchan_call_init(&o->call, &o->b, &o->b.ch);
	o->call.nr = 1;
	o->call.nr_locks = 1;
	o->vec.iov_base = &o->n;
	o->vec.iov_len = 8;
	iov_iter_kvec(&o->to, ITER_DEST, &o->vec, 1, 8);
	o->b.ch = ch;
	o->b.iter = &o->to;
	o->b.op = KCHAN_OP_RECV;
	o->b.len = 8;
}

/*
 * Serves the party by hand, and holds the lock until its owner may be waiting for it.
 */
static void race_serve(struct kunit *test, struct race_owner *o)
{
	struct kchan *ch = o->ch;
	struct kchan_waiter *w;
	struct kchan_step step;
	bool claimed;

	kchan_step_begin(&step);
	kchan_lock(ch);
	w = kchan_first(&ch->receivers, &step);
	claimed = w && kchan_claim(w);
	WRITE_ONCE(o->claimed, true);
	if (claimed) {
		while (!READ_ONCE(o->leaving))
			cpu_relax();
		/*
		 * This is long enough for the owner to come to the lock, most of the
		 * time.
		 */
		mdelay(1);
		*(u64 *)w->elem->data = 99;
		w->elem->len = 8;
		kchan_number(w->elem, ch->seq++);
		kchan_fly(ch, w->elem);
		kchan_complete(&ch->receivers, w, 0, &step);
	}
	kchan_unlock(ch);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_TRUE(test, claimed);
}

static void race_claimed_owner(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	unsigned int i, cpu;
	struct race_owner *o;
	struct task_struct *task;

	if (num_online_cpus() < 2)
		kunit_skip(test, "takes two CPUs");
	o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, o);
	for (i = 0; i < 50; i++) {
		race_begin_owner(o, ch);
		migrate_disable();
		cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
		task = kthread_create_on_cpu(race_leave_fn, o, cpu, "kt_race/%u");
		if (!IS_ERR(task)) {
			wake_up_process(task);
			wait_for_completion(&o->parked);
			race_serve(test, o);
			wait_for_completion(&o->done);
		}
		migrate_enable();
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		KUNIT_EXPECT_EQ(test, o->ret, 0);
		KUNIT_EXPECT_EQ(test, o->n, 99);
		kt_check(test, ch);
	}
}

/* The last element is settled on one CPU while another closes the channel. */
struct race_settler {
	struct kchan *ch;
	struct kchan_elem *elem;
	struct completion go;
	struct completion done;
	bool ready;
	bool start;
	bool stop;
};

static int race_settle_fn(void *arg)
{
	struct race_settler *r = arg;

	for (;;) {
		wait_for_completion(&r->go);
		if (r->stop)
			break;
		WRITE_ONCE(r->ready, true);
		while (!READ_ONCE(r->start))
			cpu_relax();
		kchan_settle(r->ch, r->elem);
		complete(&r->done);
	}
	kthread_complete_and_exit(&r->done, 0);
}

static void race_close_once(struct kunit *test, struct race_settler *r,
			    struct kt_party *p, unsigned int delay)
{
	reinit_completion(&r->done);
	r->ready = false;
	r->start = false;
	complete(&r->go);
	while (!READ_ONCE(r->ready))
		cpu_relax();
	WRITE_ONCE(r->start, true);
	while (delay--)
		cpu_relax();
	kchan_close(r->ch);
	wait_for_completion(&r->done);
	/* The last of the two has told it. */
	KUNIT_EXPECT_EQ(test, kt_party_status(p), -EPIPE);
	kt_party_give_up(p);
	kt_party_end(p);
}

static void race_close_and_settle(struct kunit *test)
{
	struct race_settler *r;
	struct task_struct *task;
	unsigned int i, cpu;

	if (num_online_cpus() < 2)
		kunit_skip(test, "takes two CPUs");
	r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	init_completion(&r->go);
	init_completion(&r->done);
	cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	KUNIT_ASSERT_EQ(test, 0,
			set_cpus_allowed_ptr(current,
					     cpumask_of(raw_smp_processor_id())));
	task = kthread_create_on_cpu(race_settle_fn, r, cpu, "kt_settle/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wake_up_process(task);
	for (i = 0; i < 300; i++) {
		struct kt_party *p;

		r->ch = kt_chan(test, 8, 1);
		kt_send_n(r->ch, 1);
		r->elem = kt_detach(test, r->ch);
		p = kt_party_receiver(test, r->ch, 8);
		race_close_once(test, r, p, i % 30 * 4);
		kchan_elem_free(r->ch, r->elem);
	}
	reinit_completion(&r->done);
	r->stop = true;
	complete(&r->go);
	wait_for_completion(&r->done);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_receiver_gives_up),
	KUNIT_CASE(race_sender_gives_up),
	KUNIT_CASE(race_claimed_owner),
	KUNIT_CASE(race_close_and_settle),
	{}
};

static struct kunit_suite race_suite = {
	.name = "kchan_race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
