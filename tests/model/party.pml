/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of select.pml: what there is; and kchan/party.[ch]: how a party is
 * claimed, served and woken, how it sleeps and gives up.
 */
#define NONE		255

/* Each case that sends has an element of its own: the number of the case. */
#define NOTHING		NONE

mtype = { OPEN, CLAIMED, DONE };		/* a party */
mtype = { RUNNING, SLEEPING };			/* a task */
mtype = { OUT, QUEUED, DEFERRED };		/* where a waiter is */
mtype = { OK, PIPE, MSGSIZE, AGAIN, FAULT };	/* 0, or -E... */

/* Channels. Whose lock is held by a task: its number, and 1. */
byte held[2];
bool closed[2];
bool recv_ends[2] = true;
chan ring[2] = [1] of { byte };
chan put_back[2] = [1] of { byte };
chan senders[2] = [WAITERS] of { byte };
chan receivers[2] = [WAITERS] of { byte };

/* Waiters, each of a case. */
byte elem[WAITERS] = NOTHING;			/* staging */
mtype where[WAITERS] = OUT;
mtype status[WAITERS] = OK;

/* Parties, and their tasks. */
mtype state[PARTIES] = DONE;
byte winner[PARTIES] = NONE;
mtype task[PARTIES] = RUNNING;
byte refs[PARTIES] = 1;

/*
 * Kept to be checked, no more: whether a party's memory is there; how many of
 * its cases have committed, and the last of them; which elements' senders were
 * told that they are sent, and how often each was received.
 */
bool alive[PARTIES];
byte commits[PARTIES];
byte committed[PARTIES] = NONE;
bool sent[WAITERS];
byte got[WAITERS];

#define touch(w)	assert(alive[PARTY(w)])
#define room(c)		(len(ring[c]) < capacity(c))
#define stored(c)	(len(ring[c]) || len(put_back[c]))
#define open(w)		(where[w] == QUEUED && state[PARTY(w)] == OPEN)

hidden byte one, other;

/*
 * What kchan.h promises of a channel between any two holds of its lock: whoever
 * waits has reason to.
 */
inline check_waiting(c)
{
	d_step {
		for (one : 0 .. WAITERS - 1) {
			if
			:: open(one) && channel(one) == c && sends(one) ->
				assert(!room(c) && !closed[c] && recv_ends[c])
			:: open(one) && channel(one) == c && !sends(one) ->
				assert(!stored(c) && !closed[c]);
				for (other : 0 .. WAITERS - 1) {
					assert(!open(other) || !sends(other) ||
					       channel(other) != c ||
					       PARTY(other) == PARTY(one))
				}
			:: else
			fi
		}
		skip	/* a jump may not leave a d_step */
	}
}

inline lock(c)
{
	atomic { !held[c] -> held[c] = me + 1 }
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
		held[c] = 0
	}
#ifndef OUTCOME_ONLY
	check_waiting(c)
#endif
}

inline enqueue(q, w)
{
	q!w;
	where[w] = QUEUED
}

/* In somebody's private list it is not its owner's to take out. */
inline dequeue(q, w)
{
	assert(where[w] != DEFERRED);
	if
	:: where[w] == QUEUED -> q??eval(w); where[w] = OUT
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
			:: else -> dequeue(q, x)
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

/* Tells the party of w, which is claimed, that it was served. */
inline tell_done(w)
{
	touch(w);
#ifndef NO_REF
	refs[PARTY(w)]++;
#endif
	where[w] = OUT;
#ifdef NO_RELEASE
	late = w;
#else
	winner[PARTY(w)] = w;
#endif
	state[PARTY(w)] = DONE
}

/* Serves the party of x, which is claimed. The first is told at once. */
inline complete(q, how)
{
	d_step {
		touch(x);
		status[x] = how;
		commits[PARTY(x)]++;
		committed[PARTY(x)] = x;
		q??eval(x);
		if
		:: told == NONE -> told = PARTY(x); tell_done(x)
		:: else -> where[x] = DEFERRED; more[nr_more] = x; nr_more++
		fi
	}
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
	if
	:: told != NONE -> wake(told); told = NONE
	:: else
	fi;
	x = 0;
	do
	:: x < nr_more ->
		d_step { tell_done(more[x]) }
#ifdef NEXT_LATE
		touch(more[x]);
#endif
		atomic { wake(PARTY(more[x])); more[x] = 0; x++ }
	:: else -> nr_more = 0; break
	od
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
	done = (state[me] == DONE)
#endif
}

/* Here it may not sleep for ever: this is no end. */
inline wait_claimed()
{
	do
	:: prepare();
	   if
	   :: done -> break
	   :: else -> task[me] == RUNNING
	   fi
	od;
	task[me] = RUNNING
}

/* Sets gave_up: no case will be completed any more. */
inline give_up()
{
	atomic {
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
#ifndef EARLY_RETURN
	if
	:: !gave_up -> wait_claimed()
	:: else
	fi
#endif
}

/* Sleeps until a case is completed: w is it, or NONE if the task gave up. */
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
	   :: deadline(me) -> gave_up = true; break
	   fi
	od;
	task[me] = RUNNING;
	if
	:: gave_up -> give_up()
	:: else
	fi;
	atomic {
		done = false;
		if
		:: gave_up -> w = NONE
		:: else -> assert(winner[me] != NONE); w = winner[me]
		fi
	}
}
