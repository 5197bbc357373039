/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Children that a test forks, and that continue in it.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include <kchan/kchan.h>

/* Forks. True in the child, which must exit with 0. */
bool in_child(pid_t *pid);

/* Waits for the child, and expects that it exits with 0. */
void expect_good(pid_t pid);

/*
 * Makes a child that has mapped a channel of 8 bytes, capacity 4, and has no end of it.
 * The only end is in the handle. The child waits to be killed.
 */
kc_chan *mapped_by_child(pid_t *pid);

#endif /* CHILD_H */
