// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The program's calls for jitter. sched/dice.c implements it.
 */
#include <kchan/jitter.h>

#include "sched/dice.h"

void kc_jitter(uint64_t seed)
{
	kc_jitter_begin(seed);
}

int kc_jitter_point(void)
{
	return kc_jitter_is_on() ? kc_jitter_decide() : KC_JITTER_NOTHING;
}
