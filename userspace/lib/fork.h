/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_FORK_H
#define LIBKCHAN_FORK_H

#include <stdint.h>

/*
 * See that the library is told of each fork(): 0 or a negative errno. To be called
 * before there is anything that a child must not have as it is.
 */
int kc_fork_setup(void);

/* How many forks lie between the first process and this one. */
extern uint32_t kc_generation;

#endif /* LIBKCHAN_FORK_H */
