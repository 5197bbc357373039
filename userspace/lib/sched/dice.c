// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The decisions of jitter. A program asks for jitter by test/jitter.c, or by
 * KCHAN_JITTER in its environment.
 *
 * The generator is splitmix64. Any state is valid, one step takes a few instructions,
 * and its numbers are good seeds of other generators.
 */
#include <stdlib.h>

#include <kchan/jitter.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/task.h"
#include "sched/dice.h"
#include "sched/routine.h"
#include "sched/thread.h"

/* Of 8 decisions, 3 yield, 1 sleeps, and 4 do nothing. */
#define DECISIONS	8
#define YIELDS		3
#define SLEEPS		1

/* The shortest sleep. A random exponent below DOUBLINGS doubles it. */
#define LEAST_SLEEP	(10 * KC_MICROSECOND)
#define DOUBLINGS	8

#define STEP		0x9e3779b97f4a7c15u

uint32_t kc_jitter_round;

static struct {
	uint32_t lock;
	uint32_t last_round;
	uint64_t seed;
} jitter;

static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
	n = (n ^ n >> 27) * 0x94d049bb133111ebu;
	return n ^ n >> 31;
}

/*
 * Returns NULL if the thread is the library's own. It makes any other thread known now.
 * Otherwise the time of its first wait would decide when its decisions begin.
 */
static struct kc_dice *own_dice(void)
{
	const uint32_t round = __atomic_load_n(&kc_jitter_round, __ATOMIC_ACQUIRE);
	struct kc_g *g;

	if (!round || kc_thread_is_own)
		return NULL;
	g = kc_g_self();
	if (g->dice.round != round)
		g->dice = (struct kc_dice){ mix(kc_jitter_seed() ^ mix(g->id)), round };
	return &g->dice;
}

static uint64_t roll(struct kc_dice *dice)
{
	dice->state += STEP;
	return mix(dice->state);
}

struct kc_dice kc_jitter_start(void)
{
	struct kc_dice *dice = own_dice();

	if (!dice)
		return (struct kc_dice){ 0, 0 };
	return (struct kc_dice){ roll(dice), dice->round };
}

int kc_jitter_decide(void)
{
	struct kc_dice *dice = own_dice();
	unsigned int decision;
	uint64_t number;

	if (!dice)
		return KC_JITTER_NOTHING;
	number = roll(dice);
	decision = number % DECISIONS;
	if (decision < SLEEPS) {
		kc_rest(LEAST_SLEEP << (number / DECISIONS % DOUBLINGS));
		return KC_JITTER_SLEPT;
	}
	if (decision < SLEEPS + YIELDS) {
		sys_yield();
		return KC_JITTER_YIELDED;
	}
	return KC_JITTER_NOTHING;
}

/*
 * The generator of a thread that has no jitter. It asks the kernel for a seed once, and
 * again in the child of a fork(), which else would choose as its parent does. It is not
 * in struct kc_g, because a signal handler may make a choice in a thread that is not
 * known yet. A handler that interrupts roll() may get the same number: that is no harm.
 */
static _Thread_local struct kc_dice plain __attribute__((tls_model("initial-exec")));

static struct kc_dice *plain_dice(void)
{
	const uint32_t round = kc_generation + 1;

	if (__builtin_expect(plain.round != round, 0)) {
		plain.state = (uint64_t)sys_random() << 32 | sys_random();
		plain.round = round;
	}
	return &plain;
}

uint32_t kc_random(void)
{
	struct kc_dice *dice = kc_jitter_is_on() ? own_dice() : NULL;

	return roll(dice ? dice : plain_dice()) >> 32;
}

uint64_t kc_jitter_seed(void)
{
	return __atomic_load_n(&jitter.seed, __ATOMIC_RELAXED);
}

/*
 * The seed is stored before the round is released, so a thread that sees the new round
 * sees its seed.
 */
uint64_t kc_jitter_set(uint64_t seed)
{
	uint32_t round = 0;
	uint64_t was;

	kc_lock(&jitter.lock);
	was = jitter.seed;
	__atomic_store_n(&jitter.seed, seed, __ATOMIC_RELAXED);
	if (seed) {
		jitter.last_round += jitter.last_round == UINT32_MAX ? 2 : 1;
		round = jitter.last_round;
	}
	__atomic_store_n(&kc_jitter_round, round, __ATOMIC_RELEASE);
	kc_unlock(&jitter.lock);
	return was;
}

void kc_jitter_begin(uint64_t seed)
{
	struct kc_g *g = kc_g_self();

	kc_jitter_set(seed);
	g->dice = (struct kc_dice){
		mix(seed), __atomic_load_n(&kc_jitter_round, __ATOMIC_ACQUIRE),
	};
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *text = secure_getenv("KCHAN_JITTER");

	if (text)
		kc_jitter_set(strtoull(text, NULL, 0));
}
