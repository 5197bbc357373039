/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What Valgrind's memcheck has to be told about ioctls. It derives an ioctl's argument
 * from the ioctl's number, and does not follow the pointers in the argument. It needs
 * no help for reads and writes.
 *
 * These functions are compiled in if Valgrind's header exists when the library is
 * built, and NVALGRIND is not defined. Outside of Valgrind each of them is a few
 * instructions that have no effect.
 */
#ifndef LIBKCHAN_BASE_MEMCHECK_H
#define LIBKCHAN_BASE_MEMCHECK_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(NVALGRIND) && __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND	0
#define VALGRIND_MAKE_MEM_DEFINED(buf, len)	((void)(buf), (void)(len), 0)
#define VALGRIND_CHECK_MEM_IS_DEFINED(buf, len)	((void)(buf), (void)(len), 0)
#endif

static inline bool kc_memcheck_is_on(void)
{
	return RUNNING_ON_VALGRIND;
}

/* The kernel has written @len bytes to @buf. */
static inline void kc_memcheck_written(const void *buf, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(buf, len);
}

/* The kernel is going to read @len bytes from @buf. */
static inline void kc_memcheck_read(const void *buf, size_t len)
{
	(void)VALGRIND_CHECK_MEM_IS_DEFINED(buf, len);
}

#endif /* LIBKCHAN_BASE_MEMCHECK_H */
