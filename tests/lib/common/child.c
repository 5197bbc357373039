// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that a test forks; see child.h.
 */
#include "child.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

bool in_child(pid_t *pid)
{
	*pid = fork();
	must(*pid >= 0);
	return *pid == 0;
}

void expect_good(pid_t pid)
{
	int status;

	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
}
