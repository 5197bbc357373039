// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers as channels: kc_after() and kc_timer.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "forbid.h"
#include "task.h"

static kc_timer *timer(int64_t ns)
{
	kc_timer *t = NULL;

	must_int(kc_timer_make(&t, ns), 0);
	must(t);
	return t;
}

/* Expects one tick in time, with the current time, and no other tick. */
static void expect_tick(kc_chan *c, int64_t due)
{
	int64_t at = 0;

	expect_int(kc_recv_timeout(c, &at, LATE), 1);
	expect(at >= due);
	expect(at <= tap_now_ns());
	expect_int(kc_recv_timeout(c, &at, KC_MILLISECOND), -ETIMEDOUT);
}

static void test_after(void)
{
	const int64_t due = tap_now_ns() + SOON;
	int64_t at;
	kc_chan *c;

	must_int(kc_after(&c, LATE), 0);
	expect_int(kc_elem_size(c), sizeof(int64_t));
	expect_int(kc_try_recv(c, &at), -EAGAIN);
	kc_unref(c);
	must_int(kc_after(&c, SOON), 0);
	expect_tick(c, due);
	/* The channel is for receiving only, and cannot be closed. */
	expect_int(kc_try_send(c, &at), -EBADF);
	expect_int(kc_close(c), -EBADF);
	kc_unref(c);

	must_int(kc_after(&c, 0), 0);
	expect_tick(c, due);
	kc_unref(c);
	must_int(kc_after(&c, INT64_MIN), 0);
	expect_tick(c, due);
	kc_unref(c);
	must_int(kc_after(&c, INT64_MAX), 0);
	expect_int(kc_recv_timeout(c, &at, SOON), -ETIMEDOUT);
	kc_unref(c);
}

/* Nothing is left of a timer that is dropped, before its time or after. */
static void test_after_dropped(void)
{
	const unsigned long rounds = tap_scale(300);
	unsigned int before;
	unsigned long i;
	int64_t at;
	kc_chan *c;

	must_int(kc_after(&c, 0), 0);
	expect_int(kc_recv(c, &at), 1);
	kc_unref(c);
	before = count_fds();
	for (i = 0; i < rounds; i++) {
		must_int(kc_after(&c, i % 3 ? i % 5 * 20 * KC_MICROSECOND :
				  LATE), 0);
		if (i % 2)
			kc_sleep(50 * KC_MICROSECOND);
		kc_unref(c);
	}
	expect_int(count_fds(), before);
}

static void test_select(void)
{
	kc_chan *never = make(8, 0), *c;
	uint64_t value;
	int64_t at = 0, due;
	kc_case cases[3];
	int pair[2];

	must_int(pipe(pair), 0);
	due = tap_now_ns() + SOON;
	must_int(kc_after(&c, SOON), 0);
	cases[0] = kc_case_recv(never, &value);
	cases[1] = kc_case_fd(pair[0], POLLIN);
	cases[2] = kc_case_recv(c, &at);
	expect_int(kc_select(cases, 3), 2);
	expect_int(cases[2].status, 0);
	expect(at >= due);
	/* The channel is not closed then: in a loop it is never ready again. */
	expect_int(kc_select_timeout(cases, 3, SOON), -ETIMEDOUT);
	must_int(write(pair[1], "x", 1), 1);
	expect_int(kc_select(cases, 3), 1);
	kc_unref(c);
	kc_unref(never);
}

static void test_poll(void)
{
	kc_timer *t = timer(LATE);
	struct pollfd fd = { kc_fd(kc_timer_chan(t)), POLLIN, 0 };

	expect_int(poll(&fd, 1, 0), 0);
	expect_int(kc_timer_reset(t, SOON), 1);
	expect_int(poll(&fd, 1, tap_patience() * 1000), 1);
	expect_int(fd.revents, POLLIN);
	/* The stop also removes the tick. */
	expect_int(kc_timer_stop(t), 1);
	expect_int(poll(&fd, 1, 0), 0);
	expect_int(kc_timer_reset(t, SOON), 0);
	expect_int(poll(&fd, 1, tap_patience() * 1000), 1);
	kc_timer_unref(t);
}

static void test_stop(void)
{
	kc_timer *t = timer(LATE);
	kc_chan *c = kc_timer_chan(t);
	int64_t at, due;

	expect_int(kc_timer_stop(t), 1);
	expect_int(kc_timer_stop(t), 0);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(t, SOON), 0);
	expect_tick(c, due);
	expect_int(kc_timer_stop(t), 0);

	/*
	 * It has gone off, and nobody had received the tick: this counts as not gone
	 * off.
	 */
	expect_int(kc_timer_reset(t, 0), 0);
	until(kc_len(c) == 1);
	expect_int(kc_timer_stop(t), 1);
	expect_int(kc_try_recv(c, &at), -EAGAIN);
	expect_int(kc_timer_stop(t), 0);

	expect_int(kc_timer_reset(t, 0), 0);
	until(kc_len(c) == 1);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(t, SOON), 1);
	expect_tick(c, due);
	/* Reset to an earlier and a later time. */
	expect_int(kc_timer_reset(t, LATE), 0);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(t, SOON), 1);
	expect_tick(c, due);
	kc_timer_unref(t);
}

