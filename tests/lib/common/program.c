// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <sys/wait.h>

#include "program.h"

kc_chan *inherit(const char *name)
{
	kc_chan *c = NULL;

	if (kc_inherit(&c, name))
		exit(99);
	return c;
}

kc_process_options program(char *const *argv)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;

	options.argv = argv;
	return options;
}

void expect_exit(kc_process *p, int code)
{
	int status = -1;

	must_int(kc_process_wait(p, &status), 0);
	if (!expect(WIFEXITED(status)))
		tap_note("status %#x", status);
	expect_int(WEXITSTATUS(status), code);
	kc_process_unref(p);
}
