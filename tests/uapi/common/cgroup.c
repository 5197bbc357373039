// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups, see cgroup.h.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "chan.h"

static char base[] = "/tmp/kchan-cgroup-XXXXXX";
static char group[100];

const char *cgroup_file(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return path;
}

static bool put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good;

	good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return good;
}

static void begin(void)
{
	char path[100];

	mkdir("/tmp", 01777);
	if (!mkdtemp(base) || mount("none", base, "cgroup2", 0, NULL))
		tap_skip("no cgroup v2");
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", base);
	if (!put_file(path, "+memory")) {
		umount(base);
		tap_skip("no memory controller");
	}
	snprintf(group, sizeof(group), "%s/kchan-%d", base, getpid());
	must_int(mkdir(group, 0755), 0);
}

static void end(void)
{
	rmdir(group);
	umount(base);
	rmdir(base);
}

void run_in_cgroup(void (*run)(void))
{
	int status;
	pid_t pid;

	begin();
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		must(put_file(cgroup_file("cgroup.procs"), "0"));
		run();
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	expect_int(status, 0);
	end();
}
