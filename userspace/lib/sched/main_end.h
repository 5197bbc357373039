/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_LAST_H
#define LIBKCHAN_LAST_H

/* Before there is a thread of the library's: 0 or a negative errno. */
int kc_last_setup(void);

#endif /* LIBKCHAN_LAST_H */
