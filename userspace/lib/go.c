// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines, as the program starts them.
 */
#include "pool.h"

/* Options are never this large: a size that is more was not set. */
#define MAX_OPTIONS_SIZE	4096

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

/* What a later form of the options has more must be zero: we do not know it. */
static int check_options(const kc_go_options *options)
{
	const unsigned char *bytes = (const unsigned char *)options;
	uint32_t i;

	if (options->size < sizeof(*options))
		return -EINVAL;
	if (options->size > MAX_OPTIONS_SIZE)
		return -E2BIG;
	for (i = sizeof(*options); i < options->size; i++)
		if (bytes[i])
			return -E2BIG;
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

void kc_gosched(void)
{
	sys_yield();
}

void kc_sleep(int64_t ns)
{
	const int64_t until = kc_later(kc_now(), ns);

	if (ns <= 0)
		return;
	while (sys_sleep_until(until) == -EINTR)
		;
}
