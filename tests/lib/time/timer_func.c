// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers that run a function, and the thread that serves all timers. Needs no
 * channel.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "few.h"
#include "task.h"

struct ran {
	atomic_int times;
	atomic_llong at;
	kc_mutex lock;		/* several functions may run at a time */
	uint64_t goid;
	sigset_t mask;
};

static void note(void *arg)
{
	struct ran *ran = arg;

	kc_mutex_lock(&ran->lock);
	ran->goid = kc_goid();
	pthread_sigmask(SIG_BLOCK, NULL, &ran->mask);
	kc_mutex_unlock(&ran->lock);
	atomic_store(&ran->at, tap_now_ns());
	atomic_fetch_add(&ran->times, 1);
}

static void await_runs(struct ran *ran, int times)
{
	until(atomic_load(&ran->times) == times);
}

static void test_runs(void)
{
	struct ran ran = { .times = 0 };
	sigset_t some;
	long long from;

	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	must_int(pthread_sigmask(SIG_SETMASK, &some, NULL), 0);
	from = tap_now_ns();
	must_int(kc_timer_func(NULL, SOON, note, &ran), 0);
	sigaddset(&some, SIGUSR1);
	must_int(pthread_sigmask(SIG_SETMASK, &some, NULL), 0);
	await_runs(&ran, 1);
	expect(atomic_load(&ran.at) - from >= SOON);
	/*
	 * The function runs in a goroutine of its own, with the signal mask of the
	 * caller.
	 */
	expect(ran.goid > 1);
	expect(sigismember(&ran.mask, SIGUSR2) == 1);
	expect(sigismember(&ran.mask, SIGUSR1) == 0);
	expect(sigismember(&ran.mask, SIGTERM) == 0);

	/* A time in the past means at once. */
	must_int(kc_timer_func(NULL, 0, note, &ran), 0);
	must_int(kc_timer_func(NULL, -KC_SECOND, note, &ran), 0);
	must_int(kc_timer_func(NULL, INT64_MIN, note, &ran), 0);
	await_runs(&ran, 4);
	/* This time never comes. */
	must_int(kc_timer_func(NULL, INT64_MAX, note, &ran), 0);
	sleep_ms(20);
	expect_int(atomic_load(&ran.times), 4);
}

static void test_stop(void)
{
	struct ran ran = { .times = 0 }, other = { .times = 0 };
	kc_timer *t, *u;

	must_int(kc_timer_func(&t, LATE, note, &ran), 0);
	expect(!kc_timer_chan(t));
	expect_int(kc_timer_stop(t), 1);
	expect_int(kc_timer_stop(t), 0);
	/* Stopped shortly before its time, if this thread is not late. */
	must_int(kc_timer_func(&u, SOON, note, &other), 0);
	if (kc_timer_stop(u)) {
		sleep_ms(60);
		expect_int(atomic_load(&other.times), 0);
	} else {
		await_runs(&other, 1);
	}
	expect_int(atomic_load(&ran.times), 0);
	kc_timer_unref(u);

	/* It can be set again. */
	expect_int(kc_timer_reset(t, SOON), 0);
	await_runs(&ran, 1);
	expect_int(kc_timer_stop(t), 0);
	expect_int(kc_timer_reset(t, LATE), 0);
	expect_int(kc_timer_stop(t), 1);
	expect_int(kc_timer_reset(t, 0), 0);
	await_runs(&ran, 2);
	kc_timer_unref(t);
	kc_timer_unref(NULL);
	expect(!kc_timer_ref(NULL));
}

static void test_reset(void)
{
	struct ran ran = { .times = 0 };
	long long from = tap_now_ns();
	kc_timer *t;

	/* Earlier, and only once. */
	must_int(kc_timer_func(&t, LATE, note, &ran), 0);
	expect_int(kc_timer_reset(t, SOON), 1);
	await_runs(&ran, 1);
	expect(atomic_load(&ran.at) - from < LATE);

	/* Later. */
	expect_int(kc_timer_reset(t, LATE), 0);
	from = tap_now_ns();
	expect_int(kc_timer_reset(t, 5 * SOON), 1);
	await_runs(&ran, 2);
	expect(atomic_load(&ran.at) - from >= 5 * SOON);
	sleep_ms(30);
	expect_int(atomic_load(&ran.times), 2);
	kc_timer_unref(t);
}

