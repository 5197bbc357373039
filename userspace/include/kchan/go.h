/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines: threads with small stacks.
 */
#ifndef KCHAN_GO_H
#define KCHAN_GO_H

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/*
 * Run @fn(@arg) in a goroutine of its own. Nobody joins it: to know when it has
 * ended use a channel, or a kc_waitgroup. Its stack has room for 64 KiB, with a
 * guard page below it: large arrays belong on the heap.
 *
 * As in Go, the program ends when main() returns, whatever goroutines are left.
 *
 * 0, or
 * -EAGAIN	the system allows no more threads (RLIMIT_NPROC, a cgroup's
 *		pids.max, threads-max) or mappings (vm.max_map_count)
 * -ENOMEM
 */
int kc_go(void (*fn)(void *arg), void *arg) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_GO_H */
