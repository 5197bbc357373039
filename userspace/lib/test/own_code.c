// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where libkchan-test's own code is.
 */
#include "base/code.h"

KC_CODE()
