/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEADLOCK_H
#define LIBKCHAN_DEADLOCK_H

/* In the child of a fork(): nobody watches. */
void kc_deadlock_forked(void);

#endif /* LIBKCHAN_DEADLOCK_H */
