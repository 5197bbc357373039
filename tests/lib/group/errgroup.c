// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of goroutines with one error.
 */
#include <stdlib.h>

#include "common.h"
#include "death.h"
#include "task.h"

static void test_size(void)
{
	/* Part of the ABI. */
	expect_int(sizeof(kc_group), 168);
}

static kc_error *succeed(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	return NULL;
}

static void test_no_error(void)
{
	kc_group g;
	atomic_int count = 0;
	int i;

	memset(&g, 0, sizeof(g));
	expect(!kc_group_wait(&g));
	for (i = 0; i < 20; i++)
		must_int(kc_group_go(&g, succeed, &count), 0);
	expect(!kc_group_wait(&g));
	expect_int(atomic_load(&count), 20);
}

/* A member that waits, and then returns an error with this code, unless it is 0. */
struct member {
	kc_chan *wait_for;
	int code;
};

static kc_error *wait_and_fail(void *arg)
{
	struct member *member = arg;

	if (member->wait_for)
		expect_int(kc_recv(member->wait_for, NULL), 0);
	return member->code ? kc_error_new(member->code, "failed") : NULL;
}

static void expect_error(kc_error *err, int code)
{
	expect_int(kc_error_code(err), code);
	kc_error_unref(err);
}

static void wait_done(kc_ctx *ctx)
{
	kc_case done = kc_case_done(ctx);

	must_int(kc_select(&done, 1), 0);
}

static void test_first_error(void)
{
	kc_chan *hold = make(0, 0);
	struct member first = { NULL, -EIO }, later = { hold, -ENOSPC };
	struct member again = { NULL, -EPERM };
	kc_group g = KC_GROUP_INIT;
	kc_error *err;
	kc_ctx *ctx;
	int i;

	must_int(kc_group_with_context(&g, &ctx, NULL), 0);
	for (i = 0; i < 5; i++)
		must_int(kc_group_go(&g, wait_and_fail, &later), 0);
	must_int(kc_group_go(&g, wait_and_fail, &first), 0);
	/* The error cancels the context, while other members run. */
	wait_done(ctx);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_error_code(kc_ctx_cause(ctx)), -EIO);
	kc_close(hold);
	err = kc_group_wait(&g);
	expect(err == kc_ctx_cause(ctx));
	expect_error(err, -EIO);
	kc_ctx_unref(ctx);

	/* The group is as new. */
	expect(!kc_group_wait(&g));
	must_int(kc_group_go(&g, wait_and_fail, &again), 0);
	expect_error(kc_group_wait(&g), -EPERM);
	kc_unref(hold);
}

/* Without a context, other members do not learn of the error before the wait. */
static void test_without_context(void)
{
	kc_chan *hold = make(0, 0);
	struct member first = { NULL, -EIO }, later = { hold, 0 };
	kc_group g = KC_GROUP_INIT;

	must_int(kc_group_go(&g, wait_and_fail, &later), 0);
	must_int(kc_group_go(&g, wait_and_fail, &first), 0);
	sleep_ms(20);
	kc_close(hold);
	expect_error(kc_group_wait(&g), -EIO);
	kc_unref(hold);
}

static void test_cancelled_by_wait(void)
{
	kc_group g = KC_GROUP_INIT;
	atomic_int count = 0;
	kc_ctx *ctx, *parent;

	must_int(kc_with_cancel(&parent, NULL), 0);
	must_int(kc_group_with_context(&g, &ctx, parent), 0);
	must_int(kc_group_go(&g, succeed, &count), 0);
	expect(!kc_group_wait(&g));
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_ctx_err(parent), 0);
	kc_ctx_unref(ctx);

	must_int(kc_group_with_context(&g, &ctx, parent), 0);
	expect_int(kc_ctx_err(ctx), 0);
	kc_cancel(parent);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect(!kc_group_wait(&g));
	kc_ctx_unref(ctx);
	kc_ctx_unref(parent);
}

struct crowd {
	atomic_int now, most, all;
};

