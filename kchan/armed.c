// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects: arming, disarming, and what became of one. The file is in
 * armfile.c.
 */
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "armed.h"
#include "chan.h"
#include "stage.h"
#include "trace.h"

/**
 * kchan_armed_alloc() - make one with nothing armed
 *
 * Return: it, with one reference; or NULL.
 */
struct kchan_armed *kchan_armed_alloc(void)
{
	struct kchan_armed *armed;

	armed = kzalloc(sizeof(*armed), GFP_KERNEL_ACCOUNT);
	if (!armed)
		return NULL;
	kchan_party_init(&armed->party, NULL);
	atomic_set(&armed->party.state, KCHAN_CLAIMED);
	kref_init(&armed->ref);
	mutex_init(&armed->lock);
	init_waitqueue_head(&armed->wait);
	return armed;
}

static void kchan_armed_free(struct kref *ref)
{
	struct kchan_armed *armed = container_of(ref, struct kchan_armed, ref);

	mutex_destroy(&armed->lock);
	kfree(armed);
}

/**
 * kchan_armed_put() - drop a reference
 * @armed: the armed select
 */
void kchan_armed_put(struct kchan_armed *armed)
{
	kref_put(&armed->ref, kchan_armed_free);
}

/**
 * kchan_armed_get() - take a reference before the party is told
 * @party: an armed select's party, claimed by the caller and not DONE yet: so its
 *	owner, who would wait for that, has not gone
 *
 * Return: the armed select, for kchan_armed_wake().
 */
struct kchan_armed *kchan_armed_get(struct kchan_party *party)
{
	struct kchan_armed *armed = container_of(party, struct kchan_armed,
						 party);

	kref_get(&armed->ref);
	return armed;
}

/**
 * kchan_armed_wake() - wake those who poll for what has become of it
 * @armed: the armed select; the reference is dropped
 *
 * Nobody is missed: a poller enters the queue, then looks at the state. Either it
 * entered before us, and we see it; or its taking the queue's lock came after our
 * dropping it, and so its look after our store of DONE.
 *
 * Context: no channel's lock is held.
 */
void kchan_armed_wake(struct kchan_armed *armed)
{
	wake_up_poll(&armed->wait, EPOLLIN | EPOLLRDNORM);
	kchan_armed_put(armed);
}

/**
 * kchan_armed_cases_alloc() - make room for the cases of an armed select
 * @nr: how many there will be
 *
 * Return: an empty selection with room for them; or NULL.
 */
struct kchan_armed_cases *kchan_armed_cases_alloc(unsigned int nr)
{
	struct kchan_armed_cases *cases;
	struct kchan_branch *branches;
	struct kchan **locks;

	cases = kvzalloc(struct_size(cases, slots, nr), GFP_KERNEL_ACCOUNT);
	branches = kmalloc_array(nr, sizeof(*branches), GFP_KERNEL_ACCOUNT);
	locks = kmalloc_array(nr, sizeof(*locks), GFP_KERNEL_ACCOUNT);
	if (!cases || !branches || !locks) {
		kfree(locks);
		kfree(branches);
		kvfree(cases);
		return NULL;
	}
	kchan_selection_init(&cases->sel, branches, locks);
	return cases;
}

/**
 * kchan_armed_cases_free() - free the cases of a select that is not armed
 * @cases: the cases, nothing of them staged
 */
void kchan_armed_cases_free(struct kchan_armed_cases *cases)
{
	kfree(cases->sel.locks);
	kfree(cases->sel.branches);
	kvfree(cases);
}

static fmode_t kchan_branch_mode(const struct kchan_branch *b)
{
	return b->op == KCHAN_OP_SEND ? FMODE_WRITE : FMODE_READ;
}

/* Each case becomes an end, in place of the one that it was named by. */
static void kchan_armed_hold(struct kchan_selection *sel)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++) {
		struct kchan_branch *b = &sel->branches[i];

		if (!b->ch)
			continue;
		kref_get(&b->ch->ref);
		kchan_end_get(b->ch, kchan_branch_mode(b));
		fdput(b->fd);
		b->fd = (struct fd){};
	}
}

static void kchan_armed_let_go(struct kchan_selection *sel)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++) {
		struct kchan_branch *b = &sel->branches[i];

		if (!b->ch)
			continue;
		kchan_end_put(b->ch, kchan_branch_mode(b));
		kchan_put(b->ch);
	}
}

/* The lock is held, and nothing is armed. */
static int kchan_armed_park(struct kchan_armed *armed,
			    struct kchan_armed_cases *cases)
{
	int ret;

	kchan_armed_hold(&cases->sel);
	kchan_party_init(&armed->party, NULL);
	ret = kchan_select_park(&cases->sel, cases->slots, &armed->party, 0);
	if (ret == -EAGAIN) {
		armed->collected = false;
	} else if (!ret) {
		armed->collected = true;
		kchan_trace(select, &cases->sel, 0);
		atomic_set_release(&armed->party.state, KCHAN_DONE);
		/* On a file that was armed before there may be pollers. */
		wake_up_poll(&armed->wait, EPOLLIN | EPOLLRDNORM);
	} else {
		atomic_set(&armed->party.state, KCHAN_CLAIMED);
		kchan_armed_let_go(&cases->sel);
		return ret;
	}
	armed->cases = cases;
	return 0;
}

