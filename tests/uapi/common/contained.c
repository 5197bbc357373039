// SPDX-License-Identifier: GPL-2.0-only
/* Processes in user namespaces, see contained.h. */
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "contained.h"

static void put_text(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0);
	must_int(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Ids from 0 on there are those from @base on here. */
static void put_map(pid_t pid, const char *name, uid_t base, unsigned int count)
{
	char text[64];

	snprintf(text, sizeof(text), "0 %u %u\n", base, count);
	put_text(pid, name, text);
}

pid_t contained(uid_t base, unsigned int count, uid_t uid, void (*run)(void *),
		void *arg)
{
	int made[2], mapped[2];
	char byte;
	pid_t pid;

	must_int(pipe(made), 0);
	must_int(pipe(mapped), 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		close(made[0]);
		close(mapped[1]);
		if (unshare(CLONE_NEWUSER))
			tap_skip("no user namespaces here");
		/* Its /proc is not only for the initial root. */
		must_int(prctl(PR_SET_DUMPABLE, 1), 0);
		close(made[1]);
		must_int(read(mapped[0], &byte, 1), 0);
		must_int(setresgid(uid, uid, uid), 0);
		must_int(setresuid(uid, uid, uid), 0);
		run(arg);
		_exit(0);
	}
	close(made[1]);
	close(mapped[0]);
	must_int(read(made[0], &byte, 1), 0);
	put_map(pid, "uid_map", base, count);
	put_map(pid, "gid_map", base, count);
	close(made[0]);
	close(mapped[1]);
	return pid;
}

void contain_myself(void)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER))
		tap_skip("no user namespaces here");
	must_int(prctl(PR_SET_DUMPABLE, 1), 0);
	put_text(getpid(), "setgroups", "deny");
	put_map(getpid(), "uid_map", uid, 1);
	put_map(getpid(), "gid_map", gid, 1);
}
