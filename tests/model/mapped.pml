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
 * With LOOKER, a thread of the process looks at the ring twice, as a select does, and takes
 * its default if nothing has changed. At an instant between the two looks, whichever, no
 * receive was ready. With GIVE_BACK, the first receive by the kernel puts its element back.
 *
 * Laps wrap after LAPS.
 *
 * Stores may be late. Where the code has no full barrier between a store and a later load,
 * the model does the load first (LATE_*).
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

#define NS	(US + KS)
#ifdef POLLER
#define NR	(UR + KR + 1)
#else
#define NR	(UR + KR)
#endif
#define NP	(NS + NR)
#define TOT	(NS * NEL)

/* The ring. */
byte head, tail;
bool hfrz, tfrz;
byte stamp[CAP], val[CAP];
bool told_s, told_r;
byte rises_r;

/* The channel. After a resize, @plain is the ring that elements enter. */
bool lock, closed, dead, resized;
byte plain[TOT + 1], nr_plain;
byte back, rises;
bool gave_back;

/* Parties that are parked: 0 none, 1 open, 2 done. @res: 0 for the end, else moved. */
byte st[NP], res[NP], elem[NP];
byte rq[NP], nrq, sq[NP], nsq;
bool polls, woken;

/* What has happened. */
bool killed;
byte gone, ended;
bool sent[TOT + 1], got[TOT + 1];
byte last[NS], nr_got;

#define LEN	((tail + POS - head) % POS)
#define STORED	(LEN + nr_plain)
#ifdef LOOKER
#define RISE	rises = (rises + 1) % 32
#else
#define RISE	skip
#endif
#define PUBLISHED (stamp[IDX(head)] == FULL(head))
#define HAS_ELEM (back || LEN > 0 && PUBLISHED || LEN == 0 && nr_plain > 0)
/* What the kernel would say of a receive now. */
#define READY	(HAS_ELEM || AT_END || STORED == 0 && nsq > 0)
#ifdef NO_STAMP
#define RELEASED true
#else
#define RELEASED (dead || stamp[IDX(tail)] == FREE(tail))
#endif
#define HAS_ROOM (STORED < CAP && (resized || RELEASED))
#define AT_END	(closed && STORED == 0 && !back)

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
	:: back -> x = back; back = 0
	:: !back && LEN > 0 ->
		x = val[IDX(head)];
		stamp[IDX(head)] = FREE(LAP(head));
		head = NEXT(head)
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
	RISE;
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

/* Parked receivers, then parked senders, then the end of the stream. */
inline serve() {
	do
	:: nrq > 0 && HAS_ELEM ->
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
	:: nrq > 0 && AT_END ->
		res[rq[0]] = 0; st[rq[0]] = 2;
		dequeue_r()
	:: else -> break
	od;
	if
	:: polls && (HAS_ELEM || closed) -> woken = true
	:: else
	fi
}

inline freeze() {
	LOCK;
#ifndef LATE_TOLD
	told_s = true;
	told_r = true;
#endif
	hfrz = true;
	tfrz = true
}

/* Who is left in the queues decides what stays frozen. */
inline thaw() {
	rises_r = rises;
#ifdef LATE_TOLD
	told_s = true;
	told_r = true;
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
	hfrz = back || nrq > 0 || closed || resized || dead;
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
			elem[me] = x; st[me] = 1; sq[nsq] = me; nsq++; w = 0;
			RISE
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

proctype usend(byte me) {
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
			:: tail == t && !tfrz -> tail = NEXT(t); assert(lock || !nsq)
			:: else -> goto again
			fi
		};
		DIES;
		val[IDX(t)] = x;
		DIES;
#ifdef LATE_STAMP
		tell = told_s;
#endif
		atomic { stamp[IDX(t)] = FULL(t); sent[x] = true };
		DIES;
#ifndef LATE_STAMP
		tell = told_s;
#endif
		if :: tell -> kick() :: else fi;
		goto next;
slow:		DIES;
		ksend(x);
next:		n++; t = 0; tell = false
	od;
die:	gone++;
	ended++
}

