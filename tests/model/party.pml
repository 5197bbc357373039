/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of select.pml: what there is; and how a party is claimed, told and woken,
 * how it sleeps and gives up.
 */
#define NONE		255

/* Each case that sends has an element of its own: the number of the case. */
#define NOTHING		NONE

mtype = { OPEN, CLAIMED, DONE };		/* a party */
mtype = { RUNNING, SLEEPING };			/* a task */

/* 0, or -E...; MORE: a step was made, and the call is to be made again. */
mtype = { OK, PIPE, MSGSIZE, AGAIN, FAULT, MORE };

/*
 * Channels. If a task holds the lock, held is its number and 1. Whoever does not
 * have the lock sees seen_closed, perhaps later than closed. What was put back is
 * kept with its place in the order of hand-out.
 */
byte held[2];
bool closed[2], seen_closed[2];
bool recv_ends[2] = true;
byte in_flight[2];
#ifdef RESIZES
byte size_b = CAP_B;
#endif
chan ring[2] = [1] of { byte };
chan put_back[2] = [2] of { byte, byte };
chan senders[2] = [WAITERS] of { byte };
chan receivers[2] = [WAITERS] of { byte };

/* Waiters, each of a case. */
byte elem[WAITERS] = NOTHING;			/* staging */
bool in_queue[WAITERS];
mtype status[WAITERS] = OK;

/* Parties, and their tasks. */
mtype state[PARTIES] = DONE;
byte winner[PARTIES] = NONE;
mtype task[PARTIES] = RUNNING;
byte refs[PARTIES] = 1;

/*
 * Kept to be checked, no more: whether a party's memory is there; how many of
 * its cases have committed, and the last of them; which elements' senders were
 * told that they are sent, and how often each was received; whether somebody was
 * told end-of-stream; how many work on a channel in steps, with its lock dropped in
 * between.
 */
bool alive[PARTIES];
byte commits[PARTIES];
byte committed[PARTIES] = NONE;
bool sent[WAITERS];
byte got[WAITERS];
bool ended[2];
byte at_work[2];

#define touch(w)	assert(alive[PARTY(w)])
#define room(c)		(len(ring[c]) < capacity(c))
#define stored(c)	(len(ring[c]) || len(put_back[c]))
#define at_end(c)	(closed[c] && !stored(c) && !in_flight[c])
#define open(w)		(in_queue[w] && state[PARTY(w)] == OPEN)

hidden byte one, other;

inline lock(c)
{
	atomic {
		!held[c] -> held[c] = me + 1;
		note_ready(c)
	}
}

/* The same, if it is not held already. */
inline have_lock(c)
{
	atomic {
		!held[c] || held[c] == me + 1 -> held[c] = me + 1;
		note_ready(c)
	}
}

inline unlock(c)
{
	d_step {
		assert(held[c] == me + 1);
#ifdef NO_RELEASE
		/* That of the lock makes it seen. */
		if
		:: late != NONE -> winner[PARTY(late)] = late; late = NONE
		:: else
		fi;
#endif
#ifdef TOUCH_LATE
		if
		:: late != NONE -> touch(late); late = NONE
		:: else
		fi;
#endif
#ifdef OUT_LATE
		if
		:: late != NONE && sends(late) ->
			dequeue(senders[channel(late)], late);
			late = NONE
		:: late != NONE && !sends(late) ->
			dequeue(receivers[channel(late)], late);
			late = NONE
		:: else
		fi;
#endif
		held[c] = 0;
		forget_ready(c)
	}
}

inline enqueue(q, w)
{
	q!w;
	in_queue[w] = true
}

inline dequeue(q, w)
{
	if
	:: in_queue[w] -> q??eval(w); in_queue[w] = false
	:: else
	fi
}

/* Sets x: the first waiter whose party is open, or NONE. */
inline first(q)
{
	d_step {
		do
		:: !len(q) -> x = NONE; break
		:: else ->
			q?<x>;
			touch(x);
			if
			:: state[PARTY(x)] == OPEN -> break
			:: else -> q?_; in_queue[x] = false
			fi
		od;
		skip
	}
}

