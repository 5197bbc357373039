// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elements from those who send to those who receive: one at a time, in batches, of
 * several sizes, among many, and under pollers.
 */
#include "bench.h"

#include <errno.h>
#include <kchan/kchan.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t pair_over(const struct lane *lane, unsigned long count)
{
	void *elem = touched_memory(lane->size);
	uint64_t took = clock_start();

	while (count--) {
		lane_send(lane, elem);
		lane_recv(lane, elem);
	}
	took = clock_stop(took);
	free(elem);
	return took;
}

static uint64_t pair(const struct work *work, const void *how, unsigned int at,
		     unsigned long count)
{
	struct lane lane;
	uint64_t took;

	(void)at;
	lane_open(&lane, how, ELEM_SIZE, work->arg);
	took = pair_over(&lane, count);
	lane_close(&lane);
	return took;
}

static uint64_t sized_pair(const struct work *work, const void *how, unsigned int at,
			   unsigned long count)
{
	struct lane lane;
	uint64_t took;

	lane_open(&lane, how, at, work->arg);
	took = pair_over(&lane, count);
	lane_close(&lane);
	return took;
}

/* What a thread does, on behalf of who started it. */
struct side {
	const struct lane *lanes;
	unsigned long count;
};

static void *pong(void *arg)
{
	const struct side *side = arg;
	char elem[ELEM_SIZE];

	for (unsigned long i = 0; i < side->count; i++) {
		lane_recv(&side->lanes[0], elem);
		lane_send(&side->lanes[1], elem);
	}
	return NULL;
}

static uint64_t ping_pong(const struct work *work, const void *how, unsigned int at,
			  unsigned long count)
{
	struct lane lanes[2];
	struct side side = { lanes, count };
	char elem[ELEM_SIZE] = { 0 };
	pthread_t other;
	uint64_t took;

	(void)at;
	lane_open(&lanes[0], how, ELEM_SIZE, work->arg);
	lane_open(&lanes[1], how, ELEM_SIZE, work->arg);
	took = clock_start();
	other = thread_start(pong, &side);
	while (count--) {
		lane_send(&lanes[0], elem);
		lane_recv(&lanes[1], elem);
	}
	thread_join(other);
	took = clock_stop(took);
	lane_close(&lanes[0]);
	lane_close(&lanes[1]);
	return took;
}

static void *writer(void *arg)
{
	const struct side *side = arg;
	void *elem = touched_memory(side->lanes->size);

	for (unsigned long i = 0; i < side->count; i++)
		lane_send(side->lanes, elem);
	free(elem);
	return NULL;
}

static uint64_t stream_of(const void *how, size_t size, unsigned int capacity,
			  unsigned long count)
{
	void *elem = touched_memory(size);
	struct lane lane;
	struct side side = { &lane, count };
	pthread_t other;
	uint64_t took;

	lane_open(&lane, how, size, capacity);
	took = clock_start();
	other = thread_start(writer, &side);
	while (count--)
		lane_recv(&lane, elem);
	thread_join(other);
	took = clock_stop(took);
	lane_close(&lane);
	free(elem);
	return took;
}

static uint64_t stream(const struct work *work, const void *how, unsigned int at,
		       unsigned long count)
{
	(void)at;
	return stream_of(how, ELEM_SIZE, work->arg, count);
}

static uint64_t sized_stream(const struct work *work, const void *how, unsigned int at,
			     unsigned long count)
{
	return stream_of(how, at, work->arg, count);
}

static const struct subject everything[] = {
	{ "kchan", &kchan_transport },
	{ "lib", &lib_transport },
	{ "lib-plain", &lib_plain_transport },
	{ "pipe", &pipe_transport },
	{ "seqpacket", &seqpacket_transport },
	{ "mqueue", &mqueue_transport },
	{ "eventfd", &eventfd_transport },
	{ "ring", &ring_transport },
};

static const struct subject of_pairs[] = {
	{ "kchan", &kchan_transport },
	{ "lib", &lib_transport },
	{ "lib-plain", &lib_plain_transport },
	{ "pipe", &pipe_transport },
	{ "seqpacket", &seqpacket_transport },
	{ "mqueue", &mqueue_transport },
	{ "eventfd", &eventfd_transport },
	{ "ring", &ring_transport },
	{ "floor", &floor_transport },
	{ "nothing", &nothing_transport },
};

/* A rendezvous is not what the others have; the pipe is there to compare. */
static const struct subject of_rendezvous[] = {
	{ "kchan", &kchan_transport },
	{ "lib", &lib_transport },
	{ "pipe", &pipe_transport },
};

