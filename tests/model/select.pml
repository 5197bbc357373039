/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How calls meet: parties, claims, select, close, as a model for spin. It is to
 * show that of a select exactly one case commits, that no element is lost or
 * doubled, that nobody sleeps who has no reason to, and that a default is taken
 * only if at some moment no case was ready. tests/model/run checks it, and that
 * spin finds out when it is broken: each way to break it is a macro.
 *
 *	here				in kchan/
 *
 *	party.pml
 *	first, dequeue, claim		party.h: kchan_first(), kchan_dequeue(),
 *					kchan_claim()
 *	complete, tell_done, wake	party.c: kchan_complete(),
 *					kchan_tell_done(), kchan_wake_task()
 *	run_deferred			chan.h: kchan_run_deferred(); party.c:
 *					kchan_wake_done()
 *	party_wait, prepare, give_up,	party.c: kchan_party_wait(),
 *	wait_claimed			kchan_party_give_up(),
 *					kchan_party_wait_claimed()
 *	chan.pml
 *	give, hand_over			chan.c: kchan_give(), kchan_hand_over()
 *	take, take_from_sender, admit	chan.c: the same, with kchan_
 *	give_back			chan.c: kchan_put_back()
 *	can_go				chan.h: kchan_can_send(),
 *					kchan_can_recv()
 *	park				chan.c: kchan_park_sender(),
 *					kchan_park_receiver()
 *	take_out			select.c: kchan_take_out(); xfer.c:
 *					kchan_wait_served()
 *	turn_away			end.c: kchan_turn_away()
 *	select.pml
 *	lock_all, look, commit_one	select.c: kchan_lock_all(), kchan_ready(),
 *					kchan_commit_one()
 *	Select				select.c: kchan_commit_or_wait(); of one
 *					with a default kchan_select_now()
 *	Armed				armed.c: kchan_armed_park(),
 *					kchan_armed_give_up(),
 *					kchan_armed_close()
 *	Plain				xfer.c: kchan_send_staged(),
 *					kchan_recv_staged()
 *	settle				stage.c: kchan_settle()
 *	Closer				end.c: kchan_shut(), kchan_refuse()
 *
 * Left out: the first look of a call that then gets ready to wait, for the
 * second is the same one, made later; several elements in one call, which are
 * as many calls; bytes and lengths, for an element is a number, and a receiver
 * has room for any or for none; resizing; pollers, who look and change nothing.
 * A deadline, a signal and a file that is ready are one thing here: the owner
 * claims its own party.
 *
 * What is a step. All of a channel, and the waiters in its queues, are read and
 * written with its lock held, so nobody can tell in how many steps. Shared
 * without a lock are a party's state, a task's state, and whether a waiter's
 * memory is still there. So what is done under a lock may be one step, as long
 * as it has one access to one of these: a look at a state, a claim, a store of
 * DONE are each a step, and anybody may run in between, the owner who gives up
 * first of all. Two things go beyond that. first() is one step: all the states
 * that it reads but the last are claimed, and stay so. And locks are dropped as
 * part of the step before, but each is taken in a step of its own.
 *
 * The order of memory. Steps are seen by all in the order in which they are
 * made, but in three places the code counts on more than a lock for that. Who
 * goes to sleep stores its task's state, then loads the party's; who wakes it
 * stores the party's, then loads the task's: without the barriers either may
 * load first, and NO_SLEEP_BARRIER and NO_WAKE_BARRIER do. And who sees DONE
 * sees the winner, for it was stored with release: with NO_RELEASE, not before
 * the lock is dropped.
 */
#include "casts.pml"
#include "party.pml"
#include "chan.pml"

#define SCRATCH								\
	byte w, c, e = NOTHING, x, told = NONE, late = NONE;		\
	byte more[3], nr_more;						\
	mtype ret, seen;						\
	bool won, done, gave_up, freed