/**
 * kchan_armed_arm() - arm a select
 * @armed: the armed select
 * @cases: the cases, each with the file of an end: on success they are @armed's,
 *	and the files are put
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when it is armed, or a case has committed that was not read;
 * -EFAULT, -ENOMEM, -EDQUOT, -ERESTARTSYS.
 */
int kchan_armed_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases)
{
	int ret;

	/* User memory is looked at first, for that may take its time. */
	ret = kchan_select_stage(&cases->sel, cases->slots, false);
	if (ret)
		goto unstage;
	ret = mutex_lock_interruptible(&armed->lock);
	if (ret) {
		ret = -ERESTARTSYS;
		goto unstage;
	}
	if (armed->cases)
		ret = -EBUSY;
	else
		ret = kchan_armed_park(armed, cases);
	mutex_unlock(&armed->lock);
	if (!ret)
		return 0;
unstage:
	kchan_select_unstage(&cases->sel, cases->slots);
	return ret;
}

/**
 * kchan_armed_retire() - end what was armed
 * @armed: the armed select, none of its waiters queued any more
 *
 * Context: @armed->lock is held, or nobody else has it. May sleep.
 */
void kchan_armed_retire(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;

	atomic_set(&armed->party.state, KCHAN_CLAIMED);
	armed->cases = NULL;
	kchan_select_unstage(&cases->sel, cases->slots);
	kchan_armed_let_go(&cases->sel);
	kchan_armed_cases_free(cases);
}

/*
 * Takes the cases back if none has committed, and ends what was armed. If not, one
 * has by the time that this returns: see kchan_party_give_up().
 */
static bool kchan_armed_give_up(struct kchan_armed *armed)
{
	if (atomic_cmpxchg(&armed->party.state, KCHAN_OPEN, KCHAN_CLAIMED) !=
	    KCHAN_OPEN) {
		wait_event(armed->wait, kchan_armed_ready(armed));
		return false;
	}
	kchan_select_unpark(&armed->cases->sel, armed->cases->slots);
	kchan_armed_retire(armed);
	return true;
}

/**
 * kchan_armed_disarm() - take the cases back
 * @armed: the armed select
 *
 * Context: may sleep.
 * Return: 0 when no case had committed, and none will; -EALREADY when one had: it
 * is still to be read; -ERESTARTSYS.
 */
int kchan_armed_disarm(struct kchan_armed *armed)
{
	int ret = 0;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
	if (armed->cases && !kchan_armed_give_up(armed))
		ret = -EALREADY;
	mutex_unlock(&armed->lock);
	return ret;
}

/**
 * kchan_armed_collect() - see what became of a select
 * @armed: the armed select
 * @commit: out: what is to be told
 * @elem: out: the element that was received, still @armed's; or NULL
 *
 * May be called again: it stays until kchan_armed_retire().
 *
 * Context: @armed->lock is held, or nobody else has it.
 * Return: 0; -EAGAIN when no case has committed, or nothing is armed.
 */
int kchan_armed_collect(struct kchan_armed *armed, struct kchan_commit *commit,
			struct kchan_elem **elem)
{
	struct kchan_selection *sel;
	struct kchan_branch *b;

	if (!kchan_armed_ready(armed))
		return -EAGAIN;
	sel = &armed->cases->sel;
	if (!armed->collected) {
		kchan_select_won(sel, armed->cases->slots, &armed->party);
		kchan_select_unpark(sel, armed->cases->slots);
		kchan_trace(select, sel, 0);
		armed->collected = true;
	}

	b = &sel->branches[sel->chosen];
	*elem = NULL;
	memset(commit, 0, sizeof(*commit));
	commit->index = sel->chosen;
	commit->status = sel->status;
	if (sel->status)
		return 0;
	if (b->op == KCHAN_OP_RECV) {
		*elem = b->elem;
		commit->len = b->elem->len;
	} else {
		commit->len = b->len;
	}
	return 0;
}

/**
 * kchan_armed_close() - end an armed select, its file gone
 * @armed: the armed select; the file's reference is dropped
 *
 * An element that was received and not read goes back.
 *
 * Context: may sleep.
 */
void kchan_armed_close(struct kchan_armed *armed)
{
	struct kchan_commit commit;
	struct kchan_elem *elem;

	if (armed->cases && !kchan_armed_give_up(armed)) {
		struct kchan_armed_cases *cases = armed->cases;

		kchan_armed_collect(armed, &commit, &elem);
		if (elem) {
			cases->sel.branches[commit.index].elem = NULL;
			kchan_return(cases->sel.branches[commit.index].ch,
				     &cases->slots[commit.index].small, elem);
		}
		kchan_armed_retire(armed);
	}
	kchan_armed_put(armed);
}
