// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that uses a ring is killed at any moment. The channel goes on for the
 * others: what was sent before arrives once, what comes afterwards does too, and
 * end-of-stream comes.
 */
#include <signal.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "mapped.h"

enum { THREADS = 3, MOST = 1 << 16, OTHER = THREADS };

/* All processes see this. */
static struct shared {
	uint32_t capacity;
	unsigned int senders, receivers;	/* threads of the victim */
	atomic_uint running;
	/* Of each sender: how many sends were begun, and returned. */
	atomic_uint started[THREADS + 1];
	atomic_uint sent[THREADS + 1];
	atomic_uchar got[THREADS + 1][MOST];
	atomic_bool killed;
} *shared;

static int sock[2];
static struct mapped ring;

static void got(uint64_t value, unsigned int *last)
{
	unsigned int sender = value >> 32, nr = (uint32_t)value;

	must(sender <= OTHER && nr < MOST);
	/* So that a receiver's death leaves a trace of what it had at the most. */
	if (atomic_fetch_add(&shared->got[sender][nr], 1))
		tap_fail(__FILE__, __LINE__, "%u of sender %u came twice", nr, sender);
	/* What a killed reader could not take comes back, behind later ones. */
	if (!shared->receivers && nr + 1 <= last[sender])
		tap_fail(__FILE__, __LINE__, "%u of sender %u came after %u", nr, sender,
			 last[sender] - 1);
	last[sender] = nr + 1;
}

static void *victim_sends(void *arg)
{
	unsigned int me = (uintptr_t)arg;

	atomic_fetch_add(&shared->running, 1);
	for (unsigned int i = 0; i < MOST; i++) {
		atomic_store(&shared->started[me], i + 1);
		mapped_send_u64(&ring, (uint64_t)me << 32 | i);
		atomic_store(&shared->sent[me], i + 1);
	}
	return NULL;
}

static void *victim_receives(void *arg)
{
	unsigned int last[THREADS + 1] = { 0 };

	(void)arg;
	atomic_fetch_add(&shared->running, 1);
	for (;;)
		got(mapped_recv_u64(&ring), last);
	return NULL;
}

static void victim(void *arg)
{
	pthread_t thread;

	(void)arg;
	mapped_make(&ring, 8, shared->capacity);
	pass_fd(sock[1], ring.fd);
	for (uintptr_t i = 0; i < shared->senders; i++)
		thread_start(&thread, victim_sends, (void *)i);
	for (unsigned int i = 0; i < shared->receivers; i++)
		thread_start(&thread, victim_receives, NULL);
	for (;;)
		pause();
}

static void other_reads(void *arg)
{
	int fd = *(int *)arg;
	unsigned int last[THREADS + 1] = { 0 };
	uint64_t value;
	ssize_t ret;

	while ((ret = read(fd, &value, 8)) == 8)
		got(value, last);
	must_int(ret, 0);
}

/* Until the victim is dead, and some more. */
static void other_writes(void *arg)
{
	int fd = *(int *)arg;
	unsigned int more = 50, i;

	for (i = 0; i < MOST && more; i++) {
		atomic_store(&shared->started[OTHER], i + 1);
		send_u64(fd, (uint64_t)OTHER << 32 | i);
		atomic_store(&shared->sent[OTHER], i + 1);
		if (atomic_load(&shared->killed))
			more--;
	}
	expect_int(more, 0);
}

static uint64_t seed = 3;

static void round_of(uint32_t capacity, unsigned int senders, unsigned int receivers)
{
	struct timespec nap = { 0 };
	unsigned int lost = 0;
	pid_t pid, reader, writer;
	int fd;

	if (!shared)
		shared = shared_pages(sizeof(*shared));
	madvise(shared, sizeof(*shared), MADV_REMOVE);
	memset(shared, 0, offsetof(struct shared, got));
	atomic_store(&shared->killed, false);
	shared->capacity = capacity;
	shared->senders = senders;
	shared->receivers = receivers;
	must_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	pid = spawn(victim, NULL);
	close(sock[1]);
	fd = take_fd(sock[0]);
	close(sock[0]);
	reader = spawn(other_reads, &fd);
	writer = spawn(other_writes, &fd);
	until(atomic_load(&shared->running) == senders + receivers);
	nap.tv_nsec = rnd(&seed) % 2000000;
	nanosleep(&nap, NULL);
	must_int(kill(pid, SIGKILL), 0);
	expect_int(reap(pid), SIGKILL);
	atomic_store(&shared->killed, true);
	expect_exit(writer);
	/* All of them have gone but this: the reader drains, and sees the end. */
	chan_close(fd);
	expect_exit(reader);
	expect_int(chan_len(fd), 0);
	expect(!(chan_info(fd).flags & (KCHAN_INFO_BROKEN | KCHAN_INFO_MAPPED)));
	close(fd);

	for (unsigned int s = 0; s <= OTHER; s++) {
		unsigned int sent = atomic_load(&shared->sent[s]);
		unsigned int started = atomic_load(&shared->started[s]);

		for (unsigned int i = 0; i < sent; i++)
			lost += !atomic_load(&shared->got[s][i]);
		for (unsigned int i = started; i < started + 10 && i < MOST; i++)
			expect_int(atomic_load(&shared->got[s][i]), 0);
	}
	/* One in the hands of each receiver that was killed. */
	if (lost > receivers)
		tap_fail(__FILE__, __LINE__, "%u are lost", lost);
}

static void rounds(unsigned int senders, unsigned int receivers)
{
	unsigned long nr = tap_scale(60);

	for (unsigned long i = 0; i < nr; i++) {
		uint32_t capacity = i % 3 ? 1 + rnd(&seed) % 40 : 1 + rnd(&seed) % 2;

		tap_about("round %lu, capacity %u", i, capacity);
		round_of(capacity, senders, receivers);
	}
}

static void sends(void)
{
	rounds(THREADS, 0);
}

static void receives(void)
{
	rounds(0, THREADS);
}

static void does_both(void)
{
	rounds(2, 2);
}

static const struct tap_test tests[] = {
	{ "killed while it sends", sends },
	{ "killed while it receives", receives },
	{ "killed while it does both", does_both },
};

TAP_MAIN(tests)
