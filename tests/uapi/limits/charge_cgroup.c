// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an ordinary user makes the kernel hold stays within user_max_bytes and a
 * little for each descriptor, as a memory cgroup counts it.
 *
 * What the threads themselves take is not counted.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "cgroup.h"
#include "leases.h"
#include "params.h"

#define LIMIT (4 << 20)
#define MOST 1000
#define A_DESCRIPTOR 2048
/*
 * What the group counts for an element of an armed select besides its memory: 58 bytes on
 * 6.12, of 4224.
 */
#define AN_ELEMENT 64
#define ELEM 4096

static long long stat_value(const char *text, const char *key)
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "\n%s ", key);
	at = strstr(text, start);
	return at ? strtoll(at + strlen(start), NULL, 10) : -1;
}

/* Kernel memory of the group, but for stacks and page tables. */
static long long kernel_bytes(void)
{
	char text[8192] = "\n";
	int fd = open(cgroup_file("memory.stat"), O_RDONLY | O_CLOEXEC);
	long long kernel;
	ssize_t got;

	must(fd >= 0);
	got = read(fd, text + 1, sizeof(text) - 2);
	must(got > 0);
	close(fd);
	text[1 + got] = '\0';
	kernel = stat_value(text, "kernel");
	if (kernel < 0)
		tap_skip("the group does not tell its kernel memory");
	return kernel - stat_value(text, "kernel_stack") -
	       stat_value(text, "pagetables");
}

static void (*job)(void);

static void do_job(void)
{
	const struct rlimit limit = { MOST + 100, MOST + 100 };

	must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	run_as(NOBODY, job);
}

static void run_in_group(void (*run)(void))
{
	params_begin();
	if (tap_instrumented())
		tap_skip("an instrumented kernel takes more for everything");
	param_set("user_max_bytes", LIMIT);
	param_set("user_max_channels", 2 * MOST);
	job = run;
	run_in_cgroup(do_job);
	params_restore();
}

/*
 * What there is more than @before is no more than allowed. Each descriptor has @elements,
 * or they are too few to matter.
 */
static bool within_elements(long long before, unsigned int descriptors,
			    unsigned int elements)
{
	const long long each = A_DESCRIPTOR + elements * AN_ELEMENT;
	const long long allowed = LIMIT + descriptors * each;
	long long more = kernel_bytes() - before;

	if (more <= allowed)
		return true;
	tap_note("%lld bytes more, of %lld allowed for %u descriptors", more,
		 allowed, descriptors);
	return false;
}

static bool within(long long before, unsigned int descriptors)
{
	return within_elements(before, descriptors, 0);
}

/* Counts up, and looks now and then: a machine has an end, too. */
#define each_within(nr, before)						\
	for (nr = 0; nr < MOST && (nr % 16 || expect(within(before, nr))); nr++)

