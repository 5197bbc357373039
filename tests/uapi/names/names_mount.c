// SPDX-License-Identifier: GPL-2.0-only
/* Mounts: each has its own names; options, remount, read-only. */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "names.h"

#define JOBS NAMES "/jobs"

#define expect_geometry(path, size, room, mode)				\
	do {								\
		struct kchan_info info_ = chan_info(name_open(path, O_RDONLY)); \
		expect_int(info_.elem_size, size);			\
		expect_int(info_.capacity, room);			\
		expect_int(info_.flags & KCHAN_INFO_MESSAGE, mode);	\
		expect_int(info_.flags & KCHAN_INFO_FIXED, 0);		\
	} while (0)

static void each_its_own(void)
{
	struct stat a, b;
	uint64_t id;

	names_begin();
	names_mount(OTHERS, NULL);
	must_int(stat(NAMES, &a), 0);
	must_int(stat(OTHERS, &b), 0);
	expect(a.st_dev != b.st_dev);
	name_make(JOBS, 0600);
	expect_errno(open(OTHERS "/jobs", O_RDWR), ENOENT);
	name_make(OTHERS "/jobs", 0600);
	id = chan_info(name_open(JOBS, O_RDONLY)).id;
	expect(chan_info(name_open(OTHERS "/jobs", O_RDONLY)).id != id);
}

static void makes_its_own(void *arg)
{
	(void)arg;
	must_int(unshare(CLONE_NEWNS), 0);
	/* One more mount over the parent's. */
	names_mount(NAMES, NULL);
	expect_errno(open(JOBS, O_RDWR), ENOENT);
	name_make(NAMES "/mine", 0600);
	send_u64(name_open(NAMES "/mine", O_RDWR), 1);
}

static void two_namespaces(void)
{
	int fd;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	expect_exit(spawn(makes_its_own, NULL));
	expect_errno(access(NAMES "/mine", F_OK), ENOENT);
	/* The other's mount has gone with its namespace; ours has not. */
	send_u64(fd, 2);
	expect_recv(name_open(JOBS, O_RDONLY), 2);
}

static void defaults(void)
{
	struct stat st;
	char word[64];

	names_begin();
	must_int(stat(NAMES, &st), 0);
	expect(S_ISDIR(st.st_mode));
	expect_int(st.st_mode & 07777, 01777);
	expect_int(st.st_uid, 0);
	name_make(JOBS, 0600);
	expect_geometry(JOBS, param_get("default_elem_size"),
			param_get("default_capacity"), KCHAN_INFO_MESSAGE);
	expect(mounted_with(NAMES, "mode=1777"));
	expect(mounted_with(NAMES, "uid=0"));
	expect(mounted_with(NAMES, "gid=0"));
	expect(mounted_with(NAMES, "nr_inodes=4096"));
	snprintf(word, sizeof(word), "elem_size=%lld",
		 param_get("default_elem_size"));
	expect(mounted_with(NAMES, word));
	snprintf(word, sizeof(word), "capacity=%lld", param_get("default_capacity"));
	expect(mounted_with(NAMES, word));
	expect(mounted_with(NAMES, "message"));
	/* The parameters are what they are at the mount. */
	param_set("default_capacity", 3);
	names_mount(OTHERS, NULL);
	name_make(OTHERS "/jobs", 0600);
	expect_geometry(OTHERS "/jobs", param_get("default_elem_size"), 3,
			KCHAN_INFO_MESSAGE);
	unlink(JOBS);
	name_make(JOBS, 0600);
	expect(chan_info(name_open(JOBS, O_RDONLY)).capacity != 3);
}

static void options(void)
{
	struct stat st;

	mounts_begin();
	names_mount(NAMES, "mode=2750,uid=65533,gid=77,nr_inodes=99,elem_size=24,"
			   "capacity=5,nomessage");
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_mode & 07777, 02750);
	expect_int(st.st_uid, 65533);
	expect_int(st.st_gid, 77);
	name_make(JOBS, 0600);
	expect_geometry(JOBS, 24, 5, 0);
	expect(mounted_with(NAMES, "mode=2750"));
	expect(mounted_with(NAMES, "uid=65533"));
	expect(mounted_with(NAMES, "gid=77"));
	expect(mounted_with(NAMES, "nr_inodes=99"));
	expect(mounted_with(NAMES, "elem_size=24"));
	expect(mounted_with(NAMES, "capacity=5"));
	expect(mounted_with(NAMES, "nomessage"));
	/* Elements of size 0, and a rendezvous, are as good as any. */
	names_mount(OTHERS, "elem_size=0,nomessage,capacity=0");
	name_make(OTHERS "/jobs", 0600);
	expect_geometry(OTHERS "/jobs", 0, 0, 0);
}

static void refused(void)
{
	static const char * const bad[] = {
		"elem_size=0",			/* of messages */
		"elem_size=99999999",
		"capacity=99999999",
		"elem_size=x",
		"capacity=-1",
		"mode=8",
		"mode=10000",
		"uid=4294967295",
		"gid=4294967295",
		"nr_inodes=x",
		"size=1",
		"message=1",
	};

	mounts_begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tap_about("%s", bad[i]);
		expect_errno(try_mount(NAMES, bad[i]), EINVAL);
	}
	tap_about("for who may hold less");
	param_set("max_channel_bytes", 4096);
	expect_int(try_mount(NAMES, "elem_size=4096,capacity=16"), 0);
	act_as(NOBODY);
	expect_errno(try_mount(OTHERS, NULL), EPERM);
}

