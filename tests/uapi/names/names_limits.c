// SPDX-License-Identifier: GPL-2.0-only
/* What names cost, whom, and what limits them. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "names.h"

#define JOBS NAMES "/jobs"
#define LIMIT (1 << 20)

static const char *numbered(unsigned int i)
{
	static char path[64];

	snprintf(path, sizeof(path), NAMES "/%u", i);
	return path;
}

static unsigned int make_all(int (*make)(const char *, mode_t), int error)
{
	unsigned int nr = 0;

	while (nr < 5000 && !make(numbered(nr), 0700))
		nr++;
	expect_int(errno, error);
	return nr;
}

static void nr_inodes(void)
{
	struct statfs fs;

	mounts_begin();
	names_mount(NAMES, "nr_inodes=10");
	expect_int(make_all(mkfifo, ENOSPC), 9);
	expect_errno(mkdir(NAMES "/dir", 0700), ENOSPC);
	must_int(statfs(NAMES, &fs), 0);
	expect_int(fs.f_type, KCHAN_SUPER_MAGIC);
	expect_int(fs.f_files, 10);
	expect_int(fs.f_ffree, 0);
	must_int(unlink(numbered(3)), 0);
	must_int(statfs(NAMES, &fs), 0);
	expect_int(fs.f_ffree, 1);
	must_int(mkdir(NAMES "/dir", 0700), 0);
	expect_errno(mkfifo(NAMES "/dir/jobs", 0700), ENOSPC);
	/* A name that goes counts for as long as it is open. */
	close(name_open(numbered(1), O_RDWR));
	must_int(unlink(numbered(1)), 0);
	must_int(mkfifo(numbered(1), 0700), 0);
}

static void nr_inodes_of_none(void)
{
	struct statfs fs;

	mounts_begin();
	names_mount(NAMES, NULL);
	must_int(statfs(NAMES, &fs), 0);
	expect_int(fs.f_files, 4096);
	expect_int(fs.f_ffree, 4095);
	names_mount(OTHERS, "nr_inodes=0");
	must_int(statfs(OTHERS, &fs), 0);
	expect_int(fs.f_files, 0);
	expect(fs.f_namelen == 255);
}

/* Names and directories are charged to who makes them, and only for as long. */
static void charges_inodes(void)
{
	long long before, full;
	unsigned int made;

	names_begin();
	param_set("user_max_bytes", LIMIT);
	act_as(OTHER);
	before = charged();
	for (int i = 0; i < 64; i++) {
		must_int(mkfifo(numbered(i), 0700), 0);
		must_int(mkdir(numbered(100 + i), 0700), 0);
	}
	full = charged();
	expect(full - before >= 128 * NAME_BYTES &&
	       full - before < 128 * NAME_BYTES + 8192);
	for (int i = 0; i < 64; i++) {
		must_int(unlink(numbered(i)), 0);
		must_int(rmdir(numbered(100 + i)), 0);
	}
	expect_int(charged(), before);
	made = make_all(mkdir, EDQUOT);
	expect_int(made, LIMIT / NAME_BYTES);
	expect_errno(mkfifo(JOBS, 0700), EDQUOT);
	/* It is the maker's. */
	act_as(NOBODY);
	expect_int(charged(), before);
	must_int(mkfifo(JOBS, 0700), 0);
	act_as(0);
	must_int(umount2(NAMES, 0), 0);
	act_as(OTHER);
	expect_int(charged(), before);
}

static void counts_channels(void)
{
	names_begin();
	param_set("user_max_channels", 5);
	act_as(OTHER);
	expect_int(make_all(mkfifo, EDQUOT), 5);
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	must_int(mkdir(NAMES "/dir", 0700), 0);
	must_int(unlink(numbered(0)), 0);
	close(chan_open());
}

/* The buffer is the maker's, whoever opens the name, and sends. */
static void buffer_is_the_makers(void)
{
	long long before;
	uint64_t v = 1;
	int fd;

	names_begin();
	param_set("user_max_bytes", LIMIT);
	act_as(OTHER);
	before = charged();
	/* By default 16 messages of 4096 bytes. */
	name_make(JOBS, 0666);
	expect(charged() - before < 4096);
	act_as(NOBODY);
	before = charged();
	fd = name_open(JOBS, O_WRONLY);
	/* Opened, and not used yet. */
	act_as(OTHER);
	expect(charged() < 8192);
	act_as(NOBODY);
	must_int(write(fd, &v, 8), 8);
	expect_int(charged(), before);
	act_as(OTHER);
	expect(charged() >= 65536);
	act_as(NOBODY);
	close(fd);
	act_as(OTHER);
	expect(charged() >= 65536);
	must_int(unlink(JOBS), 0);
	expect_int(charged(), before);
}

/* The first use fails for the maker's quota, not for that of who uses it. */
static void no_quota_for_the_buffer(void)
{
	uint64_t v = 1;
	int fd;

	names_begin();
	param_set("user_max_bytes", 32768);
	act_as(OTHER);
	name_make(JOBS, 0666);
	act_as(NOBODY);
	fd = name_open(JOBS, O_WRONLY);
	expect_errno(write(fd, &v, 8), EDQUOT);
	expect_errno(write(fd, &v, 8), EDQUOT);
	act_as(0);
	param_set("user_max_bytes", LIMIT);
	act_as(NOBODY);
	expect_int(write(fd, &v, 8), 8);
}

/* A mount that has no quota for its root fails, and leaves nothing. */
static void mount_without_quota(void)
{
	mounts_begin();
	for (int i = 0; i < 100; i++) {
		names_mount(NAMES, NULL);
		must_int(umount2(NAMES, 0), 0);
		expect_errno(try_mount(NAMES, "capacity=99999999"), EINVAL);
	}
}

static const struct tap_test tests[] = {
	{ "nr_inodes: ENOSPC", nr_inodes },
	{ "nr_inodes by default, and without a limit", nr_inodes_of_none },
	{ "names and directories are charged to their makers", charges_inodes },
	{ "a name counts as one of its maker's channels", counts_channels },
	{ "the buffer is charged to the maker of the name", buffer_is_the_makers },
	{ "without quota for the buffer", no_quota_for_the_buffer },
	{ "mounts come and go", mount_without_quota },
};

PARAMS_MAIN(tests)