static const struct work transfer_works[] = {
	{
		.name = "pair",
		.what = "a send and a receive in one thread, capacity 16",
		.peer = "pipe", SUBJECTS(of_pairs), .arg = 16, .run = pair,
	},
	{
		.name = "ping-pong",
		.what = "a round trip between two threads, capacity 1",
		.peer = "pipe", SUBJECTS(everything), .arg = 1, .run = ping_pong,
	},
	{
		.name = "rendezvous",
		.what = "a round trip between two threads, capacity 0 (the pipe as before)",
		.peer = "pipe", SUBJECTS(of_rendezvous), .arg = 0, .run = ping_pong,
	},
	{
		.name = "stream",
		.what = "an element from one thread to another, capacity 64",
		.peer = "pipe", SUBJECTS(everything), .arg = 64, .run = stream,
	},
};

const struct group transfer_group = { "transfer", transfer_works, NR(transfer_works) };

/* Several elements a call. */
struct batch {
	const struct transport *transport;
	void (*send)(const struct lane *lane, void *elems, unsigned int nr);
	void (*recv)(const struct lane *lane, void *elems, unsigned int nr);
};

#define MAX_BATCH	64

static void run_send(const struct lane *lane, void *elems, unsigned int nr)
{
	if (syscall(SYS_write, lane->tx, elems, nr * lane->size) !=
	    (long)(nr * lane->size))
		die("write");
}

static void run_recv(const struct lane *lane, void *elems, unsigned int nr)
{
	if (syscall(SYS_read, lane->rx, elems, nr * lane->size) !=
	    (long)(nr * lane->size))
		die("read");
}

static long vector(long call, int fd, const struct lane *lane, char *elems,
		   unsigned int nr)
{
	struct iovec vec[MAX_BATCH];

	for (unsigned int i = 0; i < nr; i++)
		vec[i] = (struct iovec){ elems + i * lane->size, lane->size };
	return syscall(call, fd, vec, nr);
}

static void vector_send(const struct lane *lane, void *elems, unsigned int nr)
{
	if (vector(SYS_writev, lane->tx, lane, elems, nr) != (long)(nr * lane->size))
		die("writev");
}

static void vector_recv(const struct lane *lane, void *elems, unsigned int nr)
{
	if (vector(SYS_readv, lane->rx, lane, elems, nr) != (long)(nr * lane->size))
		die("readv");
}

static void lib_send_n(const struct lane *lane, void *elems, unsigned int nr)
{
	if (kc_send_n(lane->handle, elems, nr) != (ssize_t)nr)
		die("kc_send_n");
}

static void lib_recv_n(const struct lane *lane, void *elems, unsigned int nr)
{
	if (kc_recv_n(lane->handle, elems, nr) != (ssize_t)nr)
		die("kc_recv_n");
}

/* A call for each, where there is none for several. */
static void loop_send(const struct lane *lane, void *elems, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		lane_send(lane, (char *)elems + i * lane->size);
}

static void loop_recv(const struct lane *lane, void *elems, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		lane_recv(lane, (char *)elems + i * lane->size);
}

static uint64_t batches(const struct work *work, const void *how, unsigned int at,
			unsigned long count)
{
	const struct batch *batch = how;
	char elems[MAX_BATCH * ELEM_SIZE] = { 0 };
	struct lane lane;
	uint64_t took;

	lane_open(&lane, batch->transport, ELEM_SIZE, work->arg);
	took = clock_start();
	for (unsigned long i = 0; i < count; i += at) {
		batch->send(&lane, elems, at);
		batch->recv(&lane, elems, at);
	}
	took = clock_stop(took);
	lane_close(&lane);
	return took;
}

static const struct subject of_batches[] = {
	{ "kchan", &(const struct batch){ &kchan_transport, run_send, run_recv } },
	{ "kchan-v", &(const struct batch){ &kchan_transport, vector_send, vector_recv } },
	{ "lib", &(const struct batch){ &lib_transport, lib_send_n, lib_recv_n } },
	{ "pipe", &(const struct batch){ &pipe_transport, run_send, run_recv } },
	{ "pipe-v", &(const struct batch){ &pipe_transport, vector_send, vector_recv } },
	{ "ring", &(const struct batch){ &ring_transport, loop_send, loop_recv } },
};

static const struct work batch_works[] = {
	{
		.name = "batch",
		.what = "an element, of several that are sent at once and received at once",
		.peer = "pipe", SUBJECTS(of_batches), .arg = MAX_BATCH,
		.axis = "elements a call", AT(1, 2, 4, 8, 16, 32, MAX_BATCH),
		.run = batches,
	},
};