/* Only the tick wakes a waiter, also after a reset. */
static void test_blocked(void)
{
	kc_timer *t = timer(LATE);
	kc_chan *c = kc_timer_chan(t);
	struct call call;
	int64_t due;

	call_recv(&call, c);
	expect_int(kc_timer_stop(t), 1);
	sleep_ms(20);
	wait_receivers(c, 1);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(t, SOON), 0);
	expect_int(call_end(&call), 1);
	expect((int64_t)call.value >= due);
	expect_int(kc_timer_stop(t), 0);

	/* Dropping the timer closes the channel: end-of-stream. */
	call_recv(&call, c);
	kc_ref(c);
	kc_timer_unref(t);
	expect_int(call_end(&call), 0);
	kc_unref(c);
}

/* What can have sent nothing is stopped and reset without the kernel. */
static void *set_without_kernel(void *arg)
{
	static const int calls[] = { SYS_ioctl, SYS_futex, SYS_read, SYS_preadv2 };
	kc_timer *t = arg;
	int64_t ns = LATE;
	int i;

	forbid(calls, ARRAY_SIZE(calls));
	for (i = 0; i < 100; i++) {
		expect_int(kc_timer_reset(t, ns += KC_SECOND), 1);
		expect_int(kc_timer_stop(t), 1);
		expect_int(kc_timer_stop(t), 0);
		expect_int(kc_timer_reset(t, ns += KC_SECOND), 0);
	}
	return NULL;
}

static void test_no_kernel(void)
{
	kc_timer *t = timer(LATE);
	int64_t at;

	if (THREAD_SANITIZED)
		tap_skip("the race detector makes such calls");
	/* The keeper has seen it, and waits. */
	sleep_ms(50);
	join(start(set_without_kernel, t));
	/* Nor when what was sent has been looked for once. */
	expect_int(kc_timer_reset(t, 0), 1);
	expect_int(kc_recv(kc_timer_chan(t), &at), 1);
	expect_int(kc_timer_reset(t, LATE), 0);
	sleep_ms(50);
	join(start(set_without_kernel, t));
	kc_timer_unref(t);
}

/* How often the library's thread for timers has gone to sleep. */
static unsigned long keeper_sleeps(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned long count = 0;
	struct dirent *entry;
	char path[300], line[100];
	bool found;
	FILE *file;

	must(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!file)
			continue;
		found = fgets(line, sizeof(line), file) && strstr(line, "kchan-keeper");
		while (found && fgets(line, sizeof(line), file))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
				break;
		fclose(file);
	}
	closedir(dir);
	return count;
}

/* The keeper sleeps on for what is later, and is woken for what is sooner. */
static void test_keeper(void)
{
	kc_timer *t = timer(LATE), *other;
	int64_t due, ns = LATE;
	unsigned long before;
	int i;

	sleep_ms(50);
	before = keeper_sleeps();
	must(before > 0);
	for (i = 0; i < 20; i++) {
		expect_int(kc_timer_reset(t, ns += KC_SECOND), 1);
		expect_int(kc_timer_stop(t), 1);
		sleep_ms(1);
		other = timer(ns);
		sleep_ms(1);
		kc_timer_unref(other);
		expect_int(kc_timer_reset(t, ns), 0);
		sleep_ms(1);
	}
	expect_int(keeper_sleeps(), before);

	/* What it would have been woken for is there no more. */
	expect_int(kc_timer_reset(t, SOON), 1);
	expect_int(kc_timer_stop(t), 1);
	due = tap_now_ns() + 2 * SOON;
	expect_int(kc_timer_reset(t, 2 * SOON), 0);
	expect_tick(kc_timer_chan(t), due);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(t, SOON), 0);
	expect_tick(kc_timer_chan(t), due);
	kc_timer_unref(t);
}

static void test_references(void)
{
	unsigned int before;
	kc_timer *t = timer(0);
	int64_t at;

	expect_int(kc_recv(kc_timer_chan(t), &at), 1);
	kc_timer_unref(t);
	before = count_fds();
	t = timer(LATE);
	expect_int(count_fds(), before + 2);
	expect(kc_timer_ref(t) == t);
	kc_timer_unref(t);
	expect_int(kc_timer_reset(t, LATE), 1);
	kc_timer_unref(t);
	expect_int(count_fds(), before);
}

