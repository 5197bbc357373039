// SPDX-License-Identifier: GPL-2.0-only
/*
 * Panics that are recovered. Needs no channel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "trail.h"

static void returns(void *arg)
{
	mark(arg);
}

static void panics(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("a");
	defer_mark("b");
	kc_panic("number %d, %s", 7, (char *)arg);
}

static void test_protect(void)
{
	kc_panic_info info;

	expect_int(kc_protect(returns, (void *)"r", &info), 0);
	expect_trail("r");
	must_int(kc_protect(panics, (void *)"x", &info), 1);
	expect_trail("ba");
	expect(!strcmp(info.text, "number 7, x"));
	expect(!info.value);
	expect_int(info.goid, kc_goid());
	kc_panic_info_clear(&info);
	kc_panic_info_clear(&info);
	expect(!strcmp(info.text, ""));
	expect_int(kc_protect(panics, (void *)"x", NULL), 1);
	expect_trail("ba");
	expect_int(sizeof(kc_panic_info), 64);
}

static void protects(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("1");
	expect_int(kc_protect(panics, arg, NULL), 1);
	mark((void *)"2");
	kc_panic("outer");
}

/* Each panic ends in the nearest kc_protect(). */
static void test_protect_nested(void)
{
	kc_panic_info info;

	must_int(kc_protect(protects, NULL, &info), 1);
	expect(!strcmp(info.text, "outer"));
	kc_panic_info_clear(&info);
	expect_trail("ba21");
}

static void recovers(void *arg)
{
	kc_panic_info info;

	if (kc_recover(&info)) {
		mark(arg);
		mark((void *)info.text);
		kc_panic_info_clear(&info);
	} else {
		mark((void *)"none");
	}
	/* A second kc_recover() finds nothing. */
	expect_int(kc_recover(NULL), 0);
}

static void panics_recovered(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("c");
	kc_defer(recovers, (void *)"got ");
	defer_mark("d");
	if (arg)
		kc_panic("%s", (char *)arg);
}

static void test_recover(void)
{
	expect_int(kc_recover(NULL), 0);
	expect_int(kc_protect(panics_recovered, (void *)"it", NULL), 0);
	expect_trail("dgot itc");
	/* There is no panic, also not at the end of a scope. */
	expect_int(kc_protect(panics_recovered, NULL, NULL), 0);
	expect_trail("dnonec");
}

static void recovers_inside(void *arg)
{
	(void)arg;
	recovers((void *)"inside ");
}

static void recovers_in_protect(void *arg)
{
	expect_int(kc_protect(recovers_inside, arg, NULL), 0);
	{
		KC_DEFER_SCOPE;

		kc_defer(recovers, (void *)"in a scope ");
	}
	mark((void *)",");
}

static void panics_not_recovered(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	kc_defer(recovers_in_protect, NULL);
	kc_panic("still");
}

/* Only the deferred call itself recovers, not a kc_protect() inside of it. */
static void test_recover_inside(void)
{
	kc_panic_info info;

	must_int(kc_protect(panics_not_recovered, NULL, &info), 1);
	expect(!strcmp(info.text, "still"));
	kc_panic_info_clear(&info);
	expect_trail("nonenone,");
}

static void panics_again(void *arg)
{
	kc_panic("%s", (char *)arg);
}

static void panics_twice(void *arg)
{
	KC_DEFER_SCOPE;

	if (arg)
		kc_defer(recovers, arg);
	defer_mark("e");
	kc_defer(panics_again, (void *)"second");
	kc_panic("first");
}

/* A panic in a deferred call replaces the first one. */
static void test_panic_in_deferred(void)
{
	kc_panic_info info;

	must_int(kc_protect(panics_twice, NULL, &info), 1);
	expect(!strcmp(info.text, "second"));
	kc_panic_info_clear(&info);
	expect_trail("e");
	expect_int(kc_protect(panics_twice, (void *)"got ", NULL), 0);
	expect_trail("egot second");
}

static void protects_deferred(void *arg)
{
	expect_int(kc_protect(panics, arg, NULL), 1);
	recovers((void *)"after ");
}

static void panics_protected_deferred(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(protects_deferred, arg);
	kc_panic("outer");
}

/* A panic that ends inside of a deferred call does not affect the first one. */
static void test_protect_in_deferred(void)
{
	expect_int(kc_protect(panics_protected_deferred, NULL, NULL), 0);
	expect_trail("baafter outer");
}

