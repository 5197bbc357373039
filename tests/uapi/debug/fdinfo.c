// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo tells of an end: the same as KCHAN_IOC_INFO.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "chan.h"

static void expect_text(const struct fdinfo *f, const char *key,
			const char *want)
{
	char value[100];

	if (!expect(fdinfo_value(f, key, value, sizeof(value)))) {
		tap_note("no %s in: %s", key, f->text);
		return;
	}
	if (!expect(strcmp(value, want) == 0))
		tap_note("%s is \"%s\", not \"%s\"", key, value, want);
}

static void expect_number(const struct fdinfo *f, const char *key,
			  uint64_t want)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)want);
	expect_text(f, key, text);
}

static const char *words(char *text, uint32_t flags, uint32_t mask)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} all[] = {
		{ KCHAN_INFO_MESSAGE, " message" },
		{ KCHAN_INFO_FIXED, " fixed" },
		{ KCHAN_INFO_CLOSED, " closed" },
		{ KCHAN_INFO_SEND, " send" },
		{ KCHAN_INFO_RECV, " recv" },
		{ KCHAN_INFO_MAPPED, " mapped" },
		{ KCHAN_INFO_BROKEN, " broken" },
	};
	size_t i;

	strcpy(text, "");
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].flag & flags & mask)
			strcat(text, all[i].word);
	return *text ? text + 1 : "-";
}

#define MODES	(KCHAN_INFO_SEND | KCHAN_INFO_RECV)

/* The channel does not change meanwhile. */
static void expect_same(pid_t pid, int fd)
{
	struct kchan_info info = chan_info(fd);
	struct fdinfo f;
	char text[64];

	must(fdinfo_try(&f, pid, fd));
	expect_number(&f, "id", info.id);
	expect_text(&f, "mode", words(text, info.flags, MODES));
	expect_text(&f, "flags", words(text, info.flags, ~MODES));
	expect_number(&f, "elem-size", info.elem_size);
	expect_number(&f, "capacity", info.capacity);
	expect_number(&f, "len", info.len);
	expect_number(&f, "in-flight", info.in_flight);
	expect_number(&f, "send-ends", info.send_ends);
	expect_number(&f, "recv-ends", info.recv_ends);
	expect_number(&f, "send-waiters", info.send_waiters);
	expect_number(&f, "recv-waiters", info.recv_waiters);
	expect_number(&f, "map-pid", info.map_pid);
	expect_number(&f, "leased", info.leased);
	expect_number(&f, "delayed", info.delayed);
	expect_number(&f, "taken", info.taken);
	expect_number(&f, "settled", info.settled);
	expect_number(&f, "dropped", info.dropped);
	expect_number(&f, "returns", info.returns);
}

static void not_set_up(void)
{
	int fd = chan_open();
	struct fdinfo f;

	must(fdinfo_try(&f, getpid(), fd));
	expect_text(&f, "mode", "send recv");
	expect_text(&f, "flags", "message");
	expect_number(&f, "send-ends", 1);
	expect_number(&f, "recv-ends", 1);
	expect_same(getpid(), fd);
	/* To ask has fixed nothing. */
	must_int(try_setup(fd, 0, 8, 3), 0);
	must(fdinfo_try(&f, getpid(), fd));
	expect_text(&f, "flags", "-");
	expect_number(&f, "elem-size", 8);
	expect_number(&f, "capacity", 3);
	expect_same(getpid(), fd);
}

static void through_its_life(void)
{
	int fd = chan_make(0, 8, 4);

	expect_same(getpid(), fd);
	send_u64(fd, 1);
	send_u64(fd, 2);
	tap_about("two sent");
	expect_same(getpid(), fd);
	expect_recv(fd, 1);
	chan_resize(fd, 9);
	tap_about("resized");
	expect_same(getpid(), fd);
	chan_close(fd);
	tap_about("closed");
	expect_same(getpid(), fd);
	expect_recv(fd, 2);
	tap_about("drained");
	expect_same(getpid(), fd);
}

static void of_each_end(void)
{
	static const struct {
		uint32_t flags;
		const char *mode;
	} ends[] = {
		{ KCHAN_END_SEND, "send" },
		{ KCHAN_END_RECV, "recv" },
		{ KCHAN_END_SEND | KCHAN_END_RECV, "send recv" },
	};
	int first = chan_make(KCHAN_SETUP_MESSAGE, 100, 2), end;
	struct fdinfo f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		tap_about("%s", ends[i].mode);
		end = end_make(first, ends[i].flags);
		must(fdinfo_try(&f, getpid(), end));
		expect_text(&f, "mode", ends[i].mode);
		expect_text(&f, "flags", "message fixed");
		expect_number(&f, "id", chan_info(first).id);
		expect_same(getpid(), end);
		expect_same(getpid(), first);
		close(end);
	}
	/* The channel is closed, for its ends that can send are gone. */
	end = end_make(first, KCHAN_END_RECV);
	close(first);
	must(fdinfo_try(&f, getpid(), end));
	expect_text(&f, "flags", "message fixed closed");
	expect_number(&f, "send-ends", 0);
}

