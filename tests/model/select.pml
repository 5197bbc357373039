/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How calls meet: parties, claims, select, close, as a model for spin. It shows:
 *
 * - of a select exactly one case commits;
 * - no element is lost or doubled;
 * - nobody sleeps who has no reason to;
 * - nobody is told end-of-stream while an element can still come back, and all
 *   are told once none can;
 * - no send overtakes a parked sender, and none commits after a close;
 * - a select takes its default only if at some instant no case was ready.
 *
 * tests/model/run checks that. It also checks that spin finds out when the model
 * is broken. Each way to break it is a macro.
 *
 *	here				in kchan/
 *
 *	party.pml
 *	first, dequeue			kchan_first(), kchan_dequeue()
 *	claim				kchan_claim()
 *	complete, tell_done		kchan_complete()
 *	run_deferred, wake		kchan_finish(), kchan_wake_told()
 *	party_wait, prepare, outcome	kchan_party_wait(), kchan_call_leave()
 *	give_up				kchan_party_give_up()
 *	chan.pml
 *	give, hand_over			kchan_give()
 *	take				kchan_take()
 *	claim_sender, enter		one step of kchan_admit()
 *	can_go				kchan_can_send(), kchan_can_recv()
 *	park				kchan_park()
 *	take_out			kchan_unpark()
 *	give_back			kchan_put_back()
 *	turn_away			kchan_turn_away(), as kchan_catch_up()
 *					calls it
 *	settle_one			kchan_settle()
 *	select.pml
 *	settle				kchan_settle() or kchan_put_back()
 *	lock_all, look, commit_one	kchan_lock_all(), kchan_commit_any()
 *	commit_or_park			kchan_call_park()
 *	unpark				kchan_call_unpark()
 *	Select				kchan_select(), of one that waits
 *	Default, try_each, look_again	kchan_try(), kchan_look(), kchan_try_all()
 *	Armed				an armed select: arm, disarm, read, close
 *	Plain				kchan_send(), kchan_recv()
 *	Closer				kchan_close(), kchan_refuse()
 *	Resizer				kchan_resize()
 *
 * Left out:
 *
 * - The first look of a call that then gets ready to wait. The second look is the
 *   same one, made later.
 * - Several elements in one call. They are as many calls.
 * - Bytes and lengths. An element is a number. A receiver has room for any or for
 *   none. It is told that it has too little room when it is met, and not only when
 *   the element was sent.
 * - Rings. A resize changes the capacity, from 0 to 1.
 * - What becomes of stored elements when the last receive end goes.
 * - Pollers. They look and change nothing.
 *
 * A deadline, a signal and a file that is ready are one thing here: the owner
 * claims its own party. Work that goes on in steps completes one case in each step,
 * where the code completes a few.
 *
 * What is a step of the model. The lock of a channel guards the channel and the
 * waiters in its queues. Nobody else can tell in how many steps they are read and
 * written under one hold of it. These are shared without the lock: a party's state,
 * a task's state, whether a waiter's memory is still there, in_flight, and closed
 * for whoever settles. A hold may be one step, from taking the lock to dropping it,
 * as long as it has one access to one of these. A look at a state, a claim, and the
 * store of DONE are three accesses, and so three steps. Anybody may run in between,
 * the owner who gives up first of all. Three things go beyond that:
 *
 * - first() is one step. All states that it reads but the last are claimed, and
 *   stay so.
 * - An element is counted as in flight in the step of DONE. Whoever takes it acts
 *   after DONE. Whoever settles another one in between finds the count that is
 *   there after the step.
 * - What is put back is queued, and counted no more, in one step. The count is
 *   acted on with the lock held.
 *
 * The order of memory. All see the steps in the order in which they are made. In
 * these places the code relies on more than a lock for that:
 *
 * - Whoever goes to sleep stores its task's state, then loads the party's. Whoever
 *   wakes it stores the party's, then loads the task's. Without the barriers either
 *   may load first: NO_SLEEP_BARRIER and NO_WAKE_BARRIER do.
 * - Whoever sees DONE sees the winner, which was stored before with release. With
 *   NO_RELEASE the winner is seen only when the lock is dropped.
 * - Whoever closes stores closed, then loads in_flight. Whoever settles changes
 *   in_flight, then loads closed. One of the two sees what the other did. Without
 *   its barrier the store of closed stays in a store buffer until the lock is
 *   dropped: NO_CLOSE_BARRIER. Without its own whoever settles may load closed
 *   first: LOOKS_FIRST. A third who has the lock and finds the channel closed and
 *   an element in flight waits. It relies on the barrier of the close, which came
 *   before: whoever settles that element afterwards sees closed.
 *
 * The default. A case becomes ready with the lock of its channel held, and counts
 * that as a rise. There is one exception: the last element in flight on a closed
 * channel is settled without the lock, and that makes a receive ready. But this is
 * never undone. So the second pass looks for a rise and whether the case is ready
 * now. If it finds neither, the case was not ready at any instant since the first
 * pass looked at it, and all cases share the instant between the passes. With all
 * locks held only the exception is left, and a second look is enough. A case ceases
 * to be ready without the lock, too, when whoever waits there gives up. Then a send
 * must not become ready: so a look at room that parked senders wait for lets them in.
 */
