// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the program that the library calls for unwanted elements, and that panic
 * or call kc_goexit(): nothing stays parked, armed or held.
 */
#include <stdlib.h>

#include "bubble.h"
#include "flow.h"
#include "output.h"
#include "seen.h"

static void panics(void *arg)
{
	kc_panic("destroying %s", (char *)arg);
}

static void ends(void *arg)
{
	(void)arg;
	kc_goexit();
}

/* A channel of a flight, and the function that drops its result. */
struct wanting {
	kc_flight flight;
	void (*destroy)(void *value);
	kc_chan *c;
	int way;
};

static kc_error *give_value(void *arg, void **value, void (**destroy)(void *value))
{
	const struct wanting *w = arg;

	*value = (void *)"a value";
	*destroy = w->destroy;
	return NULL;
}

static void ask(struct wanting *w, void (*destroy)(void *value))
{
	w->destroy = destroy;
	must_int(kc_flight_do_chan(&w->flight, "key", give_value, w, &w->c), 0);
}

/*
 * As ask(), and waits until the function's goroutine, which holds the value too, has
 * ended.
 */
static void ask_alone(struct wanting *w, void (*destroy)(void *value))
{
	const int before = kc_num_goroutine();

	ask(w, destroy);
	until(kc_len(w->c) == 1 && kc_num_goroutine() <= before);
}

/* The ways to receive and discard it. */
static const char *const ways[] = {
	"kc_recv()", "kc_recv_timeout()", "kc_select()", "kc_select_timeout()",
	"kc_recv_n()", "kc_recv_n_timeout()", "kc_recv_n_ctx()", "kc_select_ctx()",
};

static void discard(void *arg)
{
	const struct wanting *w = arg;
	kc_case one = kc_case_recv(w->c, NULL);
	kc_ctx *ctx;

	switch (w->way) {
	case 0:
		(void)!kc_recv(w->c, NULL);
		break;
	case 1:
		(void)!kc_recv_timeout(w->c, NULL, HOUR);
		break;
	case 2:
		(void)!kc_select(&one, 1);
		break;
	case 3:
		(void)!kc_select_timeout(&one, 1, HOUR);
		break;
	case 4:
		(void)!kc_recv_n(w->c, NULL, 3);
		break;
	case 5:
		(void)!kc_recv_n_timeout(w->c, NULL, 3, HOUR);
		break;
	default:
		must_int(kc_with_timeout(&ctx, NULL, HOUR), 0);
		kc_defer((void (*)(void *))(void *)kc_cancel_unref, ctx);
		if (w->way == 6)
			(void)!kc_recv_n_ctx(ctx, w->c, NULL, 3);
		else
			(void)!kc_select_ctx(ctx, &one, 1);
	}
	tap_fail(__FILE__, __LINE__, "came back");
}

/* Overwrites what is left on the stack, which is used again. */
static __attribute__((noinline)) void smash(void)
{
	volatile char room[16384];

	memset((void *)room, 0x41, sizeof(room));
}

static void look(void *arg)
{
	expect(is_in("discards", KC_STATE_RUNNING));
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
}

/*
 * Other goroutines see this one as running. A wait of the library would hide the
 * mistake.
 */
static void expect_running(void)
{
	bool looked = false;

	smash();
	must_int(kc_go(look, &looked), 0);
	until(__atomic_load_n(&looked, __ATOMIC_ACQUIRE));
}

static void discard_in(struct wanting *w)
{
	tap_about("%s", ways[w->way]);
	ask_alone(w, panics);
	expect_int(kc_protect(discard, w, NULL), 1);
	kc_unref(w->c);
}

static void test_discarded(void)
{
	struct wanting w = { .way = 0 };
	struct left before;

	kc_set_goname("discards");
	before = what_is_there();
	for (; w.way < (int)ARRAY_SIZE(ways); w.way++) {
		discard_in(&w);
		expect_running();
		expect_nothing_left(before);
	}
}

static void discard_for_good(void *arg)
{
	struct wanting *w = arg;

	ask_alone(w, ends);
	/* The deferred call drops the goroutine's own reference. */
	kc_defer((void (*)(void *))(void *)kc_unref, w->c);
	discard(w);
}

static void test_goexit(void)
{
	const struct left before = what_is_there();
	struct wanting w = { .way = 0 };

	for (; w.way < (int)ARRAY_SIZE(ways); w.way++) {
		tap_about("%s", ways[w.way]);
		must_int(kc_go(discard_for_good, &w), 0);
		expect_nothing_left(before);
	}
}

/* No alarm of the fake clock is left that would fire on another stack. */
static void discard_inside(void *arg)
{
	struct wanting *w = arg;

	for (w->way = 0; w->way < (int)ARRAY_SIZE(ways); w->way++) {
		discard_in(w);
		smash();
		kc_sleep(2 * HOUR);
	}
}

static void test_fake_clock(void)
{
	struct wanting w = { .way = 0 };

	must_int(kc_synctest(discard_inside, &w), 0);
}