/* The call returns: case w has committed, or, with NONE, none has. */
inline finish()
{
	d_step {
		if
		:: w == NONE -> assert(commits[me] == 0)
		:: else ->
			assert(commits[me] == 1 && committed[me] == w);
			if
			:: sends(w) && status[w] == OK -> sent[w] = true
			:: !sends(w) && status[w] == OK && e != NOTHING ->
				got[e]++;
				assert(got[e] == 1)
			:: else
			fi;
			status[w] = OK
		fi;
		/* Its memory goes, so nobody may know of it any more. */
		assert(where[W(me, 0)] == OUT && where[W(me, 1)] == OUT);
		alive[me] = false;
		/* What nobody looks at again is always the same. */
		elem[W(me, 0)] = NOTHING;
		elem[W(me, 1)] = NOTHING;
		state[me] = DONE;
		winner[me] = NONE;
		committed[me] = NONE;
		commits[me] = 0
	}
}

/* kchan_settle(): case w has received e, and now memory may fail it. */
inline settle()
{
#ifdef FAULTS
	if
	:: faulty && w != NONE ->
		if
		:: !sends(w) && status[w] == OK ->
			faulty = false;
			c = channel(w);
			give_back()
		:: true
		fi
	:: else
	fi
#else
	skip
#endif
}

/*
 * The locks of a select's channels, each once, by number. With SCAN it takes
 * them one at a time, to look at a channel or to queue in it.
 */
inline lock_all()
{
#ifndef SCAN
	lock(low);
	if
	:: high != low -> lock(high)
	:: else
	fi
#else
	skip
#endif
}

inline unlock_all()
{
#ifndef SCAN
	unlock(low);
	if
	:: high != low -> unlock(high)
	:: else
	fi
#else
	skip
#endif
}

inline lock_one(w)
{
#ifdef SCAN
	lock(channel(w))
#else
	skip
#endif
}

inline unlock_one(w)
{
#ifdef SCAN
	unlock(channel(w))
#else
	skip
#endif
}

/* kchan_ready(): sets may, of each case. */
inline look()
{
	i = 0;
	do
	:: i < 2 ->
	   lock_one(W(me, i));
	   can_go(W(me, i), may[i]);
	   unlock_one(W(me, i));
	   i++
	:: else -> i = 0; break
	od
}

/* Commits w, any of the cases that may go. */
inline commit_one()
{
	ret = AGAIN;
	do
	:: may[0] || may[1] ->
		if
		:: may[0] -> w = W(me, 0)
		:: may[1] -> w = W(me, 1)
		fi;
		lock_one(w);
		commit(w);
		unlock_one(w);
		if
		:: ret == AGAIN -> may[w - W(me, 0)] = false
		:: else -> break
		fi
	:: else -> break
	od
}

#ifdef INSTANT
bool looking, defaulted;	/* of a select with a default: what it has done */
#endif

inline park_one(i)
{
	lock_one(W(me, i));
	park(W(me, i));
	unlock_one(W(me, i))
}

proctype Select(byte me; bool faulty)
{
	SCRATCH;
	byte low, high, i;
	bool may[2];

	low = channel(W(me, 0));
	high = channel(W(me, 1));
#ifndef CASE_ORDER
	if
	:: low > high -> low = high; high = channel(W(me, 0))
	:: else
	fi;
#endif
#ifdef INSTANT
	looking = true;
#endif
	do
	:: lock_all();
	   look();
	   commit_one();
	   atomic {
		if
		:: ret == AGAIN && nonblock(me) ->
			w = NONE;
#ifdef INSTANT
			defaulted = true
#endif
		:: ret == AGAIN && !nonblock(me) ->
			party_init();
			park_one(0);
			park_one(1)
		:: else
		fi;
		unlock_all()
	   }
	   run_deferred();
	   if
	   :: ret != FAULT -> break
	   :: else
	   fi
	od;
	if
	:: ret == AGAIN && !nonblock(me) ->
		party_wait();
#ifndef NO_TAKE_OUT
		take_out(W(me, 0));
		take_out(W(me, 1));
#endif
		if
		:: w != NONE && !sends(w) -> e = elem[w]
		:: else
		fi
	:: else
	fi;
	settle();
	atomic {
		finish();
		refs[me]--
	}
}

/*
 * An armed select: nobody's call, so what is a call's end there is a read, a
 * disarm or a close here. Who polls for it sleeps as a blocked call does; who
 * disarms it gives it up, once, and arms it again. One that has committed is read,
 * or closed before, and then what it received goes back.
 */
