/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that return a negative errno.
 *
 * They use syscall(2), because libc's wrappers are cancellation points of threads. No
 * call of this library is one. The calls that move elements are inline, where the
 * instruction is known: syscall(2) moves each argument to another register, and returns
 * the error in errno.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "race/race.h"

/* Takes a result that is a negative errno already. */
static inline long sys_done(long ret)
{
	if (__builtin_expect(ret == -EINTR, 0) && kc_race_on())
		kc_race_run_handlers();
	return ret;
}

/* Takes a result of libc. */
static inline long sys_ret(long ret)
{
	return ret >= 0 ? ret : sys_done(-errno);
}

#if defined(__x86_64__) && defined(__LP64__)

static inline long sys_call3(long nr, long a, long b, long c)
{
	long ret = nr;

	__asm__ volatile("syscall" : "+a" (ret) : "D" (a), "S" (b), "d" (c) :
			 "rcx", "r11", "memory");
	return sys_done(ret);
}

#elif defined(__aarch64__) && defined(__LP64__)

static inline long sys_call3(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc	#0" : "+r" (x0) : "r" (x8), "r" (x1), "r" (x2) :
			 "memory");
	return sys_done(x0);
}

#else

static inline long sys_call3(long nr, long a, long b, long c)
{
	return sys_ret(syscall(nr, a, b, c));
}

#endif

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
	return sys_call3(SYS_read, fd, (long)buf, (long)len);
}

/*
 * Reads a short file with one read, and adds a zero byte. Returns the number of bytes,
 * or a negative errno. What does not fit is cut off.
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
	return sys_call3(SYS_write, fd, (long)buf, (long)len);
}

/*
 * As sys_read() and sys_write(), but they do not wait, whether @fd is O_NONBLOCK or not:
 * -EAGAIN. The offset -1 is for files that have no position.
 */
static inline long sys_read_now(int fd, void *buf, size_t len)
{
	const struct iovec vec = { buf, len };

	return sys_ret(syscall(SYS_preadv2, fd, &vec, 1L, -1L, -1L, RWF_NOWAIT));
}

static inline long sys_write_now(int fd, const void *buf, size_t len)
{
	const struct iovec vec = { (void *)buf, len };

	return sys_ret(syscall(SYS_pwritev2, fd, &vec, 1L, -1L, -1L, RWF_NOWAIT));
}

static inline long sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	return sys_call3(SYS_ioctl, fd, (long)cmd, (long)arg);
}

static inline long sys_getdents(int fd, void *buf, size_t size)
{
	return sys_ret(syscall(SYS_getdents64, fd, buf, size));
}

static inline long sys_set_cloexec(int fd)
{
	return sys_ret(syscall(SYS_fcntl, fd, F_SETFD, (long)FD_CLOEXEC));
}

/* Takes O_NONBLOCK off. */
static inline long sys_set_blocking(int fd)
{
	const long flags = sys_ret(syscall(SYS_fcntl, fd, F_GETFL));

	if (flags < 0)
		return flags;
	return sys_ret(syscall(SYS_fcntl, fd, F_SETFL, flags & ~(long)O_NONBLOCK));
}

static inline long sys_mkfifo(const char *path, unsigned int mode)
{
	return sys_ret(syscall(SYS_mknodat, AT_FDCWD, path, S_IFIFO | mode, 0));
}

static inline long sys_unlink(const char *path)
{
	return sys_ret(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

/* Fails with -EEXIST if @to is there. */
static inline long sys_rename_new(const char *from, const char *to)
{
	return sys_ret(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to,
			       1U /* RENAME_NOREPLACE */));
}

static inline long sys_fchmod(int fd, unsigned int mode)
{
	return sys_ret(syscall(SYS_fchmod, fd, mode));
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

/* Returns after a signal handler has run. */
static inline void sys_pause(void)
{
	/* Without a timeout, this call has the same arguments on all architectures. */
	(void)sys_ret(syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0));
}

/* Waits at most @ns, or for ever if @ns is negative. */
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

/* The timeout is as in sys_poll(). */
static inline long sys_epoll_wait(int epoll, struct epoll_event *told,
				  unsigned int max, int64_t ns)
{
	/* This call takes two 64-bit values on all architectures. */
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

/*
 * A random number. It is good enough for a choice, also before the kernel has entropy.
 */
static inline uint32_t sys_random(void)
{
	uint32_t value = 0;

	syscall(SYS_getrandom, &value, sizeof(value), GRND_INSECURE);
	return value;
}

/* Sleeps until @ns on CLOCK_MONOTONIC, or until a signal handler has run. */
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