const struct group batch_group = { "batch", batch_works, NR(batch_works) };

static const struct subject of_sizes[] = {
	{ "kchan", &kchan_transport },
	{ "lib", &lib_transport },
	{ "pipe", &pipe_transport },
	{ "seqpacket", &seqpacket_transport },
	{ "ring", &ring_transport },
};

#define SIZES \
	.axis = "bytes in an element", .by_size = true, \
	AT(1, 4, 16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20)

static const struct work size_works[] = {
	{
		.name = "size",
		.what = "a send and a receive in one thread, capacity 16 (the pipe: room "
			"for one)",
		.peer = "pipe", SUBJECTS(of_sizes), SIZES, .arg = 16, .run = sized_pair,
	},
	{
		.name = "size-rendezvous",
		.what = "an element from one thread to another, capacity 0 (others: their "
			"buffers)",
		.peer = "pipe", SUBJECTS(of_sizes), SIZES, .arg = 0, .run = sized_stream,
	},
};

const struct group size_group = { "size", size_works, NR(size_works) };

/* Threads that all begin and end at the time that is measured. */
struct crowd {
	struct lane lane;
	pthread_barrier_t begin;
	pthread_barrier_t end;
	atomic_uint here;	/* about to wait for the begin */
	unsigned long sends;	/* for each sender */
	unsigned long recvs;
};

static void crowd_begin(struct crowd *crowd)
{
	atomic_fetch_add(&crowd->here, 1);
	pthread_barrier_wait(&crowd->begin);
}

static void *crowd_sender(void *arg)
{
	struct crowd *crowd = arg;
	char elem[ELEM_SIZE] = { 0 };

	crowd_begin(crowd);
	for (unsigned long i = 0; i < crowd->sends; i++)
		lane_send(&crowd->lane, elem);
	pthread_barrier_wait(&crowd->end);
	return NULL;
}

static void *crowd_receiver(void *arg)
{
	struct crowd *crowd = arg;
	char elem[ELEM_SIZE];

	crowd_begin(crowd);
	for (unsigned long i = 0; i < crowd->recvs; i++)
		lane_recv(&crowd->lane, elem);
	pthread_barrier_wait(&crowd->end);
	return NULL;
}

#define MAX_CROWD	16

static uint64_t many(const struct work *work, const void *how, unsigned int at,
		     unsigned long count)
{
	const unsigned int senders = work->arg, nr = senders + at;
	struct crowd crowd = { .sends = count / senders, .recvs = count / at };
	pthread_t threads[MAX_CROWD];
	uint64_t took;

	lane_open(&crowd.lane, how, ELEM_SIZE, 64);
	pthread_barrier_init(&crowd.begin, NULL, nr + 1);
	pthread_barrier_init(&crowd.end, NULL, nr + 1);
	for (unsigned int i = 0; i < nr; i++)
		threads[i] = thread_start(i < senders ? crowd_sender : crowd_receiver,
					  &crowd);
	while (atomic_load(&crowd.here) < nr)
		usleep(1000);
	took = clock_start();
	pthread_barrier_wait(&crowd.begin);
	pthread_barrier_wait(&crowd.end);
	took = clock_stop(took);
	for (unsigned int i = 0; i < nr; i++)
		thread_join(threads[i]);
	pthread_barrier_destroy(&crowd.begin);
	pthread_barrier_destroy(&crowd.end);
	lane_close(&crowd.lane);
	return took;
}

static const struct subject of_crowds[] = {
	{ "kchan", &kchan_transport },
	{ "lib", &lib_transport },
	{ "lib-plain", &lib_plain_transport },
	{ "pipe", &pipe_transport },
	{ "mqueue", &mqueue_transport },
	{ "ring", &ring_transport },
};

#define SENDERS(n, sender) \
	{ \
		.name = "from-" #n, \
		.what = "an element from " sender " to several receivers, capacity 64", \
		.peer = "pipe", SUBJECTS(of_crowds), .axis = "receivers", \
		AT(1, 2, 4, 8), .arg = (n), .count = 4096, .kind = NET, .run = many, \
	}

static const struct work many_works[] = {
	SENDERS(1, "1 sender"),
	SENDERS(2, "2 senders"),
	SENDERS(4, "4 senders"),
	SENDERS(8, "8 senders"),
};

const struct group many_group = { "many", many_works, NR(many_works) };

