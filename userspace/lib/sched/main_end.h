/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_SCHED_MAIN_END_H
#define LIBKCHAN_SCHED_MAIN_END_H

/* Call it before a thread of the library is started. Returns 0 or a negative errno. */
int kc_main_end_setup(void);

#endif /* LIBKCHAN_SCHED_MAIN_END_H */
