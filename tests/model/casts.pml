/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part of select.pml: the casts, each some calls that meet. What they ask for
 * never changes, so it is no state: constants say it, as sets of cases and of
 * parties. Channel A has capacity 0; B has CAP_B, if that is given. A cast also says
 * what it needs of the model (SELECTS, ARMS, ...): the rest is not compiled.
 */
#define A		0
#define B		1

/* A task's call is a party with two cases; or it is plain, a call for each. */
#define WAITERS		(2 * PARTIES)
#define W(p, i)		(2 * (p) + (i))
#define PARTY(w)	((w) / 2)

#define CASE(p, i)	(1 << W(p, i))
#define CALL(p)		(1 << (p))
#define BOTH(p)		(CASE(p, 0) | CASE(p, 1))

#define sends(w)	((SENDS >> (w)) & 1)	/* or else receives */
#define channel(w)	((ON_B >> (w)) & 1)
#define small(w)	((SMALL >> (w)) & 1)	/* has no room for any element */
#define deadline(p)	((DEADLINE >> (p)) & 1)	/* may give up at any time */

/* Who plays. Memory fails those that are FAULTY, once. */
#define SOUND		false
#define FAULTY		true
#define CLOSE(c)	run Closer(PARTIES, c, true)
#define REFUSE(c)	run Closer(PARTIES, c, false)

/* A sender, a receiver who may give up, a close. */
#ifdef PAIR
#define CLOSES
#define PARTIES		2
#define SENDS		BOTH(0)
#define ON_B		0
#define DEADLINE	CALL(1)
#define CAST								\
	run Plain(0, 2, SOUND);						\
	run Plain(1, 2, SOUND);						\
	CLOSE(A)
#endif

/*
 * Two selects that can meet on either channel, and that name them in opposite
 * orders; a sender; a deadline; a close.
 */
#ifdef MEET
#define SELECTS
#define CLOSES
#define PARTIES		3
#define SENDS		(CASE(0, 0) | CASE(1, 0) | CASE(2, 0))
#define ON_B		(CASE(0, 1) | CASE(1, 0))
#define DEADLINE	CALL(0)
#define CAST								\
	run Select(0, SOUND);						\
	run Select(1, SOUND);						\
	run Plain(2, 1, SOUND);						\
	if								\
	:: CLOSE(A)							\
	:: CLOSE(B)							\
	fi
#endif

/* Two armed selects that can meet on either channel; a sender; a close. */
#ifdef ARMED
#define ARMS
#define CLOSES
#define PARTIES		3
#define SENDS		(CASE(0, 1) | CASE(1, 0) | CASE(2, 0))
#define ON_B		(CASE(0, 1) | CASE(1, 1))
#define DEADLINE	(CALL(0) | CALL(1))
#define CAST								\
	run Armed(0, 1);						\
	run Armed(1, 0);						\
	run Plain(2, 1, SOUND);						\
	CLOSE(A)
#endif

/* One that is armed, and a select and a sender that it can meet. */
#ifdef ARMED_MEETS
#define SELECTS
#define ARMS
#define CLOSES
#define PARTIES		3
#define SENDS		(CASE(0, 1) | CASE(1, 0) | CASE(2, 0))
#define ON_B		(CASE(0, 1) | CASE(1, 1))
#define DEADLINE	(CALL(0) | CALL(1))
#define CAST								\
	run Armed(0, 1);						\
	run Select(1, SOUND);						\
	run Plain(2, 1, SOUND);						\
	CLOSE(A)
#endif

