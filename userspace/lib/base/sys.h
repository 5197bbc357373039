/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls, returning a negative errno.
 *
 * Through syscall(2), because libc's own wrappers are thread-cancellation
 * points, and no call of this library is.
 */
#ifndef LIBKCHAN_BASE_SYS_H
#define LIBKCHAN_BASE_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "race/race.h"

static inline long sys_ret(long ret)
{
	if (ret >= 0)
		return ret;
	ret = -errno;
	if (ret == -EINTR && kc_race_on())
		kc_race_run_handlers();
	return ret;
}

static inline long sys_open(const char *path, int flags)
{
	return sys_ret(syscall(SYS_openat, AT_FDCWD, path, flags, 0));
}

static inline long sys_close(int fd)
{
	return sys_ret(syscall(SYS_close, fd));
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return sys_ret(syscall(SYS_read, fd, buf, len));
}

/*
 * What is in a file of a few lines, in one read, with a zero byte after it: how many
 * bytes there are, or a negative errno. Those that do not fit are left out.
 */
static inline long sys_read_text(const char *path, char *text, size_t size)
{
	const long fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	long len;

	if (fd < 0)
		return fd;
	len = sys_read(fd, text, size - 1);
	sys_close(fd);
	if (len >= 0)
		text[len] = '\0';
	return len;
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return sys_ret(syscall(SYS_write, fd, buf, len));
}

static inline long sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	return sys_ret(syscall(SYS_ioctl, fd, cmd, arg));
}

static inline long sys_getdents(int fd, void *buf, size_t size)
{
	return sys_ret(syscall(SYS_getdents64, fd, buf, size));
}

static inline long sys_set_cloexec(int fd)
{
	return sys_ret(syscall(SYS_fcntl, fd, F_SETFD, (long)FD_CLOEXEC));
}

static inline void sys_futex_wait(const uint32_t *word, uint32_t value)
{
	(void)sys_ret(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL,
			      NULL, 0));
}

static inline void sys_futex_wake_all(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Returns when a signal handler has run. */
static inline void sys_pause(void)
{
	/* The call without a timeout takes the same arguments everywhere. */
	(void)sys_ret(syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0));
}

/* Waits at most @ns, for ever if that is negative. */
static inline long sys_poll(struct pollfd *fds, unsigned int n, int64_t ns)
{
#ifdef SYS_ppoll_time64
	int64_t most[2] = { ns / 1000000000, ns % 1000000000 };

	return sys_ret(syscall(SYS_ppoll_time64, fds, n,
			       ns < 0 ? NULL : most, NULL, 0));
#else
	struct timespec most = { ns / 1000000000, ns % 1000000000 };

	return sys_ret(syscall(SYS_ppoll, fds, n, ns < 0 ? NULL : &most, NULL,
			       0));
#endif
}

static inline long sys_epoll_create(void)
{
	return sys_ret(syscall(SYS_epoll_create1, EPOLL_CLOEXEC));
}

static inline long sys_epoll_ctl(int epoll, int op, int fd,
				 struct epoll_event *event)
{
	return sys_ret(syscall(SYS_epoll_ctl, epoll, op, fd, event));
}

/* As sys_poll(). */
static inline long sys_epoll_wait(int epoll, struct epoll_event *told,
				  unsigned int max, int64_t ns)
{
	/* Of 64 bits each, everywhere. */
	const int64_t most[2] = { ns / 1000000000, ns % 1000000000 };

	return sys_ret(syscall(SYS_epoll_pwait2, epoll, told, max,
			       ns < 0 ? NULL : most, NULL, 0));
}

static inline long sys_eventfd(void)
{
	return sys_ret(syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static inline long sys_fd_flags(int fd)
{
	return sys_ret(syscall(SYS_fcntl, fd, F_GETFD));
}

/* Good enough to choose by, also before the kernel has gathered entropy. */
static inline uint32_t sys_random(void)
{
	uint32_t value = 0;

	syscall(SYS_getrandom, &value, sizeof(value), GRND_INSECURE);
	return value;
}

/* Until @ns on CLOCK_MONOTONIC, or until a signal handler has run. */
static inline long sys_sleep_until(int64_t ns)
{
#ifdef SYS_clock_nanosleep_time64
	const int64_t until[2] = { ns / 1000000000, ns % 1000000000 };

	return sys_ret(syscall(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC,
			       TIMER_ABSTIME, until, NULL));
#else
	const struct timespec until = { ns / 1000000000, ns % 1000000000 };

	return sys_ret(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC,
			       TIMER_ABSTIME, &until, NULL));
#endif
}

#endif /* LIBKCHAN_BASE_SYS_H */
