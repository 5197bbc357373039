// SPDX-License-Identifier: LGPL-2.1-or-later
#include <kchan/version.h>

const char *kc_version(void)
{
	return KC_VERSION;
}
