/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapped ring: see kchan/mapping.c and userspace/lib/chan/mapped_ring.h.
 *
 * A process sends and receives through the ring, by US and UR threads. Others send and
 * receive by the kernel: KS, KR, and with POLLER one that polls. A closer ends it. All
 * that was sent is received once, in each sender's order, and nobody waits for ever.
 *
 * The ring's words are memory that the process writes at any time: each access to them is
 * a step of its own. What the kernel does between a freeze and a thaw is one step, because
 * then the process can only end claims that are under way; but the freeze itself, the
 * look at the ring, and the thaw are apart.
 *
 * Laps wrap after LAPS.
 *
 * With SELECT a select waits for one of two channels: it looks at the rings as the library
 * does, and then goes by the kernel. With DEFAULT a select does not wait, and takes its
 * default only if at one instant neither channel had an element.
 *
 * Stores may be late: they stand in a buffer, from which the memory takes them at any time
 * (buffer() and told_buffer()). These are buffered:
 *
 * - what a thread of the process stores in a slot, and the stamp that ends its claim. They
 *   leave the buffer in order: the exchange of the stamp is a release. The exchange itself
 *   does not empty the buffer, as on arm64, where a later load may be done before its
 *   store. The sequentially consistent load of told_of_send or told_of_recv waits until
 *   the buffer is empty;
 * - told_of_send and told_of_recv, when the kernel sets them. Setting the bit FROZEN
 *   empties the buffer.
 *
 * Other stores need no buffer. All that the kernel stores after the bit is visible in order
 * before the lock is free, and the other side of each word that it clears is safe when it
 * comes late: a set told costs a kick, and a frozen position a call that takes the lock.
 * Loads are done in order here: the litmus tests are about those.
 */
#ifndef CAP
#define CAP	1
#endif
#ifndef US
#define US	1
#endif
#ifndef UR
#define UR	1
#endif
#ifndef KS
#define KS	0
#endif
#ifndef KR
#define KR	1
#endif
#ifndef NEL
#define NEL	2
#endif
#define LAPS	3
#define POS	(CAP * LAPS)
#define IDX(p)	((p) % CAP)
#define NEXT(p)	(((p) + 1) % POS)
#define LAP(p)	(((p) + CAP) % POS)
#define FREE(p)	(2 * (p))
#define FULL(p)	(2 * (p) + 1)

/* How many channels there are. */
#if defined(SELECT) || defined(DEFAULT)
#define NCH	2
#else
#define NCH	1
#endif

#define NS	(US + KS)
#if defined(POLLER) || defined(SELECT) || defined(DEFAULT)
#define NR	(UR + KR + 1)
#else
#define NR	(UR + KR)
#endif
#define NP	(NS + NR)
#define TOT	(NS * NEL)

/*
 * A channel: the ring; the rest of the channel; those who are parked. After a resize, @pl is
 * the ring that elements enter. What a process calls head is that of its channel @c.
 */
typedef channel {
	byte h, t;
	bool hf, tf;
	byte stp[CAP], vl[CAP];
	bool ts, tr;
	bool late_told;
	bool lck, cl, dd, rs;
	byte pl[TOT + 1], nr_pl;
	byte r_q[NP], nr_q, s_q[NP], ns_q;
	bool pls, wkn;
#ifdef DEFAULT
	/* What the kernel has seen of the positions. Rises that it has counted. */
	byte seen_h, seen_t, rises;
#endif
};
channel ch[NCH];
#define head	ch[c].h
#define tail	ch[c].t
#define hfrz	ch[c].hf
#define tfrz	ch[c].tf
#define stamp	ch[c].stp
#define val	ch[c].vl
#define told_s	ch[c].ts
#define told_r	ch[c].tr
#define lock	ch[c].lck
#define closed	ch[c].cl
#define dead	ch[c].dd
#define resized	ch[c].rs
#define plain	ch[c].pl
#define nr_plain ch[c].nr_pl
#define rq	ch[c].r_q
#define nrq	ch[c].nr_q
#define sq	ch[c].s_q
#define nsq	ch[c].ns_q
#define polls	ch[c].pls
#define woken	ch[c].wkn

