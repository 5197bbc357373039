// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The go statement. A goroutine's panics end where its function is called. So
 * goroutines are started here, for all floors above, and not in sched/.
 */
#include <pthread.h>

#include "base/options.h"
#include "panic/crash.h"
#include "panic/fault.h"
#include "panic/panicking.h"
#include "panic/start.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

static int error;

static void setup(void)
{
	error = kc_crash_setup();
	kc_fault_setup();
}

int kc_start(const struct kc_start *start)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static bool done;

	KC_NEED_FN(start->fn);
	/* Pairs with the release below, as in kc_g_setup(). */
	if (__builtin_expect(!__atomic_load_n(&done, __ATOMIC_ACQUIRE), 0)) {
		pthread_once(&once, setup);
		__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	}
	return error ? error : kc_pool_start(start, kc_g_run);
}

int kc_go(void (*fn)(void *arg), void *arg)
{
	const struct kc_start start = { .fn = fn, .arg = arg, .at = CALLER };

	return kc_start(&start);
}

int kc_go_copy(void (*fn)(void *arg), const void *arg, size_t size)
{
	const struct kc_start start = {
		.fn = fn,
		.arg = (void *)arg,
		.copied = true,
		.copy_size = size,
		.at = CALLER,
	};

	return kc_start(&start);
}

int kc_go_opts(void (*fn)(void *arg), void *arg, const kc_go_options *given)
{
	struct kc_start start = { .fn = fn, .arg = arg, .at = CALLER };
	kc_go_options options;
	int ret;

	ret = kc_take_options(&options, given, copy_size);
	if (ret)
		return ret;
	if (options.flags & ~(KC_GO_SAFE | KC_GO_FRESH))
		return -EINVAL;
	start.name = options.name;
	start.flags = options.flags;
	start.stack_size = options.stack_size;
	start.copied = options.copy_size;
	start.copy_size = options.copy_size;
	return kc_start(&start);
}
