// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kc_goroutines() shows of goroutines.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seen.h"

/* All objects to wait for. */
static struct {
	kc_chan *empty, *full, *left, *right;
	kc_mutex locked;
	kc_mutex guard;
	kc_rwmutex read_locked, write_locked;
	kc_cond cond;
	kc_waitgroup busy;
	kc_sem taken;
	kc_once running;
	int pipe[2];
	atomic_bool stop;
} things;

static void in_recv(void *arg)
{
	uint64_t v;

	(void)arg;
	expect_int(kc_recv(things.empty, &v), 1);
}

static void in_recv_timeout(void *arg)
{
	uint64_t v;

	(void)arg;
	expect_int(kc_recv_timeout(things.empty, &v, 100 * KC_SECOND), -ETIMEDOUT);
}

static void in_send(void *arg)
{
	uint64_t v = 1;

	(void)arg;
	expect_int(kc_send(things.full, &v), 0);
}

static void in_recv_nil(void *arg)
{
	(void)arg;
	expect_int(kc_recv(NULL, NULL), 0);
}

static void in_send_nil(void *arg)
{
	(void)arg;
	expect_int(kc_send(NULL, NULL), 0);
}

static void in_select(void *arg)
{
	uint64_t v;
	kc_case cases[] = {
		kc_case_recv(things.left, &v), kc_case_recv(things.right, &v),
	};

	(void)arg;
	expect_int(kc_select(cases, 2), 0);
}

static void in_select_fd(void *arg)
{
	uint64_t v;
	kc_case cases[] = {
		kc_case_recv(things.left, &v), kc_case_fd(things.pipe[0], 1),
		kc_case_after(100 * KC_SECOND),
	};

	(void)arg;
	expect_int(kc_select(cases, 3), 0);
}

static void in_select_nil(void *arg)
{
	(void)arg;
	expect_int(kc_select(NULL, 0), 0);
}

static void in_sleep(void *arg)
{
	(void)arg;
	kc_sleep(100 * KC_SECOND);
	tap_fail(__FILE__, __LINE__, "woken");
}

static void in_mutex(void *arg)
{
	(void)arg;
	kc_mutex_lock(&things.locked);
	kc_mutex_unlock(&things.locked);
}

static void in_rlock(void *arg)
{
	(void)arg;
	kc_rwmutex_rlock(&things.write_locked);
	tap_fail(__FILE__, __LINE__, "woken");
}

static void in_lock(void *arg)
{
	(void)arg;
	kc_rwmutex_lock(&things.read_locked);
	tap_fail(__FILE__, __LINE__, "woken");
}

static void in_cond(void *arg)
{
	(void)arg;
	kc_mutex_lock(&things.guard);
	kc_cond_wait(&things.cond, &things.guard);
	kc_mutex_unlock(&things.guard);
}

static void in_waitgroup(void *arg)
{
	(void)arg;
	kc_waitgroup_wait(&things.busy);
	tap_fail(__FILE__, __LINE__, "woken");
}

static void in_sem(void *arg)
{
	(void)arg;
	kc_sem_acquire(&things.taken, 1);
}

static void run_once(void *arg)
{
	(void)arg;
	kc_sleep(100 * KC_SECOND);
}

static void in_once(void *arg)
{
	(void)arg;
	kc_once_do(&things.running, run_once, NULL);
}

static void spin(void *arg)
{
	(void)arg;
	while (!atomic_load(&things.stop))
		;
}

static void make_things(void)
{
	things.empty = make(8, 1);
	things.full = make(8, 1);
	send_now(things.full, 0);
	things.left = make(8, 0);
	things.right = make(8, 0);
	kc_mutex_lock(&things.locked);
	kc_rwmutex_rlock(&things.read_locked);
	kc_rwmutex_lock(&things.write_locked);
	kc_waitgroup_add(&things.busy, 1);
	things.taken = (kc_sem)KC_SEM_INIT(1);
	kc_sem_acquire(&things.taken, 1);
	must_int(pipe(things.pipe), 0);
}

static const struct {
	void (*fn)(void *arg);
	kc_state state;
	uint32_t flags;
	const void *on;
	kc_chan **channel;
} states[] = {
	{ in_recv, KC_STATE_RECV, 0, NULL, &things.empty },
	{ in_recv_timeout, KC_STATE_RECV, KC_GOROUTINE_TIMED, NULL, &things.empty },
	{ in_send, KC_STATE_SEND, 0, NULL, &things.full },
	{ in_recv_nil, KC_STATE_RECV_NIL, 0, NULL, NULL },
	{ in_send_nil, KC_STATE_SEND_NIL, 0, NULL, NULL },
	{ in_select, KC_STATE_SELECT, 0, NULL, NULL },
	{ in_select_fd, KC_STATE_SELECT, KC_GOROUTINE_TIMED | KC_GOROUTINE_FOREIGN,
	  NULL, NULL },
	{ in_select_nil, KC_STATE_SELECT_NIL, 0, NULL, NULL },
	{ in_sleep, KC_STATE_SLEEP, KC_GOROUTINE_TIMED, NULL, NULL },
	{ in_mutex, KC_STATE_MUTEX, 0, &things.locked, NULL },
	{ in_rlock, KC_STATE_RWMUTEX_READ, 0, &things.write_locked, NULL },
	{ in_lock, KC_STATE_RWMUTEX_WRITE, 0, &things.read_locked, NULL },
	{ in_cond, KC_STATE_COND, 0, &things.cond, NULL },
	{ in_waitgroup, KC_STATE_WAITGROUP, 0, &things.busy, NULL },
};

