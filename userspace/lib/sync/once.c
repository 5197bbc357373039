// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calling a function once.
 *
 * The goroutine that runs the function sets DONE in a deferred call. So DONE is set
 * also if the function panics or calls kc_goexit(). After this step it does not access
 * the memory.
 */
#include <stdlib.h>
#include <string.h>

#include "panic/panicking.h"
#include "race/race.h"
#include "sched/park.h"

enum state {
	NEW,
	RUNNING,
	AWAITED,	/* the function runs, and a thread may be asleep */
	DONE,
};

static void finish(void *data)
{
	kc_once *once = data;

	kc_race_release(once);
	if (__atomic_exchange_n(&once->state, DONE, __ATOMIC_RELEASE) == AWAITED)
		sys_futex_wake_all(&once->state);
}

static bool change(kc_once *once, uint32_t *from, uint32_t to)
{
	return __atomic_compare_exchange_n(&once->state, from, to, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

/* True if the caller is to run the function. False if the function has been run. */
static bool begin(kc_once *once)
{
	struct kc_parked *parked;
	uint32_t state = NEW;

	kc_g_ready();
	if (change(once, &state, RUNNING))
		return true;
	parked = kc_park(KC_STATE_ONCE, once, 0);
	while (state != DONE) {
		if (state == AWAITED || change(once, &state, AWAITED))
			sys_futex_wait(&once->state, AWAITED);
		state = __atomic_load_n(&once->state, __ATOMIC_ACQUIRE);
	}
	kc_unpark(parked);
	return false;
}

static bool is_done(const kc_once *once)
{
	return __atomic_load_n(&once->state, __ATOMIC_ACQUIRE) == DONE;
}

static void run_once(kc_once *once, void (*fn)(void *arg), void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(finish, once);
	fn(arg);
}

void kc_once_do(kc_once *once, void (*fn)(void *arg), void *arg)
{
	kc_jitter_here();
	if (!is_done(once) && begin(once))
		run_once(once, fn, arg);
	else
		kc_race_acquire(once);
}

struct run {
	struct kc_once_static *once;
	void (*fn)(void *arg);
	void *arg;
};

static struct kc_panicked *left_by_goexit(void)
{
	const struct kc_trace trace = kc_trace_take(0);

	return kc_panicked_make(strdup("a once function called kc_goexit()"), NULL,
				NULL, &trace);
}

/*
 * Notes how the function ended. It does not recover the panic, so that a report still
 * shows the whole stack.
 */
static void note(void *data)
{
	struct kc_once_static *once = data;
	const struct kc_panic *p = kc_g_self()->running;

	if (!p || p->recovered)
		return;
	once->panic = p->what ? kc_panicked_ref(p->what) : left_by_goexit();
}

static void run(void *data)
{
	const struct run *run = data;
	KC_DEFER_SCOPE;

	kc_defer(note, run->once);
	run->fn(run->arg);
}

void kc_once_static_do(struct kc_once_static *once, void (*fn)(void *arg),
		       void *arg)
{
	struct run first = { once, fn, arg };

	kc_once_do(&once->once, run, &first);
	if (once->panic)
		kc_raise(kc_g_self(), kc_panicked_ref(once->panic));
}

/* One structure serves both: kc_once_func returns nothing, kc_once_value a value. */
struct handle {
	atomic_uint refs;
	struct kc_once_static once;
	void (*fn)(void *arg);
	void *(*value_fn)(void *arg);
	void *arg;
	void *value;
	void (*destroy)(void *value);
};

static struct handle *make(const struct handle *from)
{
	struct handle *handle = malloc(sizeof(*handle));

	if (!handle)
		return NULL;
	memcpy(handle, from, sizeof(*handle));
	atomic_init(&handle->refs, 1);
	return handle;
}

static struct handle *ref(struct handle *handle)
{
	if (handle)
		atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
	return handle;
}

static void unref(void *data)
{
	struct handle *handle = data;
	void (*destroy)(void *value);
	struct kc_panicked *panic;
	void *value;

	if (!handle || !kc_race_put(&handle->refs))
		return;
	destroy = handle->destroy;
	panic = handle->once.panic;
	value = handle->value;
	free(handle);
	/* These come last: they call functions of the program, which may panic. */
	if (panic)
		kc_panicked_unref(panic);
	if (value && destroy)
		destroy(value);
}

static void fill(void *data)
{
	struct handle *handle = data;

	if (handle->value_fn)
		handle->value = handle->value_fn(handle->arg);
	else
		handle->fn(handle->arg);
}

/* Holds the handle during the call, and drops it however the call ends. */
static void *call(struct handle *handle)
{
	KC_DEFER_SCOPE;

	if (!is_done(&handle->once.once) || handle->once.panic)
		kc_defer(unref, ref(handle));
	kc_once_static_do(&handle->once, fill, handle);
	return handle->value;
}

int kc_once_func_make(kc_once_func **out, void (*fn)(void *arg), void *arg)
{
	const struct handle from = { .fn = fn, .arg = arg };
	struct handle *made = make(&from);

	if (!made)
		return -ENOMEM;
	*out = (kc_once_func *)made;
	return 0;
}

void kc_once_func_call(kc_once_func *once)
{
	call((struct handle *)once);
}

kc_once_func *kc_once_func_ref(kc_once_func *once)
{
	return (kc_once_func *)ref((struct handle *)once);
}

void kc_once_func_unref(kc_once_func *once)
{
	unref(once);
}

int kc_once_value_make(kc_once_value **out, void *(*fn)(void *arg), void *arg,
		       void (*destroy)(void *value))
{
	const struct handle from = {
		.value_fn = fn, .arg = arg, .destroy = destroy,
	};
	struct handle *made = make(&from);

	if (!made)
		return -ENOMEM;
	*out = (kc_once_value *)made;
	return 0;
}

void *kc_once_value_get(kc_once_value *once)
{
	return call((struct handle *)once);
}

kc_once_value *kc_once_value_ref(kc_once_value *once)
{
	return (kc_once_value *)ref((struct handle *)once);
}

void kc_once_value_unref(kc_once_value *once)
{
	unref(once);
}