static void drop_last(void *arg)
{
	kc_unref(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

/* The last reference goes, and the result is still in the channel. */
static void test_not_received(void)
{
	const struct left before = what_is_there();
	struct wanting w = { .way = 0 };

	ask_alone(&w, panics);
	expect_int(kc_protect(drop_last, w.c, NULL), 1);
	expect_nothing_left(before);

	ask_alone(&w, ends);
	must_int(kc_go(drop_last, w.c), 0);
	expect_nothing_left(before);
}

/* A select that waits to send to full channels. */
struct sender {
	kc_chan *full[2];
	kc_chan *done;
};

static void send_in_vain(void *arg)
{
	kc_flight_result r = KC_FLIGHT_RESULT_INIT;
	struct sender *s = arg;
	kc_case cases[] = {
		kc_case_send(s->full[0], &r),
		kc_case_recv(s->done, NULL),
		kc_case_send(s->full[1], &r),
	};

	(void)!kc_select(cases, 3);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void *select_in_vain(void *arg)
{
	expect_int(kc_protect(send_in_vain, arg, NULL), 1);
	return NULL;
}

/* Each call of the select is the last holder of its channel. */
static void test_last_calls(void)
{
	const struct left before = what_is_there();
	struct wanting w = { .way = 0 };
	struct sender s;
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		ask_alone(&w, panics);
		s.full[i] = w.c;
	}
	s.done = make(0, 0);
	thread = start(select_in_vain, &s);
	wait_receivers(s.done, 1);
	kc_unref(s.full[0]);
	kc_unref(s.full[1]);
	must_int(kc_close(s.done), 0);
	join(thread);
	kc_unref(s.done);
	expect_nothing_left(before);
}

/* For a pool of workers. */
static atomic_int jobs_dropped, results_dropped;

static void drop_job(void *arg, void *job)
{
	(void)job;
	atomic_fetch_add(&jobs_dropped, 1);
	((void (*)(void *))arg)((void *)"a job");
}

static void drop_result(void *arg, void *result)
{
	(void)result;
	atomic_fetch_add(&results_dropped, 1);
	((void (*)(void *))arg)((void *)"a result");
}

/* Sends three results, and then does not end by itself. */
static kc_error *work(void *arg, void *job, size_t len, kc_sink *sink)
{
	int i;

	(void)arg;
	(void)len;
	for (i = 0; i < 3; i++)
		must_int(kc_yield(sink, job), 0);
	(void)!kc_sleep_ctx(kc_sink_ctx(sink), HOUR);
	return NULL;
}

static void make_pool(kc_pool **pool, void (*leave)(void *what))
{
	kc_pool_options options = KC_POOL_OPTIONS_INIT;
	uint64_t job;

	options.workers = 1;
	options.fn = work;
	options.arg = (void *)leave;
	options.job_size = sizeof(job);
	options.result_size = sizeof(job);
	options.queue = 4;
	options.results = 4;
	options.drop_job = drop_job;
	options.drop_result = drop_result;
	must_int(kc_pool_make(pool, NULL, &options), 0);
	for (job = 0; job < 4; job++)
		must_int(kc_pool_submit(*pool, &job), 0);
	until(kc_len(kc_pool_results(*pool)) == 3);
	kc_pool_cancel(*pool, NULL);
	kc_error_unref(kc_pool_wait(*pool));
	atomic_store(&jobs_dropped, 0);
	atomic_store(&results_dropped, 0);
}

static void unref_pool(void *arg)
{
	kc_pool_unref(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void test_pool(void)
{
	const struct left before = what_is_there();
	kc_pool *pool;

	make_pool(&pool, panics);
	expect_int(kc_protect(unref_pool, pool, NULL), 1);
	expect_int(atomic_load(&jobs_dropped), 3);
	expect_int(atomic_load(&results_dropped), 3);
	expect_nothing_left(before);

	make_pool(&pool, ends);
	must_int(kc_go(unref_pool, pool), 0);
	must_int(kc_shutdown(), 0);
	expect_int(atomic_load(&jobs_dropped), 3);
	expect_int(atomic_load(&results_dropped), 3);
	expect_nothing_left(before);
}

static void exit_at_log(void *arg, const char *text)
{
	(void)text;
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_goexit();
}

static kc_error *give_nothing(void *arg, void **value, void (**destroy)(void *value))
{
	(void)arg;
	(void)value;
	(void)destroy;
	return NULL;
}

static void *ask_first(void *arg)
{
	struct wanting *w = arg;

	ask(w, panics);
	tap_fail(__FILE__, __LINE__, "came back");
	return NULL;
}

/* The first call of the process: the logger that it calls does not return. */
static int call_first(void)
{
	struct wanting w = { .way = 0 };
	atomic_int logged = 0;
	kc_flight_result r;

	setenv("KCHANDEBUG", "nonsense", 1);
	kc_set_logger(exit_at_log, &logged);
	join(start(ask_first, &w));
	expect_int(atomic_load(&logged), 1);
	must_int(kc_flight_do(&w.flight, "other", give_nothing, NULL, &r), 0);
	kc_flight_result_clear(&r);
	return 7;
}

static void test_first_call(void)
{
	static struct output seen;

	run_apart(&seen, call_first);
	expect_int(seen.status, 7);
}

static const struct tap_test tests[] = {
	{ "a result that is discarded", test_discarded },
	{ "a goroutine that ends so", test_goexit },
	{ "a result that is discarded, with the fake clock", test_fake_clock },
	{ "a result that nobody receives", test_not_received },
	{ "a select whose calls are the last ones", test_last_calls },
	{ "what is left in a pool of workers", test_pool },
	{ "the logger, at the first call of a flight", test_first_call },
};

TAP_MAIN(tests)
