// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that goroutines share: a lock for readers and one writer, a condition, a
 * semaphore, and functions that run once. Channels are often simpler.
 */
#include "example.h"

struct settings {
	kc_rwmutex lock;
	int volume;
};

static int read_volume(struct settings *s)
{
	int volume;

	kc_rwmutex_rlock(&s->lock);
	volume = s->volume;
	kc_rwmutex_runlock(&s->lock);
	return volume;
}

static void set_volume(struct settings *s, int volume)
{
	kc_rwmutex_lock(&s->lock);
	s->volume = volume;
	kc_rwmutex_unlock(&s->lock);
}

/* Tells instead of waiting for readers. */
static int set_if_free(struct settings *s, int volume)
{
	if (kc_rwmutex_try_lock(&s->lock))
		return 0;
	s->volume = volume;
	kc_rwmutex_unlock(&s->lock);
	return 1;
}

struct kettle {
	kc_mutex lock;
	kc_cond changed;
	int hot;
};

static void heat(void *arg)
{
	struct kettle *k = arg;

	kc_mutex_lock(&k->lock);
	k->hot = 1;
	kc_cond_signal(&k->changed);
	kc_mutex_unlock(&k->lock);
}

static void wait_until_hot(struct kettle *k)
{
	kc_mutex_lock(&k->lock);
	/* A loop: what it waits for may have changed again. */
	while (!k->hot)
		kc_cond_wait(&k->changed, &k->lock);
	kc_mutex_unlock(&k->lock);
}

/* Somebody else may have it: then do something else. */
static const char *look(struct kettle *k)
{
	const char *seen;

	if (kc_mutex_try_lock(&k->lock))
		return "somebody has it";
	seen = k->hot ? "hot" : "cold";
	kc_mutex_unlock(&k->lock);
	return seen;
}

struct oven {
	kc_sem places;
	kc_mutex lock;
	int baking, most;
	kc_waitgroup bakers;
};

/* At most as many at a time as there are places. */
static void bake(void *arg)
{
	struct oven *o = arg;

	kc_sem_acquire(&o->places, 1);
	kc_mutex_lock(&o->lock);
	if (++o->baking > o->most)
		o->most = o->baking;
	kc_mutex_unlock(&o->lock);
	kc_gosched();
	kc_mutex_lock(&o->lock);
	o->baking--;
	kc_mutex_unlock(&o->lock);
	kc_sem_release(&o->places, 1);
}

static void open_shop(void *arg)
{
	printf("%s opens\n", (const char *)arg);
}

static int read_price(void)
{
	printf("the price is read\n");
	return 3;
}

KC_ONCE_VALUE(price, int, read_price);

int main(void)
{
	struct settings s = { .lock = KC_RWMUTEX_INIT };
	struct kettle k = { .lock = KC_MUTEX_INIT, .changed = KC_COND_INIT };
	struct oven o = { .places = KC_SEM_INIT(2) };
	char name[] = "the shop";
	kc_once once = KC_ONCE_INIT;
	int i;

	set_volume(&s, 7);
	printf("set while nobody reads: %d\n", set_if_free(&s, 8));
	printf("the volume is %d\n", read_volume(&s));

	printf("the kettle is %s\n", look(&k));
	CHECK(kc_go(heat, &k));
	wait_until_hot(&k);
	printf("the kettle is hot\n");

	for (i = 0; i < 8; i++)
		CHECK(kc_waitgroup_go(&o.bakers, bake, &o));
	kc_waitgroup_wait(&o.bakers);
	printf("never more than 2 at a time: %s\n", o.most <= 2 ? "yes" : "no");

	kc_once_do(&once, open_shop, name);
	kc_once_do(&once, open_shop, name);
	printf("twice %d\n", price() + price());
	return 0;
}
