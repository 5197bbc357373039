/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a lower floor needs of a higher one: lib/README.md has all of it.
 *
 * The lower floor declares a variable with KC_HOOK, which is NULL in a program that has
 * nothing for it; the file above sets it with KC_SET_HOOK(). A registry is the same for
 * several: files join with a macro of its own.
 */
#ifndef LIBKCHAN_BASE_HOOK_H
#define LIBKCHAN_BASE_HOOK_H

/* For the reader, and for scripts/floors. */
#define KC_HOOK
#define KC_REGISTRY

/* Before all constructors that do not ask to be early, which may call the library. */
#define KC_EARLY	__attribute__((constructor(101)))

#define KC_SET_HOOK(hook, value)					\
	KC_EARLY static void kc_set_##hook(void)			\
	{								\
		__atomic_store_n(&(hook), (value), __ATOMIC_RELEASE);	\
	}

#endif /* LIBKCHAN_BASE_HOOK_H */
