/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a lower floor needs of a higher floor. lib/README.md lists all of them.
 *
 * The lower floor declares a hook, a variable with KC_HOOK. The higher floor sets it
 * with KC_SET_HOOK(). It is NULL in a program that does not link the file which sets
 * it. A registry serves the same purpose for several files: each of them joins with the
 * registry's own macro.
 */
#ifndef LIBKCHAN_BASE_HOOK_H
#define LIBKCHAN_BASE_HOOK_H

/* Marks for the reader, and for scripts/floors. */
#define KC_HOOK
#define KC_REGISTRY

/*
 * A constructor with this priority runs before those of the program, which have no
 * priority and may call the library.
 */
#define KC_EARLY	__attribute__((constructor(101)))

#define KC_SET_HOOK(hook, value)					\
	KC_EARLY static void kc_set_##hook(void)			\
	{								\
		__atomic_store_n(&(hook), (value), __ATOMIC_RELEASE);	\
	}

#endif /* LIBKCHAN_BASE_HOOK_H */
