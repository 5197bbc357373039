// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the listing of all channels in debugfs says: to root alone, the same as the
 * channels themselves tell, with those who wait there.
 */
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "leases.h"
#include "listed.h"

#define NOBODY	65534

static void root_alone(void)
{
	struct stat debug, st;
	pid_t pid;
	int fd;

	listing_or_skip();
	must_int(stat(LISTING, &st), 0);
	expect_int(st.st_mode & 07777, 0400);
	expect_int(st.st_uid, 0);
	fd = open(LISTING, O_WRONLY);
	must(fd >= 0);
	expect_errno(write(fd, "1", 1), EINVAL);
	close(fd);

	/* Not only the folder, which may be open to others, keeps them out. */
	must_int(stat(DEBUG, &debug), 0);
	must_int(chmod(DEBUG, 0755), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must_int(setgroups(0, NULL), 0);
		must_int(setresgid(NOBODY, NOBODY, NOBODY), 0);
		must_int(setresuid(NOBODY, NOBODY, NOBODY), 0);
		fd = open(LISTING, O_RDONLY);
		expect_errno(fd, EACCES);
		expect_int(access(DEBUG "/kchan", F_OK), 0);
		_exit(0);
	}
	reap(pid);
	must_int(chmod(DEBUG, debug.st_mode & 07777), 0);
}

static void expect_same(int fd)
{
	struct kchan_info info = chan_info(fd);
	struct listing l;
	struct listed *c;
	char flags[40] = "";

	if (info.flags & KCHAN_INFO_MESSAGE)
		strcat(flags, ",message");
	if (info.flags & KCHAN_INFO_FIXED)
		strcat(flags, ",fixed");
	if (info.flags & KCHAN_INFO_CLOSED)
		strcat(flags, ",closed");
	if (info.flags & KCHAN_INFO_MAPPED)
		strcat(flags, ",mapped");
	if (info.flags & KCHAN_INFO_BROKEN)
		strcat(flags, ",broken");
	listing_read(&l);
	c = listing_must_find(&l, fd);
	if (!expect(strcmp(c->flags, *flags ? flags + 1 : "-") == 0))
		tap_note("flags are %s", c->flags);
	expect_int(c->uid, getuid());
	expect_int(c->info.elem_size, info.elem_size);
	expect_int(c->info.capacity, info.capacity);
	expect_int(c->info.len, info.len);
	expect_int(c->info.in_flight, info.in_flight);
	expect_int(c->info.send_ends, info.send_ends);
	expect_int(c->info.recv_ends, info.recv_ends);
	expect_int(c->info.send_waiters, info.send_waiters);
	expect_int(c->info.recv_waiters, info.recv_waiters);
	expect_int(c->info.map_pid, info.map_pid);
	expect_int(c->info.leased, info.leased);
	expect_int(c->info.delayed, info.delayed);
	expect_int(c->info.taken, info.taken);
	expect_int(c->info.settled, info.settled);
	expect_int(c->info.dropped, info.dropped);
	expect_int(c->info.returns, info.returns);
	listing_free(&l);
}

static void as_it_tells_itself(void)
{
	struct kchan_end end = { .flags = KCHAN_END_RECV };
	struct call c = { 0 };
	struct listing l;
	uint64_t id, v = 0;
	struct listed *found;
	int fd, recv;

	listing_or_skip();
	fd = chan_open();
	expect_same(fd);
	must_int(try_setup(fd, 0, 8, 3), 0);
	tap_about("set up");
	expect_same(fd);
	send_u64(fd, 1);
	send_u64(fd, 2);
	tap_about("two sent");
	expect_same(fd);
	recv = ioctl(fd, KCHAN_IOC_END, &end);
	must(recv >= 0);
	expect_recv(recv, 1);
	expect_recv(recv, 2);
	call_read(&c, recv, &v, 8);
	wait_receivers(fd, 1);
	tap_about("one waits");
	expect_same(fd);
	chan_close(fd);
	expect_done(&c, 0);
	close(fd);
	tap_about("closed");
	expect_same(recv);
	id = chan_info(recv).id;
	close(recv);
	listing_read(&l);
	expect_int(listing_find(&l, id, &found), 0);
	listing_free(&l);
}

