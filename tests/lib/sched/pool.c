// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that run goroutines: they are reused as if they were new, and end after
 * some time. Needs no channel.
 */
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

static void run(void (*fn)(void *arg), void *arg, const kc_go_options *options)
{
	must_int(options ? kc_go_opts(fn, arg, options) : kc_go(fn, arg), 0);
}

struct seen {
	atomic_int tid;
	char comm[16];
	sigset_t mask;
	locale_t locale;
	stack_t altstack;
	int nice;
	cpu_set_t cpus;
};

static void look(void *arg)
{
	struct seen *seen = arg;

	memset(&seen->mask, 0, sizeof(seen->mask));
	prctl(PR_GET_NAME, seen->comm);
	pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
	seen->locale = uselocale((locale_t)0);
	sigaltstack(NULL, &seen->altstack);
	seen->nice = getpriority(PRIO_PROCESS, gettid());
	sched_getaffinity(0, sizeof(seen->cpus), &seen->cpus);
	atomic_store(&seen->tid, gettid());
}

static pid_t look_once(struct seen *seen)
{
	atomic_store(&seen->tid, 0);
	run(look, seen, NULL);
	until(atomic_load(&seen->tid));
	/* Parked threads sleep, and block all signals that can be blocked. */
	until(!thread_is_there(atomic_load(&seen->tid)) ||
	      (is_asleep(atomic_load(&seen->tid)) &&
	       (blocked_signals(atomic_load(&seen->tid)) & 1)));
	return atomic_load(&seen->tid);
}

static void test_used_again(void)
{
	struct seen seen;
	pid_t first = look_once(&seen);
	int i;

	for (i = 0; i < 20; i++)
		expect_int(look_once(&seen), first);
	expect_threads(2);
}

static void hold(void *arg)
{
	kc_waitgroup_wait(arg);
}

static void test_last_first(void)
{
	kc_waitgroup go_on = KC_WAITGROUP_INIT;
	struct seen seen;
	pid_t first = look_once(&seen), second;

	kc_waitgroup_add(&go_on, 1);
	run(hold, &go_on, NULL);
	second = look_once(&seen);
	expect(second != first);
	kc_waitgroup_done(&go_on);
	until(blocked_signals(first) & 1);
	until(is_asleep(first));
	expect_int(look_once(&seen), first);
}

static void spoil(void *arg)
{
	static char stack[64 * 1024];
	const stack_t mine = { .ss_sp = stack, .ss_size = sizeof(stack) };
	sigset_t all;

	prctl(PR_SET_NAME, "spoiled");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
	sigaltstack(&mine, NULL);
	look(arg);
}

static void test_reset(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct seen before, after, spoiled = { .tid = 0 };
	pid_t first = look_once(&before);

	run(spoil, &spoiled, NULL);
	until(atomic_load(&spoiled.tid));
	expect_int(atomic_load(&spoiled.tid), first);
	expect(!strcmp(spoiled.comm, "spoiled"));
	until(is_asleep(first));
	expect_int(look_once(&after), first);
	expect(!strcmp(after.comm, before.comm));
	expect(!memcmp(&after.mask, &before.mask, sizeof(after.mask)));
	expect(after.locale == LC_GLOBAL_LOCALE);
	expect(after.altstack.ss_sp == before.altstack.ss_sp);
	expect(after.altstack.ss_size == before.altstack.ss_size);
	expect(!(after.altstack.ss_flags & SS_DISABLE));

	/* Also if the library has set the name. */
	options.name = "named";
	atomic_store(&spoiled.tid, 0);
	run(look, &spoiled, &options);
	until(atomic_load(&spoiled.tid));
	expect(!strcmp(spoiled.comm, "named"));
	until(is_asleep(first));
	look_once(&after);
	expect(!strcmp(after.comm, before.comm));
}

static void be_nice(void *arg)
{
	setpriority(PRIO_PROCESS, gettid(), 5);
	look(arg);
}

static void stay_here(void *arg)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	look(arg);
}

static void child_of_nice(void *arg)
{
	setpriority(PRIO_PROCESS, gettid(), 5);
	run(look, arg, NULL);
}

