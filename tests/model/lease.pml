/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases: workers take elements under lease, read them, acknowledge them, and arm again;
 * or return them, or are killed at any step; limits come at any time. Beside them is a
 * sender that closes the channel, and a receiver that waits without a lease.
 *
 * What is done under one hold of the channel's lock is one step. Calls on one armed
 * select, which two threads may share, are serialised by its mutex. The copy of an element
 * to the user is several steps, with neither.
 *
 * It shows: each element is received once, or acknowledged once, if no limit has come
 * and nobody has died with it; it is never lost; no worker receives end-of-stream before,
 * and each receives it in the end; nobody acknowledges what he has not read;
 * what is read is not used for something else meanwhile.
 *
 * KILL: workers may be killed. LIMIT: leases have a limit. REARM: acknowledging arms
 * again. DELAY: what is returned is delayed. READER: a second thread reads the lease of
 * the first worker. ACKER: one acknowledges it.
 */
#ifndef NEL
#define NEL	2
#endif
#ifndef WORKERS
#define WORKERS	2
#endif
#define NONE	255

/* Where an element is. HELD: its lease has ended, and it is on its way back. */
mtype = { UNSENT, QUEUED, LEASED, HELD, DELAYED, FLYING, DONE };

mtype place[NEL] = UNSENT;
byte owner[NEL] = NONE;		/* LEASED: the worker */
bool due[NEL];			/* it comes back by itself */
bool closed;

/* The armed selects. parked: in the queue of receivers, after all that wait already. */
bool parked[WORKERS], committed[WORKERS], at_end[WORKERS];
byte lease[WORKERS] = NONE;
bool was_read[WORKERS], expired[WORKERS];
bool mutex[WORKERS];
/* Other threads in calls: they hold the file, so it is not closed meanwhile. */
byte users[WORKERS];

/*
 * The memory of a lease, what is in it, and how many read it. Armed again by the call that
 * acknowledges, a select uses its memory again; otherwise it gets other memory, while
 * somebody reads the first.
 */
byte current[WORKERS];
byte memory[2 * WORKERS] = NONE;
byte readers[2 * WORKERS];
#define mem(w)	(2 * w + current[w])

/* The receiver without a lease. */
bool waits, told_end;
byte handed = NONE;

/* Kept to be checked: how often it was received or acknowledged; somebody has read it. */
byte finished[NEL];
bool seen[NEL];

#define leased_or_delayed(e) \
	(place[e] == LEASED || place[e] == HELD || place[e] == DELAYED)
#ifdef NO_FLIGHT
#define in_flight(e)	(place[e] == FLYING)
#else
#define in_flight(e)	(place[e] == FLYING || leased_or_delayed(e))
#endif

hidden byte i, j;

/* Sets at: no element is queued or in flight, and the channel is closed. */
inline look_for_end(at)
{
	at = closed;
	for (i : 0 .. NEL - 1) {
		at = at && place[i] != QUEUED && !in_flight(i)
	}
}

inline tell_end()
{
	for (i : 0 .. NEL - 1) {
		assert(place[i] == DONE || place[i] == UNSENT)
	}
}

/* Hands element e to whoever waits, or queues it. The order of those who wait is free. */
inline give(e)
{
	due[e] = false;
	owner[e] = NONE;
	if
	:: waits && handed == NONE -> handed = e; place[e] = FLYING; waits = false
	:: parked[0] -> hand(0, e)
#if WORKERS > 1
	:: parked[1] -> hand(1, e)
#endif
	:: !(waits && handed == NONE) && !parked[0] &&
#if WORKERS > 1
	   !parked[1] &&
#endif
	   true -> place[e] = QUEUED
	fi
}

inline hand(w, e)
{
	parked[w] = false;
	committed[w] = true;
	lease[w] = e;
	memory[mem(w)] = e;
	place[e] = LEASED;
	owner[e] = w;
#ifdef LIMIT
	due[e] = true;
#endif
	skip
}

