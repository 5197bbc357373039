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

/* An element leaves the channel, or comes back: nobody was told end-of-stream. */
#define check_end_of_stream()	assert(!ended[c])

/* An element has a place in the order of hand-out. It keeps it if it comes back. */
#ifdef ORDER
byte place[WAITERS], places;
#define place_of(item)	place[item]
#else
#define place_of(item)	0
#endif

inline hand_out(item)
{
	check_end_of_stream();
#ifdef ORDER
	if
	:: !place[item] -> places++; place[item] = places
	:: else
	fi
#endif
}

/* What was put back goes out again in the order of hand-out. */
inline check_next(item)
{
#ifdef ORDER
	if
	:: len(put_back[c]) -> put_back[c]?<_,x>; assert(place[item] < place[x])
	:: else
	fi
#else
	skip
#endif
}

/* An element that is handed out, and is yet to be copied, is counted. */
#ifdef NO_COUNT
#define count_in(anew)	skip
#else
#define count_in(anew)	in_flight[c] = in_flight[c] + (anew -> 1 : 0)
#endif

/* Stages the element before the claim of x, so that there is nothing to undo. */
inline claim_receiver(item)
{
	atomic {
#ifndef POINTER
		if
		:: !small(x) -> elem[x] = item
		:: else
		fi;
#endif
		claim()
	}
}

/*
 * Gives the element to x, which is claimed: then ret is OK. If x has too little room
 * it is told so: then ret is MORE, for that was a step. The element is in flight
 * from now on. If it was before, it is not counted anew.
 */
inline hand_over(item, anew)
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
		hand_out(item);
		count_in(anew);
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

/* Sets x: the first sender that may enter, claimed; or NONE. */
inline claim_sender()
{
	do
	:: atomic {
		have_lock(c);
		x = NONE;
		if
		:: may_enter(c) -> first(senders[c])
		:: else
		fi
	   }
	   if
	   :: x == NONE -> break
	   :: else -> claim()
	   fi;
	   if
	   :: won -> break
	   :: else
	   fi
	od
}

/* Lets x in, which is claimed. */
inline enter()
{
	ring[c]!elem[x];
	complete(senders[c], OK);
	rise_recv()
}

/*
 * How a call leaves its channel. HELD: it keeps the lock, which it had before. PARK:
 * it is parked if it has to wait. NOTE: it notes that it has looked at case w.
 */
#define HELD	0
#define PARK	1
#define NOTE	2

inline leave(w, then)
{
	if
	:: then == HELD
	:: then == PARK ->
		if
		:: ret == AGAIN -> party_init(); park(w)
		:: else
		fi
	:: then == NOTE ->
		if
		:: ret == AGAIN -> looked_at(w)
		:: else
		fi
	fi;
	if
	:: then != HELD -> unlock(c)
	:: else
	fi;
	x = 0;
	won = false
}

/*
 * Sends the element of case w. If it has to wait, ret stays AGAIN. If a step was
 * made that it had to make first, ret is MORE.
 */
