/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls on processes, and on descriptors that are passed to a process.
 */
#ifndef LIBKCHAN_BASE_PROC_H
#define LIBKCHAN_BASE_PROC_H

#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "base/task.h"

/*
 * A signal's action, as the kernel defines it. All zero is the default action. libc's
 * sigaction(), and a sanitizer's replacement of it, records the action in memory. A
 * process that shares this memory may have another action. So spawn code uses the
 * system call.
 */
struct kc_sigaction {
#ifdef __mips__
	unsigned int flags;
	void (*handler)(int signal);
#else
	void (*handler)(int signal);
	unsigned long flags;
#endif
	void *restorer;
	struct kc_sigmask mask;
};

static inline long sys_sigaction(int signal, const struct kc_sigaction *action,
				 struct kc_sigaction *old)
{
	return sys_ret(syscall(SYS_rt_sigaction, signal, action, old,
			       sizeof(action->mask)));
}

static inline long sys_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	return sys_ret(syscall(SYS_waitid, type, id, info, options, NULL));
}

static inline long sys_pidfd_open(pid_t pid)
{
	return sys_ret(syscall(SYS_pidfd_open, pid, 0));
}

static inline long sys_pidfd_kill(int fd, int signal)
{
	return sys_ret(syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0));
}

/* Returns the length, at most @size. The name is not terminated. */
static inline long sys_readlink(const char *path, char *name, size_t size)
{
	return sys_ret(syscall(SYS_readlinkat, AT_FDCWD, path, name, size));
}

/*
 * Returns the lowest free descriptor that is at least @least. It is not close-on-exec.
 */
static inline long sys_dup_above(int fd, int least)
{
	return sys_ret(syscall(SYS_fcntl, fd, F_DUPFD, (long)least));
}

static inline long sys_dup_to(int fd, int to)
{
	return sys_ret(syscall(SYS_dup3, fd, to, 0));
}

static inline long sys_dup_cloexec_to(int fd, int to)
{
	return sys_ret(syscall(SYS_dup3, fd, to, O_CLOEXEC));
}

static inline long sys_close_range(unsigned int first, unsigned int last)
{
	return sys_ret(syscall(SYS_close_range, first, last, 0));
}

static inline long sys_chdir(const char *path)
{
	return sys_ret(syscall(SYS_chdir, path));
}

/*
 * Messages on a connected socket. If the peer is closed, the result is -EPIPE, and
 * there is no signal.
 */
static inline long sys_send(int fd, const void *buf, size_t len)
{
	return sys_ret(syscall(SYS_sendto, fd, buf, len, MSG_NOSIGNAL, NULL, 0));
}

static inline long sys_recv(int fd, void *buf, size_t len)
{
	long ret;

	do {
		ret = sys_ret(syscall(SYS_recvfrom, fd, buf, len, 0, NULL, NULL));
	} while (ret == -EINTR);
	return ret;
}

#endif /* LIBKCHAN_BASE_PROC_H */
