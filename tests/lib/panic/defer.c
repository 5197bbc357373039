// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred calls. Needs no channel.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"
#include "trail.h"

static int returns(int n)
{
	KC_DEFER_SCOPE;

	defer_mark("a");
	if (n == 1)
		return n;
	defer_mark("b");
	if (n == 2)
		return n;
	defer_mark("c");
	mark((void *)"-");
	return n;
}

static void test_scope(void)
{
	expect_int(returns(1), 1);
	expect_trail("a");
	expect_int(returns(2), 2);
	expect_trail("ba");
	expect_int(returns(3), 3);
	expect_trail("-cba");
}

static void test_blocks(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		KC_DEFER_SCOPE;

		defer_mark("e");
		if (i == 1)
			continue;
		if (i == 3)
			break;
		defer_mark("d");
	}
	expect_trail("deedee");
	{
		KC_DEFER_SCOPE;

		defer_mark("1");
		{
			KC_DEFER_SCOPE;

			defer_mark("2");
			returns(2);
			if (i == 3)
				goto out;
		}
		mark((void *)"not here");
	}
out:
	expect_trail("ba21");
}

static void defer_more(void *arg)
{
	mark(arg);
	defer_mark("n");
}

static void defer_scoped(void *arg)
{
	KC_DEFER_SCOPE;

	defer_mark("s");
	mark(arg);
}

/* A deferred call that defers another one. */
static void test_nested(void)
{
	{
		KC_DEFER_SCOPE;

		defer_mark("a");
		kc_defer(defer_more, (void *)"b");
		kc_defer(defer_scoped, (void *)"c");
	}
	expect_trail("csbna");
}

static int last, disorder;

static void count_down(void *arg)
{
	int number = *(int *)arg;

	if (number != last - 1)
		disorder++;
	last = number;
}

static void test_many(void)
{
	static int numbers[10000];
	int i;

	last = ARRAY_SIZE(numbers);
	{
		KC_DEFER_SCOPE;

		for (i = 0; i < (int)ARRAY_SIZE(numbers); i++) {
			numbers[i] = i;
			kc_defer(count_down, &numbers[i]);
		}
		expect_int(last, ARRAY_SIZE(numbers));
	}
	expect_int(last, 0);
	expect_int(disorder, 0);
}

static void scopeless(void *arg)
{
	defer_mark("z");
	mark(arg);
	returns(1);
}

/* Without a scope: at the end of a kc_protect(), and of the goroutine. */
static void test_no_scope(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	expect_int(kc_protect(scopeless, (void *)"y", NULL), 0);
	expect_trail("yaz");
	must_int(kc_waitgroup_go(&wg, scopeless, (void *)"x"), 0);
	kc_waitgroup_wait(&wg);
	expect_trail("xaz");
}

static void *scopeless_thread(void *arg)
{
	scopeless(arg);
	return NULL;
}

/* In a thread of the program, its end runs nothing. */
static void test_other_thread(void)
{
	join(start(scopeless_thread, (void *)"w"));
	expect_trail("wa");
}

static unsigned long deferred, undone;

static void undo(void *arg)
{
	(void)arg;
	undone++;
}

static void defer_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		deferred++;
		kc_defer(undo, NULL);
	}
}

/* If there is no memory, the call runs at once. */
static void test_no_memory(void)
{
	const struct rlimit some = { 256 << 20, 256 << 20 };
	kc_panic_info info;

	if (SANITIZED)
		tap_skip("the sanitizer needs address space");
	must_int(setrlimit(RLIMIT_AS, &some), 0);
	must_int(kc_protect(defer_for_ever, NULL, &info), 1);
	expect(strstr(info.text, "out of memory"));
	kc_panic_info_clear(&info);
	expect(deferred > 1000);
	expect_int(undone, deferred);
}

static const struct tap_test tests[] = {
	{ "a scope ends by any return", test_scope },
	{ "scopes are blocks, one in another", test_blocks },
	{ "a deferred call defers", test_nested },
	{ "ten thousand of them", test_many },
	{ "without a scope, the goroutine is one", test_no_scope },
	{ "without a scope, in another thread", test_other_thread },
	{ "without memory they run at once", test_no_memory },
};

TAP_MAIN(tests)
