/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test programs that also run themselves: with arguments, a program does what they say.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "common.h"

#define SELF	"/proc/self/exe"
#define TEXT	4096

/* In such a program: gets an end that the program was given. */
kc_chan *inherit(const char *name);

kc_process_options program(char *const *argv);

/* Waits until the process ends, and drops it. */
void expect_exit(kc_process *p, int code);

#endif /* PROGRAM_H */