static kc_error *be_there(void *arg)
{
	struct crowd *crowd = arg;
	int now = atomic_fetch_add(&crowd->now, 1) + 1;
	int most = atomic_load(&crowd->most);

	while (now > most &&
	       !atomic_compare_exchange_weak(&crowd->most, &most, now))
		;
	atomic_fetch_add(&crowd->all, 1);
	sleep_ms(1);
	atomic_fetch_sub(&crowd->now, 1);
	return NULL;
}

static void test_limit(void)
{
	const int rounds = tap_scale(100);
	struct crowd crowd = { 0, 0, 0 };
	kc_group g = KC_GROUP_INIT;
	int i;

	kc_group_set_limit(&g, 3);
	for (i = 0; i < rounds; i++)
		must_int(kc_group_go(&g, be_there, &crowd), 0);
	expect(!kc_group_wait(&g));
	expect_int(atomic_load(&crowd.all), rounds);
	expect(atomic_load(&crowd.most) <= 3);
	/* The limit stays until it is removed. */
	kc_group_set_limit(&g, 0);
	expect_int(kc_group_try_go(&g, be_there, &crowd), -EBUSY);
	kc_group_set_limit(&g, -1);
	must_int(kc_group_try_go(&g, be_there, &crowd), 0);
	expect(!kc_group_wait(&g));
	expect_int(atomic_load(&crowd.all), rounds + 1);
}

struct starter {
	kc_group *g;
	struct member *member;
	atomic_bool started;
};

static void *start_one(void *arg)
{
	struct starter *starter = arg;

	must_int(kc_group_go(starter->g, wait_and_fail, starter->member), 0);
	atomic_store(&starter->started, true);
	return NULL;
}

static void test_at_the_limit(void)
{
	kc_chan *hold = make(0, 0), *more = make(0, 0);
	struct member member = { hold, 0 }, other = { more, 0 };
	kc_group g = KC_GROUP_INIT;
	struct starter starter = { &g, &other, false };
	pthread_t thread;

	kc_group_set_limit(&g, 2);
	must_int(kc_group_go(&g, wait_and_fail, &member), 0);
	must_int(kc_group_try_go(&g, wait_and_fail, &member), 0);
	expect_int(kc_group_try_go(&g, wait_and_fail, &member), -EBUSY);
	thread = start(start_one, &starter);
	wait_others_asleep();
	expect(!atomic_load(&starter.started));
	kc_close(hold);
	join(thread);
	expect(atomic_load(&starter.started));
	kc_close(more);
	expect(!kc_group_wait(&g));
	kc_unref(hold);
	kc_unref(more);
}

static void set_limit_in_use(void *arg)
{
	kc_group g = KC_GROUP_INIT;
	struct member member = { arg, 0 };

	must_int(kc_group_go(&g, wait_and_fail, &member), 0);
	kc_group_set_limit(&g, 1);
}

static void test_limit_in_use(void)
{
	const char *const said[] = {
		"panic: the limit of a group set while 1 of its members run\n",
		"set_limit_in_use", NULL,
	};

	expect_abort(set_limit_in_use, make(0, 0), said);
}

static void *wait_thread(void *arg)
{
	return kc_group_wait(arg);
}

static void test_several_wait(void)
{
	kc_chan *hold = make(0, 0);
	struct member member = { hold, -EIO };
	kc_group g = KC_GROUP_INIT;
	pthread_t threads[4];
	void *seen[4];
	kc_ctx *ctx;
	size_t i;

	must_int(kc_group_with_context(&g, &ctx, NULL), 0);
	must_int(kc_group_go(&g, wait_and_fail, &member), 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(wait_thread, &g);
	until(__atomic_load_n(&g.waiting, __ATOMIC_RELAXED) == 4);
	kc_close(hold);
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		must_int(pthread_join(threads[i], &seen[i]), 0);
		expect(seen[i] == seen[0]);
		expect_error(seen[i], -EIO);
	}
	expect(!kc_group_wait(&g));
	kc_ctx_unref(ctx);
	kc_unref(hold);
}