#include "casts.pml"

/*
 * Of a select with a default, which is party 0: whether a case of it may have
 * become ready since it was looked at. In the code the channel has a counter, and
 * the select notes what it was then.
 */
#ifdef DEFAULT
bool rose[2];

#define rises(i, s)							\
	rose[i] = rose[i] || (channel(i) == c && sends(i) == s)
#define rise_recv()	rises(0, 0); rises(1, 0)
#define rise_send()	rises(0, 1); rises(1, 1)
#define looked_at(w)	rose[w] = false
#else
#define rise_recv()	skip
#define rise_send()	skip
#define looked_at(w)	skip
#endif

/*
 * Kept to be checked: which case of it was ready when somebody else took the lock
 * of its channel. If that one makes it less than ready, it does so when it drops the
 * lock.
 */
#ifdef INSTANT
bool was_ready[2];

/*
 * Whether case i of party 0 could meet one who waits on its channel; and whether it
 * is ready. Room that senders wait for is theirs, and so is room while the lock is
 * held: it may be made in one step and taken in the next.
 */
#define waits(w, c, s)							\
	(w < WAITERS && open(w) && channel(w) == c && sends(w) == s)
#define waits_any(c, s)							\
	(waits(2, c, s) || waits(3, c, s) || waits(4, c, s) ||		\
	 waits(5, c, s) || waits(6, c, s) || waits(7, c, s))
#define ready_recv(c)							\
	(stored(c) || at_end(c) || (!closed[c] && waits_any(c, 1)))
#define ready_send(c)							\
	(closed[c] || !recv_ends[c] || waits_any(c, 0) ||		\
	 (room(c) && held[c] < 2 && !waits_any(c, 1)))
#define ready(i)							\
	((sends(i) && ready_send(channel(i))) ||			\
	 (!sends(i) && ready_recv(channel(i))))
#define busy		(ready(0) || ready(1) || was_ready[0] || was_ready[1])

#define note(i, c)							\
	was_ready[i] = was_ready[i] ||					\
		       (me != 0 && channel(i) == c && ready(i))
#define forget(i, c)	was_ready[i] = was_ready[i] && channel(i) != c
#define note_ready(c)	note(0, c); note(1, c)
#define forget_ready(c)	forget(0, c); forget(1, c)
#else
#define note_ready(c)	skip
#define forget_ready(c)	skip
#endif

#include "party.pml"
#include "chan.pml"

#define SCRATCH								\
	byte w, c, e = NOTHING, x, told = NONE, late = NONE;		\
	mtype ret, seen;						\
	bool won, done, tired, gave_up, meets, last, shut;		\
	bool detach = BY_POINTER

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
			:: e != NOTHING -> got[e]++; assert(got[e] == 1)
			:: else
			fi;
			status[w] = OK
		fi;
		/* Its memory goes, so nobody may know of it any more. */
		assert(!in_queue[W(me, 0)] && !in_queue[W(me, 1)]);
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

