/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes in user namespaces of their own.
 */
#ifndef CONTAINED_H
#define CONTAINED_H

#include "chan.h"

/*
 * A process in a namespace that it makes and this one maps: its first @count ids are
 * those from @base on. It runs as @uid there.
 */
pid_t contained(uid_t base, unsigned int count, uid_t uid, void (*run)(void *),
		void *arg);
/*
 * This process goes into a namespace of its own, as any user may, and is root there.
 * Skips the test where that is not allowed.
 */
void contain_myself(void);

#endif /* CONTAINED_H */