inline give(w, then)
{
	do
	:: atomic {
		have_lock(c);
		x = NONE;
		if
		:: !closed[c] && recv_ends[c] -> first(receivers[c])
		:: else -> ret = PIPE
		fi;
		meets = (x != NONE);
#ifndef OVERTAKE
		/* Parked senders go first, where somebody is about to let them in. */
		if
		:: !meets && may_enter(c) -> first(senders[c])
		:: else
		fi
#endif
	   }
	   if
	   :: x == NONE -> break
	   :: meets -> claim_receiver(w)
#ifdef LOOK_ONLY
	   :: x != NONE && !meets -> break
#else
	   :: x != NONE && !meets -> claim()
#endif
	   fi;
	   if
	   :: won -> break
	   :: else
	   fi
	od;
	atomic {
		if
		:: meets -> hand_over(w, true)
#ifndef LOOK_ONLY
		:: !meets && x != NONE -> enter(); ret = MORE
#endif
		:: !meets && x == NONE && ret == AGAIN && room(c) ->
			ring[c]!w;
			ret = OK;
			rise_recv()
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

#ifdef END_AT_ONCE
#define no_more(c)	closed[c]
#else
#define no_more(c)	(closed[c] && !in_flight[c])
#endif

/*
 * Receives an element for case w, to e. If it has to wait, ret stays AGAIN. With
 * detach the element is in flight from now on, for it is yet to be copied. A sender
 * that it meets is let in, where there is room now, or sends to it.
 */
inline take(w, then)
{
	do
	:: atomic {
		have_lock(c);
		if
		:: ret == AGAIN && stored(c) && small(w) -> ret = MSGSIZE
		:: ret == AGAIN && len(put_back[c]) && !small(w) ->
			put_back[c]?_,e;
			check_next(e);
			ret = OK
		:: ret == AGAIN && !len(put_back[c]) && len(ring[c]) &&
		   !small(w) ->
			ring[c]?e;
#ifndef ROOM_SILENT
			rise_send();
#endif
			meets = true;
			ret = OK
		:: else
		fi;
		x = NONE;
		if
		:: (meets && may_enter(c)) || (ret == AGAIN && may_take(c)) ->
			first(senders[c]);
			if
			:: x != NONE && ret == AGAIN && small(w) ->
				ret = MSGSIZE;
				x = NONE
			:: else
			fi
		:: else
		fi
	   }
	   if
	   :: x == NONE -> break
	   :: else ->
		/* Copied out before the claim: nothing is to be undone. */
		atomic {
#ifndef POINTER
			if
			:: ret == AGAIN -> e = elem[x]
			:: else
			fi;
#endif
			claim()
		}
	   fi;
	   if
	   :: won -> break
	   :: else
	   fi
	od;
	atomic {
		meets = false;
		if
		:: x != NONE && ret == OK -> ring[c]!elem[x]; rise_recv()
		:: x != NONE && ret == AGAIN ->
#ifdef POINTER
			e = elem[x];
			elem[x] = NOTHING;
#endif
			ret = OK
		:: x == NONE && ret == AGAIN ->
			e = NOTHING;
			if
			:: no_more(c) -> ret = PIPE; ended[c] = true
			:: else
			fi
		:: else
		fi;
		if
		:: x != NONE -> complete(senders[c], OK)
		:: else
		fi;
		if
		:: ret == OK -> hand_out(e); count_in(detach)
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
#ifdef LOOK_ONLY
			:: may && may_enter(c) ->
				first(senders[c]);
				may = (x == NONE);
				x = NONE
#endif
			:: else
			fi
		:: else ->
			may = stored(c) || no_more(c);
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
		enqueue(senders[c], w);
#ifndef PARK_SILENT
		rise_recv()
#endif
	:: else ->
		enqueue(receivers[c], w);
#ifndef PARK_SILENT
		rise_send()
#endif
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

#ifdef COUNT_FIRST
#define was_counted	false
#else
#define was_counted	true
#endif

/*
 * Puts back e, which was handed out and could not be received. If another receives
 * it, it stays in flight. If not, it is in flight until it is queued.
 */
inline give_back()
{
#ifdef COUNT_FIRST
	in_flight[c]--;
#endif
	do
	:: do
	   :: atomic {
		have_lock(c);
		check_end_of_stream();
		first(receivers[c])
	      }
	      if
	      :: x == NONE -> break
	      :: else -> claim_receiver(e)
	      fi;
	      if
	      :: won -> break
	      :: else
	      fi
	   od;
	   atomic {
		if
		:: x != NONE ->
			hand_over(e, !was_counted);
#ifdef COUNT_LOST
			in_flight[c]--
#endif
		:: else ->
#ifdef LAST_IN
			put_back[c]!place_of(e),e;
#else
			put_back[c]!!place_of(e),e;
#endif
			rise_recv();
#ifndef NO_COUNT
			in_flight[c] = in_flight[c] - (was_counted -> 1 : 0);
#endif
			ret = OK
		fi;
		NEXT_STEP
		unlock(c);
		x = 0;
		won = false
	   }
	   run_deferred();
	   if
	   :: ret != MORE -> break
	   :: else
	   fi
	od;
	e = NOTHING
}

/*
 * Tells all who wait in q that there is nothing to wait for, as long as that is so.
 * Each is a step: the lock is dropped in between.
 */
inline turn_away(q, if_so, at_last)
{
	do
	:: atomic {
		have_lock(c);
		x = NONE;
		if
		:: if_so ->
			first(q);
			if
			:: at_last -> rise_recv()
			:: else
			fi
		:: else
		fi;
		if
		:: x == NONE -> unlock(c)
		:: else
		fi
	   }
	   if
	   :: x == NONE ->
#ifdef ONE_HOLD
		run_deferred();
#endif
		break
	   :: else -> claim()
	   fi;
	   atomic {
#ifdef TELL_LOSERS
		won = true;
#endif
		if
		:: won -> complete(q, PIPE)
		:: else
		fi;
		NEXT_STEP
#ifndef ONE_HOLD
		if
		:: won -> unlock(c)
		:: else
		fi;
#endif
		x = 0;
		won = false
	   }
#ifndef ONE_HOLD
	   run_deferred();
#endif
#ifdef ONE_STEP
	   break
#endif
	od
}

/*
 * Settles an element that was copied: it is in flight no more. Whoever settles the
 * last one looks whether the channel was closed, without the lock. If it was, the
 * stream may have ended. Then receivers that wait are told so.
 */
inline settle_one()
{
#if defined(NO_COUNT) || defined(NO_SETTLE)
	skip
#else
#ifdef LOOKS_FIRST
	shut = seen_closed[c];
#endif
	d_step {
		in_flight[c]--;
		last = !in_flight[c];
		if
		:: last -> at_work[c]++
		:: else
		fi
	}
#ifndef LOOKS_FIRST
	if
	:: last -> shut = seen_closed[c]
	:: else
	fi;
#endif
	if
	:: last && shut -> turn_away(receivers[c], at_end(c), true)
	:: else
	fi;
	if
	:: last -> atomic { at_work[c]--; last = false }
	:: else
	fi;
	shut = false
#endif
}
