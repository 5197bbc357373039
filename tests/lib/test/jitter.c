// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jitter: a mistake that depends on the order appears with some seeds, and a seed gives
 * each goroutine the same decisions again. Needs no channel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <kchan/jitter.h>
#include <kchan/testing.h>

#include "common.h"
#include "output.h"

#define POINTS	200

/* The decisions of a goroutine, and the goroutines that it started. */
struct branch {
	int decisions[POINTS];
	kc_waitgroup *wg;
	int depth;
	struct branch *children[2];
};

static void grow(void *arg)
{
	struct branch *b = arg;
	int i;

	for (i = 0; i < POINTS; i++) {
		b->decisions[i] = kc_jitter_point();
		if (b->depth && (i == 20 || i == 150))
			must_int(kc_waitgroup_go(b->wg, grow,
						 b->children[i == 150]), 0);
	}
}

static struct branch *plant(kc_waitgroup *wg, int depth)
{
	struct branch *b = calloc(1, sizeof(*b));
	int i;

	must(b);
	b->wg = wg;
	b->depth = depth;
	for (i = 0; depth && i < 2; i++)
		b->children[i] = plant(wg, depth - 1);
	return b;
}

static struct branch *grow_from(uint64_t seed)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct branch *b = plant(&wg, 3);

	kc_jitter(seed);
	grow(b);
	kc_waitgroup_wait(&wg);
	kc_jitter(0);
	return b;
}

static bool same(const struct branch *a, const struct branch *b)
{
	return !memcmp(a->decisions, b->decisions, sizeof(a->decisions)) &&
	       (!a->depth || (same(a->children[0], b->children[0]) &&
			      same(a->children[1], b->children[1])));
}

static void cut(struct branch *b)
{
	if (b->depth) {
		cut(b->children[0]);
		cut(b->children[1]);
	}
	free(b);
}

/* For 15 goroutines, in any order. */
static void test_same(void)
{
	struct branch *first = grow_from(7), *again = grow_from(7);
	struct branch *other = grow_from(8);

	expect(same(first, again));
	expect(!same(first, other));
	/* Two goroutines have different decisions, too. */
	expect(!same(first->children[0], first->children[1]));
	cut(first);
	cut(again);
	cut(other);
}

static void test_decisions(void)
{
	int count[3] = { 0 }, i;

	for (i = 0; i < POINTS; i++)
		count[kc_jitter_point()]++;
	expect_int(count[KC_JITTER_NOTHING], POINTS);
	kc_jitter(1);
	for (i = 0; i < POINTS; i++)
		count[kc_jitter_point()]++;
	kc_jitter(0);
	/* All decisions appear, as often as they should. */
	expect(count[KC_JITTER_NOTHING] - POINTS > POINTS / 4);
	expect(count[KC_JITTER_YIELDED] > POINTS / 5);
	expect(count[KC_JITTER_SLEPT] > POINTS / 20);
	expect_int(kc_jitter_point(), KC_JITTER_NOTHING);
}

/*
 * The mistake: checking whether there is enough, and taking it, are each done with the
 * lock held, but the lock is released in between.
 */
struct account {
	kc_mutex m;
	int balance;
	kc_waitgroup wg;
};

static void withdraw(void *arg)
{
	struct account *a = arg;
	bool enough;

	kc_mutex_lock(&a->m);
	enough = a->balance >= 10;
	kc_mutex_unlock(&a->m);
	if (!enough)
		return;
	kc_mutex_lock(&a->m);
	a->balance -= 10;
	kc_mutex_unlock(&a->m);
}

/* True if the balance became negative. */
static bool overdraw(void)
{
	struct account a = { .balance = 10 };

	must_int(kc_waitgroup_go(&a.wg, withdraw, &a), 0);
	must_int(kc_waitgroup_go(&a.wg, withdraw, &a), 0);
	kc_waitgroup_wait(&a.wg);
	return a.balance < 0;
}

#define ROUNDS	100

