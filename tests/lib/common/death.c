// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that end the program, and their output: see death.h.
 */
#include "death.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "output.h"

static void child(void (*fn)(void *arg), void *arg, int to)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(to, STDERR_FILENO);
	close(to);
	fn(arg);
	tap_fail(__FILE__, __LINE__, "came back");
	_exit(0);
}

void die_in(struct death *death, void (*fn)(void *arg), void *arg)
{
	size_t len = 0;
	ssize_t more;
	int ends[2];
	pid_t pid;

	must_int(pipe(ends), 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		child(fn, arg, ends[1]);
	}
	close(ends[1]);
	while (len < sizeof(death->said) - 1) {
		more = read(ends[0], death->said + len,
			    sizeof(death->said) - 1 - len);
		if (more <= 0)
			break;
		len += more;
	}
	death->said[len] = '\0';
	close(ends[0]);
	must_int(waitpid(pid, &death->status, 0), pid);
}

bool expect_abort(void (*fn)(void *arg), void *arg, const char *const *said)
{
	struct death *death = malloc(sizeof(*death));
	bool good, found;

	must(death);
	die_in(death, fn, arg);
	good = expect(WIFSIGNALED(death->status) &&
		      WTERMSIG(death->status) == SIGABRT);
	found = expect_said(death->said, said);
	if (!good && found)
		tap_note("said:\n%s", death->said);
	free(death);
	return good && found;
}
