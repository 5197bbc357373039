// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that several goroutines share.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "death.h"
#include "task.h"

static void test_size(void)
{
	/* Part of the ABI. */
	expect_int(sizeof(kc_flight), 32);
	expect_int(sizeof(kc_flight_result), 64);
}

/* The source of the values. Counts its calls, and the values that are left. */
struct source {
	kc_flight flight;
	kc_chan *hold;		/* a call continues when it is closed */
	atomic_int calls;
	atomic_int left;	/* values that have not been dropped */
	int code;
};

struct value {
	struct source *source;
	int number;
};

static void drop_value(void *data)
{
	struct value *value = data;

	atomic_fetch_sub(&value->source->left, 1);
	free(value);
}

static kc_error *look_up(void *arg, void **out, void (**destroy)(void *value))
{
	struct source *source = arg;
	struct value *value = malloc(sizeof(*value));

	must(value);
	value->source = source;
	value->number = atomic_fetch_add(&source->calls, 1);
	atomic_fetch_add(&source->left, 1);
	if (source->hold)
		expect_int(kc_recv(source->hold, NULL), 0);
	*out = value;
	*destroy = drop_value;
	return source->code ? kc_error_new(source->code, "no such thing") : NULL;
}

static int number_of(const kc_flight_result *r)
{
	return r->value ? ((struct value *)r->value)->number : -1;
}

static void test_alone(void)
{
	struct source source = { .code = 0 };
	kc_flight_result r;
	int i;

	for (i = 0; i < 3; i++) {
		must_int(kc_flight_do(&source.flight, "key", look_up, &source,
				      &r), 0);
		expect_int(number_of(&r), i);
		expect(!r.error);
		expect_int(r.shared, 0);
		expect_int(atomic_load(&source.left), 1);
		kc_flight_result_clear(&r);
		expect_int(atomic_load(&source.left), 0);
		kc_flight_result_clear(&r);
		/* Nothing is kept. */
		expect(!source.flight.calls);
	}
}

static void test_error(void)
{
	struct source source = { .code = -ENOENT };
	kc_flight_result r;

	must_int(kc_flight_do(&source.flight, "key", look_up, &source, &r), 0);
	expect_int(kc_error_code(r.error), -ENOENT);
	expect_int(number_of(&r), 0);
	kc_flight_result_clear(&r);
	expect(!r.error);
	expect_int(atomic_load(&source.left), 0);
}

static kc_error *nothing(void *arg, void **out, void (**destroy)(void *value))
{
	(void)arg;
	expect(!*out && !*destroy);
	return NULL;
}

static void test_no_value(void)
{
	kc_flight flight = KC_FLIGHT_INIT;
	kc_flight_result r;

	must_int(kc_flight_do(&flight, "", nothing, NULL, &r), 0);
	expect(!r.value && !r.destroy && !r.error);
	kc_flight_result_clear(&r);
}

/* A goroutine that asks. */
struct asker {
	struct source *source;
	const char *key;
	kc_flight_result r;
	int ret;
	pthread_t thread;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	a->ret = kc_flight_do(&a->source->flight, a->key, look_up, a->source,
			      &a->r);
	return NULL;
}

static void start_asking(struct asker *asker, struct source *source,
			 const char *key)
{
	asker->source = source;
	asker->key = key;
	asker->thread = start(ask, asker);
}

static void test_shared(void)
{
	struct source source = { .hold = make(0, 0) };
	struct asker askers[8];
	size_t i;

	start_asking(&askers[0], &source, "key");
	until(atomic_load(&source.calls) == 1);
	for (i = 1; i < ARRAY_SIZE(askers); i++)
		start_asking(&askers[i], &source, "key");
	wait_others_asleep();
	expect_int(atomic_load(&source.calls), 1);
	kc_close(source.hold);
	for (i = 0; i < ARRAY_SIZE(askers); i++) {
		join(askers[i].thread);
		must_int(askers[i].ret, 0);
		expect_int(number_of(&askers[i].r), 0);
		expect_int(askers[i].r.shared, 1);
	}
	for (i = 0; i < ARRAY_SIZE(askers); i++) {
		expect_int(atomic_load(&source.left), 1);
		kc_flight_result_clear(&askers[i].r);
	}
	expect_int(atomic_load(&source.left), 0);
	kc_unref(source.hold);
}