static void who_waits(void)
{
	int fd = chan_make(0, 8, 0);
	struct call c[5] = { 0 };
	uint64_t v[5] = { 0 };
	struct fdinfo f;
	unsigned int i;

	for (i = 0; i < 3; i++)
		call_read(&c[i], fd, &v[i], 8);
	wait_receivers(fd, 3);
	must(fdinfo_try(&f, getpid(), fd));
	expect_number(&f, "recv-waiters", 3);
	expect_number(&f, "send-waiters", 0);
	expect_same(getpid(), fd);
	for (i = 0; i < 3; i++)
		send_u64(fd, i);
	for (i = 0; i < 3; i++)
		expect_done(&c[i], 8);
	for (i = 3; i < 5; i++)
		call_write(&c[i], fd, &v[i], 8);
	wait_senders(fd, 2);
	must(fdinfo_try(&f, getpid(), fd));
	expect_number(&f, "recv-waiters", 0);
	expect_number(&f, "send-waiters", 2);
	chan_close(fd);
	for (i = 3; i < 5; i++)
		expect_done_errno(&c[i], EPIPE);
	expect_same(getpid(), fd);
}

/* What is put back is outside of the capacity, but in the length. */
static void put_back(void)
{
	int fd = chan_make(0, 8, 0);
	struct call c = { 0 };
	char *page = map_pages(8);
	struct fdinfo f;

	call_read(&c, fd, page, 8);
	wait_receivers(fd, 1);
	must_int(mprotect(page, page_size(), PROT_NONE), 0);
	send_u64(fd, 7);
	expect_done_errno(&c, EFAULT);
	must(fdinfo_try(&f, getpid(), fd));
	expect_number(&f, "len", 1);
	expect_number(&f, "capacity", 0);
	expect_same(getpid(), fd);
	expect_recv(fd, 7);
}

static void stay(void *arg)
{
	(void)arg;
	pause();
}

static void of_another_process(void)
{
	int first = chan_make(0, 8, 2), recv = end_make(first, KCHAN_END_RECV);
	pid_t pid = spawn(stay, NULL);

	send_u64(first, 1);
	expect_same(pid, first);
	expect_same(pid, recv);
	must_int(kill(pid, SIGKILL), 0);
	reap(pid);
}

struct looker {
	int fd;
	atomic_bool stop;
	unsigned long seen;
};

static void *look(void *arg)
{
	struct looker *l = arg;
	struct fdinfo f;
	char text[32];

	while (!atomic_load(&l->stop)) {
		/* The fd is closed and opened meanwhile. */
		if (!fdinfo_try(&f, getpid(), l->fd))
			continue;
		if (!strstr(f.text, "kchan-id"))
			continue;
		l->seen++;
		must(fdinfo_value(&f, "len", text, sizeof(text)));
		must(strtoul(text, NULL, 10) <= 4);
		must(fdinfo_value(&f, "recv-waiters", text, sizeof(text)));
	}
	return NULL;
}

static void while_it_comes_and_goes(void)
{
	unsigned long i, count = tap_scale(3000);
	struct looker l = { 0 };
	pthread_t thread;
	uint64_t v = 0;
	int fd;

	l.fd = chan_make(0, 8, 4);
	thread_start(&thread, look, &l);
	for (i = 0; i < count || !l.seen; i++) {
		fd = chan_make(0, 8, 4);
		must_int(dup2(fd, l.fd), l.fd);
		close(fd);
		send_u64(l.fd, i);
		send_u64(l.fd, i);
		must_int(read(l.fd, &v, 8), 8);
	}
	atomic_store(&l.stop, true);
	thread_join(thread);
}

static const struct tap_test tests[] = {
	{ "of a channel without setup, which it leaves so", not_set_up },
	{ "the same as the ioctl, through a channel's life", through_its_life },
	{ "each end tells its own directions", of_each_end },
	{ "those who wait are counted", who_waits },
	{ "what is put back is counted", put_back },
	{ "of another process", of_another_process },
	{ "read while ends come and go", while_it_comes_and_goes },
};

TAP_MAIN(tests)
