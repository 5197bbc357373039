/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_FORK_H
#define LIBKCHAN_FORK_H

/* Asks to be told of each fork(): 0 or an errno. */
int kc_fork_setup(void);

#endif /* LIBKCHAN_FORK_H */
