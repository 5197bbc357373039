// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels of elements: make, send, receive, close, resize.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "common.h"

static void test_make(void)
{
	kc_chan *c = NULL;

	must_int(kc_make(&c, 8, 4), 0);
	expect_int(kc_elem_size(c), 8);
	expect_int(kc_cap(c), 4);
	expect_int(kc_len(c), 0);
	expect_int(kc_is_message(c), 0);
	kc_unref(c);
}

static void test_make_errors(void)
{
	kc_chan *c = NULL;

	expect_int(kc_make(&c, (16 << 20) + 1, 1), -EINVAL);
	expect_int(kc_make(&c, 8, (1 << 20) + 1), -EINVAL);
	/* Values whose lower 32 bits alone would be valid. */
	expect_int(kc_make(&c, ((size_t)1 << 32) + 8, 1), -EINVAL);
	expect_int(kc_make(&c, 8, ((size_t)1 << 32) + 1), -EINVAL);
	expect(!c);
}

#define DEVICE	"/dev/kchan"

/* Also for a user who may not open the file. */
static void expect_no_device(int want)
{
	kc_chan *c = NULL, *other = NULL;

	expect_int(kc_make(&c, 8, 1), want);
	expect_int(kc_make_pair(&c, &other, 8, 1), want);
	must_int(seteuid(65534), 0);
	expect_int(kc_make(&c, 8, 1), want);
	must_int(seteuid(0), 0);
	expect(!c);
	expect(!other);
}

