/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests in a memory cgroup of their own.
 */
#ifndef CGROUP_H
#define CGROUP_H

/* In a process of the group. Skips the test where there can be none. */
void run_in_cgroup(void (*run)(void));

/* In there: the path of one of the group's files, until the next call. */
const char *cgroup_file(const char *name);

#endif /* CGROUP_H */