/* Dropping the timer does not stop the function. */
static void test_dropped(void)
{
	struct ran ran = { .times = 0 };
	kc_timer *t;

	must_int(kc_timer_func(&t, SOON, note, &ran), 0);
	expect(kc_timer_ref(t) == t);
	kc_timer_unref(t);
	kc_timer_unref(t);
	await_runs(&ran, 1);
}

struct one {
	long long due;
	atomic_llong at;
};

static void note_one(void *arg)
{
	struct one *one = arg;

	atomic_store(&one->at, tap_now_ns());
}

/* Each runs at its time, in whatever order they were set. */
static void test_many(void)
{
	const size_t count = tap_scale(500);
	struct one *all = calloc(count, sizeof(*all));
	kc_timer **timers = calloc(count, sizeof(*timers));
	const int64_t spread = 200 * KC_MILLISECOND;
	size_t i, stopped = 0;
	int64_t ns;

	must(all && timers);
	srand(getpid());
	for (i = 0; i < count; i++) {
		ns = rand() % spread;
		all[i].due = tap_now_ns() + ns;
		must_int(kc_timer_func(&timers[i], ns, note_one, &all[i]), 0);
	}
	/* Removes timers from the middle. */
	for (i = 0; i < count; i += 3) {
		if (i % 2) {
			if (kc_timer_stop(timers[i])) {
				all[i].due = 0;
				stopped++;
			}
			continue;
		}
		ns = rand() % spread;
		all[i].due = tap_now_ns() + ns;
		if (!kc_timer_reset(timers[i], ns))
			until(atomic_load(&all[i].at));
	}
	expect(stopped > 0);
	for (i = 0; i < count; i++) {
		tap_about("timer %zu of %zu", i, count);
		if (all[i].due)
			until(atomic_load(&all[i].at) >= all[i].due);
		kc_timer_unref(timers[i]);
	}
	sleep_ms(20);
	for (i = 0; i < count; i++)
		if (!all[i].due)
			expect_int(atomic_load(&all[i].at), 0);
	must_int(kc_shutdown(), 0);
	free(timers);
	free(all);
}

static void find_keeper(pid_t *tid)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char name[16];

	*tid = 0;
	must(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		thread_name(atoi(entry->d_name), name);
		if (!strcmp(name, "kchan-keeper")) {
			expect_int(*tid, 0);
			*tid = atoi(entry->d_name);
		}
	}
	closedir(dir);
}

/* One thread, which sleeps, and handles no signals. */
static void test_keeper(void)
{
	struct ran ran = { .times = 0 };
	pid_t tid;

	must_int(kc_timer_func(NULL, 0, note, &ran), 0);
	must_int(kc_timer_func(NULL, LATE, note, &ran), 0);
	await_runs(&ran, 1);
	find_keeper(&tid);
	must(tid);
	until(is_asleep(tid));
	expect_int(blocked_signals(tid) | 7ULL << 31, ~0ULL & ~(1ULL << 8) &
		   ~(1ULL << 18));
	expect(is_idle_for(100));
	/* It does not belong to the pool. */
	must_int(kc_shutdown(), 0);
	expect_threads(2);
}

