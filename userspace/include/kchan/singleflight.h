/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doing the same thing once for all who ask for it at the same time: Go's
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
 * The first one to ask for a key runs the function. Those who ask for the same key meanwhile
 * wait, and get the same result. After that nothing is kept: the next one to ask runs the
 * function again.
 *
 * All share one value. It is destroyed once all have dropped it.
 */
#ifndef KCHAN_SINGLEFLIGHT_H
#define KCHAN_SINGLEFLIGHT_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/error.h>

KC_DECLS_BEGIN

/*
 * It is valid when zero, and needs no clean-up once all calls have returned. It is
 * for the threads of one process. The members are the library's own.
 */
typedef struct kc_flight {
	void *calls;
	uint32_t lock;
	uint32_t reserved32;
	uint64_t reserved[2];
} kc_flight;

#define KC_FLIGHT_INIT { NULL, 0, 0, { 0, 0 } }

/*
 * What came of it. The value and the error are there until it is cleared; take a
 * reference to the error to keep it.
 */
typedef struct kc_flight_result {
	void *value;
	void (*destroy)(void *value);
	kc_error *error;
	struct kc_flight_call *call;	/* the library's own; it holds the others */
	uint32_t shared;		/* 1: others have got it, too */
	uint32_t reserved32;
	uint64_t reserved[3];
} kc_flight_result;

#define KC_FLIGHT_RESULT_INIT { NULL, NULL, NULL, NULL, 0, 0, { 0, 0, 0 } }

/*
 * The function: sets @value, and @destroy if something is to be done with that in
 * the end; both are NULL before. It returns an error, or NULL; the reference goes
 * with it.
 */
typedef kc_error *(*kc_flight_fn)(void *arg, void **value,
				  void (**destroy)(void *value));

/*
 * Run @fn(@arg), or wait for the goroutine that runs one for the same @key. The
 * result is in *@out, which is to be cleared by kc_flight_result_clear().
 *
 * 0, or
 * -ENOMEM	nothing was run
 *
 * A panic of the function is raised in everyone who waits here. kc_goexit() in it
 * ends the goroutine of everyone. If somebody waits for it on a channel, where a
 * panic cannot be raised, a panic ends the program at once.
 */
int kc_flight_do(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		 kc_flight_result *out) KC_MUST_CHECK;

/*
 * The same without waiting. The function runs in a goroutine of its own, and *@out is
 * a channel of one kc_flight_result, which is to be cleared once received. A receive
 * that discards it clears it. The channel is never closed, and after a kc_goexit()
 * nothing comes. Drop the channel with kc_unref() when you have done with it, whether
 * something was received or not.
 *
 * 0, or what kc_make() and kc_go() return. After an error nothing was run.
 */
int kc_flight_do_chan(kc_flight *f, const char *key, kc_flight_fn fn, void *arg,
		      kc_chan **out) KC_MUST_CHECK;

/*
 * Let the next one who asks for @key run the function, whether another one is under
 * way or not. Those who wait for that one still get its result.
 */
void kc_flight_forget(kc_flight *f, const char *key);

/* Drop what a result holds. It can be done twice. */
void kc_flight_result_clear(kc_flight_result *result);

KC_DECLS_END

#endif /* KCHAN_SINGLEFLIGHT_H */
