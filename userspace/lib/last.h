/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_LAST_H
#define LIBKCHAN_LAST_H

/* Once in a process, before the next one: 0 or a negative errno. */
int kc_last_setup(void);

/* The first thread of the process ends, which is this one, but not the process. */
void kc_last_begin(void);

#endif /* LIBKCHAN_LAST_H */