/* In a /dev of this test's own. */
static void test_no_device(void)
{
	kc_chan *c = NULL;
	int fd;

	if (unshare(CLONE_NEWNS))
		tap_skip("takes root");
	must_int(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	must_int(mount("none", "/dev", "tmpfs", 0, "mode=755"), 0);

	tap_about("none");
	expect_no_device(-ENODEV);

	tap_about("a regular file, as root's shell makes by <>");
	fd = open(DEVICE, O_RDWR | O_CREAT, 0644);
	must(fd >= 0);
	expect_no_device(-ENODEV);
	expect_int(kc_from_fd(&c, fd), -ENOTTY);
	close(fd);
	must_int(unlink(DEVICE), 0);

	tap_about("a folder");
	must_int(mkdir(DEVICE, 0755), 0);
	expect_no_device(-ENODEV);
	must_int(rmdir(DEVICE), 0);

	tap_about("another device");
	must_int(mknod(DEVICE, S_IFCHR, makedev(1, 3)), 0);
	must_int(chmod(DEVICE, 0666), 0);
	expect_no_device(-ENODEV);
	must_int(chmod(DEVICE, 0600), 0);
	must_int(seteuid(65534), 0);
	expect_int(kc_make(&c, 8, 1), -EACCES);
	expect(!c);
}

static void test_options(void)
{
	struct {
		kc_chan_opts opts;
		unsigned char later[16];
	} larger = { .opts = KC_CHAN_OPTS_INIT };
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c = NULL;

	opts.elem_size = 8;
	opts.cap = 2;
	opts.flags = 1U << 31;
	expect_int(kc_make_opts(&c, &opts), -EINVAL);
	opts.flags = 0;
	opts.size = sizeof(opts) - 1;
	expect_int(kc_make_opts(&c, &opts), -EINVAL);
	opts.size = UINT32_MAX;
	expect_int(kc_make_opts(&c, &opts), -E2BIG);
	opts.size = sizeof(opts);
	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = 0;
	expect_int(kc_make_opts(&c, &opts), -EINVAL);
	expect(!c);

	/* A program that was compiled with a later header. */
	larger.opts.size = sizeof(larger);
	larger.opts.elem_size = 8;
	larger.later[sizeof(larger.later) - 1] = 1;
	expect_int(kc_make_opts(&c, &larger.opts), -E2BIG);
	expect(!c);
	larger.later[sizeof(larger.later) - 1] = 0;
	must_int(kc_make_opts(&c, &larger.opts), 0);
	expect_int(kc_elem_size(c), 8);
	kc_unref(c);
}

static void test_order(void)
{
	kc_chan *c = make(8, 4);
	uint64_t i;

	for (i = 0; i < 4; i++) {
		expect_int(kc_send(c, &i), 0);
		expect_int(kc_len(c), i + 1);
	}
	for (i = 0; i < 4; i++) {
		uint64_t value = 99;

		expect_int(kc_recv(c, &value), 1);
		expect_int(value, i);
	}
	expect_int(kc_len(c), 0);
	kc_unref(c);
}

static void test_close(void)
{
	kc_chan *c = make(8, 2);
	uint64_t value = 7;

	send_now(c, 1);
	expect_int(kc_close(c), 0);
	expect_int(kc_close(c), -EALREADY);
	expect_int(kc_send(c, &value), -EPIPE);
	expect_int(kc_try_send(c, &value), -EPIPE);
	expect_int(kc_send_timeout(c, &value, KC_SECOND), -EPIPE);

	expect_int(kc_recv(c, &value), 1);
	expect_int(value, 1);
	value = 7;
	expect_int(kc_recv(c, &value), 0);
	expect_int(kc_try_recv(c, &value), 0);
	expect_int(kc_recv_timeout(c, &value, KC_SECOND), 0);
	expect_int(value, 7);
	kc_unref(c);
}

static void test_close_wakes(void)
{
	kc_chan *full = make(8, 0), *empty = make(8, 0);
	struct call sender, receiver;

	call_send(&sender, full, 1);
	call_recv(&receiver, empty);
	expect_int(kc_close(full), 0);
	expect_int(kc_close(empty), 0);
	expect_int(call_end(&sender), -EPIPE);
	expect_int(call_end(&receiver), 0);
	kc_unref(full);
	kc_unref(empty);
}

/* An armed select has the last element: it is in flight. */
static void test_in_flight(void)
{
	kc_chan *c = make(8, 1);
	struct {
		struct kchan_commit commit;
		uint64_t value;
	} got;
	uint64_t value = 7;
	kc_case again[] = { kc_case_recv(c, &value) };
	struct call call;
	int fd;

	fd = arm_recv(c);
	send_now(c, 1);
	expect_int(kc_try_recv(c, &value), -EAGAIN);
	expect_int(kc_close(c), 0);
	expect_int(kc_len(c), 0);
	expect_int(kc_try_recv(c, &value), -EAGAIN);
	expect_int(kc_recv_timeout(c, &value, KC_MILLISECOND), -ETIMEDOUT);
	expect_int(kc_try_select(again, 1), -EAGAIN);

	/* The element is put back, and goes to the waiting receiver. */
	call_recv(&call, c);
	close(fd);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 1);
	expect_int(kc_try_recv(c, &value), 0);
	kc_unref(c);

	/* The element is taken, so the channel is at end-of-stream. */
	c = make(8, 1);
	fd = arm_recv(c);
	send_now(c, 2);
	expect_int(kc_close(c), 0);
	call_recv(&call, c);
	must_int(read(fd, &got, sizeof(got)), sizeof(got));
	expect_int(got.commit.size, sizeof(got.commit));
	expect_int(got.commit.status, 0);
	expect_int(got.value, 2);
	expect_int(call_end(&call), 0);
	close(fd);
	kc_unref(c);
}

static void test_rendezvous(void)
{
	kc_chan *c = make(8, 0);
	struct call call;
	uint64_t value = 0;

	expect_int(kc_cap(c), 0);
	call_send(&call, c, 5);
	expect_int(kc_len(c), 0);
	expect_int(kc_recv(c, &value), 1);
	expect_int(value, 5);
	expect_int(call_end(&call), 0);

	call_recv(&call, c);
	value = 6;
	expect_int(kc_send(c, &value), 0);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 6);
	kc_unref(c);
}

static void test_full(void)
{
	kc_chan *c = make(8, 1);
	struct call call;

	send_now(c, 1);
	call_send(&call, c, 2);
	expect_int(recv_now(c), 1);
	expect_int(call_end(&call), 0);
	expect_int(recv_now(c), 2);
	kc_unref(c);
}

static void test_resize(void)
{
	kc_chan *c = make(8, 1);
	struct call call;

	send_now(c, 1);
	call_send(&call, c, 2);
	expect_int(kc_resize(c, 2), 0);
	expect_int(call_end(&call), 0);
	expect_int(kc_cap(c), 2);
	expect_int(kc_resize(c, 1), -EBUSY);
	expect_int(kc_resize(c, (1 << 20) + 1), -EINVAL);
	expect_int(kc_resize(c, ((size_t)1 << 32) + 3), -EINVAL);
	expect_int(kc_cap(c), 2);
	expect_int(recv_now(c), 1);
	expect_int(recv_now(c), 2);
	kc_unref(c);
}