static kc_error *goes_exit(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_goexit();
}

static void test_goexit(void)
{
	kc_group g = KC_GROUP_INIT;
	atomic_int count = 0;
	int i;

	kc_group_set_limit(&g, 1);
	for (i = 0; i < 3; i++)
		must_int(kc_group_go(&g, goes_exit, &count), 0);
	expect(!kc_group_wait(&g));
	expect_int(atomic_load(&count), 3);
}

static kc_error *panics(void *arg)
{
	kc_panic("in a %s", (char *)arg);
}

/* Waiters do not continue meanwhile. */
static void fatal(void *arg)
{
	kc_group g = KC_GROUP_INIT;

	must_int(kc_group_go(&g, panics, arg), 0);
	kc_group_wait(&g);
	_Exit(0);
}

static void test_panic(void)
{
	const char *const said[] = {
		"panic: in a member\n", "[running]:\npanics", "created by fatal",
		NULL,
	};
	int i;

	for (i = 0; i < 5; i++)
		expect_abort(fatal, (void *)"member", said);
}

static void recover(void *arg)
{
	expect_int(kc_recover(arg), 1);
}

static kc_error *recovers(void *arg)
{
	kc_defer(recover, arg);
	kc_panic("never mind");
}

static void test_recovered(void)
{
	kc_panic_info info = KC_PANIC_INFO_INIT;
	kc_group g = KC_GROUP_INIT;

	must_int(kc_group_go(&g, recovers, &info), 0);
	expect(!kc_group_wait(&g));
	expect(!strcmp(info.text, "never mind"));
	kc_panic_info_clear(&info);
}

static void wait_for_it(void *arg)
{
	kc_group_wait(arg);
}

struct raised {
	kc_group *g;
	kc_panic_info info;
	atomic_bool over;
};

static void *expect_raised(void *arg)
{
	struct raised *raised = arg;

	must_int(kc_protect(wait_for_it, raised->g, &raised->info), 1);
	atomic_store(&raised->over, true);
	return NULL;
}

static void test_propagate(void)
{
	kc_chan *hold = make(0, 0);
	struct member late = { hold, -EIO };
	kc_group g = KC_GROUP_INIT;
	struct raised raised = { .g = &g };
	kc_panic_info info;
	pthread_t thread;
	kc_ctx *ctx;
	char *report;

	expect_int(kc_group_set_flags(&g, 1U << 31), -EINVAL);
	must_int(kc_group_set_flags(&g, KC_GROUP_PROPAGATE), 0);
	must_int(kc_group_with_context(&g, &ctx, NULL), 0);
	must_int(kc_group_go(&g, wait_and_fail, &late), 0);
	must_int(kc_group_go(&g, panics, (void *)"member"), 0);
	wait_done(ctx);
	expect_int(kc_error_code(kc_ctx_cause(ctx)), -ECANCELED);
	expect(!strcmp(kc_error_text(kc_ctx_cause(ctx)), "panic: in a member"));
	/* The panic is raised when all members have ended, not before. */
	thread = start(expect_raised, &raised);
	until(__atomic_load_n(&g.waiting, __ATOMIC_RELAXED) == 1);
	wait_others_asleep();
	expect(!atomic_load(&raised.over));
	kc_close(hold);
	join(thread);
	info = raised.info;
	expect(!strcmp(info.text, "in a member"));
	expect(info.goid != kc_goid());
	report = kc_panic_report(&info);
	must(report);
	/* The backtrace is that of the member. */
	if (!expect(strstr(report, "panics") && !strstr(report, "wait_for_it")))
		tap_note("%s", report);
	free(report);
	kc_panic_info_clear(&info);
	/* A second wait finds nothing. */
	expect(!kc_group_wait(&g));
	kc_ctx_unref(ctx);
	kc_unref(hold);
}

static void propagate_and_die(void *arg)
{
	kc_group g = KC_GROUP_INIT;

	must_int(kc_group_set_flags(&g, KC_GROUP_PROPAGATE), 0);
	must_int(kc_group_go(&g, panics, arg), 0);
	kc_group_wait(&g);
}

