// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that several goroutines share.
 *
 * Each result of a call holds it, and so does the goroutine that runs it. While a call
 * is in progress, it is in the tree of its kc_flight, by its key, unless it was
 * forgotten. The flight's lock protects the tree. Others with the same key join the
 * call then. The goroutine that runs the call writes the outcome before it wakes the
 * others, and never after.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/futex.h"
#include "chan/handle.h"
#include "panic/panicking.h"
#include "panic/report.h"
#include "panic/start.h"
#include "race/race.h"

/* A channel on which a caller waits for the result. */
struct listener {
	struct listener *next;
	kc_chan *chan;
};

struct kc_flight_call {
	atomic_uint refs;
	kc_flight *flight;
	char *key;
	kc_flight_fn fn;
	void *arg;
	kc_waitgroup under_way;

	/* Protected by the flight's lock. */
	unsigned int joined;
	struct listener *listeners;

	/* The outcome. */
	void *value;
	void (*destroy)(void *value);
	kc_error *error;
	struct kc_panicked *panic;
	bool returned;
	bool goexit;
};

static void unref(struct kc_flight_call *call)
{
	void (*destroy)(void *value);
	struct kc_panicked *panic;
	void *value;

	if (!kc_race_put(&call->refs))
		return;
	destroy = call->destroy;
	panic = call->panic;
	value = call->value;
	kc_error_unref(call->error);
	free(call->key);
	free(call);
	/* These come last: they call functions of the program, which may panic. */
	if (panic)
		kc_panicked_unref(panic);
	if (destroy)
		destroy(value);
}

static struct kc_flight_call *ref(struct kc_flight_call *call)
{
	atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
	return call;
}

void kc_flight_result_clear(kc_flight_result *result)
{
	struct kc_flight_call *call = result->call;

	*result = (kc_flight_result)KC_FLIGHT_RESULT_INIT;
	if (call)
		unref(call);
}

/* Fills in a result, which gets a reference of its own. */
static void tell(struct kc_flight_call *call, bool shared, kc_flight_result *out)
{
	*out = (kc_flight_result)KC_FLIGHT_RESULT_INIT;
	out->value = call->value;
	out->destroy = call->destroy;
	out->error = call->error;
	out->shared = shared;
	out->call = ref(call);
}

static int compare(const void *a, const void *b)
{
	const struct kc_flight_call *one = a, *other = b;

	return strcmp(one->key, other->key);
}

/* Called with the lock held, and so are add_call() and remove_call(). */
static struct kc_flight_call *find(kc_flight *f, const char *key)
{
	const struct kc_flight_call wanted = { .key = (char *)key };
	void *node;

	kc_race_hide();
	node = tfind(&wanted, &f->calls, compare);
	kc_race_show();
	return node ? *(struct kc_flight_call **)node : NULL;
}

static bool add_call(kc_flight *f, const struct kc_flight_call *call)
{
	const void *node;

	kc_race_hide();
	node = tsearch(call, &f->calls, compare);
	kc_race_show();
	return node;
}

static void remove_call(kc_flight *f, const struct kc_flight_call *call)
{
	kc_race_hide();
	/* The call may have been forgotten, and another one be in the tree. */
	if (find(f, call->key) == call)
		tdelete(call, &f->calls, compare);
	kc_race_show();
}

static struct kc_flight_call *new_call(kc_flight *f, const char *key,
				       kc_flight_fn fn, void *arg)
{
	struct kc_flight_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->key = strdup(key);
	if (!call->key) {
		free(call);
		return NULL;
	}
	atomic_init(&call->refs, 1);
	call->flight = f;
	call->fn = fn;
	call->arg = arg;
	kc_waitgroup_add(&call->under_way, 1);
	return call;
}

static void drop_listener(struct listener *listener)
{
	kc_unref(listener->chan);
	kc_race_hide();
	free(listener);
	kc_race_show();
}

/*
 * Sends the result. The channel has room for it. If the channel has no receiver, the
 * result is dropped.
 */
static void answer(struct kc_flight_call *call, struct listener *listener,
		   bool shared)
{
	kc_flight_result result;

	tell(call, shared, &result);
	if (kc_try_send(listener->chan, &result))
		kc_flight_result_clear(&result);
	drop_listener(listener);
}

/* Ends the program by the panic. Nobody can recover it. */
KC_NORETURN static void panic_for_good(struct kc_flight_call *call)
{
	const struct kc_panic p = { .what = call->panic };

	kc_report_fatal(&p);
}

/* Called however the function has ended. Wakes all that wait for the call. */
static void finish(void *data)
{
	struct kc_flight_call *call = data;
	kc_flight *f = call->flight;
	struct listener *listener, *next;
	bool shared;

	call->goexit = !call->returned && !call->panic;
	kc_lock(&f->lock);
	remove_call(f, call);
	listener = call->listeners;
	call->listeners = NULL;
	shared = call->joined;
	kc_unlock(&f->lock);

	if (call->panic && listener)
		panic_for_good(call);
	/* After this, the flight is not accessed: a waiter may free it. */
	kc_waitgroup_done(&call->under_way);
	for (; listener; listener = next) {
		next = listener->next;
		if (call->returned)
			answer(call, listener, shared);
		else
			drop_listener(listener);
	}
}