static int overdrafts(bool jitter)
{
	int seen = 0, i;

	for (i = 1; i <= ROUNDS; i++) {
		if (jitter)
			kc_jitter(i);
		seen += overdraw();
	}
	kc_jitter(0);
	return seen;
}

static void test_order(void)
{
	int without, with;

	/* Threads, which exist from now on. */
	overdraw();
	without = overdrafts(false);
	with = overdrafts(true);
	tap_note("%d of %d without, %d with", without, ROUNDS, with);
	expect(with >= 3);
	expect(without < with / 2 + 1);
}

static void set_environment(const char *seed)
{
	must_int(setenv("KCHAN_JITTER", seed, 1), 0);
}

/* Main, whose number is always the same, and a goroutine that it starts. */
static int hash_decisions(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct branch *b = plant(&wg, 1);
	unsigned int hash = 0;
	int i;

	grow(b);
	kc_waitgroup_wait(&wg);
	for (i = 0; i < POINTS; i++)
		hash = hash * 31 + b->decisions[i] * 5 +
		       b->children[0]->decisions[i] +
		       b->children[1]->decisions[i] * 7;
	cut(b);
	return hash % 251;
}

/* In a program of its own, since the environment is read once. */
static int run_self(void)
{
	execl("/proc/self/exe", "jitter", "hash", NULL);
	return 255;
}

static int hash_with(const char *seed)
{
	static struct output seen;

	set_environment(seed);
	run_apart(&seen, run_self);
	expect(seen.status >= 0 && seen.status < 251);
	return seen.status;
}

static void test_environment(void)
{
	const int off = hash_with("0"), first = hash_with("7");
	int i, others = 0;
	char seed[16];

	expect_int(off, 0);
	expect_int(hash_with("7"), first);
	/* Some others may be equal by chance. */
	for (i = 8; i < 16; i++) {
		snprintf(seed, sizeof(seed), "%d", i);
		others += hash_with(seed) != first;
	}
	expect(others >= 6);
	expect_int(hash_with("nonsense"), 0);
}

static int test_seed;
static int seen_seeds[4];

static void note_first(kc_t *t)
{
	int i, hash = 0;

	for (i = 0; i < 10; i++)
		hash = hash * 3 + kc_jitter_point();
	seen_seeds[test_seed++] = hash;
	if (test_seed == 4)
		kc_t_fail(t);
}

static int run_tests(void)
{
	static const kc_test_item items[] = { KC_TEST(note_first) };
	static const char *const args[] = { "x", "--jitter=9", "--count=2" };
	kc_test_options options = KC_TEST_OPTIONS_INIT;

	options.jitter = 10;
	if (kc_test_main(3, (char **)args, items, 1) ||
	    kc_jitter_point() != KC_JITTER_NOTHING)
		return 1;
	/* The second round had the seed 10, independent of what ran before. */
	if (kc_test("note_first", note_first, &options) ||
	    seen_seeds[1] != seen_seeds[2] || seen_seeds[0] == seen_seeds[1])
		return 2;
	return kc_test("note_first", note_first, &options) == KC_TEST_FAILED ? 0 : 3;
}

static void test_kit(void)
{
	static struct output seen;

	run_apart(&seen, run_tests);
	expect_int(seen.status, 0);
	expect_says(seen.out, "PASS: 2 passed", "--- FAIL: note_first",
		    "KCHAN_JITTER=10\n");
}

static const struct tap_test tests[] = {
	{ "a seed gives each goroutine the same decisions again", test_same },
	{ "what there is to decide", test_decisions },
	{ "a mistake in the order shows with some seeds", test_order },
	{ "a seed from the environment", test_environment },
	{ "a seed for each test", test_kit },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return strcmp(argv[1], "hash") ? 255 : hash_decisions();
	/* The tests turn on jitter themselves, independent of the environment. */
	kc_jitter(0);
	return tap_run(tests, ARRAY_SIZE(tests));
}
