/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What Valgrind's memcheck is told: it takes the arguments of an ioctl for what their
 * numbers say, and does not follow the pointers in them. (Reads and writes it knows.)
 *
 * Where its header is there when the library is built. Each of these is a few
 * instructions that do nothing in a process that is not run by it; -DNVALGRIND
 * leaves them out.
 */
#ifndef LIBKCHAN_BASE_MEMCHECK_H
#define LIBKCHAN_BASE_MEMCHECK_H

#include <stddef.h>

#if !defined(NVALGRIND) && __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(buf, len)	((void)(buf), (void)(len), 0)
#define VALGRIND_CHECK_MEM_IS_DEFINED(buf, len)	((void)(buf), (void)(len), 0)
#endif

/* The kernel has written this. */
static inline void kc_memcheck_written(const void *buf, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(buf, len);
}

/* It is going to read this. */
static inline void kc_memcheck_read(const void *buf, size_t len)
{
	(void)VALGRIND_CHECK_MEM_IS_DEFINED(buf, len);
}

#endif /* LIBKCHAN_BASE_MEMCHECK_H */