#define expect_counts(fd, sent_, received_, send_waits_, recv_waits_)	\
	do {								\
		struct listing l_;					\
		struct listed *c_;					\
		listing_read(&l_);					\
		c_ = listing_must_find(&l_, fd);				\
		expect_int(c_->sent, sent_);				\
		expect_int(c_->received, received_);			\
		expect_int(c_->send_waits, send_waits_);		\
		expect_int(c_->recv_waits, recv_waits_);		\
		listing_free(&l_);					\
	} while (0)

static void counts(void)
{
	uint64_t v[3] = { 1, 2, 3 }, w = 0;
	char *page = map_pages(8);
	struct call c = { 0 };
	int fd;

	listing_or_skip();
	fd = chan_make(0, 8, 2);
	expect_counts(fd, 0, 0, 0, 0);
	send_u64(fd, 1);
	expect_counts(fd, 1, 0, 0, 0);
	send_u64(fd, 2);
	/* Not before it is in the buffer. */
	call_write(&c, fd, v, 8);
	wait_senders(fd, 1);
	expect_counts(fd, 2, 0, 1, 0);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_counts(fd, 3, 1, 1, 0);
	expect_recv(fd, 2);
	expect_recv(fd, 1);
	expect_counts(fd, 3, 3, 1, 0);
	tap_about("to a receiver directly");
	call_read(&c, fd, &w, 8);
	wait_receivers(fd, 1);
	expect_counts(fd, 3, 3, 1, 1);
	send_u64(fd, 4);
	expect_done(&c, 8);
	expect_counts(fd, 4, 4, 1, 1);
	tap_about("put back");
	call_read(&c, fd, page, 8);
	wait_receivers(fd, 1);
	must_int(mprotect(page, page_size(), PROT_NONE), 0);
	send_u64(fd, 5);
	expect_done_errno(&c, EFAULT);
	expect_counts(fd, 5, 4, 1, 2);
	expect_recv(fd, 5);
	expect_counts(fd, 5, 5, 1, 2);
	tap_about("by a resize");
	send_u64(fd, 6);
	send_u64(fd, 7);
	call_write(&c, fd, v, 24);
	wait_senders(fd, 1);
	chan_resize(fd, 5);
	expect_done(&c, 24);
	expect_counts(fd, 10, 5, 2, 2);
	chan_nonblock(fd, true);
	expect_errno(write(fd, v, 8), EAGAIN);
	chan_close(fd);
	expect_errno(write(fd, v, 8), EPIPE);
	expect_counts(fd, 10, 5, 2, 2);
	close(fd);
	tap_about("from a parked sender");
	fd = chan_make(0, 8, 0);
	call_write(&c, fd, v, 8);
	wait_senders(fd, 1);
	expect_counts(fd, 0, 0, 1, 0);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_counts(fd, 1, 1, 1, 0);
}

static void polled(void)
{
	struct call c = { 0 };
	struct listing l;
	int fd;

	listing_or_skip();
	fd = chan_make(0, 8, 0);
	listing_read(&l);
	expect_int(listing_must_find(&l, fd)->polled, 0);
	listing_free(&l);
	call_poll(&c, fd, POLLIN);
	call_wait_asleep(&c);
	listing_read(&l);
	expect_int(listing_must_find(&l, fd)->polled, 1);
	listing_free(&l);
	chan_close(fd);
	expect_done(&c, 1);
	listing_read(&l);
	expect_int(listing_must_find(&l, fd)->polled, 0);
	listing_free(&l);
}