proctype Armed(byte me; byte rearms)
{
	SCRATCH;
	byte low, high, i;
	bool may[2], faulty;

	low = channel(W(me, 0));
	high = channel(W(me, 1));
	if
	:: low > high -> low = high; high = channel(W(me, 0))
	:: else
	fi;
	do
	:: lock_all();
	   look();
	   commit_one();
	   atomic {
		if
		:: ret == AGAIN -> party_init(); park_one(0); park_one(1)
		:: else
		fi;
		unlock_all()
	   }
	   run_deferred();
	   if
	   :: ret == AGAIN ->
		party_wait();
		gave_up = false;
		take_out(W(me, 0));
		take_out(W(me, 1));
		if
		:: w != NONE && !sends(w) -> e = elem[w]
		:: else
		fi
	   :: else
	   fi;
	   if
	   :: w == NONE && rearms -> rearms--; finish()
	   :: else -> break
	   fi
	od;
	if
	:: w != NONE && !sends(w) && status[w] == OK ->
#ifdef NO_GIVE_BACK
		e = NOTHING
#else
		c = channel(w);
		give_back()
#endif
	:: true
	fi;
	atomic {
		finish();
		refs[me]--
	}
}

/* Plain calls, one or two of them. */
proctype Plain(byte me; byte calls; bool faulty)
{
	SCRATCH;
	byte i;

	do
	:: i < calls ->
	   w = W(me, i);
	   lock(channel(w));
	   commit(w);
	   atomic {
		if
		:: ret == AGAIN -> party_init(); park(w)
		:: else
		fi;
		unlock(c)
	   }
	   run_deferred();
	   if
	   :: ret == AGAIN ->
		party_wait();
		if
		:: gave_up -> take_out(W(me, i)); gave_up = false
		:: !gave_up && !sends(w) -> e = elem[w]
		:: else
		fi
	   :: else
	   fi;
	   if
	   :: ret != FAULT ->
		settle();
		finish();
		e = NOTHING;
		i++
	   :: else
	   fi
	:: else -> break
	od;
	refs[me]--
}

/* A close, or the last receive end going. */
proctype Closer(byte me; byte c; bool close)
{
	byte x, told = NONE, late = NONE;
	byte more[3], nr_more;
	mtype seen;
	bool won;

	atomic {
		lock(c);
		if
		:: close -> closed[c] = true
		:: else -> recv_ends[c] = false
		fi
	}
#ifndef SILENT_CLOSE
	turn_away(senders[c]);
#endif
	if
	:: close -> turn_away(receivers[c])
	:: else
	fi;
	unlock(c);
	run_deferred()
}

/* Whether the element of w is in the channel. */
#define queued(c, w)	(ring[c]??[eval(w)] || put_back[c]??[eval(w)])

/*
 * Nobody moves any more. Who sleeps was not told anything, and has reason to;
 * and each element is where its sender was told that it is.
 */
inline check_end()
{
	d_step {
		for (one : 0 .. PARTIES - 1) {
			assert(task[one] == RUNNING || state[one] == OPEN)
		}
		assert(!held[A] && !held[B])
	}
	check_waiting(A);
	check_waiting(B);
	d_step {
		for (one : 0 .. WAITERS - 1) {
			other = got[one];
			if
			:: queued(A, one) -> other++
			:: else
			fi;
			if
			:: queued(B, one) -> other++
			:: else
			fi;
			assert(other == sent[one])
		}
		skip
	}
}

init
{
	atomic { CAST }
#ifndef INSTANT
	timeout;
	check_end()
#endif
}

#ifdef INSTANT
/* Somebody else is at work, or a case of party 0 could be committed. */
#define others		((held[A] && held[A] != 1) || (held[B] && held[B] != 1))
#define can_a		(stored(A) || open(W(1, 0)) || open(W(2, 0)))
#define can_b		(stored(B) || open(W(1, 1)) || open(W(3, 0)))
#define busy		(others || can_a || can_b)

/* No default is taken if that was so at each moment since the call began. */
ltl instant { !(!looking U (looking && (busy U defaulted))) }
#endif
