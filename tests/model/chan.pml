/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of select.pml: what is done to one channel, c, under its lock.
 *
 * One hold of the lock is mostly three steps: a look at who waits there, a claim,
 * and all the rest. What comes after DONE is a step of its own only where the model
 * is broken by what is done then.
 */
#if defined(OUT_LATE) || defined(TOUCH_LATE) || defined(NO_RELEASE)
#define NEXT_STEP	} atomic {
#else
#define NEXT_STEP
#endif

hidden byte overtakes;

/* A send that has not waited overtakes nobody who waits. */
inline check_order()
{
	d_step {
		for (one : 0 .. WAITERS - 1) {
			overtakes = overtakes || (open(one) && sends(one) &&
						  channel(one) == c)
		}
		assert(!overtakes)
	}
}

/* Case w has committed, if it need not wait and memory has not failed. */
inline count(w)
{
	if
	:: ret == OK || ret == PIPE || ret == MSGSIZE ->
		status[w] = ret;
		commits[me]++;
		committed[me] = w
	:: else
	fi
}

/* Claims x, a receiver, or the next one that is open, or sets x to NONE. */
inline claim_receiver(item)
{
	do
	:: x == NONE -> break
	:: else ->
	   /* Staged before the claim, so that there is nothing to undo. */
	   atomic {
#ifndef POINTER
		if
		:: !small(x) -> elem[x] = item
		:: else
		fi;
#endif
		claim()
	   }
	   if
	   :: won -> break
	   :: else -> first(receivers[c])
	   fi
	od
}

/*
 * Gives the element to x, which is claimed: then ret is OK. If x has too little room
 * it is told so: then ret is MORE, for that was a step.
 */
inline hand_over(item)
{
#ifdef UNDO
	if
	:: faulty -> faulty = false; state[PARTY(x)] = OPEN; ret = FAULT
	:: else
	fi;
#endif
	if
	:: small(x) -> ret = MORE
	:: !small(x) && ret != FAULT ->
#ifdef POINTER
		elem[x] = item;
#endif
		ret = OK
	:: else
	fi;
	if
	:: ret != FAULT ->
		complete(receivers[c], (ret == OK -> OK : MSGSIZE))
	:: else
	fi
}

#ifdef ADMIT_CLOSED
#define may_enter(c)	(room(c) && recv_ends[c])
#elif defined(ADMIT_REFUSED)
#define may_enter(c)	(room(c) && !closed[c])
#else
#define may_enter(c)	(room(c) && !closed[c] && recv_ends[c])
#endif

/* Sets x: the first sender that may enter, or NONE. */
inline first_to_enter()
{
	if
	:: may_enter(c) -> first(senders[c])
	:: else -> x = NONE
	fi
}

/* Claims x, a sender, or the next one that is open, or sets x to NONE. */
inline claim_sender()
{
	do
	:: x == NONE -> break
	:: else ->
	   claim();
	   if
	   :: won -> break
	   :: else -> first(senders[c])
	   fi
	od
}

/* Lets x in, which is claimed. */
inline enter()
{
	ring[c]!elem[x];
	complete(senders[c], OK)
}

/*
 * How a call leaves its channel. HELD: it keeps the lock, which it had before. PARK:
 * it is parked if it has to wait.
 */
#define HELD	0
#define PARK	1

inline leave(w, then)
{
	if
	:: then == HELD
	:: then == PARK ->
		if
		:: ret == AGAIN -> party_init(); park(w)
		:: else
		fi
	fi;
	if
	:: then != HELD -> unlock(c)
	:: else
	fi
}

/*
 * Sends the element of case w. If it has to wait, ret stays AGAIN. If a step was
 * made that it had to make first, ret is MORE.
 */
inline give(w, then)
{
	atomic {
		if
		:: then != HELD -> lock(c)
		:: else
		fi;
		if
		:: closed[c] || !recv_ends[c] -> ret = PIPE; x = NONE
		:: else -> first(receivers[c])
		fi;
		meets = (x != NONE)
	}
	claim_receiver(w);
	if
	:: x == NONE && meets -> meets = false
	:: else
	fi;
#ifndef OVERTAKE
	/* Parked senders go first, where somebody is about to let them in. */
	if
	:: ret == AGAIN && !meets ->
		first_to_enter();
		claim_sender()
	:: else
	fi;
#endif
	atomic {
		if
		:: meets -> hand_over(w)
		:: !meets && x != NONE -> enter(); ret = MORE
		:: !meets && x == NONE && ret == AGAIN && room(c) ->
			ring[c]!w;
			ret = OK
		:: else
		fi;
		if
		:: ret == OK -> check_order()
		:: else
		fi;
		NEXT_STEP
		meets = false;
		count(w);
		leave(w, then)
	}
}