static void test_sizes(void)
{
	static const size_t sizes[] = { 1, 3, 64, 128, 129, 4096, 4097, 1 << 20 };
	size_t i, at;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char *sent = malloc(sizes[i]);
		unsigned char *seen = calloc(1, sizes[i]);
		kc_chan *c = make(sizes[i], 1);

		must(sent && seen);
		tap_about("size %zu", sizes[i]);
		for (at = 0; at < sizes[i]; at++)
			sent[at] = at * 7 + at / 256 + 1;
		expect_int(kc_send(c, sent), 0);
		expect_int(kc_recv(c, seen), 1);
		expect(!memcmp(sent, seen, sizes[i]));
		expect_int(kc_send_timeout(c, sent, 0), 0);
		memset(seen, 0, sizes[i]);
		expect_int(kc_recv_timeout(c, seen, 0), 1);
		expect(!memcmp(sent, seen, sizes[i]));
		kc_unref(c);
		free(sent);
		free(seen);
	}
}

static void test_bad_address(void)
{
	kc_chan *c = make(8, 1);
	void *bad = (void *)16;

	expect_int(kc_send(c, bad), -EFAULT);
	expect_int(kc_try_send(c, bad), -EFAULT);
	send_now(c, 1);
	expect_int(kc_recv(c, bad), -EFAULT);
	expect_int(kc_try_recv(c, bad), -EFAULT);
	expect_int(recv_now(c), 1);
	kc_unref(c);
}

static void test_wrong_mode(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value = 0;

	expect_int(kc_send_msg(c, &value, 8), -EINVAL);
	expect_int(kc_try_send_msg(c, &value, 8), -EINVAL);
	expect_int(kc_send_msg_timeout(c, &value, 8, 0), -EINVAL);
	expect_int(kc_recv_msg(c, &value, 8), -EINVAL);
	expect_int(kc_try_recv_msg(c, &value, 8), -EINVAL);
	expect_int(kc_recv_msg_timeout(c, &value, 8, 0), -EINVAL);
	expect_int(kc_len(c), 0);
	kc_unref(c);
}

static void test_for_each(void)
{
	kc_chan *c = make(8, 8);
	uint64_t i, sum = 0;

	for (i = 1; i <= 8; i++)
		send_now(c, i);
	expect_int(kc_close(c), 0);
	kc_for_each(c, &i)
		sum += i;
	expect_int(sum, 36);
	kc_unref(c);
}

static void test_struct_of_zero_size(void)
{
	kc_chan *c = make(0, 2);

	expect_int(kc_elem_size(c), 0);
	expect_int(kc_try_recv(c, NULL), -EAGAIN);
	expect_int(kc_send(c, NULL), 0);
	expect_int(kc_try_send(c, NULL), 0);
	expect_int(kc_try_send(c, NULL), -EAGAIN);
	expect_int(kc_send_timeout(c, NULL, KC_MILLISECOND), -ETIMEDOUT);
	expect_int(kc_len(c), 2);
	expect_int(kc_close(c), 0);
	expect_int(kc_send(c, NULL), -EPIPE);
	expect_int(kc_recv(c, NULL), 1);
	expect_int(kc_recv_timeout(c, NULL, 0), 1);
	expect_int(kc_recv(c, NULL), 0);
	expect_int(kc_try_recv(c, NULL), 0);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "a channel is made as asked for", test_make },
	{ "make refuses what is too large", test_make_errors },
	{ "make tells that the device is not there, or is none", test_no_device },
	{ "options carry their size", test_options },
	{ "elements come in the order sent", test_order },
	{ "close: no more sends, then what is queued, then the end", test_close },
	{ "close wakes who waits", test_close_wakes },
	{ "no end while an element may come back", test_in_flight },
	{ "a rendezvous", test_rendezvous },
	{ "a send waits while the channel is full", test_full },
	{ "resize lets a sender in, and drops nothing", test_resize },
	{ "elements of many sizes", test_sizes },
	{ "a bad address is an error, and loses nothing", test_bad_address },
	{ "message calls are not for elements", test_wrong_mode },
	{ "for each, until the end", test_for_each },
	{ "elements of size 0", test_struct_of_zero_size },
};

TAP_MAIN(tests)
