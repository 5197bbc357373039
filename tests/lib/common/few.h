/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * No more threads can be created.
 */
#ifndef FEW_H
#define FEW_H

#include <kchan/kchan.h>

/*
 * From now on this process can have @most threads. Skips the test where this is not
 * possible.
 */
void have_few_threads(unsigned int most);

/*
 * Starts goroutines until no more threads can be created. They wait for the group. Returns
 * their number.
 */
int take_all_threads(kc_waitgroup *until);

#endif /* FEW_H */
