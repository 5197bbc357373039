// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call that has been served returns, whatever becomes of the task that served it.
 *
 * All of it happens on one CPU. A task of low priority serves two receivers in one
 * write. The first of them is woken, and keeps the CPU to itself from then on, so
 * the writer does not get on. The second one has the highest priority, and a
 * deadline or a signal that wakes it. (Only a kernel that preempts its own calls
 * takes the CPU from the writer before it has done all.)
 */
#include <signal.h>

#include "chan.h"

/* How long the first one keeps the CPU at most, in ns. */
#define HOG_NS (10 * 1000000000LL)
#define DEADLINE_NS 300000000LL

struct served {
	int fd;
	bool by_signal;
	bool by_read;
	pthread_t second_thread;
	atomic_bool second_done;
	bool in_time;
	uint64_t values[2];
	int second_ret, second_status;
};

static void *first(void *arg)
{
	struct served *s = arg;
	long long end;

	run_first(10);
	must_int(read(s->fd, &s->values[0], 8), 8);
	end = tap_now_ns() + HOG_NS;
	if (s->by_signal)
		pthread_kill(s->second_thread, SIGUSR1);
	/* With the CPU for itself, but for the second. */
	while (!atomic_load(&s->second_done) && tap_now_ns() < end)
		;
	s->in_time = atomic_load(&s->second_done);
	return NULL;
}

static void *second(void *arg)
{
	struct served *s = arg;
	struct kchan_select out = { 0 };

	run_first(50);
	if (s->by_read) {
		s->second_ret = (int)read(s->fd, &s->values[1], 8);
	} else {
		s->second_ret = select_one(s->fd, KCHAN_OP_RECV, &s->values[1], 8,
					   s->by_signal ? 0 : KCHAN_SELECT_DEADLINE,
					   s->by_signal ? 0 :
					   tap_now_ns() + DEADLINE_NS, &out);
		s->second_status = (int)out.status;
	}
	atomic_store(&s->second_done, true);
	return NULL;
}

static void whole_cpu_for_real_time(void)
{
	int fd = open("/proc/sys/kernel/sched_rt_runtime_us", O_WRONLY | O_CLOEXEC);

	/* Or tasks of no priority would have the CPU now and then. */
	if (fd < 0 || write(fd, "-1", 2) != 2)
		tap_skip("real-time tasks have to leave the CPU");
	close(fd);
}

static void serve_two(struct served *s)
{
	uint64_t in[2] = { 1, 2 };
	pthread_t thread;

	one_cpu();
	whole_cpu_for_real_time();
	on_signal(SIGUSR1, 0);
	s->fd = chan_make(0, 8, 0);
	/* Below both of them, and not one of those that get a share in any case. */
	run_first(1);
	thread_start(&thread, first, s);
	wait_receivers(s->fd, 1);
	thread_start(&s->second_thread, second, s);
	wait_receivers(s->fd, 2);
	expect_int(write(s->fd, in, sizeof(in)), sizeof(in));
	thread_join(thread);
	thread_join(s->second_thread);
	expect(s->in_time);
	expect_int(s->values[0], 1);
	expect_int(s->values[1], 2);
	expect_int(s->second_ret, s->by_read ? 8 : 0);
	expect_int(s->second_status, 0);
	expect_int(chan_len(s->fd), 0);
	expect_int(chan_info(s->fd).recv_waiters, 0);
}

static void by_deadline(void)
{
	struct served s = { 0 };

	serve_two(&s);
}

static void by_signal(void)
{
	struct served s = { .by_signal = true };

	serve_two(&s);
}

static void read_by_signal(void)
{
	struct served s = { .by_signal = true, .by_read = true };

	serve_two(&s);
}

static const struct tap_test tests[] = {
	{ "a select that is woken by its deadline", by_deadline },
	{ "a select that is woken by a signal", by_signal },
	{ "a read that is woken by a signal", read_by_signal },
};

TAP_MAIN(tests)
