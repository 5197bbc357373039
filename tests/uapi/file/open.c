// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device file: opening, what the descriptor is not, and who may use it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "chan.h"

static void open_modes(void)
{
	int fd;

	expect_errno(open("/dev/kchan", O_RDONLY), EINVAL);
	expect_errno(open("/dev/kchan", O_WRONLY), EINVAL);
	fd = open("/dev/kchan", O_RDWR);
	expect(fd >= 0);
	expect_int(close(fd), 0);
	/* O_NONBLOCK at open counts. */
	fd = open("/dev/kchan", O_RDWR | O_NONBLOCK);
	expect(fd >= 0);
	expect_errno(read(fd, &(uint64_t){ 0 }, 8), EAGAIN);
}

static void open_is_new(void)
{
	int a = chan_make(0, 8, 4), b = chan_open();
	struct kchan_info info_a = chan_info(a), info_b = chan_info(b);

	expect(info_a.id != info_b.id);
	expect_int(info_b.elem_size, 4096);
	send_u64(a, 1);
	expect_int(chan_len(a), 1);
	expect_int(chan_len(b), 0);
}

static void open_again(void)
{
	int fd = chan_make(0, 8, 4), again;
	char path[64];

	send_u64(fd, 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	expect_errno(open(path, O_RDONLY), EINVAL);
	expect_errno(open(path, O_WRONLY), EINVAL);
	again = open(path, O_RDWR);
	must(again >= 0);
	expect(chan_info(fd).id != chan_info(again).id);
	expect_int(chan_len(again), 0);
	expect_int(chan_len(fd), 1);
	/* And setup of the new one is open still. */
	expect_int(try_setup(again, 0, 4, 1), 0);
}

static void info_of_new(void)
{
	int fd = chan_open(), copy;
	struct kchan_info info = chan_info(fd);

	expect_int(info.flags,
		   KCHAN_INFO_MESSAGE | KCHAN_INFO_SEND | KCHAN_INFO_RECV);
	expect_int(info.elem_size, 4096);
	expect_int(info.capacity, 16);
	expect_int(info.len, 0);
	expect_int(info.send_ends, 1);
	expect_int(info.recv_ends, 1);
	expect_int(info.send_waiters, 0);
	expect_int(info.recv_waiters, 0);
	/* dup(2) makes another descriptor of the same end. */
	copy = dup(fd);
	expect(copy >= 0);
	expect_int(chan_info(copy).id, info.id);
	expect_int(chan_info(copy).send_ends, 1);
}

static void not_seekable(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t v = 7;

	expect_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
	expect_errno(lseek(fd, 0, SEEK_CUR), ESPIPE);
	expect_errno(lseek(fd, 0, SEEK_END), ESPIPE);
	expect_errno(pwrite(fd, &v, sizeof(v), 0), ESPIPE);
	expect_errno(pread(fd, &v, sizeof(v), 0), ESPIPE);
	expect_int(chan_len(fd), 0);
}

static void unknown_ioctls(void)
{
	static const unsigned long cmds[] = {
		_IO(KCHAN_IOC_TYPE, 0x1f),
		_IOWR(KCHAN_IOC_TYPE, 0x1e, struct kchan_select),
		_IO(KCHAN_IOC_TYPE, 0x20),
		_IOW(KCHAN_IOC_TYPE, 0xff, struct kchan_setup),
		/* Our numbers under another type. */
		_IOW('k', 0x00, struct kchan_setup),
		_IO('k', 0x03),
		/* TCGETS, by which isatty(3) asks. */
		0x5401,
	};
	char buf[256];
	int fd = chan_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		tap_about("ioctl %#lx", cmds[i]);
		memset(buf, 0, sizeof(buf));
		expect_errno(ioctl(fd, cmds[i], buf), ENOTTY);
	}
	expect_int(chan_info(fd).flags & KCHAN_INFO_CLOSED, 0);
	expect_int(isatty(fd), 0);
}

static void character_device(void)
{
	struct stat st;

	memset(&st, POISON, sizeof(st));
	must_int(stat("/dev/kchan", &st), 0);
	expect(S_ISCHR(st.st_mode));
	expect_int(st.st_mode & 07777, 0666);
}

static void use_all(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t v = 5;

	send_u64(fd, 1);
	expect_int(poll_now(fd) & 1, 1);
	expect_recv(fd, 1);
	expect_int(try_resize(fd, 3), 0);
	expect_int(try_send(fd, &v, 8), 0);
	chan_close(fd);
	expect_recv(fd, 5);
	expect_end(fd);
}

static void as_nobody(void *unused)
{
	(void)unused;
	must_int(setresgid(65534, 65534, 65534), 0);
	must_int(setresuid(65534, 65534, 65534), 0);
	use_all();
}

static void unprivileged(void)
{
	if (geteuid())
		tap_skip("needs root, to become nobody");
	expect_exit(spawn(as_nobody, NULL));
}

static void nowait(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v = 3;
	struct iovec io = { .iov_base = &v, .iov_len = sizeof(v) };

	/* What io_uring asks for: not to wait this once. */
	expect_errno(preadv2(fd, &io, 1, -1, RWF_NOWAIT), EAGAIN);
	expect_int(pwritev2(fd, &io, 1, -1, RWF_NOWAIT), 8);
	expect_errno(pwritev2(fd, &io, 1, -1, RWF_NOWAIT), EAGAIN);
	v = 0;
	expect_int(preadv2(fd, &io, 1, -1, RWF_NOWAIT), 8);
	expect_int(v, 3);
}

static void expect_in_use(void)
{
	expect_errno(syscall(SYS_delete_module, "kchan", O_NONBLOCK),
		     EWOULDBLOCK);
}

static void no_unload_in_use(void)
{
	int fd = chan_make(0, 8, 0), copy;
	struct call c;
	uint64_t v;

	if (geteuid())
		tap_skip("needs root");
	if (access("/sys/module/kchan/refcnt", F_OK))
		tap_skip("not a loaded module");
	expect_in_use();
	/* Nor when a blocked call is all that holds the channel. */
	on_signal(SIGUSR1, 0);
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	call_wait_asleep(&c);
	close(fd);
	expect_in_use();
	copy = chan_open();
	call_signal(&c, SIGUSR1);
	expect_done_errno(&c, EINTR);
	expect_in_use();
	close(copy);
}

static const struct tap_test tests[] = {
	{ "open: O_RDWR only", open_modes },
	{ "each open is a new channel", open_is_new },
	{ "an open through /proc/self/fd is a new channel", open_again },
	{ "info of a new channel; dup makes no end", info_of_new },
	{ "no seeking, no pread or pwrite", not_seekable },
	{ "unknown ioctls are ENOTTY", unknown_ioctls },
	{ "a character device of mode 0666", character_device },
	{ "an unprivileged user can do all of it", unprivileged },
	{ "no unloading while in use", no_unload_in_use },
	{ "RWF_NOWAIT does not wait", nowait },
};

TAP_MAIN(tests)