static void arms_large(void)
{
	int fd = chan_make(0, ELEM, 0);
	long long before = kernel_bytes();
	unsigned int nr;
	struct cases c;

	cases_init(&c, 0, 0);
	for (int i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(&c, fd, NULL, ELEM);
	for (nr = 0; nr < MOST && try_arm(fd, &c, 0) >= 0; nr++)
		must(within_elements(before, nr + 1, KCHAN_MAX_CASES));
	expect_int(errno, EDQUOT);
	tap_note("%u armed, %lld bytes", nr, kernel_bytes() - before);
	expect(within_elements(before, nr, KCHAN_MAX_CASES));
}

static void arms_small(void)
{
	int fd = chan_make(0, 8, 0);
	long long before = kernel_bytes();
	unsigned int nr;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	each_within(nr, before)
		must(try_arm(fd, &c, 0) >= 0);
	tap_note("%u armed, %lld bytes", nr, kernel_bytes() - before);
	expect(within(before, nr));
}

static void ends(void)
{
	int fd = chan_make(0, 8, 0);
	long long before = kernel_bytes();
	unsigned int nr;

	each_within(nr, before)
		end_make(fd, KCHAN_END_RECV);
	tap_note("%u ends, %lld bytes", nr, kernel_bytes() - before);
	expect(within(before, nr));
}

/* With a buffer as large as it may be. */
static void channels(void)
{
	long long before = kernel_bytes();
	unsigned int nr, full = 0;

	each_within(nr, before) {
		int fd = chan_open();

		if (try_setup(fd, 0, ELEM, 4)) {
			must_int(errno, EDQUOT);
			full++;
			/* Even what has no buffer takes a little. */
			if (try_setup(fd, 0, 8, 0))
				break;
		}
		poll_now(fd);
	}
	tap_note("%u channels, %u without a buffer, %lld bytes", nr, full,
		 kernel_bytes() - before);
	expect(full > 0);
	expect(within(before, nr));
}

/* In large elements that are queued. */
static void queued(void)
{
	static char elem[3 * ELEM];
	long long before = kernel_bytes();
	unsigned int nr;

	each_within(nr, before) {
		int fd = chan_open();

		if (try_setup(fd, 0, sizeof(elem), 8)) {
			must_int(errno, EDQUOT);
			break;
		}
		for (int i = 0; i < 8; i++)
			must_int(write(fd, elem, sizeof(elem)), sizeof(elem));
	}
	tap_note("%u channels, %lld bytes", nr, kernel_bytes() - before);
	expect(nr > 0);
	expect(within(before, nr));
}

/* In elements that came back: several on each of many channels. */
static void came_back(void)
{
	static char elem[ELEM];
	long long before = kernel_bytes();
	unsigned int nr;

	each_within(nr, before) {
		int fd = chan_open(), armed[8], count = 0;
		struct cases c;

		if (try_setup(fd, 0, ELEM, 0))
			break;
		cases_init(&c, 0, 0);
		add_recv(&c, fd, NULL, ELEM);
		while (count < 8 && (armed[count] = try_arm(fd, &c, 0)) >= 0)
			count++;
		if (!count) {
			expect_int(errno, EDQUOT);
			break;
		}
		/* Some room is left for what a write needs. */
		close(armed[--count]);
		for (int i = 0; i < count; i++)
			must_int(write(fd, elem, ELEM), ELEM);
		for (int i = 0; i < count; i++)
			close(armed[i]);
		must_int(chan_len(fd), count);
		if (!count)
			break;
	}
	tap_note("%u channels, %lld bytes", nr, kernel_bytes() - before);
	expect(nr > 0);
	expect(within(before, nr));
}

/* In elements that the channel keeps for a delay: none of them has a descriptor. */
static void delayed(void)
{
	static char elem[ELEM + sizeof(struct kchan_commit)];
	int fd = chan_make(0, ELEM, 1), lease;
	long long before;
	unsigned int nr;

	poll_now(fd);
	before = kernel_bytes();
	for (nr = 0; nr < LIMIT / ELEM; nr++) {
		lease = try_lease(fd, ELEM, 0);
		if (lease < 0)
			break;
		must_int(write(fd, elem, ELEM), ELEM);
		must_int(read(lease, elem, sizeof(elem)), sizeof(elem));
		must_int(lease_return(lease, 0, UINT64_MAX), 0);
		close(lease);
		must(nr % 64 || within_elements(before, 1, nr));
	}
	expect_int(errno, EDQUOT);
	expect_int(chan_info(fd).delayed, nr);
	tap_note("%u delayed, %lld bytes", nr, kernel_bytes() - before);
	expect(nr >= LIMIT / ELEM / 3);
	expect(within_elements(before, 1, nr));
}

/* Threads that read from one channel after another, into memory that goes. */
struct losers {
	int fd;
	char *buf;
	pthread_barrier_t go, end;
	atomic_uint refused;
};

static void *loser(void *arg)
{
	struct losers *l = arg;
	const struct sched_param none = { 0 };

	/* The writer is to hand out many elements before a reader runs. */
	must_int(sched_setscheduler(0, SCHED_IDLE, &none), 0);
	for (;;) {
		pthread_barrier_wait(&l->go);
		if (l->fd < 0)
			return NULL;
		must_int(read(l->fd, l->buf, 8), -1);
		if (errno == EDQUOT)
			atomic_fetch_add(&l->refused, 1);
		else
			must_int(errno, EFAULT);
		pthread_barrier_wait(&l->end);
	}
}

/*
 * In small elements that came back. Each thread leaves one on each channel, so threads
 * and stacks do not bound their number. An element that comes back goes to a receiver
 * that waits, so many of them are handed out before the first one comes back: by one
 * write, on the one CPU that all of them use.
 */
static void came_back_small(void)
{
	enum { THREADS = 200 };
	struct losers l = { .buf = map_pages(8) };
	pthread_t threads[THREADS];
	unsigned int nr, i, refused = 0;
	uint64_t elems[THREADS] = { 0 };
	ssize_t sent;
	int tx;
	cpu_set_t cpu;
	long long before;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	must_int(sched_setaffinity(0, sizeof(cpu), &cpu), 0);
	pthread_barrier_init(&l.go, NULL, THREADS + 1);
	pthread_barrier_init(&l.end, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		thread_start(&threads[i], loser, &l);
	before = kernel_bytes();
	/* A buffer takes most of the limit, so that fewer elements do. */
	chan_make(0, 4096, LIMIT / 4096 - 40);
	each_within(nr, before) {
		if (refused)
			break;
		l.fd = chan_make(0, 8, 0);
		must_int(mprotect(l.buf, page_size(), PROT_READ | PROT_WRITE), 0);
		pthread_barrier_wait(&l.go);
		until(chan_info(l.fd).recv_waiters + atomic_load(&l.refused) == THREADS);
		must_int(mprotect(l.buf, page_size(), PROT_NONE), 0);
		refused = atomic_load(&l.refused);
		/* Those that still wait get what the others could not take. */
		tx = end_make(l.fd, KCHAN_END_SEND | KCHAN_END_NONBLOCK);
		sent = refused < THREADS ? write(tx, elems, sizeof(elems)) : 0;
		must(sent >= 0);
		close(tx);
		pthread_barrier_wait(&l.end);
		expect_int(chan_len(l.fd), sent / sizeof(elems[0]));
	}
	tap_note("%u channels, %lld bytes", nr, kernel_bytes() - before);
	expect(refused > 0);
	expect(within(before, nr));
	l.fd = -1;
	pthread_barrier_wait(&l.go);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
}

/* Threads that wait, each in a call of its own. */
struct crowd {
	int fd;
	int gate[2];
	atomic_uint ready, refused;
};

static void *crowd_select(void *arg)
{
	static char elems[KCHAN_MAX_CASES][ELEM];
	struct crowd *crowd = arg;
	struct cases *c = map_pages(sizeof(*c));
	char byte;

	cases_init(c, 0, 0);
	for (int i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(c, crowd->fd, elems[i], ELEM);
	atomic_fetch_add(&crowd->ready, 1);
	must_int(read(crowd->gate[0], &byte, 1), 0);
	if (cases_run(crowd->fd, c)) {
		expect_int(errno, EDQUOT);
		atomic_fetch_add(&crowd->refused, 1);
	}
	return NULL;
}

static void blocked_threads(void)
{
	enum { THREADS = 200 };
	struct crowd crowd = { .fd = chan_make(0, ELEM, 0) };
	pthread_t threads[THREADS];
	long long before;
	unsigned int nr;

	must_int(pipe(crowd.gate), 0);
	for (nr = 0; nr < THREADS; nr++)
		thread_start(&threads[nr], crowd_select, &crowd);
	until(atomic_load(&crowd.ready) == THREADS);
	before = kernel_bytes();
	close(crowd.gate[1]);
	until(chan_info(crowd.fd).recv_waiters / KCHAN_MAX_CASES +
	      atomic_load(&crowd.refused) == THREADS);
	tap_note("%u of %u refused, %lld bytes", atomic_load(&crowd.refused),
		 nr, kernel_bytes() - before);
	expect(atomic_load(&crowd.refused) > 0);
	expect(atomic_load(&crowd.refused) < THREADS);
	expect(within(before, nr));
	chan_close(crowd.fd);
	for (nr = 0; nr < THREADS; nr++)
		thread_join(threads[nr]);
}

static void armed_of_large(void)
{
	run_in_group(arms_large);
}

static void armed_of_small(void)
{
	run_in_group(arms_small);
}

static void many_ends(void)
{
	run_in_group(ends);
}

static void many_channels(void)
{
	run_in_group(channels);
}

static void many_elements(void)
{
	run_in_group(queued);
}

static void many_put_backs(void)
{
	run_in_group(came_back);
}

static void many_delayed(void)
{
	run_in_group(delayed);
}

static void many_small_put_backs(void)
{
	run_in_group(came_back_small);
}

static void many_threads(void)
{
	run_in_group(blocked_threads);
}

static const struct tap_test tests[] = {
	{ "armed selects of many large receives", armed_of_large },
	{ "armed selects of one small receive", armed_of_small },
	{ "ends of one channel", many_ends },
	{ "channels", many_channels },
	{ "large elements that are queued", many_elements },
	{ "elements that came back", many_put_backs },
	{ "elements that were returned with a delay", many_delayed },
	{ "small elements that came back", many_small_put_backs },
	{ "threads that are blocked in selects", many_threads },
};

PARAMS_MAIN(tests)