static void remounts(void)
{
	struct stat st;

	mounts_begin();
	names_mount(NAMES, "elem_size=8,capacity=2,nomessage,nr_inodes=50");
	name_make(JOBS, 0600);
	must_int(chmod(NAMES, 0711), 0);
	must_int(try_remount(NAMES, "capacity=3"), 0);
	/* What is made already stays; what is not named stays. */
	expect_geometry(JOBS, 8, 2, 0);
	name_make(NAMES "/new", 0600);
	expect_geometry(NAMES "/new", 8, 3, 0);
	expect(mounted_with(NAMES, "nr_inodes=50"));
	expect(mounted_with(NAMES, "capacity=3"));
	expect(mounted_with(NAMES, "mode=711"));
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_mode & 07777, 0711);
	must_int(try_remount(NAMES, "message,elem_size=100,mode=1770,uid=5,gid=6"), 0);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_mode & 07777, 01770);
	expect_int(st.st_uid, 5);
	expect_int(st.st_gid, 6);
	name_make(NAMES "/newer", 0600);
	expect_geometry(NAMES "/newer", 100, 3, KCHAN_INFO_MESSAGE);
	/* All of it or nothing. */
	expect_errno(try_remount(NAMES, "capacity=9,nr_inodes=3"), EINVAL);
	expect_errno(try_remount(NAMES, "capacity=9,elem_size=0"), EINVAL);
	expect_errno(try_remount(NAMES, "capacity=9,mode=8"), EINVAL);
	expect(mounted_with(NAMES, "capacity=3"));
	expect(mounted_with(NAMES, "mode=1770"));
	/* The root and three names. */
	must_int(try_remount(NAMES, "nr_inodes=4"), 0);
	expect_errno(mkfifo(NAMES "/one", 0600), ENOSPC);
	must_int(try_remount(NAMES, "nr_inodes=5"), 0);
	must_int(mkfifo(NAMES "/one", 0600), 0);
	must_int(try_remount(NAMES, "nr_inodes=0"), 0);
	must_int(mkfifo(NAMES "/two", 0600), 0);
	must_int(try_remount(NAMES, "nr_inodes=6"), 0);
	expect_errno(try_remount(NAMES, "nr_inodes=5"), EINVAL);
	must_int(try_remount(NAMES, NULL), 0);
}

/* As mount(8) does it: with all that /proc tells. */
static void remount_as_told(void)
{
	char told[512], after[512], *text;

	mounts_begin();
	names_mount(NAMES, "elem_size=8,nomessage,uid=7,mode=1711");
	must_int(chown(NAMES, 9, 9), 0);
	mount_options(NAMES, told, sizeof(told));
	/* The first one, "rw", is no option of ours. */
	text = strchr(told, ',') + 1;
	must_int(try_remount(NAMES, text), 0);
	mount_options(NAMES, after, sizeof(after));
	if (!expect(strcmp(told, after) == 0))
		tap_note("%s, then %s", told, after);
}

static void read_only(void)
{
	int fd;

	names_begin();
	close(name_set_up(JOBS, 4, 0));
	must_int(mkdir(NAMES "/dir", 0755), 0);
	must_int(mount(NULL, NAMES, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect(mounted_with(NAMES, "ro"));
	expect_errno(mkfifo(NAMES "/new", 0600), EROFS);
	expect_errno(mkdir(NAMES "/new", 0700), EROFS);
	expect_errno(unlink(JOBS), EROFS);
	expect_errno(rmdir(NAMES "/dir"), EROFS);
	expect_errno(rename(JOBS, NAMES "/new"), EROFS);
	expect_errno(chmod(JOBS, 0666), EROFS);
	/* What is there can be used. */
	fd = name_open(JOBS, O_WRONLY);
	send_u64(fd, 3);
	expect_recv(name_open(JOBS, O_RDONLY), 3);
	close(fd);
	fd = name_open(JOBS, O_RDWR);
	expect_int(try_resize(fd, 3), 0);
	close(fd);
	must_int(mount(NULL, NAMES, NULL, MS_REMOUNT, NULL), 0);
	must_int(mkfifo(NAMES "/new", 0600), 0);
	/* One bind mount alone. */
	must_int(mount(NAMES, OTHERS, NULL, MS_BIND, NULL), 0);
	must_int(mount(NULL, OTHERS, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	expect_errno(unlink(OTHERS "/jobs"), EROFS);
	send_u64(name_open(OTHERS "/jobs", O_WRONLY), 4);
	expect_recv(name_open(JOBS, O_RDONLY), 4);
}

static const struct tap_test tests[] = {
	{ "each mount has its own names", each_its_own },
	{ "two mount namespaces do not see each other's", two_namespaces },
	{ "without options", defaults },
	{ "options, and that they are told", options },
	{ "options that are refused", refused },
	{ "a remount changes what it names", remounts },
	{ "a remount with what is told changes nothing", remount_as_told },
	{ "read-only: names stay, and can be used", read_only },
};

PARAMS_MAIN(tests)
