/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Without memory: the kernel lets each allocation of a call fail in turn, and each copy
 * from and to user memory. What would be left over, the guest looks for when the module
 * has gone.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "chan.h"

/* Skips the test where nothing can be made to fail. */
void faults_begin(void);
void faults_end(void);

/* Lets the allocation or copy with this number fail, from now on in this thread; 0: none. */
void set_fail_nth(long nth);

/* How many are to come until then; 0 once it has failed. */
long fail_nth_left(void);

/*
 * Calls @run again and again, with another allocation or copy failing each time, until none
 * is left. @run returns -1 and errno, and then @failed is called, if it is not NULL; or
 * what @undo is for, which makes it as it was before.
 */
void each_fails(int (*run)(void), void (*undo)(int ret), void (*failed)(void));

#endif /* FAULTS_H */