static void test_keys(void)
{
	struct source source = { .hold = make(0, 0) };
	static const char *const keys[] = { "a", "b", "", "ab" };
	struct asker askers[ARRAY_SIZE(keys)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		start_asking(&askers[i], &source, keys[i]);
	until(atomic_load(&source.calls) == (int)ARRAY_SIZE(keys));
	kc_close(source.hold);
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		join(askers[i].thread);
		expect_int(askers[i].r.shared, 0);
		kc_flight_result_clear(&askers[i].r);
	}
	expect_int(atomic_load(&source.left), 0);
	kc_unref(source.hold);
}

static void test_forget(void)
{
	struct source source = { .hold = make(0, 0) };
	struct asker first, second, third;

	start_asking(&first, &source, "key");
	until(atomic_load(&source.calls) == 1);
	kc_flight_forget(&source.flight, "other");
	kc_flight_forget(&source.flight, "key");
	start_asking(&second, &source, "key");
	until(atomic_load(&source.calls) == 2);
	/* It joins the call that is known now, also after the first call has ended. */
	start_asking(&third, &source, "key");
	wait_others_asleep();
	expect_int(atomic_load(&source.calls), 2);
	kc_close(source.hold);
	join(first.thread);
	join(second.thread);
	join(third.thread);
	expect_int(number_of(&first.r), 0);
	expect_int(number_of(&second.r), 1);
	expect_int(number_of(&third.r), 1);
	expect_int(first.r.shared, 0);
	expect_int(second.r.shared, 1);
	kc_flight_result_clear(&first.r);
	kc_flight_result_clear(&second.r);
	kc_flight_result_clear(&third.r);
	expect_int(atomic_load(&source.left), 0);
	expect(!source.flight.calls);
	kc_unref(source.hold);
}

static void receive(kc_chan *c, int number, unsigned int shared)
{
	kc_flight_result r;

	must_int(kc_recv(c, &r), 1);
	expect_int(number_of(&r), number);
	expect_int(r.shared, shared);
	kc_flight_result_clear(&r);
	/* The channel is never closed. */
	expect_int(kc_try_recv(c, &r), -EAGAIN);
	kc_unref(c);
}

static void test_channel(void)
{
	struct source source = { .hold = make(0, 0) };
	kc_chan *first, *second;
	struct asker asker;

	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &first), 0);
	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &second), 0);
	start_asking(&asker, &source, "key");
	wait_others_asleep();
	kc_close(source.hold);
	receive(first, 0, 1);
	receive(second, 0, 1);
	join(asker.thread);
	expect_int(asker.r.shared, 1);
	expect_int(atomic_load(&source.calls), 1);
	kc_flight_result_clear(&asker.r);

	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &first), 0);
	receive(first, 1, 0);
	kc_shutdown();
	expect_int(atomic_load(&source.left), 0);
	kc_unref(source.hold);
}

/* A result that nobody receives is dropped: before it is sent, and after. */
static void test_channel_dropped(void)
{
	struct source source = { .hold = make(0, 0) };
	kc_chan *early, *late, *end;

	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &early), 0);
	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &late), 0);
	kc_unref(early);
	kc_close(source.hold);
	until(kc_len(late) == 1);
	/* Another handle could still receive it. */
	must_int(kc_recv_only(&end, late), 0);
	kc_unref(late);
	kc_shutdown();
	expect_int(atomic_load(&source.left), 1);
	kc_unref(end);
	expect_int(atomic_load(&source.left), 0);
	kc_unref(source.hold);
}

/* A result that is received and discarded is dropped, too. */
static void test_channel_discarded(void)
{
	struct source source = { .hold = make(0, 0) };
	kc_chan *called, *selected;
	kc_case one;

	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &called), 0);
	must_int(kc_flight_do_chan(&source.flight, "key", look_up, &source,
				   &selected), 0);
	kc_close(source.hold);
	expect_int(kc_recv(called, NULL), 1);
	one = kc_case_recv(selected, NULL);
	expect_int(kc_select(&one, 1), 0);
	expect(one.ok);
	kc_shutdown();
	expect_int(atomic_load(&source.left), 0);
	kc_unref(called);
	kc_unref(selected);
	kc_unref(source.hold);
}

static void drop_and_panic(void *value)
{
	(void)value;
	kc_panic("dropped");
}

