// SPDX-License-Identifier: GPL-2.0-only
/* Who may use a name, and who may change its channel. */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "names.h"

#define STICKY NAMES "/jobs"
#define APP NAMES "/app"
#define JOBS APP "/jobs"
#define GROUP 77

static long long protected_fifos;

/* A directory for several users, as README has it. */
static void shared_begin(mode_t mode)
{
	names_begin();
	must_int(mkdir(APP, 0755), 0);
	name_make(JOBS, mode);
}

/* A process of another user, in that group too if it is not 0. */
static void other_user(uid_t uid, gid_t group, void (*run)(void))
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		must_int(setgroups(group ? 1 : 0, &group), 0);
		must_int(setresgid(uid, uid, uid), 0);
		must_int(setresuid(uid, uid, uid), 0);
		run();
		_exit(0);
	}
	expect_exit(pid);
}

static void uses_it(void)
{
	send_u64(name_open(JOBS, O_WRONLY), 1);
	expect_int(chan_info(name_open(JOBS, O_RDONLY)).len, 1);
	expect_recv(name_open(JOBS, O_RDWR), 1);
}

static void is_refused(void)
{
	expect_errno(open(JOBS, O_RDONLY), EACCES);
	expect_errno(open(JOBS, O_WRONLY), EACCES);
	expect_errno(open(JOBS, O_RDWR), EACCES);
	expect_errno(open(JOBS, O_RDWR | O_CREAT, 0666), EACCES);
	expect_errno(unlink(JOBS), EACCES);
	expect_errno(chmod(JOBS, 0666), EPERM);
	expect_errno(chown(JOBS, getuid(), -1), EPERM);
}

static void sends_only(void)
{
	send_u64(name_open(JOBS, O_WRONLY), 2);
	expect_errno(open(JOBS, O_RDONLY), EACCES);
	expect_errno(open(JOBS, O_RDWR), EACCES);
}

static void by_mode(void)
{
	shared_begin(0660);
	must_int(chown(JOBS, -1, GROUP), 0);
	must_int(try_setup(name_open(JOBS, O_RDWR), 0, 8, 4), 0);
	tap_about("in the group");
	other_user(NOBODY, GROUP, uses_it);
	tap_about("not in the group");
	other_user(OTHER, 0, is_refused);
	tap_about("mode 622");
	must_int(chmod(JOBS, 0622), 0);
	other_user(OTHER, 0, sends_only);
	expect_recv(name_open(JOBS, O_RDONLY), 2);
	tap_about("its owner");
	must_int(chown(JOBS, OTHER, -1), 0);
	other_user(OTHER, 0, uses_it);
}

/* What an open end may, does not depend on the mode later. */
static void ends_keep_their_direction(void)
{
	int fd;

	shared_begin(0666);
	must_int(try_setup(name_open(JOBS, O_RDWR), 0, 8, 4), 0);
	act_as(OTHER);
	fd = name_open(JOBS, O_RDWR);
	act_as(0);
	must_int(chmod(JOBS, 0600), 0);
	act_as(OTHER);
	expect_errno(open(JOBS, O_RDWR), EACCES);
	send_u64(fd, 1);
	expect_recv(fd, 1);
	close(end_make(fd, KCHAN_END_SEND));
}

static void by_o_creat(void)
{
	expect_errno(open(STICKY, O_WRONLY | O_CREAT, 0666), EACCES);
	close(name_open(STICKY, O_WRONLY));
	send_u64(open(JOBS, O_WRONLY | O_CREAT | O_TRUNC, 0666), 5);
	/* As shells do it. */
	expect_int(system("printf 12345678 >" JOBS), 0);
}