/* In the order in which they came, with thread, process and name. */
static void waiters_in_order(void)
{
	static const char hard[] = "a b\\c\td\ne";
	struct call c[5] = { 0 };
	struct listed *found;
	struct listing l;
	uint64_t v[5];
	unsigned int i;
	int fd;

	listing_or_skip();
	fd = chan_make(0, 8, 0);
	must_int(prctl(PR_SET_NAME, hard), 0);
	for (i = 0; i < 5; i++) {
		call_read(&c[i], fd, &v[i], 8);
		wait_receivers(fd, i + 1);
	}
	listing_read(&l);
	found = listing_must_find(&l, fd);
	must_int(found->nr_waiters, 5);
	for (i = 0; i < 5; i++) {
		expect_int(found->waiters[i].tid, atomic_load(&c[i].tid));
		expect_int(found->waiters[i].pid, getpid());
		if (!expect(strcmp(found->waiters[i].comm,
				   "a\\040b\\134c\\011d\\012e") == 0))
			tap_note("comm is %s", found->waiters[i].comm);
	}
	listing_free(&l);

	/* The first is served and goes; the others stay. */
	send_u64(fd, 1);
	expect_done(&c[0], 8);
	listing_read(&l);
	found = listing_must_find(&l, fd);
	must_int(found->nr_waiters, 4);
	expect_int(found->waiters[0].tid, atomic_load(&c[1].tid));
	listing_free(&l);
	chan_close(fd);
	for (i = 1; i < 5; i++)
		expect_done(&c[i], 0);
}

static void how_long(void)
{
	long long begin;
	struct call c = { 0 };
	struct listing l;
	uint64_t v, first;
	int fd;

	listing_or_skip();
	fd = chan_make(0, 8, 0);
	begin = tap_now_ns();
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	listing_read(&l);
	first = listing_must_find(&l, fd)->waiters[0].ms;
	/* Ticks of 10 ms at the most are counted. */
	expect(first <= (uint64_t)(tap_now_ns() - begin) / 1000000 + 20);
	listing_free(&l);
	usleep(300 * 1000);
	listing_read(&l);
	expect(listing_must_find(&l, fd)->waiters[0].ms >= first + 280);
	expect(listing_must_find(&l, fd)->waiters[0].ms <=
	       (uint64_t)(tap_now_ns() - begin) / 1000000 + 20);
	listing_free(&l);
	chan_close(fd);
	expect_done(&c, 0);
}

/* A select waits with each of its cases; whichever commits, all are gone. */
static void selects(void)
{
	struct cases_call call = { 0 };
	struct listed *at[2];
	struct listing l;
	uint64_t v = 3, w = 0;
	int a, b;

	listing_or_skip();
	a = chan_make(0, 8, 0);
	b = chan_make(0, 8, 0);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, &w, 8);
	add_send(&call.c, b, &v, 8);
	add_recv(&call.c, a, &w, 8);
	cases_start(&call, a);
	wait_receivers(a, 2);
	wait_senders(b, 1);
	listing_read(&l);
	at[0] = listing_must_find(&l, a);
	at[1] = listing_must_find(&l, b);
	must_int(at[0]->nr_waiters, 2);
	must_int(at[1]->nr_waiters, 1);
	expect_int(at[0]->waiters[0].tid, atomic_load(&call.tid));
	expect_int(at[0]->waiters[1].tid, atomic_load(&call.tid));
	expect_int(at[1]->waiters[0].tid, atomic_load(&call.tid));
	expect(at[1]->waiters[0].send);
	listing_free(&l);
	expect_recv(b, 3);
	expect_int(cases_join(&call), 0);
	listing_read(&l);
	expect_int(listing_must_find(&l, a)->nr_waiters, 0);
	expect_int(listing_must_find(&l, b)->nr_waiters, 0);
	expect_int(listing_must_find(&l, a)->recv_waits, 2);
	listing_free(&l);
}

static void expect_elem(const struct listed_elem *e, bool leased, uint64_t number,
			uint64_t returns, bool read)
{
	expect_int(e->leased, leased);
	expect_int(e->number, number);
	expect_int(e->returns, returns);
	expect_int(e->read, read);
}

