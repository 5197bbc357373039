/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of select.pml: kchan/chan.[ch] and end.c: what is done to one channel,
 * c, under its lock.
 */

/* Case w has committed, if it need not wait and memory has not failed it. */
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

/* To the first receiver, x, or the next that takes it: then ret is OK. */
inline hand_over(item)
{
	do
	:: x != NONE ->
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
	   atomic {
		if
		:: won && small(x) -> complete(receivers[c], MSGSIZE)
		:: won && !small(x) ->
#ifdef POINTER
			elem[x] = item;
#endif
			complete(receivers[c], OK);
			ret = OK;
			x = NONE
#ifdef UNDO
		:: won && faulty ->
			faulty = false;
			state[PARTY(x)] = OPEN;
			ret = FAULT;
			x = NONE
#endif
		:: !won
		fi
	   }
	   if
	   :: x != NONE -> first(receivers[c])
	   :: else
	   fi
	:: else -> break
	od
}

/* The element of case w: ret stays AGAIN if it has to wait. */
inline give(w)
{
	atomic {
		if
		:: closed[c] || !recv_ends[c] -> ret = PIPE; x = NONE
		:: else -> first(receivers[c])
		fi
	}
	hand_over(w);
	atomic {
		if
		:: ret == AGAIN && room(c) -> ring[c]!w; ret = OK
		:: else
		fi;
		count(w)
	}
}

/* Lets parked senders in while there is room. */
inline admit()
{
	do
	:: room(c) ->
	   first(senders[c]);
	   if
	   :: x == NONE -> break
	   :: else
	   fi;
	   claim();
	   atomic {
		if
		:: won -> ring[c]!elem[x]; complete(senders[c], OK)
		:: else
		fi
	   }
	:: else -> break
	od
}

/* From the first sender, x, or the next that has not given up. */
inline take_from_sender(w)
{
	do
	:: x != NONE && !small(w) ->
	   /* Copied out before the claim, so that there is nothing to undo. */
	   atomic {
#ifndef POINTER
		e = elem[x];
#endif
		claim()
	   }
	   atomic {
		if
		:: won ->
#ifdef POINTER
			e = elem[x];
			elem[x] = NOTHING;
#endif
			complete(senders[c], OK);
			ret = OK;
			x = NONE
		:: else -> first(senders[c])
		fi
	   }
	:: x != NONE && small(w) -> ret = MSGSIZE; break
	:: x == NONE -> break
	od
}

/* For case w, to e: ret stays AGAIN if it has to wait. */
inline take(w)
{
	atomic {
		x = NONE;
		if
		:: stored(c) && small(w) -> ret = MSGSIZE
		:: len(put_back[c]) && !small(w) -> put_back[c]?e; ret = OK
		:: !len(put_back[c]) && len(ring[c]) && !small(w) ->
			ring[c]?e;
			ret = OK;
			freed = true
		:: !stored(c) -> first(senders[c])
		fi
	}
	if
	:: freed -> admit(); freed = false
	:: else -> take_from_sender(w)
	fi;
	atomic {
		if
		:: ret == AGAIN && closed[c] -> ret = PIPE
		:: else
		fi;
		count(w)
	}
}

/* Sets ret. If memory fails, that is before anything was claimed. */
inline commit(w)
{
	ret = AGAIN;
	c = channel(w);
	if
#ifndef UNDO
	:: faulty -> faulty = false; ret = FAULT
#endif
	:: sends(w) -> give(w)
	:: !sends(w) -> take(w)
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
			:: !may -> first(senders[c])
			:: else
			fi
		fi;
		may = may || x != NONE
	}
}

/* ret was AGAIN, and the lock was not dropped since. */
inline park(w)
{
	if
	:: sends(w) -> elem[w] = w; enqueue(senders[channel(w)], w)
	:: else -> enqueue(receivers[channel(w)], w)
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

/* kchan_put_back(): e was handed out, and could not be received. */
inline give_back()
{
	atomic {
		lock(c);
		first(receivers[c])
	}
	ret = AGAIN;
	hand_over(e);
	atomic {
		if
		:: ret == AGAIN -> put_back[c]!e
		:: else
		fi;
		e = NOTHING;
		unlock(c)
	}
	run_deferred()
}

/* Tells all that wait in q. */
inline turn_away(q)
{
	do
	:: true ->
#ifdef TELL_LOSERS
	   atomic {
		if
		:: len(q) -> q?<x>
		:: else -> x = NONE
		fi
	   }
#else
	   first(q);
#endif
	   if
	   :: x == NONE -> break
	   :: else
	   fi;
	   claim();
	   atomic {
#ifdef TELL_LOSERS
		won = true;
#endif
		if
		:: won -> complete(q, PIPE)
		:: else
		fi
	   }
	od
}