/* Parties that are parked: 0 none, 1 open, 2 done. @res: 0 for the end, else moved. */
byte st[NP], res[NP], elem[NP];

/* What a thread of the process has stored, and is not seen by others yet: see above. */
bool late_val[NP], late_stamp[NP];
byte late_pos[NP], late_elem[NP];
#ifdef SELECT
byte late_chan[NP];
#endif

/* What has happened. */
bool killed, quiet;
byte gone, ended;
bool looked;
bool sent[TOT + 1], got[TOT + 1];
byte last[NS], nr_got;

#define LEN	((tail + POS - head) % POS)
#define STORED	(LEN + nr_plain)
#define PUBLISHED (stamp[IDX(head)] == FULL(head))
#define HAS_ELEM (LEN > 0 && PUBLISHED || LEN == 0 && nr_plain > 0)
#ifdef NO_STAMP
#define RELEASED true
#else
#define RELEASED (dead || stamp[IDX(tail)] == FREE(tail))
#endif
#define HAS_ROOM (STORED < CAP && (resized || RELEASED))
#define AT_END	(closed && STORED == 0)
#define READY_AT(k)	\
	(ch[k].t != ch[k].h && ch[k].stp[IDX(ch[k].h)] == FULL(ch[k].h))

/* An element is no longer there. Has neither channel one? */
#ifdef DEFAULT
#define ONE_LESS	if :: !READY_AT(0) && !READY_AT(1) -> quiet = true :: else fi
#else
#define ONE_LESS	skip
#endif

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false

/* From here on it is known who gets @x. What a sender has sent comes in order. */
inline in_order(x) {
	assert(last[(x - 1) / NEL] < x);
	last[(x - 1) / NEL] = x
}

inline copied(x) {
	assert(sent[x] && !got[x]);
	got[x] = true;
	nr_got++
}

inline received(x) {
	in_order(x);
	copied(x)
}

/* Takes the oldest element. It is there. */
inline take(x) {
	if
	:: LEN > 0 ->
		x = val[IDX(head)];
		stamp[IDX(head)] = FREE(LAP(head));
		head = NEXT(head);
#if defined(DEFAULT) && !defined(SILENT_TAKE)
		ch[c].rises++;
#endif
		ONE_LESS
	:: else ->
		x = plain[0];
		for (i : 0 .. TOT - 1) { plain[i] = plain[i + 1] };
		nr_plain--
	fi;
	received(x)
}

/* Stores an element. There is room. */
inline store(x) {
	if
	:: resized -> plain[nr_plain] = x; nr_plain++
	:: else ->
		val[IDX(tail)] = x;
		stamp[IDX(tail)] = FULL(tail);
		tail = NEXT(tail)
	fi;
	sent[x] = true
}

inline dequeue_r() {
	for (i : 0 .. NP - 2) { rq[i] = rq[i + 1] };
	rq[NP - 1] = 0;
	nrq--
}

inline dequeue_s() {
	for (i : 0 .. NP - 2) { sq[i] = sq[i + 1] };
	sq[NP - 1] = 0;
	nsq--
}

/* What was claimed by a process that is dead, and never published, is skipped. */
inline skip_void() {
	do
	:: dead && LEN > 0 && !PUBLISHED ->
		stamp[IDX(head)] = FREE(LAP(head));
		head = NEXT(head)
	:: else -> break
	od
}

/*
 * Parked receivers, then parked senders, then the end of the stream. A select that another
 * channel has served is passed over.
 */
inline serve() {
	do
	:: nrq > 0 && st[rq[0]] == 2 ->
		dequeue_r()
	:: nrq > 0 && st[rq[0]] == 1 && HAS_ELEM ->
		take(v);
		res[rq[0]] = v; st[rq[0]] = 2;
		dequeue_r();
		skip_void()
	:: nsq > 0 && !closed && HAS_ROOM ->
		store(elem[sq[0]]);
		res[sq[0]] = 1; st[sq[0]] = 2;
		dequeue_s()
	:: nsq > 0 && closed ->
		res[sq[0]] = 0; st[sq[0]] = 2;
		dequeue_s()
	:: nrq > 0 && st[rq[0]] == 1 && AT_END ->
		res[rq[0]] = 0; st[rq[0]] = 2;
		dequeue_r()
	:: else -> break
	od;
	if
	:: polls && (HAS_ELEM || closed) -> woken = true
	:: else
	fi
}