/* A select whose cases are both served by plain calls. */
#ifdef RIVALS
#define SELECTS
#define PARTIES		3
#define SENDS		(CASE(0, 1) | CASE(1, 0))
#define ON_B		(CASE(0, 1) | CASE(2, 0))
#define CAST								\
	run Select(0, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Plain(2, 1, SOUND)
#endif

/* Selects with both cases on one channel, which could meet themselves. */
#ifdef SELF
#define SELECTS
#define PARTIES		3
#define SENDS		(CASE(0, 0) | CASE(1, 1) | CASE(2, 0))
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define DEADLINE	(CALL(0) | CALL(2))
#define CAST								\
	run Select(0, SOUND);						\
	run Select(1, SOUND);						\
	run Plain(2, 2, SOUND)
#endif

/* The same case twice. */
#ifdef TWICE
#define SELECTS
#define PARTIES		3
#define SENDS		(BOTH(0) | CASE(2, 1))
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define DEADLINE	CALL(1)
#define CAST								\
	run Select(0, SOUND);						\
	run Select(1, SOUND);						\
	run Plain(2, 2, SOUND)
#endif

/* The last receive end of A goes. */
#ifdef GONE
#define SELECTS
#define CLOSES
#define PARTIES		3
#define SENDS		(BOTH(0) | CASE(1, 0) | CASE(2, 1))
#define ON_B		(CASE(0, 1) | CASE(2, 0))
#define DEADLINE	CALL(1)
#define CAST								\
	run Select(0, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Plain(2, 2, SOUND);						\
	REFUSE(A)
#endif

/* A receiver that has too little room waits ahead of one that has enough. */
#ifdef ROOM
#define SELECTS
#define PARTIES		4
#define SMALL		CASE(0, 0)
#define SENDS		(BOTH(2) | CASE(3, 0))
#define ON_B		(CASE(0, 1) | CASE(2, 1))
#define DEADLINE	CALL(0)
#define CAST								\
	run Select(0, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Select(2, SOUND);						\
	run Plain(3, 1, SOUND)
#endif

/* Memory fails: before anything has moved, or a receiver that was served. */
#ifdef FAULTS
#define FAILS
#define SELECTS
#define PARTIES		3
#define SENDS		(BOTH(1) | CASE(2, 1))
#define ON_B		(CASE(0, 1) | CASE(1, 1) | CASE(2, 1))
#define DEADLINE	CALL(2)
#define CAST								\
	run Select(0, FAULTY);						\
	run Select(1, FAULTY);						\
	run Plain(2, 2, FAULTY)
#endif

/*
 * Receivers of a channel that is closed. Memory may fail one of them while another
 * waits, or comes. With CAP_B the element may be stored before. With LITTLE_ROOM the
 * other one has too little room at first.
 */
#ifdef END
#ifdef LITTLE_ROOM
#define SMALL		CASE(2, 0)
#endif
#define FAILS
#define CLOSES
#define PARTIES		3
#define SENDS		CASE(0, 0)
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define CAST								\
	run Plain(0, 1, SOUND);						\
	run Plain(1, 1, FAULTY);					\
	run Plain(2, 2, SOUND);						\
	CLOSE(B)
#endif

/* The same, an armed select and one that waits. */
#ifdef END_ARMED
#define FAILS
#define SELECTS
#define ARMS
#define CLOSES
#define PARTIES		3
#define SENDS		BOTH(0)
#define ON_B		(BOTH(0) | CASE(1, 1) | CASE(2, 0))
#define CAST								\
	run Plain(0, 2, SOUND);						\
	run Armed(1, 0);						\
	run Select(2, FAULTY);						\
	CLOSE(B)
#endif

/* A channel is closed while senders wait, and is received from. */
#ifdef END_SENDERS
#define CLOSES
#define PARTIES		3
#define SENDS		(BOTH(0) | BOTH(1))
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define CAST								\
	run Plain(0, 1, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Plain(2, 2, SOUND);						\
	CLOSE(B)
#endif

/* Two elements come back, and one who could not receive them receives again. */
#ifdef ORDER
#define FAILS
#define PARTIES		3
#define SENDS		BOTH(0)
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define CAST								\
	run Plain(0, 2, SOUND);						\
	run Plain(1, 2, FAULTY);					\
	run Plain(2, 1, FAULTY)
#endif

/* B is resized while senders wait and come. It may be closed, too, or refused. */
#ifdef RESIZE
#define RESIZES
#define PARTIES		3
#define SENDS		(BOTH(0) | BOTH(1))
#define ON_B		(BOTH(0) | BOTH(1) | BOTH(2))
#define DEADLINE	CALL(0)
#define CAST								\
	run Plain(0, 1, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Plain(2, 1, SOUND);						\
	run Resizer(PARTIES)
#endif
#ifdef RESIZE_CLOSE
#define CLOSES
#define RESIZES
#define PARTIES		2
#define SENDS		BOTH(0)
#define ON_B		(BOTH(0) | BOTH(1))
#define DEADLINE	CALL(0)
#define CAST								\
	run Plain(0, 2, SOUND);						\
	run Plain(1, 2, SOUND);						\
	run Resizer(PARTIES);						\
	run Closer(PARTIES + 1, B, true)
#endif
#ifdef RESIZE_REFUSE
#define CLOSES
#define RESIZES
#define PARTIES		2
#define SENDS		(BOTH(0) | BOTH(1))
#define ON_B		(BOTH(0) | BOTH(1))
#define CAST								\
	run Plain(0, 1, SOUND);						\
	run Plain(1, 1, SOUND);						\
	run Resizer(PARTIES);						\
	run Closer(PARTIES + 1, B, false)
#endif

/* A select with a default, while what is ready moves from case to case. */
#ifdef MOVES
#define SELECTS
#define DEFAULT
#define PARTIES		4
#define SENDS		(BOTH(1) | CASE(2, 0) | CASE(3, 0))
#define ON_B		(CASE(0, 1) | CASE(1, 1) | BOTH(3))
#define CAST								\
	run Default(0);							\
	run Select(1, SOUND);						\
	run Plain(2, 1, SOUND);						\
	run Plain(3, 2, SOUND)
#endif

/*
 * The same, one case sends, and a receive becomes ready by the end of the stream: B
 * is closed, and holds an element that is taken out to be copied.
 */
#ifdef MOVES_END
#define FAILS
#define DEFAULT
#define PARTIES		3
#define SENDS		CASE(0, 0)
#define ON_B		(CASE(0, 1) | BOTH(1))
#define DEADLINE	CALL(2)
#define CAST								\
	closed[B] = true;						\
	seen_closed[B] = true;						\
	ring[B]!W(1, 1);						\
	sent[W(1, 1)] = true;						\
	run Default(0);							\
	run Plain(1, 1, FAULTY);					\
	run Plain(2, 1, SOUND)
#endif

/* The same, a send becomes ready by room in B, which was full. */
#ifdef MOVES_ROOM
#define DEFAULT
#define PARTIES		3
#define SENDS		(CASE(0, 0) | CASE(1, 1) | BOTH(2))
#define ON_B		(CASE(0, 0) | BOTH(1))
#define DEADLINE	CALL(2)
#define CAST								\
	ring[B]!W(0, 1);						\
	sent[W(0, 1)] = true;						\
	run Default(0);							\
	run Plain(1, 2, SOUND);						\
	run Plain(2, 2, SOUND)
#endif

/* The same, parked senders are to be let into that room. */
#ifdef MOVES_RESIZE
#define RESIZES
#define DEFAULT
#define PARTIES		3
#define SENDS		(CASE(0, 0) | BOTH(1) | BOTH(2))
#define ON_B		(CASE(0, 0) | BOTH(1))
#define DEADLINE	(CALL(1) | CALL(2))
#define CAST								\
	run Default(0);							\
	run Plain(1, 2, SOUND);						\
	run Plain(2, 2, SOUND);						\
	run Resizer(PARTIES)
#endif

/* The same, A is closed. */
#ifdef MOVES_CLOSE
#define CLOSES
#define DEFAULT
#define PARTIES		2
#define SENDS		CASE(1, 0)
#define ON_B		(CASE(0, 1) | CASE(1, 0))
#define DEADLINE	CALL(1)
#define CAST								\
	run Default(0);							\
	run Plain(1, 1, SOUND);						\
	CLOSE(A)
#endif

#ifndef CAP_B
#define CAP_B		0
#endif
#ifdef POINTER
#define BY_POINTER	true
#else
#define BY_POINTER	false
#endif
#ifdef RESIZES
#define capacity(c)	(c == A -> 0 : size_b)
#else
#define capacity(c)	(c == A -> 0 : CAP_B)
#endif
#ifndef SMALL
#define SMALL		0
#endif
#ifndef DEADLINE
#define DEADLINE	0
#endif