/* No thread can be created when its time comes: it runs when one can. */
static void test_limit(void)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;
	struct ran ran = { .times = 0 }, other = { .times = 0 };
	kc_timer *t;

	have_few_threads(12);
	/* The keeper runs, and no thread is about to end. */
	must_int(kc_timer_func(&t, LATE, note, &ran), 0);
	must_int(kc_timer_stop(t), 1);
	kc_timer_unref(t);
	kc_waitgroup_add(&never, 1);
	take_all_threads(&never);
	must_int(kc_timer_func(NULL, 0, note, &ran), 0);
	must_int(kc_timer_func(&t, 0, note, &other), 0);
	sleep_ms(50);
	expect_int(atomic_load(&ran.times), 0);
	/* Until then it can be stopped. */
	expect_int(kc_timer_stop(t), 1);
	kc_waitgroup_done(&never);
	await_runs(&ran, 1);
	sleep_ms(30);
	expect_int(atomic_load(&other.times), 0);
	kc_timer_unref(t);
}

/* Timers of the parent do not run in the child. */
static void test_fork(void)
{
	struct ran ran = { .times = 0 }, own = { .times = 0 };
	kc_timer *t, *u;
	int before, status;
	pid_t pid;

	must_int(kc_timer_func(&t, 50 * KC_MILLISECOND, note, &ran), 0);
	must_int(kc_timer_func(NULL, 50 * KC_MILLISECOND, note, &ran), 0);
	must_int(kc_timer_func(&u, LATE, note, &ran), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		/* On a slow machine they may have run before the fork. */
		before = atomic_load(&ran.times);
		expect_threads(1);
		must_int(kc_timer_func(NULL, SOON, note, &own), 0);
		await_runs(&own, 1);
		expect_int(kc_timer_stop(t), 0);
		expect_int(kc_timer_reset(u, 0), 0);
		sleep_ms(100);
		expect_int(atomic_load(&ran.times), before);
		kc_timer_unref(t);
		kc_timer_unref(u);
		_exit(0);
	}
	await_runs(&ran, 2);
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect_int(kc_timer_stop(u), 1);
	kc_timer_unref(t);
	kc_timer_unref(u);
}

/* Setting, stopping and going off at the same time: each run is accounted for. */
struct racer {
	atomic_uint runs;
	kc_timer *t;
	unsigned long rounds, set, stopped;
};

static void count(void *arg)
{
	struct racer *r = arg;

	atomic_fetch_add(&r->runs, 1);
}

static void *race(void *arg)
{
	struct racer *r = arg;
	unsigned int seed = (uintptr_t)arg;
	unsigned long i;
	int64_t ns;

	for (i = 0; i < r->rounds; i++) {
		ns = rand_r(&seed) % (200 * KC_MICROSECOND);
		if (kc_timer_reset(r->t, ns))
			r->stopped++;
		r->set++;
		kc_sleep(rand_r(&seed) % (200 * KC_MICROSECOND));
		if (rand_r(&seed) % 2 && kc_timer_stop(r->t))
			r->stopped++;
	}
	return NULL;
}

static void test_race(void)
{
	struct racer racers[4];
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		racers[i] = (struct racer){ .rounds = tap_scale(500), .set = 1 };
		must_int(kc_timer_func(&racers[i].t, KC_MILLISECOND, count,
				       &racers[i]), 0);
	}
	for (i = 0; i < ARRAY_SIZE(racers); i++)
		threads[i] = start(race, &racers[i]);
	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		join(threads[i]);
		until(atomic_load(&racers[i].runs) + racers[i].stopped ==
		      racers[i].set);
		kc_timer_unref(racers[i].t);
	}
	must_int(kc_shutdown(), 0);
	for (i = 0; i < ARRAY_SIZE(racers); i++)
		expect_int(atomic_load(&racers[i].runs) + racers[i].stopped,
			   racers[i].set);
}

static const struct tap_test tests[] = {
	{ "run when their time has come", test_runs },
	{ "stop", test_stop },
	{ "reset", test_reset },
	{ "dropped, they run all the same", test_dropped },
	{ "many", test_many },
	{ "the thread that serves them", test_keeper },
	{ "no thread for the function", test_limit },
	{ "fork", test_fork },
	{ "set, stopped and going off at the same time", test_race },
};

TAP_MAIN(tests)
