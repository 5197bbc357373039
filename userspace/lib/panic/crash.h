/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_PANIC_CRASH_H
#define LIBKCHAN_PANIC_CRASH_H

/*
 * Registers kc_crash_await() with atexit(). Later calls do nothing. Returns 0 or
 * -ENOMEM.
 */
int kc_crash_setup(void);

/*
 * Called before the process ends in another way than by exit(). It does not return if a
 * panic that ends the process is being reported.
 */
void kc_crash_await(void);

#endif /* LIBKCHAN_PANIC_CRASH_H */
