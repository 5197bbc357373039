// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without memory: what makes names, mounts and ends fails, and leaves nothing. The
 * kernel lets each allocation of a call fail in turn. What would be left over, the guest
 * looks for when the module has gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "names.h"

#define JOBS NAMES "/jobs"

static int fail_nth, ignore_wait;

static void faults_begin(void)
{
	names_begin();
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ignore_wait = open("/sys/kernel/debug/failslab/ignore-gfp-wait",
			   O_WRONLY | O_CLOEXEC);
	if (fail_nth < 0 || ignore_wait < 0)
		tap_skip("no allocation can be made to fail");
	must_int(write(ignore_wait, "N", 1), 1);
}

static void faults_end(void)
{
	must_int(write(ignore_wait, "Y", 1), 1);
}

static void set_fail_nth(long nth)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", nth);

	/* It may be hit itself. */
	while (pwrite(fail_nth, text, (size_t)len, 0) != len)
		must_int(errno, EFAULT);
}

/* Whether one was to fail, and none did before this. */
static bool fail_nth_left(void)
{
	char text[32] = "";

	return pread(fail_nth, text, sizeof(text) - 1, 0) < 0 ||
	       strtol(text, NULL, 10);
}

/*
 * Calls @run with each of its allocations, and each copy from and to user memory,
 * failing in turn, until none is left. @run returns -1 and errno, or what @undo is for.
 */
static void each_fails(int (*run)(void), void (*undo)(int ret))
{
	unsigned int failed = 0;
	long nth;

	for (nth = 1; nth < 1000; nth++) {
		int ret, error;
		bool left;

		tap_about("allocation %ld", nth);
		set_fail_nth(nth);
		ret = run();
		error = errno;
		left = fail_nth_left();
		set_fail_nth(0);
		if (ret < 0) {
			expect(!left);
			expect(error == ENOMEM || error == EFAULT);
			failed++;
			continue;
		}
		undo(ret);
		/* How many there are differs from call to call. */
		if (left && nth > 60)
			break;
	}
	tap_note("%u of %ld make it fail", failed, nth - 1);
	expect(failed);
}

static long inodes(const char *where)
{
	struct statfs fs;

	must_int(statfs(where, &fs), 0);
	return (long)(fs.f_files - fs.f_ffree);
}

static int run_mkfifo(void)
{
	return mkfifo(JOBS, 0600);
}

static void undo_mkfifo(int ret)
{
	(void)ret;
	expect_int(inodes(NAMES), 2);
	must_int(unlink(JOBS), 0);
	expect_int(inodes(NAMES), 1);
}

static int run_mkdir(void)
{
	return mkdir(JOBS, 0700);
}

static void undo_mkdir(int ret)
{
	(void)ret;
	must_int(rmdir(JOBS), 0);
	expect_int(inodes(NAMES), 1);
}

static void names(void)
{
	struct stat st;

	faults_begin();
	each_fails(run_mkfifo, undo_mkfifo);
	each_fails(run_mkdir, undo_mkdir);
	faults_end();
	expect_int(inodes(NAMES), 1);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_nlink, 2);
	must_int(umount2(NAMES, 0), 0);
}

static int run_mount(void)
{
	return try_mount(OTHERS, "capacity=3,mode=700");
}

static void undo_mount(int ret)
{
	(void)ret;
	expect_int(inodes(OTHERS), 1);
	must_int(umount2(OTHERS, 0), 0);
}

static int run_remount(void)
{
	return try_remount(NAMES, "capacity=3,mode=700");
}

static void undo_remount(int ret)
{
	(void)ret;
	expect(mounted_with(NAMES, "capacity=3"));
}

static void mounts(void)
{
	faults_begin();
	each_fails(run_mount, undo_mount);
	each_fails(run_remount, undo_remount);
	faults_end();
}

static int made_from;

static int run_open(void)
{
	return open(JOBS, O_RDWR | O_CLOEXEC);
}

static int run_end(void)
{
	struct kchan_end end = { .flags = KCHAN_END_RECV };

	return ioctl(made_from, KCHAN_IOC_END, &end);
}

static void undo_open(int fd)
{
	close(fd);
	expect_int(chan_info(made_from).recv_ends, 2);
}

static void ends(void)
{
	faults_begin();
	made_from = name_set_up(JOBS, 4, 0);
	send_u64(made_from, 1);
	each_fails(run_open, undo_open);
	each_fails(run_end, undo_open);
	faults_end();
	expect_int(chan_info(made_from).recv_ends, 2);
	expect_recv(made_from, 1);
	/* No end that failed keeps the mount. */
	close(made_from);
	must_int(umount2(NAMES, 0), 0);
}

/* The buffer is made at the first use; the use that fails can be tried again. */
static int run_use(void)
{
	uint64_t v = 1;
	int fd = open(JOBS, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return fd;
	ret = write(fd, &v, 8) == 8 ? 0 : -1;
	close(fd);
	return ret;
}

static void undo_use(int ret)
{
	(void)ret;
	expect_recv(name_open(JOBS, O_RDONLY), 1);
	must_int(unlink(JOBS), 0);
	name_make(JOBS, 0600);
}

static void first_use(void)
{
	faults_begin();
	name_make(JOBS, 0600);
	each_fails(run_use, undo_use);
	faults_end();
}

static const struct tap_test tests[] = {
	{ "names and directories", names },
	{ "mounts and remounts", mounts },
	{ "ends", ends },
	{ "the first use", first_use },
};

PARAMS_MAIN(tests)