static void protected_by_sysctl(void)
{
	const char path[] = "/proc/sys/fs/protected_fifos";
	int fd;

	shared_begin(0666);
	/* It is another user's, and not that of the directory. */
	name_make(STICKY, 0666);
	must_int(chown(STICKY, NOBODY, -1), 0);
	must_int(try_setup(name_open(JOBS, O_RDWR), 0, 8, 4), 0);
	protected_fifos = read_number(path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		tap_skip("no fs.protected_fifos");
	must_int(write(fd, "1", 1), 1);
	other_user(OTHER, 0, by_o_creat);
	dprintf(fd, "%lld", protected_fifos);
	close(fd);
	expect_recv(name_open(JOBS, O_RDONLY), 5);
	expect_int(chan_len(name_open(JOBS, O_RDONLY)), 1);
}

static void makes_it(void)
{
	name_make(JOBS, 0660);
	must_int(try_setup(name_open(JOBS, O_RDWR), 0, 8, 4), 0);
}

static void uses_it_by_o_creat(void)
{
	uses_it();
	send_u64(open(JOBS, O_WRONLY | O_CREAT | O_TRUNC, 0666), 5);
	expect_recv(open(JOBS, O_RDONLY | O_CREAT, 0666), 5);
	expect_int(system("printf 12345678 >" JOBS), 0);
}

/*
 * An ordinary user makes a queue. Who is in the directory's group uses it, and others do
 * not, with the sysctl as Debian sets it.
 */
static void shared_while_protected(void)
{
	const char path[] = "/proc/sys/fs/protected_fifos";
	struct stat st;
	int fd;

	names_begin();
	must_int(mkdir(APP, 0755), 0);
	must_int(chown(APP, -1, GROUP), 0);
	must_int(chmod(APP, 02775), 0);
	protected_fifos = read_number(path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		tap_skip("no fs.protected_fifos");
	must_int(write(fd, "1", 1), 1);
	other_user(NOBODY, GROUP, makes_it);
	must_int(stat(JOBS, &st), 0);
	expect_int(st.st_uid, NOBODY);
	expect_int(st.st_gid, GROUP);
	other_user(OTHER, GROUP, uses_it_by_o_creat);
	other_user(OTHER, 0, is_refused);
	dprintf(fd, "%lld", protected_fifos);
	close(fd);
	expect_int(chan_len(name_open(JOBS, O_RDONLY)), 1);
}

static int try_peek(int fd)
{
	struct kchan_peek peek = { .peeked_size = sizeof(struct kchan_peeked) };

	return ioctl(fd, KCHAN_IOC_PEEK, &peek);
}

/* What a user tries who may use the name, and does not own it. */
static void may_not_manage(int fd)
{
	expect_errno(try_peek(fd), EPERM);
	expect_errno(try_setup(fd, 0, 8, 2), EPERM);
	expect_errno(try_resize(fd, 2), EPERM);
	expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EPERM);
}

static void manages(int fd)
{
	expect_int(try_peek(fd), 0);
	expect_int(try_setup(fd, 0, 8, 4), 0);
	expect_int(try_resize(fd, 2), 0);
	send_u64(fd, 1);
	expect_recv(fd, 1);
	expect_int(ioctl(fd, KCHAN_IOC_CLOSE), 0);
}

static void others_do_not_manage(void)
{
	int fd, send, made;

	shared_begin(0666);
	act_as(OTHER);
	fd = name_open(JOBS, O_RDWR);
	send = name_open(JOBS, O_WRONLY);
	made = end_make(fd, KCHAN_END_SEND | KCHAN_END_RECV);
	may_not_manage(fd);
	may_not_manage(made);
	may_not_manage(end_make(made, KCHAN_END_SEND | KCHAN_END_RECV));
	expect_errno(ioctl(send, KCHAN_IOC_CLOSE), EPERM);
	/* What it cannot do at all comes first. */
	expect_errno(try_resize(send, 2), EBADF);
	expect_errno(try_peek(send), EBADF);
	expect_errno(ioctl(name_open(JOBS, O_RDONLY), KCHAN_IOC_CLOSE), EBADF);
	/* Nor once the name has gone. */
	act_as(0);
	must_int(unlink(JOBS), 0);
	act_as(OTHER);
	may_not_manage(fd);
	may_not_manage(made);
}

static void owner_manages(void)
{
	int fd;

	shared_begin(0600);
	must_int(chown(JOBS, OTHER, -1), 0);
	act_as(OTHER);
	manages(name_open(JOBS, O_RDWR));
	/* Not any more: a new owner has it. */
	act_as(0);
	must_int(unlink(JOBS), 0);
	name_make(JOBS, 0666);
	must_int(chown(JOBS, OTHER, -1), 0);
	act_as(OTHER);
	fd = name_open(JOBS, O_RDWR);
	act_as(0);
	must_int(chown(JOBS, NOBODY, -1), 0);
	act_as(OTHER);
	may_not_manage(fd);
	act_as(NOBODY);
	manages(fd);
}

/* CAP_FOWNER, as root has it. */
static void root_manages(void)
{
	int made;

	shared_begin(0666);
	must_int(chown(JOBS, OTHER, -1), 0);
	manages(name_open(JOBS, O_RDWR));
	must_int(unlink(JOBS), 0);
	name_make(JOBS, 0666);
	must_int(chown(JOBS, OTHER, -1), 0);
	made = end_make(name_open(JOBS, O_RDWR), KCHAN_END_SEND | KCHAN_END_RECV);
	expect_int(try_resize(made, 2), 0);
	expect_int(ioctl(made, KCHAN_IOC_CLOSE), 0);
}

/* An end of the device has no owner: whoever holds it may. */
static void device_as_before(void)
{
	int fd;

	shared_begin(0666);
	fd = chan_open();
	act_as(OTHER);
	manages(fd);
}

static const struct tap_test tests[] = {
	{ "used and refused by its mode", by_mode },
	{ "an end that is open stays what it is", ends_keep_their_direction },
	{ "fs.protected_fifos and O_CREAT", protected_by_sysctl },
	{ "shared and refused while that is set", shared_while_protected },
	{ "who does not own it changes nothing", others_do_not_manage },
	{ "its owner sets up, resizes, closes and looks", owner_manages },
	{ "so does root", root_manages },
	{ "a channel without a name is managed by who holds it", device_as_before },
};

PARAMS_MAIN(tests)