/* The scheduling of a goroutine does not affect the next one. */
static void test_scheduling(void)
{
	struct seen before, after, changed = { .tid = 0 };
	pid_t first = look_once(&before);

	run(be_nice, &changed, NULL);
	until(atomic_load(&changed.tid));
	expect_int(atomic_load(&changed.tid), first);
	expect_int(changed.nice, 5);
	until(!thread_is_there(first));
	expect(look_once(&after) != first);
	expect_int(after.nice, before.nice);

	if (CPU_COUNT(&before.cpus) > 1) {
		first = atomic_load(&after.tid);
		atomic_store(&changed.tid, 0);
		run(stay_here, &changed, NULL);
		until(atomic_load(&changed.tid));
		expect_int(atomic_load(&changed.tid), first);
		expect_int(CPU_COUNT(&changed.cpus), 1);
		until(!thread_is_there(first));
		look_once(&after);
		expect(CPU_EQUAL(&after.cpus, &before.cpus));
	}

	/* Nor does the scheduling of the goroutine that needed a new thread. */
	if (getuid())
		return;
	atomic_store(&changed.tid, 0);
	run(child_of_nice, &changed, NULL);
	until(atomic_load(&changed.tid));
	expect_int(changed.nice, before.nice);
}

/* A goroutine starts with the signal mask of its starter. */
static void test_mask(void)
{
	sigset_t some, old;
	struct seen seen;
	pid_t first = look_once(&seen);

	expect(!sigismember(&seen.mask, SIGUSR1));
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigaddset(&some, SIGRTMIN + 5);
	must_int(pthread_sigmask(SIG_BLOCK, &some, &old), 0);
	expect_int(look_once(&seen), first);
	expect(sigismember(&seen.mask, SIGUSR1));
	expect(sigismember(&seen.mask, SIGRTMIN + 5));
	expect(!sigismember(&seen.mask, SIGUSR2));
	must_int(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	expect_int(look_once(&seen), first);
	expect(!sigismember(&seen.mask, SIGUSR1));

	/*
	 * A parked thread blocks all signals except libc's own and those that cannot be
	 * blocked.
	 */
	expect_int(blocked_signals(first) | 0x380040100, UINT64_MAX);
	expect_int(blocked_signals(first) & 0x380040100, 0);
}

static void test_fresh(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct seen seen, fresh = { .tid = 0 };
	pid_t first = look_once(&seen);
	int i;

	options.flags = KC_GO_FRESH;
	for (i = 0; i < 3; i++) {
		atomic_store(&fresh.tid, 0);
		run(look, &fresh, &options);
		until(atomic_load(&fresh.tid));
		expect(atomic_load(&fresh.tid) != first);
		until(!thread_is_there(atomic_load(&fresh.tid)));
	}
	expect_int(look_once(&seen), first);
}

/*
 * A thread with a larger stack can run a goroutine that needs less, but not the
 * reverse.
 */
static void test_stack_sizes(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct seen seen = { .tid = 0 };
	pid_t large, huge;

	options.stack_size = 200 * 1024;
	run(look, &seen, &options);
	until(atomic_load(&seen.tid));
	large = atomic_load(&seen.tid);
	until(is_asleep(large));
	expect_int(look_once(&seen), large);

	options.stack_size = 300 * 1024;
	atomic_store(&seen.tid, 0);
	run(look, &seen, &options);
	until(atomic_load(&seen.tid));
	expect(atomic_load(&seen.tid) != large);

	/* A thread with a very large stack is not kept. */
	options.stack_size = 16 << 20;
	atomic_store(&seen.tid, 0);
	run(look, &seen, &options);
	until(atomic_load(&seen.tid));
	huge = atomic_load(&seen.tid);
	until(!thread_is_there(huge));
}

/* Many goroutines at once leave few parked threads. */
static void test_expiry(void)
{
	kc_waitgroup go_on = KC_WAITGROUP_INIT, ended = KC_WAITGROUP_INIT;
	const int count = tap_scale(SANITIZED ? 100 : 1500);
	struct seen seen;
	int i;

	kc_waitgroup_add(&go_on, 1);
	for (i = 0; i < count; i++)
		must_int(kc_waitgroup_go(&ended, hold, &go_on), 0);
	kc_waitgroup_done(&go_on);
	kc_waitgroup_wait(&ended);
	until(count_threads() <= 1025 + 2 * THREAD_SANITIZED);
	until(count_threads() <= 9 + 2 * THREAD_SANITIZED);
	expect(is_idle_for(500));
	expect_threads(9);
	look_once(&seen);
	expect_threads(9);
}

static atomic_int result;

static void shut_down(void *arg)
{
	(void)arg;
	atomic_store(&result, kc_shutdown());
}

static void leave_late(void *arg)
{
	kc_sleep(100 * KC_MILLISECOND);
	/* Goroutines may still be started. */
	must_int(kc_go(look, arg), 0);
}

static void test_shutdown(void)
{
	struct seen seen, late = { .tid = 0 };
	int i;

	must_int(kc_shutdown(), 0);
	run(shut_down, NULL, NULL);
	until(atomic_load(&result));
	expect_int(atomic_load(&result), -EDEADLK);
	for (i = 0; i < 3; i++) {
		atomic_store(&late.tid, 0);
		look_once(&seen);
		run(leave_late, &late, NULL);
		must_int(kc_shutdown(), 0);
		expect(atomic_load(&late.tid));
		expect_threads(1);
	}
}

static void exit_thread(void *arg)
{
	look(arg);
	pthread_exit(NULL);
}

/* A goroutine should not end like that, but nothing breaks. */
static void test_pthread_exit(void)
{
	struct seen seen;
	pid_t first = look_once(&seen);

	atomic_store(&seen.tid, 0);
	run(exit_thread, &seen, NULL);
	until(atomic_load(&seen.tid));
	expect_int(atomic_load(&seen.tid), first);
	until(!thread_is_there(first));
	look_once(&seen);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

struct storm {
	unsigned long rounds;
	atomic_ulong started, ended;
	atomic_bool over;
};

static void end_soon(void *arg)
{
	struct storm *storm = arg;

	atomic_fetch_add(&storm->ended, 1);
}

static void *start_many(void *arg)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct storm *storm = arg;
	unsigned long i;

	for (i = 0; i < storm->rounds; i++) {
		options.flags = i % 7 ? 0 : KC_GO_FRESH;
		options.stack_size = i % 5 ? 0 : 100 * 1024;
		atomic_fetch_add(&storm->started, 1);
		if (kc_go_opts(end_soon, storm, &options))
			atomic_fetch_sub(&storm->started, 1);
		if (i % 10 == 0)
			kc_gosched();
	}
	return NULL;
}

static void *shut_down_often(void *arg)
{
	struct storm *storm = arg;

	while (!atomic_load(&storm->over))
		expect_int(kc_shutdown(), 0);
	return NULL;
}

/* Starts, ends and shutdowns at the same time. */
static void test_storm(void)
{
	struct storm storm = { .rounds = tap_scale(SANITIZED ? 300 : 3000) };
	pthread_t starters[3], closer;
	size_t i;

	closer = start(shut_down_often, &storm);
	for (i = 0; i < ARRAY_SIZE(starters); i++)
		starters[i] = start(start_many, &storm);
	for (i = 0; i < ARRAY_SIZE(starters); i++)
		join(starters[i]);
	atomic_store(&storm.over, true);
	join(closer);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
	expect_int(atomic_load(&storm.ended), atomic_load(&storm.started));
}

static const struct tap_test tests[] = {
	{ "a thread is used again", test_used_again },
	{ "the one parked last first", test_last_first },
	{ "as if it were new", test_reset },
	{ "not if it is scheduled otherwise", test_scheduling },
	{ "with the signal mask of who starts it", test_mask },
	{ "fresh threads are used once", test_fresh },
	{ "threads with larger stacks", test_stack_sizes },
	{ "parked threads end, but for a few", test_expiry },
	{ "kc_shutdown()", test_shutdown },
	{ "pthread_exit() in a goroutine", test_pthread_exit },
	{ "starts, ends and shutdowns at once", test_storm },
};

TAP_MAIN(tests)
