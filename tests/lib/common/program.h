/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that are their own tests': with arguments one does what they say.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "common.h"

#define SELF	"/proc/self/exe"
#define TEXT	4096

/* In such a program: an end that it was given. */
kc_chan *inherit(const char *name);

kc_process_options program(char *const *argv);

/* Waits until it ends, and drops it. */
void expect_exit(kc_process *p, int code);

#endif /* PROGRAM_H */
