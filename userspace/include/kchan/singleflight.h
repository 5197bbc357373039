/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of a function for all who want its result at the same time: Go's
 * golang.org/x/sync/singleflight.
 *
 *	static kc_flight lookups = KC_FLIGHT_INIT;
 *	kc_flight_result r;
 *
 *	if (kc_flight_do(&lookups, name, look_up, name, &r))
 *		...
 *	if (!r.error)
 *		use(r.value);
 *	kc_flight_result_clear(&r);
 *
 * The first caller with a key runs the function. Callers with the same key wait
 * meanwhile, and get the same result. The result is not kept: the next caller runs the
 * function again.
 *
 * All share one value. It is destroyed when all have dropped it.
 */
#ifndef KCHAN_SINGLEFLIGHT_H
#define KCHAN_SINGLEFLIGHT_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/error.h>

KC_DECLS_BEGIN

/*
 * A kc_flight is valid when zero, and needs no clean-up when all calls have returned.
 * It is for the threads of one process. The members are the library's own.
 */
typedef struct kc_flight {
	void *calls;
	uint32_t lock;
	uint32_t reserved32;
	uint64_t reserved[2];
} kc_flight;

#define KC_FLIGHT_INIT { NULL, 0, 0, { 0, 0 } }

/*
 * The result of a call. The value and the error are valid until it is cleared. Take a
 * reference to the error to keep it.
 */
typedef struct kc_flight_result {
	void *value;
	void (*destroy)(void *value);
	kc_error *error;
	struct kc_flight_call *call;	/* the library's own; it holds the others */
	uint32_t shared;		/* 1: other callers have got it, too */
	uint32_t reserved32;
	uint64_t reserved[3];
} kc_flight_result;

#define KC_FLIGHT_RESULT_INIT { NULL, NULL, NULL, NULL, 0, 0, { 0, 0, 0 } }

/*
 * The function. It sets *@value, and *@destroy, which is called for the value in the
 * end. Both are NULL before. It returns an error with its reference, or NULL.
 */
typedef kc_error *(*kc_flight_fn)(void *arg, void **value,
				  void (**destroy)(void *value));

/*
 * Run @fn(@arg), or wait for the goroutine that runs one for the same @key. The result
 * is in *@out. Clear it with kc_flight_result_clear().
 *
 * 0, or
 * -ENOMEM	there is no memory; nothing was run
 *
 * A panic of the function is raised in every caller that waits here. kc_goexit() in it
 * ends the goroutines of all these callers. If there is a channel of
 * kc_flight_do_chan() for the call, where a panic cannot be raised, a panic ends the
 * program at once.
 */
int kc_flight_do(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		 kc_flight_result *out) KC_MUST_CHECK;

/*
 * The same without waiting. The function runs in a goroutine of its own, and *@out is a
 * channel of one kc_flight_result. Clear the result after you have received it. A
 * receive that discards it clears it. The channel is never closed, and after a
 * kc_goexit() nothing comes. Drop the channel with kc_unref() in any case, also if
 * nothing was received.
 *
 * 0, or what kc_make() and kc_go() return. After an error nothing was run.
 */
int kc_flight_do_chan(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		      kc_chan **out) KC_MUST_CHECK;

/*
 * Let the next caller with @key run the function, even if a call with that key is in
 * progress. Callers that wait for the call in progress still get its result.
 */
void kc_flight_forget(kc_flight *f, const char *key);

/* Drop what a result holds. It may be called twice. */
void kc_flight_result_clear(kc_flight_result *result);

KC_DECLS_END

#endif /* KCHAN_SINGLEFLIGHT_H */
