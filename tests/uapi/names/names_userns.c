// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounts in user namespaces: an ordinary user has one of his own, and stays in his
 * limits there.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "contained.h"
#include "names.h"

#define JOBS NAMES "/jobs"
#define LIMIT (1 << 20)
#define BASE 100000

static void in_mounts_of_his_own(void)
{
	if (unshare(CLONE_NEWNS))
		tap_skip("no mount namespaces here");
	must_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("tmpfs", NAMES, "tmpfs", 0, NULL))
		tap_skip("no mounts in user namespaces here");
	must_int(umount2(NAMES, 0), 0);
	names_mount(NAMES, NULL);
}

static void mounts(void *arg)
{
	struct stat st;
	int fd, recv;

	(void)arg;
	in_mounts_of_his_own();
	umask(0);
	must_int(stat(NAMES, &st), 0);
	expect_int(st.st_uid, 0);
	expect_int(st.st_mode & 07777, 01777);
	fd = name_set_up(JOBS, 4, 0);
	send_u64(fd, 1);
	recv = name_open(JOBS, O_RDONLY);
	expect_recv(recv, 1);
	close(recv);
	close(fd);
	expect(mounted_with(NAMES, "uid=0"));
	must_int(try_remount(NAMES, "capacity=2,uid=7"), 0);
	expect(mounted_with(NAMES, "uid=7"));
	/* 65536 ids are mapped. */
	expect_errno(try_remount(NAMES, "uid=70000"), EINVAL);
	expect_errno(try_mount(OTHERS, "gid=70000"), EINVAL);
	/* A channel may not be as large as that, but for root outside. */
	expect_errno(try_mount(OTHERS, "elem_size=1048576,capacity=1048576"), EINVAL);
	/* Without options, it is as the administrator says. */
	must_int(try_mount(OTHERS, NULL), 0);
	must_int(umount2(OTHERS, 0), 0);
	/* He is root there: another user's name is his to manage. */
	must_int(chown(JOBS, 1000, 1000), 0);
	fd = name_open(JOBS, O_RDWR);
	expect_int(try_resize(fd, 2), 0);
	expect_int(ioctl(fd, KCHAN_IOC_CLOSE), 0);
	close(fd);
	must_int(umount2(NAMES, 0), 0);
}

static void a_mount_of_his_own(void)
{
	mounts_begin();
	param_set("max_channel_bytes", 16384);
	expect_exit(contained(BASE, 65536, 0, mounts, NULL));
}

/* Names that the initial root made, seen from a namespace. */
static void does_not_manage(void *arg)
{
	int fd = name_open(JOBS, O_RDWR);

	(void)arg;
	expect_errno(try_setup(fd, 0, 8, 2), EPERM);
	expect_errno(try_resize(fd, 2), EPERM);
	expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EPERM);
	send_u64(fd, 4);
	expect_errno(mount(NULL, NAMES, NULL, MS_REMOUNT, "capacity=1"), EPERM);
}

static void root_there_is_not_root_here(void)
{
	names_begin();
	close(name_set_up(JOBS, 4, 0));
	expect_exit(contained(BASE, 65536, 0, does_not_manage, NULL));
	expect_recv(name_open(JOBS, O_RDONLY), 4);
}

static unsigned int make_all(void)
{
	unsigned int nr = 0;
	char path[64];

	do
		snprintf(path, sizeof(path), NAMES "/%u", nr);
	while (nr < 9999 && !mkdir(path, 0700) && ++nr);
	expect_int(errno, EDQUOT);
	return nr;
}

static void fills_it(void *arg)
{
	atomic_uint *made = arg;
	uint64_t v = 1;
	int fd;

	in_mounts_of_his_own();
	must_int(try_remount(NAMES, "nr_inodes=0"), 0);
	atomic_store(made, make_all());
	expect_errno(mkfifo(JOBS, 0600), EDQUOT);
	/* There is room for a name, but not for its buffer. */
	must_int(rmdir(NAMES "/1"), 0);
	must_int(rmdir(NAMES "/2"), 0);
	must_int(mkfifo(JOBS, 0600), 0);
	fd = name_open(JOBS, O_WRONLY);
	expect_errno(write(fd, &v, 8), EDQUOT);
	/* Nor does one more mount help. */
	must_int(mkdir(NAMES "/1", 0700), 0);
	expect_errno(mkdir(NAMES "/2", 0700), EDQUOT);
	expect_errno(try_mount(OTHERS, NULL), EDQUOT);
}

struct filler {
	atomic_uint made;
	atomic_uint more;
};

static void fill_alone(void *arg)
{
	struct filler *f = arg;

	become(OTHER);
	contain_myself();
	fills_it(&f->made);
}

static void stays_in_his_limits(void)
{
	struct filler *f;

	mounts_begin();
	f = shared_pages(sizeof(*f));
	param_set("user_max_bytes", LIMIT);
	expect_exit(spawn(fill_alone, f));
	/* With the root directory. */
	expect_int(atomic_load(&f->made), LIMIT / NAME_BYTES - 1);
	/* All of it is given back with the namespace. */
	expect_exit(spawn(fill_alone, f));
	expect_int(atomic_load(&f->made), LIMIT / NAME_BYTES - 1);
}

/* What he has there counts for him outside, too. */
static void holds_half(void *arg)
{
	struct filler *f = arg;
	char path[64];

	in_mounts_of_his_own();
	for (int i = 0; i < LIMIT / NAME_BYTES / 2; i++) {
		snprintf(path, sizeof(path), NAMES "/%d", i);
		must_int(mkdir(path, 0700), 0);
	}
	atomic_store(&f->made, 1);
	until(atomic_load(&f->more));
}

static void hold_alone(void *arg)
{
	become(OTHER);
	contain_myself();
	holds_half(arg);
}

static void counts_outside(void)
{
	struct filler *f;
	long long before;
	pid_t pid;

	names_begin();
	f = shared_pages(sizeof(*f));
	param_set("user_max_bytes", LIMIT);
	act_as(OTHER);
	before = charged();
	act_as(0);
	pid = spawn(hold_alone, f);
	until(atomic_load(&f->made));
	act_as(OTHER);
	expect(charged() - before >= LIMIT / 2);
	expect(make_all() <= LIMIT / NAME_BYTES / 2);
	act_as(0);
	atomic_store(&f->more, 1);
	expect_exit(pid);
}

static const struct tap_test tests[] = {
	{ "a container has a mount of its own", a_mount_of_his_own },
	{ "root of a container is not root of others' names",
	  root_there_is_not_root_here },
	{ "an ordinary user's own mount stays in his limits", stays_in_his_limits },
	{ "what he has there counts outside", counts_outside },
};

PARAMS_MAIN(tests)