/* Receivers that wait, until they receive an element whose first byte is LAST. */
struct parked {
	struct lane lane;
	atomic_uint here;	/* about to receive */
	atomic_ulong missing;	/* elements that are not received yet */
	sem_t all;		/* are received */
};

#define LAST	1

static void *parked_receiver(void *arg)
{
	struct parked *parked = arg;
	char elem[ELEM_SIZE];

	atomic_fetch_add(&parked->here, 1);
	for (;;) {
		lane_recv(&parked->lane, elem);
		if (elem[0] == LAST)
			return NULL;
		if (atomic_fetch_sub(&parked->missing, 1) == 1)
			sem_post(&parked->all);
	}
}

static uint64_t parked(const struct work *work, const void *how, unsigned int at,
		       unsigned long count)
{
	pthread_t *threads = calloc(at, sizeof(*threads));
	char elem[ELEM_SIZE] = { 0 };
	struct parked parked;
	uint64_t took;

	if (!threads)
		die("calloc");
	raise_limits(at);
	lane_open(&parked.lane, how, ELEM_SIZE, work->arg);
	atomic_init(&parked.here, 0);
	atomic_init(&parked.missing, count);
	sem_init(&parked.all, 0, 0);
	for (unsigned int i = 0; i < at; i++)
		threads[i] = thread_start(parked_receiver, &parked);
	/*
	 * The last ones are about to wait. They need a few thousand instructions each,
	 * and have the CPU for themselves while this thread sleeps.
	 */
	do {
		usleep(100000);
	} while (atomic_load(&parked.here) < at);
	usleep(100000);

	took = clock_start();
	while (count--)
		lane_send(&parked.lane, elem);
	while (sem_wait(&parked.all))
		;
	took = clock_stop(took);

	/* Each takes one of these, and no other. */
	elem[0] = LAST;
	for (unsigned int i = 0; i < at; i++)
		lane_send(&parked.lane, elem);
	for (unsigned int i = 0; i < at; i++)
		thread_join(threads[i]);
	sem_destroy(&parked.all);
	lane_close(&parked.lane);
	free(threads);
	return took;
}

static const struct work parked_works[] = {
	{
		.name = "parked",
		.what = "an element from one sender to one of several receivers, all of "
			"which wait, capacity 64",
		.peer = "pipe", SUBJECTS(of_crowds), .axis = "receivers",
		AT(1, 10, 100, 1000, 10000), .arg = 64, .count = 4096, .kind = NET,
		.run = parked,
	},
};

const struct group parked_group = { "parked", parked_works, NR(parked_works) };

#define MAX_EPOLLS	10

/* A pair, while so many epolls that nobody waits for are there for input. */
static uint64_t polled_pair(const struct work *work, const void *how, unsigned int nr,
			    unsigned long count)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epolls[MAX_EPOLLS];
	struct lane lane;
	uint64_t took;

	lane_open(&lane, how, ELEM_SIZE, work->arg);
	for (unsigned int i = 0; i < nr; i++) {
		epolls[i] = epoll_create1(EPOLL_CLOEXEC);
		if (epolls[i] < 0 ||
		    epoll_ctl(epolls[i], EPOLL_CTL_ADD, lane.rx, &event))
			die("epoll");
	}
	took = pair_over(&lane, count);
	for (unsigned int i = 0; i < nr; i++)
		close(epolls[i]);
	lane_close(&lane);
	return took;
}

/* What each epoll adds. */
static uint64_t polled_more(const struct work *work, const void *how, unsigned int at,
			    unsigned long count)
{
	uint64_t none = polled_pair(work, how, 0, count), some;

	clock_forget();
	some = polled_pair(work, how, at, count);
	/* Where the clock is a real one, it may be less. */
	return some > none ? (some - none) / at : 0;
}

static const struct subject of_polls[] = {
	{ "kchan", &kchan_transport },
	{ "pipe", &pipe_transport },
	{ "eventfd", &eventfd_transport },
};

static const struct work pollers_works[] = {
	{
		.name = "polled",
		.what = "a send and a receive in one thread, under epolls that wait for "
			"input",
		.peer = "pipe", SUBJECTS(of_polls), .axis = "epolls",
		AT(0, 1, 2, 5, MAX_EPOLLS), .arg = 16, .run = polled_pair,
	},
	{
		.name = "poller",
		.what = "what each of these epolls adds",
		.peer = "pipe", SUBJECTS(of_polls), .axis = "epolls",
		AT(1, MAX_EPOLLS), .arg = 16, .kind = NET, .run = polled_more,
	},
};

const struct group pollers_group = { "pollers", pollers_works, NR(pollers_works) };
