/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a function with the clock that leaps.
 */
#ifndef BUBBLE_H
#define BUBBLE_H

#include <kchan/synctest.h>

#include "common.h"

#define MINUTE	(60 * KC_SECOND)
#define HOUR	(60 * MINUTE)

int64_t real_now(void);

/* As kc_synctest(). Expects that it succeeds, waits for no real time, and returns. */
void run_inside(void (*fn)(void *arg), void *arg);

/* Sleeps an hour, and expects that exactly an hour passes. */
void sleep_an_hour(void *arg);

#endif /* BUBBLE_H */