static int destroyed;

static void destroy(void *value)
{
	destroyed++;
	free(value);
}

static void panics_value(void *arg)
{
	kc_panic_value(strdup(arg), destroy, "a text");
}

static void panics_again_with(void *arg)
{
	kc_panic_again(arg);
}

static void panics_pointer(void *arg)
{
	kc_panic_value(arg, NULL, NULL);
}

static void test_value(void)
{
	kc_panic_info info, copy, again;
	char pointer[40], text[40];

	must_int(kc_protect(panics_value, (void *)"value", &info), 1);
	expect(!strcmp(info.value, "value"));
	expect(!strcmp(info.text, "a text"));
	kc_panic_info_copy(&copy, &info);
	must_int(kc_protect(panics_again_with, &info, &again), 1);
	kc_panic_info_clear(&info);
	kc_panic_info_clear(&copy);
	expect_int(destroyed, 0);
	expect(!strcmp(again.value, "value"));
	kc_panic_info_clear(&again);
	expect_int(destroyed, 1);
	expect_int(kc_protect(panics_value, (void *)"", NULL), 1);
	expect_int(destroyed, 2);

	must_int(kc_protect(panics_pointer, pointer, &info), 1);
	expect(info.value == pointer);
	snprintf(text, sizeof(text), "%p", (void *)pointer);
	expect(!strcmp(info.text, text));
	kc_panic_info_clear(&info);
	must_int(kc_protect(panics_again_with, &info, &info), 1);
	expect(strstr(info.text, "no panic"));
	kc_panic_info_clear(&info);
}

static atomic_int others;

static void *protect_thread(void *arg)
{
	unsigned long i, rounds = tap_scale(200);
	kc_panic_info info;

	for (i = 0; i < rounds; i++) {
		if (!kc_protect(panics_again, arg, &info))
			continue;
		if (!strcmp(info.text, arg) && info.goid == kc_goid())
			atomic_fetch_add(&others, 1);
		kc_panic_info_clear(&info);
	}
	return NULL;
}

static void protect_goroutine(void *arg)
{
	protect_thread(arg);
}

/* In threads of all kinds, at the same time. */
static void test_threads(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	pthread_t threads[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = start(protect_thread, (void *)"thread");
		must_int(kc_waitgroup_go(&wg, protect_goroutine,
					 (void *)"goroutine"), 0);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	kc_waitgroup_wait(&wg);
	expect_int(atomic_load(&others), 6 * tap_scale(200));
}

static void recovered_goroutine(void *arg)
{
	KC_DEFER_SCOPE;

	(void)arg;
	kc_defer(recovers, (void *)"goroutine ");
	kc_panic("alone");
}

/* A goroutine that recovers ends normally, and its waiters continue. */
static void test_goroutine(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	must_int(kc_waitgroup_go(&wg, recovered_goroutine, NULL), 0);
	kc_waitgroup_wait(&wg);
	expect_trail("goroutine alone");
}

static void test_report(void)
{
	kc_panic_info info;
	char *report;

	must_int(kc_protect(panics, (void *)"told", &info), 1);
	report = kc_panic_report(&info);
	must(report);
	if (!expect(!strncmp(report, "panic: number 7, told\n\ngoroutine 1 ["
			     "running]:\npanics\n\t", 54)) ||
	    !expect(strstr(report, "panic.c:")) ||
	    !expect(strstr(report, "\ntest_report\n\t")) ||
	    !expect(report[strlen(report) - 1] != '\n'))
		tap_note("%s", report);
	free(report);
	kc_panic_info_clear(&info);
	expect(!kc_panic_report(&info));
}

static const struct tap_test tests[] = {
	{ "kc_protect() stops a panic", test_protect },
	{ "one in another", test_protect_nested },
	{ "kc_recover() in a deferred call", test_recover },
	{ "but not further inside", test_recover_inside },
	{ "a panic in a deferred call", test_panic_in_deferred },
	{ "a panic that is stopped in a deferred call", test_protect_in_deferred },
	{ "values, their destructors, and panics again", test_value },
	{ "in many threads at a time", test_threads },
	{ "a goroutine that recovers", test_goroutine },
	{ "the report of one", test_report },
};

TAP_MAIN(tests)
