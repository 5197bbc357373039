// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reporting that all goroutines wait for each other.
 */
#include <stdlib.h>

#include "debug/blocked.h"
#include "debug/dump.h"
#include "panic/report.h"

#define PRINT_SIZE	1024

void kc_blocked_report(const char *text)
{
	const struct kc_looker nobody = { .traces = true };
	char buf[PRINT_SIZE];
	struct kc_print out = KC_PRINT_FD(STDERR_FILENO, buf);

	kc_report_begin();
	kc_print_text(&out, "fatal error: ");
	kc_print_text(&out, text);
	kc_print_text(&out, "\n\n");
	kc_print_flush(&out);
	kc_dump_all(&nobody, STDERR_FILENO);
}

void kc_blocked_abort(void)
{
	kc_blocked_report("all goroutines are asleep - deadlock!");
	abort();
}