static void test_propagate_and_die(void)
{
	const char *const said[] = {
		"panic: in a member\n", "panics", "created by propagate_and_die",
		NULL,
	};

	expect_abort(propagate_and_die, (void *)"member", said);
}

/* Each round uses the same memory, while a wait is about to return. */
static void test_many(void)
{
	const unsigned int rounds = tap_scale(300);
	struct member member = { NULL, -EIO };
	atomic_int count = 0;
	unsigned int i, j;

	for (i = 0; i < rounds; i++) {
		kc_group g = KC_GROUP_INIT;

		kc_group_set_limit(&g, 2);
		for (j = 0; j < 4; j++)
			must_int(kc_group_go(&g, succeed, &count), 0);
		must_int(kc_group_go(&g, wait_and_fail, &member), 0);
		must_int(kc_group_go(&g, wait_and_fail, &member), 0);
		expect_error(kc_group_wait(&g), -EIO);
		memset(&g, 0xff, sizeof(g));
	}
	expect_int(atomic_load(&count), 4 * rounds);
}

struct piece {
	atomic_int *sum;
	int n;
	char text[100];
};

static kc_error *add_piece(void *arg)
{
	struct piece *piece = arg;

	if (strspn(piece->text, "x") != sizeof(piece->text) - 1)
		return kc_error_new(-EINVAL, "torn");
	atomic_fetch_add(piece->sum, piece->n);
	return piece->n < 0 ? kc_error_new(-ERANGE, "negative") : NULL;
}

/* Each member has its own copy. */
static void test_copies(void)
{
	kc_group g = KC_GROUP_INIT;
	atomic_int sum = 0;
	struct piece piece = { .sum = &sum };

	memset(piece.text, 'x', sizeof(piece.text) - 1);
	kc_group_set_limit(&g, 3);
	for (piece.n = 1; piece.n <= 10; piece.n++)
		must_int(kc_group_go_copy(&g, add_piece, &piece, sizeof(piece)), 0);
	expect(!kc_group_wait(&g));
	expect_int(atomic_load(&sum), 55);
	piece.n = -5;
	must_int(kc_group_try_go_copy(&g, add_piece, &piece, sizeof(piece)), 0);
	piece.n = 0;
	expect_error(kc_group_wait(&g), -ERANGE);
	expect_int(atomic_load(&sum), 50);
	kc_group_set_limit(&g, 0);
	expect_int(kc_group_try_go_copy(&g, add_piece, &piece, sizeof(piece)),
		   -EBUSY);
	/* If a member cannot be started, its place is free again. */
	kc_group_set_limit(&g, 1);
	expect_int(kc_group_go_copy(&g, add_piece, &piece, SIZE_MAX), -ENOMEM);
	must_int(kc_group_try_go_copy(&g, add_piece, &piece, sizeof(piece)), 0);
	expect(!kc_group_wait(&g));
}

static const struct tap_test tests[] = {
	{ "its size is fixed", test_size },
	{ "zero is valid, and no error is none", test_no_error },
	{ "the first error cancels, and is returned", test_first_error },
	{ "without a context", test_without_context },
	{ "the wait cancels the context, not the parent", test_cancelled_by_wait },
	{ "never more run than the limit", test_limit },
	{ "at the limit one waits, and try does not", test_at_the_limit },
	{ "the limit set in use is a panic", test_limit_in_use },
	{ "several who wait get the same", test_several_wait },
	{ "a member that ends by goexit has ended", test_goexit },
	{ "a panic in a member ends the program", test_panic },
	{ "a panic that a member recovers does not", test_recovered },
	{ "a panic is raised by the wait when asked for", test_propagate },
	{ "and with nobody to recover it says where it was", test_propagate_and_die },
	{ "members with a copy of their argument", test_copies },
	{ "its memory can be used again at once", test_many },
};

TAP_MAIN(tests)