/* Claims the party of x: sets won. */
inline claim()
{
	d_step {
		touch(x);
#ifdef NO_CLAIM
		won = true;
#else
		won = (state[PARTY(x)] == OPEN);
#endif
		if
		:: won -> state[PARTY(x)] = CLAIMED
		:: else
		fi;
#ifdef NO_WAKE_BARRIER
		seen = task[PARTY(x)];
#endif
		skip
	}
}

/*
 * Completes the case of x, whose party is claimed, and tells it so. Nobody touches
 * the party afterwards. Under one hold of the lock one is told, where the code tells
 * a few.
 */
inline complete(q, how)
{
	d_step {
		touch(x);
		assert(told == NONE);
		/* No send commits where nobody may send any more. */
		assert(!sends(x) || how != OK ||
		       (!closed[channel(x)] && recv_ends[channel(x)]));
		ended[channel(x)] = ended[channel(x)] ||
				    (!sends(x) && how == PIPE);
		status[x] = how;
		commits[PARTY(x)]++;
		committed[PARTY(x)] = x;
#if defined(OUT_LATE) || defined(TOUCH_LATE)
		late = x;
#endif
#ifndef OUT_LATE
		q??eval(x);
		in_queue[x] = false;
#endif
		told = x;
#ifndef TELL_LATE
		tell_done(x);
#endif
		skip
	}
}

inline tell_done(w)
{
#ifndef NO_REF
	refs[PARTY(w)]++;
#endif
#ifdef NO_RELEASE
	late = w;
#else
	winner[PARTY(w)] = w;
#endif
	state[PARTY(w)] = DONE
}

/* Drops the reference, too. */
inline wake(p)
{
	d_step {
		assert(refs[p] > 0);
#ifdef NO_WAKE_BARRIER
		if
		:: seen == SLEEPING -> task[p] = RUNNING
		:: else
		fi;
#elif !defined(NO_WAKE)
		task[p] = RUNNING;
#endif
#ifndef NO_REF
		refs[p]--;
#endif
		skip
	}
}

/* What is owed to others when the lock is dropped. */
inline run_deferred()
{
#ifdef TELL_LATE
	d_step {
		if
		:: told != NONE -> touch(told); tell_done(told)
		:: else
		fi
	}
#endif
	if
	:: told != NONE -> atomic { wake(PARTY(told)); told = NONE }
	:: else
	fi
}

/* The current task's; nobody else sees it yet. */
inline party_init()
{
	alive[me] = true;
	winner[me] = NONE;
	state[me] = OPEN
}

/* set_current_state(), with its barrier, then a look at the party, to done. */
inline prepare()
{
#ifdef NO_SLEEP_BARRIER
	done = (state[me] == DONE);
	task[me] = SLEEPING
#else
	task[me] = SLEEPING;
	d_step {
		done = (state[me] == DONE);
		if
		:: done -> task[me] = RUNNING
		:: else
		fi
	}
#endif
}

/*
 * Sets gave_up: no case will be completed any more. If it is not set, somebody has
 * claimed the party, and holds the lock of one of its channels until it is DONE.
 */
inline give_up()
{
#ifdef BLIND_GIVE_UP
	gave_up = true
#else
	gave_up = (state[me] == OPEN);
	if
	:: gave_up -> state[me] = CLAIMED
	:: else
	fi
#endif
}

/*
 * Sleeps until a case is completed, or the task wants to give up. In the second case
 * tired is set, and what came of it is known only when the task has held the lock of
 * each of its channels.
 */
inline party_wait()
{
	do
	:: prepare();
	   if
	   :: done -> break
	   :: else
	   fi;
end_asleep:
	   if
	   :: task[me] == RUNNING
	   :: deadline(me) -> tired = true; break
	   fi
	od;
	atomic {
		task[me] = RUNNING;
		done = false;
		if
		:: tired -> give_up()
		:: else
		fi
	}
}

/*
 * What came of it: w is the case that was completed, or NONE; e is the element, if
 * it has received one.
 */
inline outcome()
{
	atomic {
		if
		:: gave_up -> w = NONE
		:: else ->
			assert(winner[me] != NONE);
			w = winner[me];
			if
			:: !sends(w) && status[w] == OK -> e = elem[w]
			:: else
			fi
		fi;
		tired = false;
		gave_up = false
	}
}
