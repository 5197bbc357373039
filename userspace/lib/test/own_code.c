// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The address range of libkchan-test's code: see base/code.h.
 */
#include "base/code.h"

KC_CODE()
