// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The status of a process that has ended.
 */
#include "base/proc.h"
#include "process/spawn.h"

/* Converts the status to the form of waitpid(). */
static int wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return W_EXITCODE(info->si_status, 0);
	return W_EXITCODE(0, info->si_status) |
		(info->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

int kc_spawn_reap(int pidfd, int options, int *status)
{
	siginfo_t info;
	int ret;

	do {
		info.si_pid = 0;
		ret = sys_waitid(P_PIDFD, pidfd, &info, options | WEXITED);
	} while (ret == -EINTR);
	if (ret)
		return ret;
	if (!info.si_pid)
		return -EAGAIN;
	*status = wait_status(&info);
	return 0;
}