/* Something has landed: everybody who waits is told, if this is the end. */
inline landed()
{
#ifndef NO_TELL
	look_for_end(last);
	if
	:: last ->
		if
		:: waits -> tell_end(); waits = false; told_end = true
		:: else
		fi;
		for (i : 0 .. WORKERS - 1) {
			if
			:: parked[i] -> parked[i] = false; committed[i] = true; at_end[i] = true
			:: else
			fi
		}
	:: else
	fi
#else
	skip
#endif
}

/* Arms the select of w anew, with other memory. */
inline arm_anew(w)
{
	if
	:: readers[2 * w] -> current[w] = 1
	:: else -> current[w] = 0
	fi;
	arm(w)
}

/* Arms the select of w: takes what is queued, is told of the end, or parks. */
inline arm(w)
{
	committed[w] = false;
	at_end[w] = false;
	lease[w] = NONE;
#ifndef READ_STICKS
	was_read[w] = false;
#endif
	expired[w] = false;
	look_for_end(last);
	j = NONE;
	for (i : 0 .. NEL - 1) {
		if
		:: j == NONE && place[i] == QUEUED -> j = i
		:: else
		fi
	}
	if
	:: j != NONE -> hand(w, j)
	:: j == NONE && last -> tell_end(); committed[w] = true; at_end[w] = true
	:: else -> parked[w] = true
	fi
}

/* The lease of w ends, and x was its element. */
inline lease_end(w)
{
	x = lease[w];
	lease[w] = NONE;
	owner[x] = NONE;
	place[x] = HELD;
#ifndef DUE_STAYS
	due[x] = false;
#endif
	skip
}

/* The limit of a lease comes, or a delay ends. */
active proctype work()
{
	byte e;
	bool last;

end:	do
	:: atomic {
		if
		:: due[0] -> e = 0
#if NEL > 1
		:: due[1] -> e = 1
#endif
		fi;
		if
		:: place[e] == LEASED ->
			expired[owner[e]] = true;
			lease[owner[e]] = NONE;
			give(e)
		:: else ->
			/* Only what is delayed comes back so. */
			assert(place[e] == DELAYED);
			give(e)
		fi
	   }
	od
}

active proctype sender()
{
	byte e = 0;
	bool last;

	do
	:: e < NEL -> atomic { give(e); e++ }
	:: e == NEL -> break
	od;
	atomic {
		closed = true;
		landed()
	}
}

/* Receives without a lease until the end. */
active proctype receiver()
{
	bool last;

	do
	:: atomic {
		look_for_end(last);
		j = NONE;
		for (i : 0 .. NEL - 1) {
			if
			:: j == NONE && place[i] == QUEUED -> j = i
			:: else
			fi
		}
		if
		:: j != NONE -> place[j] = DONE; finished[j]++; assert(finished[j] == 1); landed()
		:: j == NONE && last -> tell_end(); break
		:: else -> waits = true
		fi
	   }
	   if
	   :: handed != NONE ->
		atomic {
			place[handed] = DONE;
			finished[handed]++;
			assert(finished[handed] == 1);
			handed = NONE;
			landed()
		}
	   :: told_end -> break
	   :: !waits && handed == NONE && !told_end -> skip
	   fi
	od
}

inline lock_mutex(w)
{
	atomic { !mutex[w] -> mutex[w] = true }
}

inline unlock_mutex(w)
{
	mutex[w] = false
}

/*
 * A read. It copies the memory that the lease has when it begins, and then it says that the
 * lease was read, if the lease is still the same.
 */
inline read_lease(w)
{
	lock_mutex(w);
	atomic {
		x = lease[w];
		m = mem(w);
		if
		:: x != NONE ->
#ifndef NO_REF
			readers[m]++
#else
			skip
#endif
		:: else
		fi
	};
	unlock_mutex(w);
	if
	:: x != NONE ->
		/* The copy. */
		assert(memory[m] == x);
		atomic {
			assert(memory[m] == x);
			seen[x] = true;
#ifdef READ_BLIND
			was_read[w] = true;
#endif
			if
			:: lease[w] == x -> was_read[w] = true
			:: else
			fi;
#ifndef NO_REF
			readers[m]--
#endif
			skip
		}
	:: else
	fi
}

