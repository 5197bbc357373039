/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DUMP_SIGNAL_H
#define LIBKCHAN_DUMP_SIGNAL_H

/* Around a fork(): the child is as it was before it asked for any. */
void kc_dump_lock(void);
void kc_dump_unlock(void);
void kc_dump_forked(void);

#endif /* LIBKCHAN_DUMP_SIGNAL_H */
