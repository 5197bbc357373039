// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's parameters, see params.h.
 */
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "params.h"

#define PARAMETERS "/sys/module/kchan/parameters/"

static const char * const names[] = {
	"default_elem_size", "default_capacity", "max_channel_bytes",
	"user_max_channels", "user_max_bytes",
};

static long long at_start[ARRAY_SIZE(names)];

long long param_get(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return read_number(path);
}

bool param_put(const char *name, long long value)
{
	char path[128], text[32];
	int fd, len;
	bool good;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = snprintf(text, sizeof(text), "%lld\n", value);
	good = write(fd, text, len) == len;
	close(fd);
	return good;
}

void param_set(const char *name, long long value)
{
	must(param_put(name, value));
}

void params_restore(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (at_start[i] >= 0)
			param_put(names[i], at_start[i]);
}

void params_begin(void)
{
	if (geteuid())
		tap_skip("needs root");
	params_restore();
}

int params_run(const struct tap_test *tests, size_t count)
{
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		at_start[i] = param_get(names[i]);
	ret = tap_run(tests, count);
	/* Also after a test that failed half-way. */
	params_restore();
	return ret;
}

void become(uid_t uid)
{
	must_int(setgroups(0, NULL), 0);
	must_int(setresgid(uid, uid, uid), 0);
	must_int(setresuid(uid, uid, uid), 0);
	/* Its own /proc stays open to it. */
	must_int(prctl(PR_SET_DUMPABLE, 1), 0);
}

void act_as(uid_t uid)
{
	must_int(seteuid(0), 0);
	must_int(setresuid(uid, uid, 0), 0);
}

void run_as(uid_t uid, void (*run)(void))
{
	pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (pid == 0) {
		become(uid);
		run();
		_exit(0);
	}
	/* As long as it takes: the test's watchdog ends this. */
	must(waitpid(pid, &status, 0) == pid);
	expect_int(status, 0);
}
