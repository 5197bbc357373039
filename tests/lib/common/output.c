// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output of a function, and the end of its process: see output.h.
 */
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void child(int (*fn)(void), int out, int err)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	exit(fn());
}

static void read_all(int fd, char *text, size_t size)
{
	ssize_t len = pread(fd, text, size - 1, 0);

	must(len >= 0);
	text[len] = '\0';
	close(fd);
}

void run_apart(struct output *seen, int (*fn)(void))
{
	const int out = memfd_create("out", 0), err = memfd_create("err", 0);
	int status;
	pid_t pid;

	must(out >= 0 && err >= 0);
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		child(fn, out, err);
	must_int(waitpid(pid, &status, 0), pid);
	seen->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	read_all(out, seen->out, sizeof(seen->out));
	read_all(err, seen->err, sizeof(seen->err));
}

bool expect_said(const char *text, const char *const *said)
{
	const char *at = text, *next;
	bool found = true;

	for (; *said; said++) {
		next = strstr(at, *said);
		if (next) {
			at = next + strlen(*said);
			continue;
		}
		tap_fail(__FILE__, __LINE__, "did not say: %s", *said);
		found = false;
	}
	if (!found)
		tap_note("said:\n%s", text);
	return found;
}
