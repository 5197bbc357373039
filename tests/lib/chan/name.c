// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels with a name.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "common.h"

#define NAMES "/run/kchan.test"
#define JOBS NAMES "/jobs"
#define BOTH (KC_OPEN_RECV | KC_OPEN_SEND)

/* A mount of the test's own. */
static void begin(const char *options)
{
	if (geteuid())
		tap_skip("needs root");
	if (unshare(CLONE_NEWNS))
		tap_skip("no mount namespaces here");
	must_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	must(!mkdir(NAMES, 0755) || errno == EEXIST);
	must_int(mount("kchan", NAMES, "kchan", 0, options), 0);
}

static unsigned int files_in(const char *path)
{
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *dir = opendir(path);

	must(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			nr++;
	closedir(dir);
	return nr;
}

static kc_chan_opts opts_of(uint32_t flags, size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.flags = flags;
	opts.elem_size = elem_size;
	opts.cap = cap;
	return opts;
}

static kc_chan *create(uint32_t flags, size_t cap)
{
	kc_chan_opts opts = opts_of(flags, 8, cap);
	kc_chan *c = NULL;

	must_int(kc_create(&c, JOBS, &opts, 0666), 0);
	return c;
}

static kc_chan *open_as(uint32_t directions)
{
	kc_chan *c = NULL;

	must_int(kc_open(&c, JOBS, directions), 0);
	return c;
}

static void test_create(void)
{
	kc_chan *c, *other;
	struct stat st;

	begin(NULL);
	umask(077);
	c = create(0, 4);
	must_int(stat(JOBS, &st), 0);
	expect(S_ISFIFO(st.st_mode));
	/* The umask does not change it. */
	expect_int(st.st_mode & 07777, 0666);
	expect_int(files_in(NAMES), 1);
	expect_int(kc_elem_size(c), 8);
	expect_int(kc_cap(c), 4);
	expect_int(kc_is_message(c), 0);
	expect_int(fcntl(kc_fd(c), F_GETFD), FD_CLOEXEC);
	expect_int(fcntl(kc_fd(c), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	send_now(c, 1);
	other = open_as(KC_OPEN_RECV);
	expect_int(kc_elem_size(other), 8);
	expect_int(recv_now(other), 1);
	kc_unref(other);
	kc_unref(c);
	/* The name is still there. */
	c = open_as(BOTH);
	send_now(c, 2);
	kc_unref(c);
	c = open_as(KC_OPEN_RECV);
	expect_int(recv_now(c), 2);
	kc_unref(c);
}

static void test_create_relative(void)
{
	kc_chan_opts opts = opts_of(KC_CHAN_MESSAGE, 100, 1);
	kc_chan *c = NULL;
	char buf[100];

	begin("elem_size=24,capacity=5,nomessage");
	must_int(chdir(NAMES), 0);
	must_int(kc_create(&c, "messages", &opts, 0600), 0);
	expect_int(kc_is_message(c), 1);
	must_int(kc_send_msg(c, "hello", 5), 0);
	expect_int(kc_recv_msg(c, buf, sizeof(buf)), 5);
	kc_unref(c);
	/* As the mount says. */
	must_int(kc_create(&c, "./plain", NULL, 0600), 0);
	expect_int(kc_is_message(c), 0);
	expect_int(kc_elem_size(c), 24);
	expect_int(kc_cap(c), 5);
	kc_unref(c);
	expect_int(files_in("."), 2);
	must_int(chdir("/"), 0);
}

static void test_create_refused(void)
{
	kc_chan_opts opts = opts_of(0, 8, 4), bad;
	kc_chan *c = NULL, *none = NULL;
	char path[400];

	begin("nr_inodes=4");
	must_int(kc_create(&c, JOBS, &opts, 0600), 0);
	expect_int(kc_create(&none, JOBS, &opts, 0600), -EEXIST);
	expect_int(kc_create(&none, NAMES "/a", &opts, 01600), -EINVAL);
	bad = opts_of(1U << 9, 8, 4);
	expect_int(kc_create(&none, NAMES "/a", &bad, 0600), -EINVAL);
	bad = opts_of(KC_CHAN_MESSAGE, 0, 4);
	expect_int(kc_create(&none, NAMES "/a", &bad, 0600), -EINVAL);
	bad = opts_of(0, SIZE_MAX, 4);
	expect_int(kc_create(&none, NAMES "/a", &bad, 0600), -EINVAL);
	bad = opts;
	bad.size = 3;
	expect_int(kc_create(&none, NAMES "/a", &bad, 0600), -EINVAL);
	expect_int(kc_create(&none, NAMES "/none/a", &opts, 0600), -ENOENT);
	expect_int(kc_create(&none, JOBS "/a", &opts, 0600), -ENOTDIR);
	expect_int(kc_create(&none, "/run/a", &opts, 0600), -ENODEV);
	must_int(chdir("/"), 0);
	expect_int(kc_create(&none, "a", &opts, 0600), -ENODEV);
	memset(path, 'x', sizeof(path));
	memcpy(path, NAMES "/", sizeof(NAMES));
	path[sizeof(path) - 1] = '\0';
	expect_int(kc_create(&none, path, &opts, 0600), -ENAMETOOLONG);
	/* Nothing is left of all these. */
	expect_int(files_in(NAMES), 1);
	must_int(mkdir(NAMES "/a", 0700), 0);
	must_int(mkdir(NAMES "/b", 0700), 0);
	expect_int(kc_create(&none, NAMES "/c", &opts, 0600), -ENOSPC);
	must_int(mount(NULL, NAMES, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_int(kc_create(&none, NAMES "/c", &opts, 0600), -EROFS);
	expect(!none);
	kc_unref(c);
	/* Options of kc_create() alone. */
	bad = opts_of(KC_CHAN_NO_SEND_HOLD, 8, 4);
	expect_int(kc_make_opts(&none, &bad), -EINVAL);
}

/* A name that another process with our number has left there is stepped over. */
static void test_create_beside_others(void)
{
	char path[100];
	kc_chan *c;

	begin(NULL);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), NAMES "/.kchan-%d-%d", getpid(), i);
		must_int(mkfifo(path, 0600), 0);
	}
	c = create(0, 1);
	expect_int(files_in(NAMES), 4);
	kc_unref(c);
}

static void test_directions(void)
{
	kc_chan *c, *send, *recv;
	uint64_t v = 1;

	begin(NULL);
	c = create(0, 4);
	send = open_as(KC_OPEN_SEND);
	recv = open_as(KC_OPEN_RECV);
	send_now(send, 3);
	expect_int(kc_try_recv(send, &v), -EBADF);
	expect_int(kc_try_send(recv, &v), -EBADF);
	expect_int(recv_now(recv), 3);
	expect_int(fcntl(kc_fd(send), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
	expect_int(fcntl(kc_fd(recv), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
	expect_int(kc_resize(send, 5), -EBADF);
	expect_int(kc_resize(c, 5), 0);
	expect_int(kc_close(recv), -EBADF);
	/* The name keeps it open. */
	kc_unref(send);
	kc_unref(c);
	expect_int(kc_try_recv(recv, &v), -EAGAIN);
	c = open_as(KC_OPEN_SEND);
	expect_int(kc_close(c), 0);
	expect_int(kc_recv(recv, &v), 0);
	expect_int(kc_close(c), -EALREADY);
	kc_unref(c);
	kc_unref(recv);
}

static void test_open_refused(void)
{
	kc_chan *none = NULL;

	begin(NULL);
	kc_unref(create(0, 1));
	expect_int(kc_open(&none, JOBS, 0), -EINVAL);
	expect_int(kc_open(&none, JOBS, 1U << 2), -EINVAL);
	expect_int(kc_open(&none, NAMES "/none", KC_OPEN_RECV), -ENOENT);
	expect_int(kc_open(&none, JOBS "/none", KC_OPEN_RECV), -ENOTDIR);
	expect_int(kc_open(&none, NAMES, KC_OPEN_RECV), -ENOTTY);
	expect_int(kc_open(&none, "/run", KC_OPEN_RECV), -ENOTTY);
	expect_int(kc_open(&none, "/dev/null", BOTH), -ENOTTY);
	/* A FIFO elsewhere: it is told at once, though nobody has its other side. */
	unlink("/run/kchan.fifo");
	must_int(mkfifo("/run/kchan.fifo", 0600), 0);
	expect_int(kc_open(&none, "/run/kchan.fifo", KC_OPEN_RECV), -ENOTTY);
	expect_int(kc_open(&none, "/run/kchan.fifo", KC_OPEN_SEND), -ENOTTY);
	unlink("/run/kchan.fifo");
	must_int(setegid(65534), 0);
	must_int(seteuid(65534), 0);
	must(!kc_open(&none, JOBS, BOTH));
	expect_int(kc_close(none), -EPERM);
	expect_int(kc_resize(none, 3), -EPERM);
	kc_unref(none);
	none = NULL;
	must_int(seteuid(0), 0);
	must_int(chmod(JOBS, 0600), 0);
	must_int(seteuid(65534), 0);
	expect_int(kc_open(&none, JOBS, KC_OPEN_SEND), -EACCES);
	expect(!none);
}

static void test_no_send_hold(void)
{
	kc_chan *recv, *send, *none = NULL;
	uint64_t v;

	begin(NULL);
	/* Who makes it need not stay. */
	kc_unref(create(KC_CHAN_NO_SEND_HOLD, 4));
	recv = open_as(KC_OPEN_RECV);
	expect_int(kc_try_recv(recv, &v), -EAGAIN);
	send = open_as(KC_OPEN_SEND);
	send_now(send, 4);
	kc_unref(send);
	expect_int(recv_now(recv), 4);
	expect_int(kc_recv(recv, &v), 0);
	expect_int(kc_open(&none, JOBS, KC_OPEN_SEND), -ENXIO);
	kc_unref(recv);
}

/* Several make it at once: one does, and the others see it whole. */
#define MAKERS 8

struct maker {
	atomic_uint *made;
	unsigned long rounds;
};

static void *race(void *arg)
{
	kc_chan_opts opts = opts_of(0, 8, 4);
	struct maker *m = arg;
	kc_chan *c;
	int ret;

	for (unsigned long i = 0; i < m->rounds; i++) {
		ret = kc_create(&c, JOBS, &opts, 0666);
		if (!ret) {
			atomic_fetch_add(m->made, 1);
			kc_unref(c);
		} else {
			expect_int(ret, -EEXIST);
		}
		ret = kc_open(&c, JOBS, BOTH);
		if (!ret) {
			expect_int(kc_elem_size(c), 8);
			kc_unref(c);
		} else {
			/* The latter: it was removed while the call opened it. */
			expect(ret == -ENOENT || ret == -ENXIO);
		}
		if (!unlink(JOBS))
			atomic_fetch_sub(m->made, 1);
	}
	return NULL;
}

static void test_many_makers(void)
{
	atomic_uint made = 0;
	struct maker m = { &made, tap_scale(500) };
	pthread_t threads[MAKERS];

	begin(NULL);
	for (int i = 0; i < MAKERS; i++)
		threads[i] = start(race, &m);
	for (int i = 0; i < MAKERS; i++)
		join(threads[i]);
	expect_int(atomic_load(&made), files_in(NAMES));
	expect(files_in(NAMES) <= 1);
}

/* Whoever asks for a mapped channel from here on is killed. */
static void forbid_maps(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)KCHAN_IOC_MAP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	must_int(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	must_int(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* More transfers than make a channel of one process mapped. */
static void use_often(kc_chan *send, kc_chan *recv)
{
	uint64_t got;
	kc_case c;

	for (uint64_t i = 0; i < 300; i += 2) {
		send_now(send, i);
		expect_int(recv_now(recv), i);
		c = kc_case_send(send, &i);
		must_int(kc_select(&c, 1), 0);
		c = kc_case_recv(recv, &got);
		must_int(kc_select(&c, 1), 0);
		expect_int(got, i);
	}
}

/* The kernel refuses to map a channel with a name. The library never asks for it. */
static void test_never_mapped(void)
{
	kc_chan *made, *opened = NULL, *from = NULL, *send = NULL, *recv = NULL;

	begin(NULL);
	made = create(KC_CHAN_NOMAP, 4);
	kc_unref(made);
	must_int(unlink(JOBS), 0);
	forbid_maps();
	made = create(0, 4);
	opened = open_as(BOTH);
	use_often(made, made);
	use_often(opened, opened);
	use_often(made, opened);
	must_int(kc_send_only(&send, made), 0);
	must_int(kc_recv_only(&recv, opened), 0);
	use_often(send, recv);
	must_int(kc_from_fd(&from, fcntl(kc_fd(made), F_DUPFD, 0)), 0);
	use_often(from, from);
	kc_unref(from);
	kc_unref(recv);
	kc_unref(send);
	kc_unref(opened);
	kc_unref(made);
}

static const struct tap_test tests[] = {
	{ "a channel with a name is made, and opened", test_create },
	{ "by a relative path, and as the mount says", test_create_relative },
	{ "what cannot be made leaves nothing", test_create_refused },
	{ "beside what others have left", test_create_beside_others },
	{ "handles have the directions asked for", test_directions },
	{ "what cannot be opened is told, and never waits", test_open_refused },
	{ "without the send hold", test_no_send_hold },
	{ "many who make the same name", test_many_makers },
	{ "never mapped", test_never_mapped },
};

TAP_MAIN(tests)
