/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_FAULT_H
#define LIBKCHAN_FAULT_H

/* Have stack overflows told, if nobody handles such faults. Once in a process. */
void kc_fault_setup(void);

/* Around fork(), see fork.c. */
void kc_fault_lock(void);
void kc_fault_unlock(void);

#endif /* LIBKCHAN_FAULT_H */
