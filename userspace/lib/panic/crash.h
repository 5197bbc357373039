/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_CRASH_H
#define LIBKCHAN_PANIC_CRASH_H

/* Have exit() call the next one. Twice is as once. 0 or a negative errno. */
int kc_crash_setup(void);

/*
 * Before the process ends, if not by exit(). It does not return if a panic that ends
 * the process is being told.
 */
void kc_crash_await(void);

#endif /* LIBKCHAN_PANIC_CRASH_H */