static void call_function(void *data)
{
	struct kc_flight_call *call = data;

	call->error = call->fn(call->arg, &call->value, &call->destroy);
}

/*
 * Runs the function. It also returns after a panic, so that every caller can raise the
 * panic when finish() has woken the others. After kc_goexit() it does not return.
 */
static void run(struct kc_flight_call *call)
{
	kc_panic_info info;
	KC_DEFER_SCOPE;

	kc_defer(finish, call);
	if (!kc_protect(call_function, call, &info)) {
		call->returned = true;
		return;
	}
	call->panic = kc_panicked_ref(info.panic);
	kc_panic_info_clear(&info);
}

static void drop(void *data)
{
	unref(data);
}

/* Returns the outcome to one caller. */
static void take(struct kc_flight_call *call, bool shared, kc_flight_result *out)
{
	if (call->panic)
		kc_raise(kc_g_self(), kc_panicked_ref(call->panic));
	if (call->goexit)
		kc_goexit();
	tell(call, shared, out);
}

static void wait_for(struct kc_flight_call *call, kc_flight_result *out)
{
	KC_DEFER_SCOPE;

	kc_defer(drop, call);
	kc_waitgroup_wait(&call->under_way);
	take(call, true, out);
}

static void run_for_all(struct kc_flight_call *call, kc_flight_result *out)
{
	KC_DEFER_SCOPE;

	kc_defer(drop, call);
	run(call);
	/* The call is out of the tree, so @joined does not change any more. */
	take(call, call->joined, out);
}

/*
 * Called with the lock held. Returns the call in progress with that key, which is then
 * joined, or a new call. NULL if there is no memory.
 */
static struct kc_flight_call *enter(kc_flight *f, const char *key,
				    kc_flight_fn fn, void *arg, bool *joined)
{
	struct kc_flight_call *call = find(f, key);

	*joined = call;
	if (call) {
		call->joined++;
		return call;
	}
	call = new_call(f, key, fn, arg);
	if (!call || add_call(f, call))
		return call;
	unref(call);
	return NULL;
}

int kc_flight_do(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		 kc_flight_result *out)
{
	struct kc_flight_call *call;
	bool joined;

	kc_g_ready();
	kc_lock(&f->lock);
	call = enter(f, key, fn, arg, &joined);
	if (joined)
		ref(call);
	kc_unlock(&f->lock);
	if (!call)
		return -ENOMEM;
	if (joined)
		wait_for(call, out);
	else
		run_for_all(call, out);
	return 0;
}

/*
 * Runs the function in a goroutine of its own. It has a listener, so a panic ends the
 * program in finish() and does not get here.
 */
static void run_alone(void *data)
{
	struct kc_flight_call *call = data;

	kc_defer(drop, call);
	run(call);
}

/*
 * Called with the lock held, so that nobody joins a call which cannot be started. The
 * other locks that this takes are never held when a flight's lock is taken.
 */
static int start(struct kc_flight_call *call, uintptr_t at)
{
	const struct kc_start start = { .fn = run_alone, .arg = call, .at = at };
	int ret;

	ret = kc_start(&start);
	if (ret) {
		remove_call(call->flight, call);
		unref(call);
	}
	return ret;
}

/* Drops a result in a channel that nobody will receive from. */
static void drop_result(void *elem)
{
	kc_flight_result_clear(elem);
}

/* Called with the lock held. */
static void add_listener(struct kc_flight_call *call, struct listener *listener)
{
	listener->next = call->listeners;
	call->listeners = listener;
}

int kc_flight_do_chan(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		      kc_chan **out)
{
	struct kc_flight_call *call;
	struct listener *listener;
	bool joined;
	kc_chan *c;
	int ret;

	KC_NEED_FN(fn);
	kc_g_ready();
	listener = malloc(sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	ret = kc_make(&listener->chan, sizeof(kc_flight_result), 1);
	if (ret) {
		free(listener);
		return ret;
	}
	kc_set_drop(listener->chan, drop_result);
	/* When other threads know the listener, they may free it. */
	c = kc_ref(listener->chan);

	kc_lock(&f->lock);
	call = enter(f, key, fn, arg, &joined);
	ret = call ? 0 : -ENOMEM;
	if (!ret && !joined)
		ret = start(call, (uintptr_t)__builtin_return_address(0));
	if (!ret)
		add_listener(call, listener);
	kc_unlock(&f->lock);
	if (ret) {
		drop_listener(listener);
		kc_unref(c);
		return ret;
	}
	*out = c;
	return 0;
}

void kc_flight_forget(kc_flight *f, const char *key)
{
	const struct kc_flight_call *call;

	kc_lock(&f->lock);
	call = find(f, key);
	if (call)
		remove_call(f, call);
	kc_unlock(&f->lock);
}