/* What the kernel has set comes out of its buffer. */
inline show_told() {
	told_s = told_s || ch[c].late_told;
	told_r = told_r || ch[c].late_told;
	ch[c].late_told = false
}

/* Sees what the process has done with the positions. */
inline take_over() {
#ifdef DEFAULT
	if
	:: head != ch[c].seen_h || tail != ch[c].seen_t -> ch[c].rises++
	:: else
	fi;
	ch[c].seen_h = head;
	ch[c].seen_t = tail
#else
	skip
#endif
}

inline freeze() {
	atomic { !lock -> lock = true; ch[c].late_told = true };
#ifdef LATE_TOLD
	hfrz = true;
	tfrz = true
#else
	atomic { show_told(); hfrz = true };
	atomic { tfrz = true; take_over() }
#endif
}

/* Who is left in the queues decides what stays frozen. */
inline do_thaw() {
	!ch[c].late_told;
#ifdef DEFAULT
	ch[c].seen_h = head;
	ch[c].seen_t = tail;
#endif
	if
	:: !closed && !resized && nrq == 0 && !polls -> told_s = false
	:: else
	fi;
	if
	:: !closed && !resized && nsq == 0 -> told_r = false
	:: else
	fi;
	/* A mapping that is dead stays as it is. */
#ifdef OPEN_HEAD
	hfrz = closed || resized || dead;
#else
	hfrz = nrq > 0 || closed || resized || dead;
#endif
#ifdef OPEN_TAIL
	tfrz = closed || resized || dead;
#else
#ifdef CLOSE_OPEN
	tfrz = nsq > 0 || resized || dead;
#else
	tfrz = nsq > 0 || closed || resized || dead;
#endif
#endif
	UNLOCK
}

#ifdef DEFAULT
#define thaw()	atomic { do_thaw() }
#else
#define thaw()	do_thaw()
#endif

/* A killed thread takes its waiter out of its queue. */
inline leave_r() {
	v = 0;
	for (i : 0 .. NP - 1) {
		if
		:: i < nrq && rq[i] != me -> rq[v] = rq[i]; v++
		:: else
		fi
	};
	for (i : v .. NP - 1) { rq[i] = 0 };
	nrq = v; v = 0; i = 0
}

inline leave_s() {
	v = 0;
	for (i : 0 .. NP - 1) {
		if
		:: i < nsq && sq[i] != me -> sq[v] = sq[i]; v++
		:: else
		fi
	};
	for (i : v .. NP - 1) { sq[i] = 0 };
	nsq = v; v = 0; i = 0
}

inline kick() {
	freeze();
	atomic { skip_void(); serve(); v = 0; i = 0 };
	thaw()
}

inline ksend(x) {
	freeze();
	atomic {
		serve();
		if
		:: closed -> w = 2
		:: !closed && nsq == 0 && HAS_ROOM -> store(x); serve(); w = 1
		:: else ->
			elem[me] = x; st[me] = 1; sq[nsq] = me; nsq++; w = 0
		fi;
		v = 0; i = 0
	};
	thaw();
	if
	:: w == 0 ->
		if
		:: atomic { st[me] == 2 -> w = (res[me] -> 1 : 2) }
#ifdef KILL
		:: atomic { killed && me < US && st[me] == 1 && !lock ->
			leave_s(); w = 2 }
#endif
		fi;
		atomic { st[me] = 0; res[me] = 0; elem[me] = 0 }
	:: else
	fi
}

