// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The list of the library's code ranges: see code.h.
 */
#include "base/code.h"

struct kc_code *kc_code;

void kc_code_join(struct kc_code *code)
{
	code->next = kc_code;
	kc_code = code;
}

bool kc_code_has(uintptr_t pc)
{
	const struct kc_code *code;

	for (code = kc_code; code; code = code->next)
		if (pc > (uintptr_t)code->start && pc <= (uintptr_t)code->end)
			return true;
	return false;
}

KC_CODE()