/*
 * If the call has received, e is the element. It is in flight if the task has waited
 * for it, or if it was detached. Now memory may fail, or the task be killed.
 */
inline settle()
{
	if
	:: e != NOTHING && (ret == AGAIN || detach) ->
		c = channel(w);
		if
#ifdef FAILS
		:: faulty -> faulty = false; give_back()
#endif
		:: settle_one()
		fi
	:: else
	fi
}

/*
 * The locks of a select's channels, each once, by number. The second one is taken
 * in one step with the first look. With SCAN the select takes them one at a time, to
 * look at a channel or to queue in it.
 */
inline lock_all()
{
#ifndef SCAN
	lock(low)
#else
	skip
#endif
}

inline lock_high()
{
#ifndef SCAN
	have_lock(high)
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

inline set_order()
{
	low = channel(W(me, 0));
	high = channel(W(me, 1));
#ifndef CASE_ORDER
	if
	:: low > high -> low = high; high = channel(W(me, 0))
	:: else
	fi
#endif
}

/* kchan_ready(): sets may, of each case. */
inline look()
{
	i = 0;
	do
	:: i < 2 ->
	   atomic {
		lock_high();
		lock_one(W(me, i));
		can_go(W(me, i), may[i]);
		unlock_one(W(me, i));
		i++
	   }
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
		commit(w, HELD);
		unlock_one(w);
		if
		:: ret == AGAIN -> may[w - W(me, 0)] = false
		:: else -> may[0] = false; may[1] = false; break
		fi
	:: else -> break
	od
}

inline park_one(i)
{
	lock_one(W(me, i));
	park(W(me, i));
	unlock_one(W(me, i))
}

/* Commits a case, or parks them all: then ret is AGAIN. */
inline commit_or_park()
{
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
	   :: ret != FAULT && ret != MORE -> break
	   :: else
	   fi
	od
}

/* kchan_unpark(), and then what came of it. */
inline unpark()
{
#ifdef EARLY_RETURN
	outcome();
#endif
#ifndef NO_TAKE_OUT
	take_out(W(me, 0));
#ifdef ONE_LOCK
	outcome();
#endif
	take_out(W(me, 1));
#endif
#if !defined(EARLY_RETURN) && !defined(ONE_LOCK)
	outcome();
#endif
	skip
}

#ifdef SELECTS
proctype Select(byte me; bool faulty)
{
	SCRATCH;
	byte low, high, i;
	bool may[2];

	set_order();
	commit_or_park();
	if
	:: ret == AGAIN -> party_wait(); unpark()
	:: else
	fi;
	settle();
	atomic {
		finish();
		refs[me]--
	}
}
#endif

#ifdef DEFAULT
bool looking, defaulted;	/* what the select with a default has done */

/*
 * The first pass: commits a case that is ready. Each is tried in any order, with
 * the lock of its channel alone, or with all. If none was ready, ret is AGAIN.
 */
inline try_each()
{
	if
	:: i = 0
	:: i = 1
	fi;
	looked = 0;
	do
	:: looked < 2 ->
	   w = W(me, i);
	   commit(w, then);
	   if
	   :: then != HELD -> run_deferred()
	   :: else
	   fi;
	   if
	   :: ret == AGAIN -> looked++; i = 1 - i
	   :: ret == MORE && then != HELD
	   :: else -> break
	   fi
	:: else -> break
	od;
	i = 0;
	looked = 0
}

/*
 * The second pass, in any order: sets again if a case is ready now, or may have been
 * so since the first pass.
 */
inline look_again()
{
	if
	:: i = 0
	:: i = 1
	fi;
	do
	:: looked < 2 ->
	   atomic {
		c = channel(W(me, i));
		have_lock(c);
#ifndef COUNTERS_ALONE
		can_go(W(me, i), may);
		again = again || may;
		may = false;
#endif
#ifndef NO_COUNTERS
		again = again || (then != HELD && rose[i]);
#endif
		if
		:: then != HELD -> unlock(c)
		:: else
		fi;
		looked++;
		i = 1 - i
	   }
	:: else -> break
	od;
	i = 0;
	looked = 0
}

/*
 * A select with a default. It tries with one lock at a time, then takes all. The
 * code tries twice before; here any number of times will do. It has not waited when
 * it returns, and so has nothing to settle.
 */
proctype Default(byte me)
{
	SCRATCH;
	byte low, high, i, looked, then;
	bool may, again, faulty;

	set_order();
	looking = true;
	do
	:: if
	   :: then = NOTE
	   :: then = HELD; lock_all(); lock_high()
	   fi;
	   try_each();
	   again = (ret == MORE);
	   if
#ifdef ONE_PASS
	   :: ret == AGAIN && then == HELD -> look_again()
#elif defined(ONE_LOOK)
	   :: ret == AGAIN && then != HELD -> look_again()
#else
	   :: ret == AGAIN -> look_again()
#endif
	   :: else
	   fi;
	   if
	   :: then == HELD -> unlock_all(); run_deferred()
	   :: else
	   fi;
	   if
	   :: !again -> break
	   :: else -> again = false
	   fi
	od;
	if
	:: ret == AGAIN -> defaulted = true; w = NONE
	:: else
	fi;
	atomic {
		finish();
		refs[me]--
	}
}
#endif

/*
 * An armed select is nobody's call. What ends a call there is a read, a disarm or a
 * close here. Whoever polls for it sleeps as a blocked call does. Whoever disarms it
 * gives it up, once, and arms it again. One that has committed is read, and that
 * settles it; or it is closed before, and what it received goes back.
 */
#ifdef ARMS
proctype Armed(byte me; byte rearms)
{
	SCRATCH;
	byte low, high, i;
	bool may[2], faulty;

	detach = true;
	set_order();
	do
	:: commit_or_park();
	   if
	   :: ret == AGAIN -> party_wait(); unpark()
	   :: else
	   fi;
	   if
	   :: w == NONE && rearms -> rearms--; finish()
	   :: else -> break
	   fi
	od;
	if
	:: e != NOTHING ->
		c = channel(w);
		if
#ifdef NO_GIVE_BACK
		:: e = NOTHING
#else
		:: give_back()
#endif
		:: settle_one()
		fi
	:: else
	fi;
	atomic {
		finish();
		refs[me]--
	}
}

#endif

/* Plain calls, one or two of them. */
proctype Plain(byte me; byte calls; bool faulty)
{
	SCRATCH;
	byte i;

	do
	:: i < calls ->
	   w = W(me, i);
	   commit(w, PARK);
	   run_deferred();
	   if
	   :: ret == AGAIN ->
		party_wait();
#ifdef EARLY_RETURN
		outcome();
#endif
		/* With one waiter it need not be taken out if it was served. */
		if
		:: tired -> take_out(W(me, i))
		:: else
		fi;
#ifndef EARLY_RETURN
		outcome()
#endif
	   :: else
	   fi;
	   if
	   :: ret != FAULT && ret != MORE ->
		settle();
		finish();
		e = NOTHING;
		detach = BY_POINTER;
		i++
	   :: else
	   fi
	:: else -> break
	od;
	refs[me]--
}

#ifdef CLOSES
/* A close, or the last receive end going. What it tells, it tells in steps. */
proctype Closer(byte me; byte c; bool close)
{
	byte x, told = NONE, late = NONE;
	mtype seen;
	bool won, over;

	atomic { lock(c); at_work[c]++ }
	if
	:: close ->
#ifdef READS_FIRST
		over = !in_flight[c] && !stored(c);
#endif
		/* In a store buffer, for those who do not have the lock. */
		closed[c] = true;
#ifndef NO_CLOSE_BARRIER
		/* smp_mb() */
		seen_closed[c] = true;
#endif
#ifdef CLOSE_TELLS
		over = true
#elif !defined(READS_FIRST)
		over = !in_flight[c] && !stored(c)
#endif
	:: else -> recv_ends[c] = false
	fi;
	atomic {
		seen_closed[c] = closed[c];
		rise_send();
		rise_recv();
		unlock(c)
	}
#ifndef SILENT_CLOSE
	turn_away(senders[c], true, false);
#endif
	if
	:: over -> turn_away(receivers[c], true, false)
	:: else
	fi;
	at_work[c]--
}

#endif

#ifdef RESIZES
/* Gives B a capacity of 1, and then lets parked senders in, in steps. */
proctype Resizer(byte me)
{
	byte c = B, x, told = NONE, late = NONE;
	mtype seen;
	bool won;

	atomic {
		lock(c);
		at_work[c]++;
		size_b = 1;
		rise_send();
		unlock(c)
	}
#ifndef ONE_STEP
	do
	:: claim_sender();
	   atomic {
		if
		:: x != NONE -> enter()
		:: else
		fi;
		unlock(c)
	   }
	   run_deferred();
	   if
	   :: x == NONE -> break
	   :: else
	   fi
	od;
#endif
	at_work[c]--
}
#endif

/* Whether the element of w is in the channel. */
#define has(c, w)	(ring[c]??[eval(w)] || put_back[c]??[place_of(w),eval(w)])

/*
 * What kchan.h promises of a channel between any two holds of its lock, while
 * nobody is at work in between: whoever waits has reason to.
 */
#define idle_sender(w)	(room(channel(w)) || closed[channel(w)] ||	\
			 !recv_ends[channel(w)])