/* @w: 1 received, 2 the end; with @wait unset also 3, nothing there */
inline krecv(wait) {
	freeze();
	atomic {
		skip_void();
#ifndef NO_SERVE
		serve();
#endif
		if
		:: HAS_ELEM -> assert(!nrq); take(v); skip_void(); serve(); w = 1
		:: !HAS_ELEM && AT_END -> w = 2
		:: else ->
			if
			:: wait -> st[me] = 1; rq[nrq] = me; nrq++; w = 0
			:: else -> w = 3
			fi
		fi;
		v = 0; i = 0
	};
	thaw();
	if
	:: w == 0 ->
		if
		:: atomic { st[me] == 2 -> w = (res[me] -> 1 : 2) }
#ifdef KILL
		:: atomic { killed && me >= NS && me < NS + UR && st[me] == 1 && !lock ->
			leave_r(); w = 2 }
#endif
		fi;
		atomic { st[me] = 0; res[me] = 0 }
	:: else
	fi
}

/* A thread of the process stops wherever it is. */
#ifdef KILL
#define DIES	if :: killed -> goto die :: else fi
#else
#define DIES	skip
#endif

/* What the thread has stored is seen by all. */
#define DRAINED	(!late_val[me] && !late_stamp[me])

/* Stores of a thread become visible. A sender's stamp publishes, a receiver's releases. */
proctype buffer(byte me, c) {
end:	do
	:: atomic {
		late_val[me] ->
		val[IDX(late_pos[me])] = late_elem[me];
		late_val[me] = false
	   }
#ifdef LATE_VALUE
	:: atomic {
		late_stamp[me] ->
#else
	:: atomic {
		late_stamp[me] && !late_val[me] ->
#endif
		if
		:: me < NS ->
			stamp[IDX(late_pos[me])] = FULL(late_pos[me]);
			sent[late_elem[me]] = true
		:: else ->
#ifdef SELECT
			c = late_chan[me];
#endif
			stamp[IDX(late_pos[me])] = FREE(LAP(late_pos[me]))
		fi;
		late_stamp[me] = false;
		late_pos[me] = (late_val[me] -> late_pos[me] : 0);
		late_elem[me] = (late_val[me] -> late_elem[me] : 0)
	   }
	od
}

/* The same of told_of_send and told_of_recv, when the kernel sets them. */
proctype told_buffer(byte c) {
end:	do
	:: atomic { ch[c].late_told -> show_told() }
	od
}

proctype usend(byte me, c) {
	byte n, t, v, w, i, x;
	bool tell;

	do
	:: n == NEL -> break
	:: else ->
		x = me * NEL + n + 1;
		if :: told_s -> goto slow :: else fi;
again:		atomic { if :: tfrz -> goto slow :: else -> t = tail fi };
		DIES;
		if
		:: stamp[IDX(t)] == FREE(t) -> skip
		:: else -> atomic { if :: tail == t && !tfrz -> goto slow :: else -> goto again fi }
		fi;
		atomic {
			if
			:: tail == t && !tfrz ->
				tail = NEXT(t);
				assert(lock || !nsq);
				late_val[me] = true; late_pos[me] = t; late_elem[me] = x
			:: else -> goto again
			fi
		};
		DIES;
#ifdef DEFAULT
		/* Store buffers are checked without this. */
		atomic {
			val[IDX(t)] = x;
			stamp[IDX(t)] = FULL(t);
			sent[x] = true;
			late_val[me] = false; late_pos[me] = 0; late_elem[me] = 0
		};
#else
		late_stamp[me] = true;
#endif
		DIES;
#ifdef LATE_STAMP
		tell = told_s;
#else
		atomic { DRAINED -> tell = told_s };
#endif
		DIES;
#ifndef DEFAULT
		if :: tell -> kick() :: else fi;
#endif
		goto next;
slow:		DIES;
#ifdef DEFAULT
		/* The kernel counts what it sends. Here only rings change while none looks. */
		if
		:: !told_s && !tfrz && stamp[IDX(tail)] == FREE(tail) -> goto again
		:: looked -> break
		fi;
#else
		ksend(x);
#endif
next:		atomic { DRAINED -> n++; t = 0; tell = false }
	od;
die:	atomic { DRAINED -> gone++ };
	ended++
}

/* Receives through the ring, or goes to slow. */
inline ring_recv() {
	if :: told_r -> goto slow :: else fi;
again:	atomic { if :: hfrz -> goto slow :: else -> h = head fi };
	DIES;
	if
	:: stamp[IDX(h)] == FULL(h) -> skip
	:: else -> atomic { if :: head == h && !hfrz -> goto slow :: else -> goto again fi }
	fi;
	atomic {
		if
		:: head == h && !hfrz ->
			in_order(val[IDX(h)]);
			head = NEXT(h);
			assert(lock || !nrq);
			ONE_LESS
		:: else -> goto again
		fi
	};
#ifndef EARLY_RELEASE
	copy = val[IDX(h)];
	copied(copy);
#endif
	DIES;
	atomic {
		late_stamp[me] = true; late_pos[me] = h;
#ifdef SELECT
		late_chan[me] = c
#endif
	};
#ifdef EARLY_RELEASE
	copy = val[IDX(h)];
	copied(copy);
#endif
	DIES;
#ifdef LATE_RELEASE
	tell = told_r;
#else
	atomic { DRAINED -> tell = told_r };
#endif
	DIES;
	if :: tell -> kick() :: else fi
}

proctype urecv(byte me, c) {
	byte h, v, w, i, copy;
	bool tell;

	do
	:: true ->
		ring_recv();
		goto next;
slow:		DIES;
		krecv(true);
		if :: w == 2 -> break :: else fi;
next:		atomic { DRAINED -> h = 0; copy = 0; tell = false; w = 0 };
#ifdef ONE_RECV
		break
#endif
	od;
die:	atomic { DRAINED -> gone++ };
	ended++
}

#ifdef SELECT
/* What the library sees of a ring. */
inline look(ready) {
	if :: told_r -> goto slow :: else fi;
	atomic { if :: hfrz -> goto slow :: else -> h = head fi };
	ready = (stamp[IDX(h)] == FULL(h))
}

/* Receives from one of the channels. The locks of both are held when nothing is there. */
inline kselect() {
	c = 0; freeze();
#ifdef FREEZE_ONE
	c = 1; LOCK;
#else
	c = 1; freeze();
#endif
	atomic {
		c = 0; serve();
		c = 1; serve();
		if
		:: READY_AT(0) -> c = 0; take(v); w = 1
		:: READY_AT(1) -> c = 1; take(v); w = 1
		:: !READY_AT(0) && !READY_AT(1) ->
			st[me] = 1;
			c = 0; rq[nrq] = me; nrq++;
			c = 1; rq[nrq] = me; nrq++;
			w = 0
		fi;
		v = 0; i = 0
	};
	c = 0; thaw();
#ifdef FREEZE_ONE
	c = 1; UNLOCK;
#else
	c = 1; thaw();
#endif
	if
	:: w == 0 ->
		(st[me] == 2);
		c = 0; freeze(); atomic { leave_r() }; thaw();
		c = 1; freeze(); atomic { leave_r() }; thaw();
		atomic { st[me] = 0; res[me] = 0 }
	:: else
	fi
}

proctype selector(byte me) {
	byte c, h, v, w, i, n, copy;
	bool tell, ready[2];

	do
	:: n == TOT -> break
	:: else ->
		c = 0; look(ready[0]);
		c = 1; look(ready[1]);
		if
		:: ready[0] -> c = 0
		:: ready[1] -> c = 1
		:: !ready[0] && !ready[1] -> goto slow
		fi;
		ring_recv();
		goto next;
slow:		kselect();
next:		atomic {
			DRAINED ->
			n++; c = 0; h = 0; w = 0; copy = 0;
			tell = false; ready[0] = false; ready[1] = false
		}
	od;
	ended++
}
#endif

#ifdef DEFAULT
/* What a select sees that looks at a channel under its lock. */
inline look_at(k, seen) {
	c = k;
	freeze();
	atomic {
		ready = ready || HAS_ELEM;
		seen = ch[c].rises
	};
	thaw()
}

/* It looks at each channel twice. If something may have risen meanwhile, it has no answer. */
proctype looker(byte me) {
	byte c, v, i, first[2], now[2];
	bool ready;

	atomic { quiet = false; ONE_LESS };
	look_at(0, first[0]);
	look_at(1, first[1]);
	look_at(0, now[0]);
	look_at(1, now[1]);
	if
	:: !ready && first[0] == now[0] && first[1] == now[1] -> assert(quiet)
	:: else
	fi;
	looked = true;
	ended++
}

/* All that a receive does under the lock. */
inline take_now() {
	take_over();
	take(v);
	ch[c].seen_h = head;
	v = 0; i = 0
}

/* Receives from either channel. */
proctype kreader(byte me) {
	byte c, v, i;

	do
	:: atomic { !looked && !ch[0].lck && READY_AT(0) -> c = 0; take_now() }
	:: atomic { !looked && !ch[1].lck && READY_AT(1) -> c = 1; take_now() }
	:: looked -> break
	od;
	ended++
}
#endif

proctype ksender(byte me) {
	byte c, n, v, w, i, x;

	do
	:: n == NEL -> break
	:: else -> x = me * NEL + n + 1; ksend(x); n++
	od;
	ended++
}

proctype kreceiver(byte me) {
	byte c, v, w, i;

	do
	:: krecv(true); if :: w == 2 -> break :: else fi
	od;
	ended++
}

#ifdef POLLER
proctype poller(byte me) {
	byte c, v, w, i;
	bool ready;

	do
	:: true ->
#ifdef LOOK_FIRST
		freeze(); ready = HAS_ELEM || AT_END; thaw();
		polls = true;
#else
		polls = true;
		freeze(); ready = HAS_ELEM || AT_END; thaw();
#endif
		if
		:: ready
		:: else -> atomic { woken -> woken = false }
		fi;
		atomic { polls = false; woken = false };
		krecv(false);
		if :: w == 2 -> break :: else fi
	od;
	ended++
}
#endif

#ifdef RESIZE
proctype resizer() {
	byte c, v, i;

	freeze();
	atomic { resized = true; serve(); v = 0; i = 0 };
	thaw()
}
#endif

/* The process dies: its threads stop, then its memory is unmapped. */
#ifdef KILL
proctype killer() {
	byte c, v, i;

	killed = true;
	(gone == US + UR);
	freeze();
#ifdef KEEP_CLAIMS
	atomic { serve(); v = 0; i = 0 };
#else
	atomic { dead = true; skip_void(); serve(); v = 0; i = 0 };
#endif
	thaw()
}
#endif

proctype closer() {
	byte c, v, i;

	/* Nothing but the kicks helps those who wait, until the close. */
#ifdef DRAIN
	(nr_got == TOT);
#endif
#ifdef ONE_RECV
	(ended == NP);
#endif
#if NCH == 1
	freeze();
	atomic { closed = true; serve(); v = 0; i = 0 };
	thaw();
#endif
	(ended == NP);
#if !defined(ONE_RECV) && !defined(DEFAULT)
	d_step {
		for (i : 1 .. TOT) { assert(got[i] == sent[i]) }
	}
#endif
	skip
}

init {
	byte i, c;

	atomic {
		for (c : 0 .. NCH - 1) {
			for (i : 0 .. CAP - 1) { stamp[i] = FREE(i) };
#ifndef DEFAULT
			run told_buffer(c)
#endif
		};
#if US
		for (i : 0 .. US - 1) {
			run usend(i, i % NCH);
#ifndef DEFAULT
			run buffer(i, i % NCH)
#endif
		};
#endif
#if KS
		for (i : US .. NS - 1) { run ksender(i) };
#endif
#ifdef SELECT
		run selector(NS);
		run buffer(NS, 0);
#elif defined(DEFAULT)
		run looker(NS);
		run kreader(NS + 1);
#else
#if UR
		for (i : NS .. NS + UR - 1) {
			run urecv(i, 0);
			run buffer(i, 0)
		};
#endif
#if KR
		for (i : NS + UR .. NS + UR + KR - 1) { run kreceiver(i) };
#endif
#endif
#ifdef POLLER
		run poller(NP - 1);
#endif
#ifdef RESIZE
		run resizer();
#endif
#ifdef KILL
		run killer();
#endif
		run closer()
	}
}
