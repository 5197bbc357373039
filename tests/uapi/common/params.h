/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's parameters, and tests that run as another user.
 */
#ifndef PARAMS_H
#define PARAMS_H

#include "chan.h"

#define NOBODY 65534
#define OTHER 65533

/* -1 when it cannot be read. */
long long param_get(const char *name);
/* False when the value is refused. */
bool param_put(const char *name, long long value);
/* Ends the test when it is refused. */
void param_set(const char *name, long long value);

/* Skips the test without root; the parameters are as they were at the start. */
void params_begin(void);
void params_restore(void);

/* tap_run() that leaves the parameters as it found them. */
int params_run(const struct tap_test *tests, size_t count);

#define PARAMS_MAIN(tests)						\
	int main(void)							\
	{								\
		return params_run(tests, ARRAY_SIZE(tests));		\
	}

/* This process is that user's from now on. */
void become(uid_t uid);
/* To and fro: the saved user stays root. */
void act_as(uid_t uid);
/* In a process of that user. */
void run_as(uid_t uid, void (*run)(void));

#endif /* PARAMS_H */
