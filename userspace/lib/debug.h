/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_DEBUG_H
#define LIBKCHAN_DEBUG_H

/* Once in a process: what KCHANDEBUG in its environment asks for. */
void kc_debug_setup(void);

#endif /* LIBKCHAN_DEBUG_H */