static kc_error *look_up_bad(void *arg, void **out, void (**destroy)(void *value))
{
	*out = arg;
	*destroy = drop_and_panic;
	return NULL;
}

static void discard_by_call(void *arg)
{
	expect_int(kc_recv(arg, NULL), 1);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void discard_by_select(void *arg)
{
	kc_case one = kc_case_recv(arg, NULL);

	expect_int(kc_select(&one, 1), 0);
	tap_fail(__FILE__, __LINE__, "came back");
}

/* Dropping it may panic. By then the call has ended and does not hold the channel. */
static void test_discard_panics(void)
{
	void (*const discards[])(void *arg) = { discard_by_call, discard_by_select };
	kc_flight flight = KC_FLIGHT_INIT;
	size_t i;
	kc_chan *c;
	int fd;

	for (i = 0; i < ARRAY_SIZE(discards); i++) {
		tap_about("way %zu", i);
		must_int(kc_flight_do_chan(&flight, "key", look_up_bad, &flight, &c), 0);
		/* The function's goroutine drops its reference before. */
		expect_int(kc_shutdown(), 0);
		expect_int(kc_protect(discards[i], c, NULL), 1);
		fd = kc_fd(c);
		kc_unref(c);
		expect_int(fcntl(fd, F_GETFD), -1);
	}
}

/* Panics, or calls kc_goexit(), when it may continue. */
struct bad {
	kc_flight flight;
	kc_chan *hold;
	atomic_int calls;
	bool goexit;
};

static kc_error *be_bad(void *arg, void **out, void (**destroy)(void *value))
{
	struct bad *bad = arg;

	(void)out;
	(void)destroy;
	atomic_fetch_add(&bad->calls, 1);
	if (bad->hold)
		expect_int(kc_recv(bad->hold, NULL), 0);
	if (bad->goexit)
		kc_goexit();
	kc_panic("cannot look up");
}

static void ask_badly(void *arg)
{
	struct bad *bad = arg;
	kc_flight_result r;

	must_int(kc_flight_do(&bad->flight, "key", be_bad, bad, &r), 0);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void *expect_raised(void *arg)
{
	kc_panic_info info;
	char *report;

	must_int(kc_protect(ask_badly, arg, &info), 1);
	expect(!strcmp(info.text, "cannot look up"));
	report = kc_panic_report(&info);
	expect(report && strstr(report, "be_bad"));
	free(report);
	kc_panic_info_clear(&info);
	return NULL;
}

static void test_panic(void)
{
	struct bad bad = { .hold = make(0, 0) };
	pthread_t threads[4];
	size_t i;

	threads[0] = start(expect_raised, &bad);
	until(atomic_load(&bad.calls) == 1);
	for (i = 1; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(expect_raised, &bad);
	wait_others_asleep();
	kc_close(bad.hold);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	expect_int(atomic_load(&bad.calls), 1);
	expect(!bad.flight.calls);
	kc_unref(bad.hold);
}

static void ask_in_main(void *arg)
{
	struct bad bad = { .goexit = false };

	(void)arg;
	ask_badly(&bad);
}

static void ask_on_channel(void *arg)
{
	struct bad bad = { .goexit = false };
	kc_flight_result r;
	kc_chan *c;

	(void)arg;
	must_int(kc_flight_do_chan(&bad.flight, "key", be_bad, &bad, &c), 0);
	must_int(kc_recv(c, &r), 1);
}

/* Also if the goroutine that runs the function could recover the panic. */
static void recover_with_listener(void *arg)
{
	struct bad bad = { .hold = make(0, 0) };
	kc_flight_result r;
	kc_chan *c;

	(void)arg;
	start(expect_raised, &bad);
	until(atomic_load(&bad.calls) == 1);
	must_int(kc_flight_do_chan(&bad.flight, "key", be_bad, &bad, &c), 0);
	kc_close(bad.hold);
	must_int(kc_recv(c, &r), 1);
}

static void test_fatal(void)
{
	const char *const said[] = { "panic: cannot look up\n", "be_bad", NULL };

	tap_about("in a thread that does not recover it");
	expect_abort(ask_in_main, NULL, said);
	tap_about("with a channel");
	expect_abort(ask_on_channel, NULL, said);
	tap_about("with somebody else's channel");
	expect_abort(recover_with_listener, NULL, said);
}

static void ask_in_goroutine(void *arg)
{
	ask_badly(arg);
}

static void test_goexit(void)
{
	struct bad bad = { .hold = make(0, 0), .goexit = true };
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_flight_result r;
	kc_chan *c;
	int i;

	must_int(kc_waitgroup_go(&wg, ask_in_goroutine, &bad), 0);
	until(atomic_load(&bad.calls) == 1);
	for (i = 0; i < 3; i++)
		must_int(kc_waitgroup_go(&wg, ask_in_goroutine, &bad), 0);
	must_int(kc_flight_do_chan(&bad.flight, "key", be_bad, &bad, &c), 0);
	wait_others_asleep();
	kc_close(bad.hold);
	kc_waitgroup_wait(&wg);
	expect_int(atomic_load(&bad.calls), 1);
	expect_int(kc_recv_timeout(c, &r, 20 * KC_MILLISECOND), -ETIMEDOUT);
	kc_unref(c);
	expect(!bad.flight.calls);

	/* It runs in a goroutine of its own. */
	must_int(kc_flight_do_chan(&bad.flight, "key", be_bad, &bad, &c), 0);
	kc_shutdown();
	expect_int(atomic_load(&bad.calls), 2);
	expect_int(kc_try_recv(c, &r), -EAGAIN);
	kc_unref(c);
	kc_unref(bad.hold);
}

static void recover(void *arg)
{
	(void)arg;
	expect_int(kc_recover(NULL), 1);
}

static kc_error *recovers(void *arg, void **out, void (**destroy)(void *value))
{
	(void)destroy;
	kc_defer(recover, NULL);
	*out = arg;
	kc_panic("never mind");
}

/* For the others, the function has returned normally then. */
static void test_recovered(void)
{
	kc_flight flight = KC_FLIGHT_INIT;
	kc_flight_result r;

	must_int(kc_flight_do(&flight, "key", recovers, &flight, &r), 0);
	expect(r.value == &flight && !r.error);
	kc_flight_result_clear(&r);
}

/* Many keys and many callers: every value is dropped, and two calls never share one. */
struct stress {
	struct source source;
	unsigned int rounds;
	atomic_int shared;
};

static void *stress_thread(void *arg)
{
	struct stress *stress = arg;
	kc_flight_result r;
	unsigned int i;
	char key[20];
	kc_chan *c;

	for (i = 0; i < stress->rounds; i++) {
		snprintf(key, sizeof(key), "%u", i % 7);
		if (i % 5 == 4) {
			must_int(kc_flight_do_chan(&stress->source.flight, key,
						   look_up, &stress->source,
						   &c), 0);
			if (i % 2 && kc_recv(c, &r) == 1)
				kc_flight_result_clear(&r);
			kc_unref(c);
			continue;
		}
		if (i % 11 == 10)
			kc_flight_forget(&stress->source.flight, key);
		must_int(kc_flight_do(&stress->source.flight, key, look_up,
				      &stress->source, &r), 0);
		must(number_of(&r) >= 0);
		atomic_fetch_add(&stress->shared, r.shared);
		kc_flight_result_clear(&r);
	}
	return NULL;
}

static void test_stress(void)
{
	struct stress stress = { .rounds = tap_scale(500) };
	pthread_t threads[6];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(stress_thread, &stress);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	kc_shutdown();
	expect_int(atomic_load(&stress.source.left), 0);
	expect(!stress.source.flight.calls);
	tap_note("%d calls, %d shared", atomic_load(&stress.source.calls),
		 atomic_load(&stress.shared));
}

static const struct tap_test tests[] = {
	{ "the sizes are fixed", test_size },
	{ "each call by itself runs the function", test_alone },
	{ "an error, and a value with it", test_error },
	{ "neither value nor error", test_no_value },
	{ "who asks meanwhile gets the same", test_shared },
	{ "not for another key", test_keys },
	{ "a key that was forgotten is another one", test_forget },
	{ "results on channels, which are not closed", test_channel },
	{ "results that nobody receives are dropped", test_channel_dropped },
	{ "results that are discarded are dropped", test_channel_discarded },
	{ "what drops a discarded result may panic", test_discard_panics },
	{ "a panic is raised in all who wait", test_panic },
	{ "a panic that nobody may recover", test_fatal },
	{ "goexit ends all who wait", test_goexit },
	{ "a panic that the function recovers", test_recovered },
	{ "many at a time", test_stress },
};

TAP_MAIN(tests)