/* Each leased or delayed element, and none that is queued. */
static void leases(void)
{
	const uint64_t hour_ms = 3600000;
	int fd, lease[4];
	struct listing l;
	struct listed *c;

	listing_or_skip();
	fd = chan_make(0, 8, 8);
	for (uint64_t i = 0; i < 5; i++)
		send_u64(fd, i);
	lease[0] = lease_arm(fd, 8, 0);
	lease[1] = lease_arm(fd, 8, 0);
	lease[2] = lease_arm(fd, 8, hour_ms * 1000000);
	lease[3] = lease_arm(fd, 8, 0);
	expect_lease(lease[1], 1, 1, 0);
	must_int(lease_return(lease[1], 0, 0), 0);
	must_int(try_lease_again(lease[1], fd, 8, 0), 0);
	expect_lease(lease[2], 2, 2, 0);
	must_int(lease_return(lease[3], KCHAN_RETURN_TAIL, 2 * hour_ms * 1000000), 0);

	listing_read(&l);
	c = listing_must_find(&l, fd);
	must_int(c->nr_elems, 4);
	expect_elem(&c->elems[0], true, 0, 0, false);
	expect(c->elems[0].for_ever);
	expect_elem(&c->elems[1], true, 1, 1, false);
	expect(c->elems[1].for_ever);
	expect_elem(&c->elems[2], true, 2, 0, true);
	expect(!c->elems[2].for_ever);
	expect(c->elems[2].left_ms > hour_ms / 2 && c->elems[2].left_ms <= hour_ms);
	expect_elem(&c->elems[3], false, 3, 1, false);
	expect(c->elems[3].left_ms > hour_ms && c->elems[3].left_ms <= 2 * hour_ms);
	listing_free(&l);

	tap_about("they end");
	must_int(lease_ack(lease[2]), 0);
	close(lease[0]);
	listing_read(&l);
	c = listing_must_find(&l, fd);
	must_int(c->nr_elems, 2);
	expect_elem(&c->elems[0], true, 1, 1, false);
	expect_elem(&c->elems[1], false, 3, 1, false);
	listing_free(&l);
}

/* More than a reader has room for at first. */
static void many_leases(void)
{
	enum { MANY = 300 };
	int fd, lease[MANY];
	struct listing l;
	struct listed *c;

	listing_or_skip();
	fd = chan_make(0, 8, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		send_u64(fd, i);
		lease[i] = lease_arm(fd, 8, 0);
	}
	listing_read(&l);
	c = listing_must_find(&l, fd);
	must_int(c->nr_elems, MANY);
	for (uint64_t i = 0; i < MANY; i++)
		expect_int(c->elems[i].number, i);
	listing_free(&l);
	for (int i = 0; i < MANY; i++)
		close(lease[i]);
}

static void wait_there(void *arg)
{
	int *fds = arg;
	uint64_t v;

	must_int(setresuid(NOBODY, NOBODY, NOBODY), 0);
	fds[1] = chan_make(0, 8, 0);
	v = chan_info(fds[1]).id;
	must(write(fds[2], &v, 8) == 8);
	must(read(fds[0], &v, 8) == 8);
}

/* The owner is who opened it, whoever waits there. */
static void of_another_user(void)
{
	struct listed *found = NULL;
	struct listing l;
	int fds[3], pipe_fds[2];
	uint64_t id;
	pid_t pid;

	listing_or_skip();
	fds[0] = chan_make(0, 8, 0);
	must_int(pipe(pipe_fds), 0);
	fds[2] = pipe_fds[1];
	pid = spawn(wait_there, fds);
	must(read(pipe_fds[0], &id, 8) == 8);
	wait_receivers(fds[0], 1);
	listing_read(&l);
	found = listing_must_find(&l, fds[0]);
	expect_int(found->uid, 0);
	must_int(found->nr_waiters, 1);
	expect_int(found->waiters[0].tid, pid);
	expect_int(found->waiters[0].pid, pid);
	must_int(listing_find(&l, id, &found), 1);
	expect_int(found->uid, NOBODY);
	listing_free(&l);
	send_u64(fds[0], 1);
	expect_exit(pid);
}

static const struct tap_test tests[] = {
	{ "the listing is root's alone", root_alone },
	{ "what it says of a channel is what that says", as_it_tells_itself },
	{ "elements and waits are counted", counts },
	{ "that somebody polls is told", polled },
	{ "waiters are listed in their order, with their threads", waiters_in_order },
	{ "how long they wait", how_long },
	{ "a select waits with each of its cases", selects },
	{ "leased and delayed elements are listed", leases },
	{ "many leased elements are listed", many_leases },
	{ "the owner is who opened it", of_another_user },
};

TAP_MAIN(tests)
