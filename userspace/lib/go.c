// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines, as the program starts them.
 */
#include "pool.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

int kc_go(void (*fn)(void *arg), void *arg)
{
	const struct kc_start start = { .fn = fn, .arg = arg, .at = CALLER };

	return kc_pool_start(&start);
}

int kc_go_copy(void (*fn)(void *arg), const void *arg, size_t size)
{
	const struct kc_start start = {
		.fn = fn,
		.arg = (void *)arg,
		.copy_size = size,
		.at = CALLER,
	};

	return kc_pool_start(&start);
}

static int check_options(const kc_go_options *options)
{
	const int ret = kc_check_options(options, options->size, sizeof(*options));

	if (ret)
		return ret;
	if (options->flags & ~(KC_GO_SAFE | KC_GO_FRESH))
		return -EINVAL;
	return 0;
}

int kc_go_opts(void (*fn)(void *arg), void *arg, const kc_go_options *options)
{
	struct kc_start start = { .fn = fn, .arg = arg, .at = CALLER };
	int ret;

	ret = check_options(options);
	if (ret)
		return ret;
	start.name = options->name;
	start.flags = options->flags;
	start.stack_size = options->stack_size;
	start.copy_size = options->copy_size;
	return kc_pool_start(&start);
}