#define could_meet(v, w)						\
	(v < WAITERS && open(v) && sends(v) &&				\
	 channel(v) == channel(w) && PARTY(v) != PARTY(w))
#define could_receive(w)						\
	(could_meet(0, w) || could_meet(1, w) || could_meet(2, w) ||	\
	 could_meet(3, w) || could_meet(4, w) || could_meet(5, w) ||	\
	 could_meet(6, w) || could_meet(7, w))
#define idle(w)								\
	(w < WAITERS && open(w) && !held[channel(w)] &&			\
	 ((sends(w) && !at_work[channel(w)] && idle_sender(w)) ||	\
	  (!sends(w) && stored(channel(w))) ||				\
	  (!sends(w) && !closed[channel(w)] && could_receive(w)) ||	\
	  (!sends(w) && !at_work[channel(w)] && at_end(channel(w)))))

#ifndef OUTCOME_ONLY
active proctype Watcher()
{
end:
	idle(0) || idle(1) || idle(2) || idle(3) ||
	idle(4) || idle(5) || idle(6) || idle(7);
	assert(false)
}
#endif

/*
 * Nobody moves any more. Who sleeps was not told anything, and has reason to; each
 * element is where its sender was told that it is; and none is in flight.
 */
inline check_end()
{
	d_step {
		for (one : 0 .. PARTIES - 1) {
			assert(task[one] == RUNNING || state[one] == OPEN)
		}
		assert(!held[A] && !held[B]);
		assert(!at_work[A] && !at_work[B]);
		for (one : 0 .. WAITERS - 1) {
			if
			:: open(one) ->
				c = channel(one);
				assert(!closed[c]);
				assert(!sends(one) || !room(c));
				assert(!sends(one) || recv_ends[c]);
				assert(sends(one) || !stored(c));
				for (other : 0 .. WAITERS - 1) {
					assert(sends(one) || !open(other) ||
					       !sends(other) ||
					       channel(other) != c ||
					       PARTY(other) == PARTY(one))
				}
			:: else
			fi
		}
		for (one : 0 .. WAITERS - 1) {
			other = got[one];
			if
			:: has(A, one) -> other++
			:: else
			fi;
			if
			:: has(B, one) -> other++
			:: else
			fi;
			assert(other == sent[one])
		}
		assert(!in_flight[A] && !in_flight[B])
	}
}

init
{
	byte c;

	atomic { CAST }
#ifndef INSTANT
	timeout;
	check_end()
#endif
}

#ifdef INSTANT
/* No default is taken if that was so at each moment since the call began. */
never {
	do
	:: !looking
	:: looking && busy -> break
	od;
	do
	:: busy && !defaulted
	:: defaulted -> assert(!defaulted)
	od
}
#endif