/*
 * Acknowledges the lease of w, and sets acked; or does nothing, if there is none, or nobody
 * has read it, or its memory cannot be used again.
 */
inline ack(w)
{
	acked = false;
	lock_mutex(w);
	atomic {
		if
#ifdef ACK_BLIND
		:: mine != NONE ->
			x = mine;
			lease[w] = NONE;
			owner[x] = NONE;
			due[x] = false;
#else
		:: lease[w] == NONE -> skip
		:: lease[w] != NONE && !was_read[w] -> skip
#if defined(REARM) && !defined(REARM_READ)
		:: lease[w] != NONE && was_read[w] && readers[mem(w)] -> skip
		:: lease[w] != NONE && was_read[w] && !readers[mem(w)] ->
#else
		:: lease[w] != NONE && was_read[w] ->
#endif
			assert(seen[lease[w]]);
			lease_end(w);
#endif
			place[x] = DONE;
			finished[x]++;
			assert(finished[x] == 1);
			acked = true;
			landed();
#ifdef REARM
			arm(w)
#endif
		fi
	};
	unlock_mutex(w)
}

proctype worker(byte w)
{
	byte x, m, mine;
	bool last, acked;

	atomic { arm_anew(w) };
	do
	:: committed[w] && at_end[w] -> break
#ifdef KILL
	:: true -> break
#endif
	:: committed[w] && !at_end[w] ->
		read_lease(w);
		mine = x;
		if
		:: mine == NONE ->
			/* Its limit has come, or another thread has armed it again. */
			lock_mutex(w);
			atomic {
				if
				:: expired[w] -> arm_anew(w)
				:: else -> skip
				fi
			};
			unlock_mutex(w)
#ifdef KILL
		:: mine != NONE -> break
#endif
		:: mine != NONE ->
			ack(w);
#ifndef REARM
			if
			:: acked ->
				/* Armed once more by another call. */
				lock_mutex(w);
				atomic { arm_anew(w) };
				unlock_mutex(w)
			:: else
			fi
#endif
		:: mine != NONE ->
			/* Returns. */
			lock_mutex(w);
			x = NONE;
			atomic {
				if
				:: lease[w] != NONE ->
					lease_end(w);
#ifdef DELAY
					place[x] = DELAYED;
					due[x] = true;
					x = NONE;
#endif
					acked = true
				:: else -> acked = false
				fi
			};
			unlock_mutex(w);
			if
			:: x != NONE ->
				/* It is put back under a hold of its own. */
				atomic { assert(place[x] == HELD); give(x) }
			:: else
			fi;
			if
			:: acked -> break
			:: else
			fi
		fi
	od;
	/* The last copy is closed: what it holds goes back. */
	atomic {
		!mutex[w] && !users[w] -> mutex[w] = true;
		parked[w] = false;

		x = lease[w];
		if
#ifdef LOSE
		:: x != NONE -> lease[w] = NONE; owner[x] = NONE; x = NONE
#endif
		:: x != NONE -> lease_end(w)
		:: x == NONE
		fi
	};
	if
	:: x != NONE -> atomic { give(x) }
	:: else
	fi
}

#ifdef READER
/* Another thread reads the lease of the first worker. */
active proctype reader()
{
	byte x, m;

	read_lease(0);
	users[0]--
}
#endif

#ifdef ACKER
/* Another thread acknowledges it, though it has not read it. */
active proctype acker()
{
	byte x, mine = NONE;
	bool last, acked;

	ack(0);
	users[0]--
}
#endif

init
{
	byte w;

	atomic {
#ifdef READER
		users[0]++;
#endif
#ifdef ACKER
		users[0]++;
#endif
		for (w : 0 .. WORKERS - 1) {
			run worker(w)
		}
	}
	/* All is quiet: each element was received or acknowledged. */
	timeout ->
	for (w : 0 .. NEL - 1) {
		assert(finished[w] == 1 && place[w] == DONE)
	}
}