/* The clock of the records, which may be late by a tick. */
static int64_t coarse_now(void)
{
	struct timespec now;

	must_int(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return now.tv_sec * KC_SECOND + now.tv_nsec;
}

static void expect_state(unsigned int i)
{
	const int64_t before = coarse_now();
	struct wanted w;

	tap_about("state %s", kc_state_name(states[i].state));
	go_named("wanted", states[i].fn);
	until(is_in("wanted", states[i].state));
	sleep_ms(50);
	w = look_for("wanted");
	expect_int(w.g.size, sizeof(w.g));
	expect_int(w.g.flags, states[i].flags);
	expect(w.g.fn == states[i].fn);
	expect_int(w.g.parent, kc_goid());
	expect(w.g.id > 1 && w.g.tid > 0 && w.g.tid != getpid());
	expect(w.g.since >= before);
	expect(w.g.since <= tap_now_ns() - 20 * KC_MILLISECOND);
	expect(goes_through(&w, states[i].fn));
	if (states[i].on)
		expect(w.g.on == states[i].on);
	if (states[i].channel) {
		expect(w.g.on == *states[i].channel);
		expect_int(w.g.fd, kc_fd(*states[i].channel));
		expect(w.g.channel);
	} else {
		expect_int(w.g.fd, -1);
		expect_int(w.g.channel, 0);
	}
}

static void test_states(void)
{
	make_things();
	for (unsigned int i = 0; i < ARRAY_SIZE(states); i++) {
		/*
		 * A process for each test, which leaves its waiting goroutines behind.
		 */
		pid_t pid = fork();
		int status;

		must(pid >= 0);
		if (!pid) {
			expect_state(i);
			_exit(0);
		}
		must_int(waitpid(pid, &status, 0), pid);
		expect_int(status, 0);
	}
}

/* These wait in a function of the library below the one that was called. */
static void test_sem(void)
{
	make_things();
	go_named("wanted", in_sem);
	until(is_in("wanted", KC_STATE_SEM));
	expect(look_for("wanted").g.on == &things.taken);
}

static void test_once(void)
{
	go_named("first", in_once);
	until(is_in("first", KC_STATE_SLEEP));
	go_named("second", in_once);
	until(is_in("second", KC_STATE_ONCE));
	expect(look_for("second").g.on == &things.running);
}

static void shut_down(void *arg)
{
	(void)arg;
	kc_set_goname("main");
	expect_int(kc_shutdown(), 0);
}

static void *look_at_main(void *arg)
{
	kc_set_goname("watcher");
	until(is_in("main", KC_STATE_SHUTDOWN));
	atomic_store(&things.stop, true);
	return arg;
}

static void test_shutdown(void)
{
	pthread_t watcher;

	go_named("spinner", spin);
	watcher = start(look_at_main, NULL);
	shut_down(NULL);
	join(watcher);
}

static void test_names(void)
{
	expect(!strcmp(kc_state_name(KC_STATE_RUNNING), "running"));
	expect(!strcmp(kc_state_name(KC_STATE_RECV), "chan receive"));
	expect(!strcmp(kc_state_name(KC_STATE_SHUTDOWN), "shutdown"));
	expect(!strcmp(kc_state_name((kc_state)1000), "?"));
	expect(!strcmp(kc_state_name((kc_state)-1), "?"));
}

static void *thread(void *arg)
{
	uint64_t v;

	kc_set_goname("other");
	expect_int(kc_recv(arg, &v), 0);
	return NULL;
}

static void test_threads(void)
{
	kc_chan *c = make(8, 0);
	struct wanted w;

	start(thread, c);
	until(is_in("other", KC_STATE_RECV));
	w = look_for("other");
	expect_int(w.g.flags, KC_GOROUTINE_THREAD);
	expect_int(w.g.fd, kc_fd(c));
}

/* The callback may wake the goroutine, and wait until it continues. */
struct woken {
	kc_chan *c;
	atomic_bool went_on;
};

static void receive_once(void *arg)
{
	struct woken *woken = arg;
	uint64_t v;

	expect_int(kc_recv(woken->c, &v), 1);
	expect_int(v, 7);
	atomic_store(&woken->went_on, true);
}

static int wake_it(void *arg, const kc_goroutine *g)
{
	struct woken *woken = arg;
	uint64_t v = 7;

	if (g->state != KC_STATE_RECV)
		return 0;
	must_int(kc_try_send(woken->c, &v), 0);
	until(atomic_load(&woken->went_on));
	return 42;
}

static void test_woken(void)
{
	struct woken woken = { .c = make(8, 0) };

	must_int(kc_go(receive_once, &woken), 0);
	wait_receivers(woken.c, 1);
	/* A result of the callback that is not 0 ends the walk. */
	expect_int(kc_goroutines(wake_it, &woken), 42);
}

/* Goroutines that wait, continue, start and end all the time while they are visited. */
#define ROUNDS	2000

struct rush {
	kc_chan *there, *back;
	kc_waitgroup done;
	atomic_bool stop;
	atomic_ulong looks;
};

static void echo(void *arg)
{
	struct rush *rush = arg;
	uint64_t v;

	kc_for_each(rush->there, &v)
		expect_int(kc_send(rush->back, &v), 0);
	kc_waitgroup_done(&rush->done);
}

static int check(void *arg, const kc_goroutine *g)
{
	(void)arg;
	expect(g->state <= KC_STATE_SHUTDOWN);
	if (g->state == KC_STATE_RECV || g->state == KC_STATE_SEND)
		expect(g->nr_pcs >= 2);
	return 0;
}

static void watch(void *arg)
{
	struct rush *rush = arg;

	while (!atomic_load(&rush->stop)) {
		expect_int(kc_goroutines(check, NULL), 0);
		atomic_fetch_add(&rush->looks, 1);
	}
	kc_waitgroup_done(&rush->done);
}

static void nothing(void *arg)
{
	kc_waitgroup_done(arg);
}

static void test_rush(void)
{
	struct rush rush = { .there = make(8, 0), .back = make(8, 1) };
	const unsigned long rounds = tap_scale(ROUNDS);
	kc_waitgroup short_lived = KC_WAITGROUP_INIT;
	uint64_t v;

	kc_waitgroup_add(&rush.done, 4);
	for (int i = 0; i < 2; i++) {
		must_int(kc_go(echo, &rush), 0);
		must_int(kc_go(watch, &rush), 0);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		must_int(kc_send(rush.there, &i), 0);
		if (!(i % 16)) {
			kc_waitgroup_add(&short_lived, 1);
			must_int(kc_go(nothing, &short_lived), 0);
		}
		must_int(kc_recv(rush.back, &v), 1);
		expect_int(v, i);
	}
	until(atomic_load(&rush.looks) > 2);
	atomic_store(&rush.stop, true);
	must_int(kc_close(rush.there), 0);
	kc_waitgroup_wait(&rush.done);
	kc_waitgroup_wait(&short_lived);
}

static int count(void *arg, const kc_goroutine *g)
{
	unsigned int *nr = arg;

	(void)g;
	++*nr;
	return 0;
}

/* In a forked child there is one. */
static void test_fork(void)
{
	unsigned int nr = 0;
	pid_t pid;
	int status;

	go_named("sleeps", in_sleep);
	until(is_in("sleeps", KC_STATE_SLEEP));
	expect_int(kc_goroutines(count, &nr), 0);
	expect_int(nr, 2);
	pid = fork();
	if (!pid) {
		nr = 0;
		expect_int(kc_goroutines(count, &nr), 0);
		expect_int(nr, 1);
		expect_int(kc_num_goroutine(), 1);
		go_named("sleeps", in_sleep);
		until(is_in("sleeps", KC_STATE_SLEEP));
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
}

static void until_closed(void *arg)
{
	expect_int(kc_recv(arg, NULL), 0);
}

static void *count_in_thread(void *arg)
{
	/* It is known from this call on. */
	*(int *)arg = kc_num_goroutine();
	return NULL;
}

/* All goroutines, without the parked threads of the pool. */
static void test_number(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_chan *c = make(0, 0);
	int from, i, seen = 0;

	kc_shutdown();
	from = kc_num_goroutine();
	expect_int(from, 1);
	for (i = 1; i <= 20; i++) {
		must_int(kc_waitgroup_go(&wg, until_closed, c), 0);
		expect_int(kc_num_goroutine(), 1 + i);
	}
	join(start(count_in_thread, &seen));
	expect_int(seen, 22);
	expect_int(kc_num_goroutine(), 21);
	kc_close(c);
	kc_waitgroup_wait(&wg);
	until(kc_num_goroutine() == 1);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "each state, where, on what, and since when", test_states },
	{ "a semaphore", test_sem },
	{ "a once function that another one runs", test_once },
	{ "shutdown, of a thread that is no goroutine", test_shutdown },
	{ "names of states", test_names },
	{ "threads of others", test_threads },
	{ "who is told of can be woken, and goes on", test_woken },
	{ "seen while they come, wait, go on, and end", test_rush },
	{ "how many there are", test_number },
	{ "a forked child has one", test_fork },
};

TAP_MAIN(tests)