proctype urecv(byte me) {
	byte h, v, w, i, copy;
	bool tell;

	do
	:: true ->
		if :: told_r -> goto slow :: else fi;
again:		atomic { if :: hfrz -> goto slow :: else -> h = head fi };
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
				assert(lock || !nrq)
			:: else -> goto again
			fi
		};
		copy = val[IDX(h)];
		copied(copy);
		DIES;
#ifdef LATE_RELEASE
		tell = told_r;
#endif
		stamp[IDX(h)] = FREE(LAP(h));
		DIES;
#ifndef LATE_RELEASE
		tell = told_r;
#endif
		if :: tell -> kick() :: else fi;
		goto next;
slow:		DIES;
		krecv(true);
		if :: w == 2 -> break :: else fi;
next:		h = 0; copy = 0; tell = false; w = 0;
#ifdef ONE_RECV
		break
#endif
	od;
die:	gone++;
	ended++
}

proctype ksender(byte me) {
	byte n, v, w, i, x;

	do
	:: n == NEL -> break
	:: else -> x = me * NEL + n + 1; ksend(x); n++
	od;
	ended++
}

/* The element that was received last comes back. */
inline give_back(x) {
	freeze();
	atomic {
		back = x;
		got[x] = false;
		nr_got--;
		last[(x - 1) / NEL] = x - 1;
		gave_back = true;
		RISE;
		serve(); v = 0; i = 0
	};
	thaw()
}

proctype kreceiver(byte me) {
	byte v, w, i;

	do
	:: krecv(true);
		if
		:: w == 2 -> break
#ifdef GIVE_BACK
		:: atomic { w == 1 && !gave_back -> w = 0 };
			give_back(1)
		:: w == 1 && gave_back
#else
		:: else
#endif
		fi
	od;
	ended++
}

#ifdef LOOKER
proctype looker() {
	byte h, seen;
	bool ready, waits;

	seen = rises_r;
	waits = !told_r;
	atomic { waits = waits && !hfrz; h = head };
	waits = waits && stamp[IDX(h)] != FULL(h);
	/* Any instant between the looks. */
	ready = READY;
#ifdef HEAD_FIRST
	atomic { waits = waits && !hfrz && head == h };
	waits = waits && stamp[IDX(h)] != FULL(h);
#else
	waits = waits && stamp[IDX(h)] != FULL(h);
	atomic { waits = waits && !hfrz && head == h };
#endif
	waits = waits && !told_r;
#ifndef NO_RISES
	waits = waits && rises_r == seen;
#endif
	assert(!waits || !ready)
}
#endif

#ifdef POLLER
proctype poller(byte me) {
	byte v, w, i;
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
	byte v, i;

	freeze();
	atomic { resized = true; serve(); v = 0; i = 0 };
	thaw()
}
#endif

/* The process dies: its threads stop, then its memory is unmapped. */
#ifdef KILL
proctype killer() {
	byte v, i;

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
	byte v, i;

	/* Nothing but the kicks helps those who wait, until the close. */
#ifdef DRAIN
	(nr_got == TOT);
#endif
#ifdef ONE_RECV
	(ended == NP);
#endif
	freeze();
	atomic { closed = true; serve(); v = 0; i = 0 };
	thaw();
	(ended == NP);
#ifndef ONE_RECV
	d_step {
		for (i : 1 .. TOT) { assert(got[i] == sent[i]) }
	}
#endif
	skip
}

init {
	byte i;

	atomic {
		for (i : 0 .. CAP - 1) { stamp[i] = FREE(i) };
#if US
		for (i : 0 .. US - 1) { run usend(i) };
#endif
#if KS
		for (i : US .. NS - 1) { run ksender(i) };
#endif
#if UR
		for (i : NS .. NS + UR - 1) { run urecv(i) };
#endif
#if KR
		for (i : NS + UR .. NS + UR + KR - 1) { run kreceiver(i) };
#endif
#ifdef POLLER
		run poller(NP - 1);
#endif
#ifdef LOOKER
		run looker();
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
