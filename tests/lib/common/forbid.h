/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes without a system call.
 */
#ifndef FORBID_H
#define FORBID_H

#include <stddef.h>

/* From now on this thread is killed, and the process, when it makes one of these calls. */
void forbid(const int *calls, size_t nr);

#endif
