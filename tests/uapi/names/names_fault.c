// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without memory: what makes, moves and removes names, mounts and ends fails, and leaves
 * nothing: see common/faults.h.
 */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "faults.h"
#include "names.h"

#define JOBS NAMES "/jobs"
#define MOVED NAMES "/moved"

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

	names_begin();
	faults_begin();
	each_fails(run_mkfifo, undo_mkfifo, NULL);
	each_fails(run_mkdir, undo_mkdir, NULL);
	faults_end();
	expect_int(inodes(NAMES), 1);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_nlink, 2);
	must_int(umount2(NAMES, 0), 0);
}

static int run_rename(void)
{
	return rename(JOBS, MOVED);
}

static void undo_rename(int ret)
{
	(void)ret;
	must_int(rename(MOVED, JOBS), 0);
}

/* Something else goes to the name, whose channel loses it. */
static int run_rename_over(void)
{
	return rename(JOBS, MOVED);
}

static void undo_rename_over(int ret)
{
	(void)ret;
	expect_int(inodes(NAMES), 2);
	name_make(JOBS, 0600);
}

static int run_unlink(void)
{
	return unlink(JOBS);
}

static void undo_unlink(int ret)
{
	(void)ret;
	name_make(JOBS, 0600);
}

static int run_rmdir(void)
{
	return rmdir(JOBS);
}

static void undo_rmdir(int ret)
{
	(void)ret;
	must_int(mkdir(JOBS, 0700), 0);
}

/* What failed has changed nothing: the name is there, and what is queued. */
static void still_there(void)
{
	int fd = name_open(JOBS, O_RDONLY);

	expect_int(chan_len(fd), 1);
	close(fd);
}

static void moved(void)
{
	int fd;

	names_begin();
	faults_begin();
	fd = name_set_up(JOBS, 4, 0);
	send_u64(fd, 1);
	each_fails(run_rename, undo_rename, still_there);
	expect_recv(fd, 1);
	close(fd);
	name_make(MOVED, 0600);
	each_fails(run_rename_over, undo_rename_over, NULL);
	must_int(unlink(MOVED), 0);
	each_fails(run_unlink, undo_unlink, NULL);
	must_int(unlink(JOBS), 0);
	must_int(mkdir(JOBS, 0700), 0);
	each_fails(run_rmdir, undo_rmdir, NULL);
	faults_end();
	must_int(rmdir(JOBS), 0);
	expect_int(inodes(NAMES), 1);
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

static int run_umount(void)
{
	return umount2(OTHERS, 0);
}

static void undo_umount(int ret)
{
	(void)ret;
	names_mount(OTHERS, "");
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
	names_begin();
	faults_begin();
	each_fails(run_mount, undo_mount, NULL);
	each_fails(run_remount, undo_remount, NULL);
	names_mount(OTHERS, "");
	each_fails(run_umount, undo_umount, NULL);
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
	names_begin();
	faults_begin();
	made_from = name_set_up(JOBS, 4, 0);
	send_u64(made_from, 1);
	each_fails(run_open, undo_open, NULL);
	each_fails(run_end, undo_open, NULL);
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
	names_begin();
	faults_begin();
	name_make(JOBS, 0600);
	each_fails(run_use, undo_use, NULL);
	faults_end();
}

static const struct tap_test tests[] = {
	{ "names and directories", names },
	{ "what moves and removes them", moved },
	{ "mounts and remounts", mounts },
	{ "ends", ends },
	{ "the first use", first_use },
};

PARAMS_MAIN(tests)