/*
 * Resets and stops while the timer goes off: no tick is from before the last reset or
 * stop.
 */
static void test_stale(void)
{
	const unsigned long rounds = tap_scale(2000);
	unsigned int seed = getpid();
	unsigned long i, was = 0;
	kc_timer *t = timer(LATE);
	kc_chan *c = kc_timer_chan(t);
	int64_t at, from;
	int ret;

	for (i = 0; i < rounds; i++) {
		from = tap_now_ns();
		ret = kc_timer_reset(t, rand_r(&seed) % 2 ? 0 :
				     rand_r(&seed) % (60 * KC_MICROSECOND));
		must(ret >= 0);
		was += ret;
		if (rand_r(&seed) % 4)
			kc_sleep(rand_r(&seed) % (60 * KC_MICROSECOND));
		ret = kc_try_recv(c, &at);
		if (ret == 1 && at < from)
			tap_fail(__FILE__, __LINE__, "a stale tick");
		if (rand_r(&seed) % 2) {
			kc_timer_stop(t);
			must_int(kc_try_recv(c, &at), -EAGAIN);
			kc_sleep(rand_r(&seed) % (60 * KC_MICROSECOND));
			must_int(kc_try_recv(c, &at), -EAGAIN);
		}
	}
	expect(was > 0);
	kc_timer_unref(t);
}

/* Several goroutines use one timer: the last setting counts. */
struct shared {
	kc_timer *t;
	unsigned long rounds;
};

static void *reset_often(void *arg)
{
	struct shared *s = arg;
	unsigned int seed = (uintptr_t)&seed;
	unsigned long i;

	for (i = 0; i < s->rounds; i++) {
		if (rand_r(&seed) % 3)
			kc_timer_reset(s->t, rand_r(&seed) %
				       (50 * KC_MICROSECOND));
		else
			kc_timer_stop(s->t);
	}
	return NULL;
}

static void test_shared(void)
{
	struct shared s = { timer(LATE), tap_scale(2000) };
	kc_chan *c = kc_timer_chan(s.t);
	pthread_t threads[3];
	int64_t at, due;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(reset_often, &s);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	kc_timer_stop(s.t);
	expect_int(kc_recv_timeout(c, &at, SOON), -ETIMEDOUT);
	due = tap_now_ns() + SOON;
	expect_int(kc_timer_reset(s.t, SOON), 0);
	expect_tick(c, due);
	kc_timer_unref(s.t);
}

static void test_fork(void)
{
	kc_timer *t = timer(50 * KC_MILLISECOND), *own;
	kc_chan *c, *after;
	int64_t at, due;
	int status;
	pid_t pid;

	must_int(kc_after(&after, 50 * KC_MILLISECOND), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		expect_int(kc_timer_stop(t), 0);
		expect_int(kc_timer_reset(t, 0), 0);
		kc_timer_unref(t);
		kc_unref(after);
		due = tap_now_ns() + SOON;
		must_int(kc_timer_make(&own, SOON), 0);
		expect_tick(kc_timer_chan(own), due);
		kc_timer_unref(own);
		must_int(kc_after(&c, 0), 0);
		expect_tick(c, due);
		kc_unref(c);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	/* There is one tick for each, and the parent gets them. */
	expect_int(kc_recv_timeout(kc_timer_chan(t), &at, LATE), 1);
	expect_int(kc_recv_timeout(after, &at, LATE), 1);
	expect_int(kc_recv_timeout(after, &at, SOON), -ETIMEDOUT);
	expect_int(kc_recv_timeout(kc_timer_chan(t), &at, 0), -ETIMEDOUT);
	kc_timer_unref(t);
	kc_unref(after);
}

static void test_no_descriptors(void)
{
	struct rlimit few;
	kc_timer *t;
	kc_chan *c;

	must_int(kc_after(&c, 0), 0);
	kc_unref(c);
	must_int(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = count_fds() + 1;
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_int(kc_after(&c, 0), -EMFILE);
	expect_int(kc_timer_make(&t, 0), -EMFILE);
	expect_int(count_fds(), few.rlim_cur - 1);
}

static const struct tap_test tests[] = {
	{ "after", test_after },
	{ "after, dropped", test_after_dropped },
	{ "in a select", test_select },
	{ "in poll", test_poll },
	{ "stop and reset", test_stop },
	{ "somebody waits", test_blocked },
	{ "stop and reset, and the kernel is not asked", test_no_kernel },
	{ "the keeper is woken for what is sooner alone", test_keeper },
	{ "references", test_references },
	{ "no stale tick", test_stale },
	{ "reset by several", test_shared },
	{ "fork", test_fork },
	{ "no descriptors", test_no_descriptors },
};

TAP_MAIN(tests)