#ifdef TAKE_CLOSED
#define may_take(c)	true
#else
#define may_take(c)	(!closed[c])
#endif

/*
 * Receives an element for case w, to e. If it has to wait, ret stays AGAIN. A sender
 * that it meets is let in, where there is room now, or sends to it.
 */
inline take(w, then)
{
	atomic {
		if
		:: then != HELD -> lock(c)
		:: else
		fi;
		if
		:: stored(c) && small(w) -> ret = MSGSIZE
		:: len(put_back[c]) && !small(w) -> put_back[c]?e; ret = OK
		:: !len(put_back[c]) && len(ring[c]) && !small(w) ->
			ring[c]?e;
			ret = OK;
			meets = may_enter(c)
		:: !stored(c) -> meets = may_take(c)
		fi;
		x = NONE;
		if
		:: meets -> first(senders[c]); meets = false
		:: else
		fi;
		if
		:: x != NONE && ret == AGAIN && small(w) ->
			ret = MSGSIZE;
			x = NONE
		:: else
		fi
	}
	do
	:: x == NONE -> break
	:: else ->
	   /* Copied out before the claim, so that there is nothing to undo. */
	   atomic {
#ifndef POINTER
		if
		:: ret == AGAIN -> e = elem[x]
		:: else
		fi;
#endif
		claim()
	   }
	   if
	   :: won -> break
	   :: else -> first(senders[c])
	   fi
	od;
	atomic {
		if
		:: x != NONE && ret == OK -> ring[c]!elem[x]
		:: x != NONE && ret == AGAIN ->
#ifdef POINTER
			e = elem[x];
			elem[x] = NOTHING;
#endif
			ret = OK
		:: x == NONE && ret == AGAIN ->
			e = NOTHING;
			if
			:: closed[c] -> ret = PIPE
			:: else
			fi
		:: else
		fi;
		if
		:: x != NONE -> complete(senders[c], OK)
		:: else
		fi;
		NEXT_STEP
		count(w);
		leave(w, then)
	}
}

/*
 * Sets ret. If memory fails, it does so before anything was claimed, and the call is
 * made again. Then memory is there, or the element is detached.
 */
inline commit(w, then)
{
	ret = AGAIN;
	c = channel(w);
	if
#ifndef UNDO
	:: faulty && !detach ->
		ret = FAULT;
		if
		:: faulty = false
		:: !sends(w) -> detach = true
		fi
#endif
	:: sends(w) -> give(w, then)
	:: !sends(w) -> take(w, then)
	fi
}

/* kchan_can_send(), kchan_can_recv(): sets may. */
inline can_go(w, may)
{
	atomic {
		c = channel(w);
		x = NONE;
		if
		:: sends(w) ->
			may = room(c) || closed[c] || !recv_ends[c];
			if
			:: !may -> first(receivers[c])
			:: else
			fi
		:: else ->
			may = stored(c) || closed[c];
			if
			:: !may && may_take(c) -> first(senders[c])
			:: else
			fi
		fi;
		may = may || x != NONE
	}
}

/* ret was AGAIN, and the lock was not dropped since. */
inline park(w)
{
	c = channel(w);
	if
	:: sends(w) ->
		elem[w] = w;
		enqueue(senders[c], w)
	:: else -> enqueue(receivers[c], w)
	fi
}

inline take_out(w)
{
	atomic {
		lock(channel(w));
		if
		:: sends(w) -> dequeue(senders[channel(w)], w)
		:: else -> dequeue(receivers[channel(w)], w)
		fi;
		unlock(channel(w))
	}
}

/* Puts back e, which was handed out and could not be received. */
inline give_back()
{
	do
	:: atomic { lock(c); first(receivers[c]) }
	   claim_receiver(e);
	   atomic {
		if
		:: x != NONE -> hand_over(e)
		:: else -> put_back[c]!e; ret = OK
		fi;
		NEXT_STEP
		unlock(c)
	   }
	   run_deferred();
	   if
	   :: ret != MORE -> break
	   :: else
	   fi
	od;
	e = NOTHING
}

/* Tells all who wait in q. Each is a step: the lock is dropped in between. */
inline turn_away(q)
{
	do
	:: atomic {
		lock(c);
		first(q);
		if
		:: x == NONE -> unlock(c)
		:: else
		fi
	   }
	   if
	   :: x == NONE -> break
	   :: else
	   fi;
	   do
	   :: claim();
	      atomic {
#ifdef TELL_LOSERS
		won = true;
#endif
		if
		:: won -> complete(q, PIPE);
#ifdef ONE_HOLD
			won = false;
			first(q)
#endif
		:: else -> first(q)
		fi;
		NEXT_STEP
		if
		:: won || x == NONE -> unlock(c); break
		:: else
		fi
	      }
	   od;
	   run_deferred();
#ifdef ONE_STEP
	   break
#endif
	od
}
