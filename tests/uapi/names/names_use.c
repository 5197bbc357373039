// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name's end is an end as any other: select, armed selects, epoll, those who watch the
 * file, and what is told of it.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "armed.h"
#include "listed.h"
#include "names.h"

#define JOBS NAMES "/jobs"

static void selects(void)
{
	uint64_t v = 0, w = 7;
	struct cases c;
	int fd, device;

	names_begin();
	close(name_set_up(JOBS, 1, 0));
	fd = name_open(JOBS, O_RDWR);
	device = chan_make(0, 8, 1);
	cases_init(&c, 0, 0);
	add_recv(&c, device, &v, 8);
	add_send(&c, fd, &w, 8);
	expect_int(cases_now(fd, &c), 1);
	expect_errno(cases_now(device, &c), EAGAIN);
	expect_recv(name_open(JOBS, O_RDONLY), 7);
	/* The direction is checked as with any end. */
	cases_init(&c, 0, 0);
	add_send(&c, name_open(JOBS, O_RDONLY), &w, 8);
	expect_errno(cases_now(fd, &c), EBADF);
}

static void waits_in_a_select(void)
{
	struct cases_call call;
	uint64_t v = 0;
	int fd;

	names_begin();
	close(name_set_up(JOBS, 0, 0));
	fd = name_open(JOBS, O_RDONLY);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, chan_make(0, 8, 1), &v, 8);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, fd);
	wait_receivers(fd, 1);
	send_u64(name_open(JOBS, O_WRONLY), 5);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(v, 5);
}

/* An armed select that is dropped puts the element back, though nobody else is there. */
static void armed_puts_back(void)
{
	int fd, armed;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	armed = arm_recv(fd, 8);
	send_u64(fd, 1);
	send_u64(fd, 2);
	expect_int(poll_now(armed), POLLIN);
	close(fd);
	close(armed);
	fd = name_open(JOBS, O_RDONLY);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
}

static void epolls(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), fd;

	names_begin();
	close(name_set_up(JOBS, 4, 0));
	fd = name_open(JOBS, O_RDONLY | O_NONBLOCK);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	expect_int(epoll_wait(ep, &e, 1, 0), 0);
	send_u64(name_open(JOBS, O_WRONLY), 5);
	expect_int(epoll_wait(ep, &e, 1, 0), 1);
	expect_recv(fd, 5);
	expect_int(epoll_wait(ep, &e, 1, 0), 0);
}

static uint32_t told(int in)
{
	union {
		struct inotify_event e;
		char room[4096];
	} u;
	uint32_t all = 0;
	ssize_t n = read(in, &u, sizeof(u));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (void *)(u.room + at);

		all |= e->mask & ~(uint32_t)(IN_ISDIR | IN_IGNORED);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return all;
}

static void watched(void)
{
	int in = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), fd;
	uint64_t v = 1;

	names_begin();
	must(in >= 0);
	must(inotify_add_watch(in, NAMES, IN_ALL_EVENTS) >= 0);
	name_make(JOBS, 0600);
	expect_int(told(in), IN_CREATE | IN_ATTRIB);
	fd = name_open(JOBS, O_RDWR);
	expect_int(told(in), IN_OPEN);
	/* Who may only look into the directory is not told of what a special file does. */
	must(inotify_add_watch(in, JOBS, IN_ACCESS | IN_MODIFY) >= 0);
	must_int(try_setup(fd, 0, 8, 1), 0);
	send_u64(fd, 1);
	expect_int(told(in), IN_MODIFY);
	expect_recv(fd, 1);
	expect_int(told(in), IN_ACCESS);
	expect_int(try_send(fd, &v, 8), 0);
	expect_int(told(in), IN_MODIFY);
	expect_int(try_recv(fd, &v, 8), 0);
	expect_int(told(in), IN_ACCESS);
	close(fd);
	expect_int(told(in), IN_CLOSE_WRITE);
	must_int(rename(JOBS, NAMES "/other"), 0);
	expect_int(told(in), IN_MOVED_FROM | IN_MOVED_TO);
	must_int(unlink(NAMES "/other"), 0);
	expect_int(told(in), IN_DELETE);
}

static void expect_not_mapped(int fd)
{
	struct kchan_map map = { .flags = KCHAN_MAP_CLOEXEC };

	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EPERM);
	expect_int(map.size, 0);
	expect(!(chan_info(fd).flags & KCHAN_INFO_MAPPED));
}

/* Not even by the process that has made the name, and not when it is gone. */
static void never_mapped(void)
{
	int fd, end;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	end = end_make(fd, KCHAN_END_SEND | KCHAN_END_RECV);
	expect_not_mapped(fd);
	expect_not_mapped(end);
	send_u64(fd, 1);
	expect_not_mapped(fd);
	must_int(unlink(JOBS), 0);
	expect_not_mapped(fd);
	expect_not_mapped(end);
	expect_recv(end, 1);
}

static void expect_flags(int fd, const char *flags)
{
	struct fdinfo f;
	char seen[64];

	must(fdinfo_try(&f, getpid(), fd));
	must(fdinfo_value(&f, "flags", seen, sizeof(seen)));
	if (!expect(strcmp(seen, flags) == 0))
		tap_note("%s", seen);
}

static void told_in_fdinfo(void)
{
	int fd;

	names_begin();
	name_make(JOBS, 0600);
	fd = name_open(JOBS, O_RDWR);
	expect_flags(fd, "message named send-hold");
	must_int(try_setup(fd, KCHAN_SETUP_NO_SEND_HOLD, 8, 1), 0);
	close(name_open(JOBS, O_WRONLY));
	send_u64(fd, 1);
	expect_flags(fd, "fixed named");
	expect_flags(end_make(fd, KCHAN_END_RECV), "fixed named");
	must_int(unlink(JOBS), 0);
	expect_flags(fd, "fixed");
	expect_int(fdinfo_number(fd, "send-ends"), 1);
}

static void told_in_the_listing(void)
{
	struct listing l;
	struct listed *c;
	struct stat st;
	char name[64];
	int fd;

	listing_or_skip();
	names_begin();
	name_make(JOBS, 0600);
	must_int(stat(JOBS, &st), 0);
	snprintf(name, sizeof(name), "%u:%u:%lu", major(st.st_dev), minor(st.st_dev),
		 (unsigned long)st.st_ino);
	fd = name_open(JOBS, O_RDWR);
	listing_read(&l);
	c = listing_must_find(&l, fd);
	expect(strcmp(c->name, name) == 0);
	expect(strcmp(c->flags, "message,named,send-hold") == 0);
	expect_int(c->info.send_ends, 2);
	listing_free(&l);
	must_int(unlink(JOBS), 0);
	listing_read(&l);
	c = listing_must_find(&l, fd);
	expect(!*c->name);
	expect(strcmp(c->flags, "message") == 0);
	listing_free(&l);
	fd = chan_open();
	listing_read(&l);
	expect(!*listing_must_find(&l, fd)->name);
	listing_free(&l);
}

static const struct tap_test tests[] = {
	{ "in a select, with a channel of the device", selects },
	{ "waits in a select", waits_in_a_select },
	{ "an armed select puts back for who comes next", armed_puts_back },
	{ "epoll", epolls },
	{ "never mapped", never_mapped },
	{ "those who watch it are told as of any FIFO", watched },
	{ "fdinfo tells of the name", told_in_fdinfo },
	{ "so does the listing", told_in_the_listing },
};

PARAMS_MAIN(tests)
