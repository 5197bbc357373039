// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints, as they come out of tracefs: what each says, and in which
 * order they come.
 *
 * Each test has a trace instance of its own, and looks at one channel's events,
 * so that what else goes on in the guest does not matter.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cases.h"
#include "traced.h"

static unsigned long long id_of(int fd)
{
	return chan_info(fd).id;
}

static void through_the_buffer(void)
{
	const int me = getpid();
	unsigned long long id;
	struct trace t;
	char text[20];
	int fd;

	trace_start(&t);
	fd = chan_open();
	id = id_of(fd);
	/* Elements are numbered in the order in which they are sent. */
	expect_int(write(fd, "abc", 3), 3);
	expect_int(write(fd, "defgh", 5), 5);
	expect_int(read(fd, text, sizeof(text)), 3);
	expect_int(write(fd, "i", 1), 1);
	expect_int(read(fd, text, sizeof(text)), 5);
	expect_int(read(fd, text, sizeof(text)), 1);
	/* What moves nothing is told of by nothing. */
	chan_nonblock(fd, true);
	expect_errno(read(fd, text, sizeof(text)), EAGAIN);
	trace_stop_chan(&t, fd);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=3 tid=%d", id, me);
	next_is(&t, me, "kchan_send", "chan=%llu elem=1 len=5 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=3 tid=%d", id, me);
	next_is(&t, me, "kchan_send", "chan=%llu elem=2 len=1 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=1 len=5 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=2 len=1 tid=%d", id, me);
	trace_expect_end(&t);
}

/* Each element of a batch has its own events, though several move in one copy. */
static void in_a_batch(void)
{
	const int me = getpid();
	uint64_t v[3] = { 1, 2, 3 };
	unsigned long long id;
	struct trace t;
	int fd, i;

	trace_start(&t);
	fd = chan_make(0, 8, 3);
	id = id_of(fd);
	send_u64(fd, 0);
	recv_u64(fd);
	/* Around the end of the buffer, so in two copies. */
	expect_int(write(fd, v, sizeof(v)), sizeof(v));
	expect_int(read(fd, v, sizeof(v)), sizeof(v));
	trace_stop_chan(&t, fd);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=8 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=8 tid=%d", id, me);
	for (i = 1; i <= 3; i++)
		next_is(&t, me, "kchan_send", "chan=%llu elem=%d len=8 tid=%d",
			id, i, me);
	for (i = 1; i <= 3; i++)
		next_is(&t, me, "kchan_receive", "chan=%llu elem=%d len=8 tid=%d",
			id, i, me);
	trace_expect_end(&t);
}

/* The sizes that are stored in slots, and those that move by pointer. */
static const uint32_t sizes[] = { 8, 4096, 10000 };

static void to_a_parked_receiver(void)
{
	const int me = getpid();
	struct call c = { 0 };
	unsigned long long id;
	struct trace t;
	size_t i;
	int fd, tid;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *in = map_pages(size), *out = map_pages(size);

		tap_about("size %u", size);
		trace_start(&t);
		fd = chan_make(0, size, 0);
		id = id_of(fd);
		call_read(&c, fd, in, size);
		wait_receivers(fd, 1);
		tid = atomic_load(&c.tid);
		expect_int(write(fd, out, size), size);
		expect_done(&c, size);
		trace_stop_chan(&t, fd);
		next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", id, tid);
		next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=%u tid=%d",
			id, size, me);
		next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=%u tid=%d",
			id, size, tid);
		next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=0",
			id, tid);
		trace_expect_end(&t);
		close(fd);
	}
}

static void from_a_parked_sender(void)
{
	const int me = getpid();
	struct call c = { 0 };
	unsigned long long id;
	struct trace t;
	size_t i;
	int fd, tid;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *in = map_pages(size), *out = map_pages(size);

		tap_about("size %u", size);
		trace_start(&t);
		fd = chan_make(0, size, 0);
		id = id_of(fd);
		call_write(&c, fd, out, size);
		wait_senders(fd, 1);
		tid = atomic_load(&c.tid);
		expect_int(read(fd, in, size), size);
		expect_done(&c, size);
		trace_stop_chan(&t, fd);
		next_is(&t, tid, "kchan_block", "chan=%llu op=send tid=%d", id, tid);
		next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=%u tid=%d",
			id, size, tid);
		next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=%u tid=%d",
			id, size, me);
		next_is(&t, me, "kchan_wake", "chan=%llu op=send tid=%d error=0",
			id, tid);
		trace_expect_end(&t);
		close(fd);
	}
}

/* A receive lets a parked sender into the buffer, and so does a resize. */
static void into_the_buffer(void)
{
	const int me = getpid();
	struct call c = { 0 };
	unsigned long long id;
	uint64_t v = 9;
	struct trace t;
	int fd, tid;

	trace_start(&t);
	fd = chan_make(0, 8, 1);
	id = id_of(fd);
	send_u64(fd, 1);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	tid = atomic_load(&c.tid);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	trace_stop_chan(&t, fd);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=8 tid=%d", id, me);
	next_is(&t, tid, "kchan_block", "chan=%llu op=send tid=%d", id, tid);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=8 tid=%d", id, me);
	next_is(&t, me, "kchan_send", "chan=%llu elem=1 len=8 tid=%d", id, tid);
	next_is(&t, me, "kchan_wake", "chan=%llu op=send tid=%d error=0", id, tid);
	trace_expect_end(&t);

	trace_start(&t);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	tid = atomic_load(&c.tid);
	chan_resize(fd, 2);
	expect_done(&c, 8);
	trace_stop_chan(&t, fd);
	next_is(&t, tid, "kchan_block", "chan=%llu op=send tid=%d", id, tid);
	next_is(&t, me, "kchan_send", "chan=%llu elem=2 len=8 tid=%d", id, tid);
	next_is(&t, me, "kchan_wake", "chan=%llu op=send tid=%d error=0", id, tid);
	trace_expect_end(&t);
}

static void put_back(void)
{
	const int me = getpid();
	struct call c = { 0 }, d = { 0 };
	char *page = map_pages(8);
	unsigned long long id;
	struct trace t;
	uint64_t v = 0;
	int fd, tid, other;

	trace_start(&t);
	fd = chan_make(0, 8, 0);
	id = id_of(fd);
	call_read(&c, fd, page, 8);
	wait_receivers(fd, 1);
	tid = atomic_load(&c.tid);
	must_int(mprotect(page, page_size(), PROT_NONE), 0);
	send_u64(fd, 7);
	expect_done_errno(&c, EFAULT);
	expect_recv(fd, 7);
	trace_stop_chan(&t, fd);
	next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", id, tid);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=8 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=8 tid=%d", id, tid);
	next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=0", id, tid);
	next_is(&t, tid, "kchan_put_back", "chan=%llu elem=0 len=8 tid=%d", id, tid);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=8 tid=%d", id, me);
	trace_expect_end(&t);

	/* To one who waits already. */
	must_int(mprotect(page, page_size(), PROT_READ | PROT_WRITE), 0);
	trace_start(&t);
	call_read(&c, fd, page, 8);
	wait_receivers(fd, 1);
	call_read(&d, fd, &v, 8);
	wait_receivers(fd, 2);
	tid = atomic_load(&c.tid);
	other = atomic_load(&d.tid);
	must_int(mprotect(page, page_size(), PROT_NONE), 0);
	send_u64(fd, 8);
	expect_done_errno(&c, EFAULT);
	expect_done(&d, 8);
	expect_int(v, 8);
	trace_stop_chan(&t, fd);
	next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", id, tid);
	next_is(&t, other, "kchan_block", "chan=%llu op=recv tid=%d", id, other);
	next_is(&t, me, "kchan_send", "chan=%llu elem=1 len=8 tid=%d", id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=1 len=8 tid=%d", id, tid);
	next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=0", id, tid);
	next_is(&t, tid, "kchan_put_back", "chan=%llu elem=1 len=8 tid=%d", id, tid);
	next_is(&t, tid, "kchan_receive", "chan=%llu elem=1 len=8 tid=%d", id, other);
	next_is(&t, tid, "kchan_wake", "chan=%llu op=recv tid=%d error=0", id, other);
	trace_expect_end(&t);
}

static void closes(void)
{
	const int me = getpid();
	struct kchan_end end = { .flags = KCHAN_END_RECV };
	struct call c = { 0 };
	unsigned long long id;
	uint64_t v = 1;
	struct trace t;
	int fd, tid, recv;

	trace_start(&t);
	fd = chan_make(0, 8, 1);
	id = id_of(fd);
	send_u64(fd, 1);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	tid = atomic_load(&c.tid);
	chan_close(fd);
	expect_done_errno(&c, EPIPE);
	expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EALREADY);
	trace_stop_chan(&t, fd);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=8 tid=%d", id, me);
	next_is(&t, tid, "kchan_block", "chan=%llu op=send tid=%d", id, tid);
	next_is(&t, me, "kchan_close", "chan=%llu len=1 send_ends=1", id);
	next_is(&t, me, "kchan_wake", "chan=%llu op=send tid=%d error=%d", id,
		tid, -EPIPE);
	trace_expect_end(&t);
	close(fd);

	/* With its last end that can send. */
	trace_start(&t);
	fd = chan_make(0, 8, 1);
	id = id_of(fd);
	recv = ioctl(fd, KCHAN_IOC_END, &end);
	must(recv >= 0);
	call_read(&c, recv, &v, 8);
	wait_receivers(recv, 1);
	tid = atomic_load(&c.tid);
	close(fd);
	expect_done(&c, 0);
	trace_stop_chan(&t, recv);
	next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", id, tid);
	next_is(&t, me, "kchan_close", "chan=%llu len=0 send_ends=0", id);
	next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=%d", id,
		tid, -EPIPE);
	trace_expect_end(&t);
}

static void too_small(void)
{
	const int me = getpid();
	struct call c = { 0 };
	unsigned long long id;
	char text[10];
	struct trace t;
	int fd, tid;

	trace_start(&t);
	fd = chan_make(KCHAN_SETUP_MESSAGE, 100, 1);
	id = id_of(fd);
	call_read(&c, fd, text, 2);
	wait_receivers(fd, 1);
	tid = atomic_load(&c.tid);
	expect_int(write(fd, "abc", 3), 3);
	expect_done_errno(&c, EMSGSIZE);
	trace_stop_chan(&t, fd);
	next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", id, tid);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=3 tid=%d", id, me);
	next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=%d", id,
		tid, -EMSGSIZE);
	trace_expect_end(&t);
}

/* A wait that ends without having been served. */
static void gives_up(void)
{
	struct call c = { 0 };
	struct one_case one;
	struct trace t;
	uint64_t v;
	size_t i, seen = 0;
	int fd, tid;

	trace_start(&t);
	on_signal(SIGUSR1, 0);
	fd = chan_make(0, 8, 0);
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	tid = atomic_load(&c.tid);
	call_wait_asleep(&c);
	call_signal(&c, SIGUSR1);
	expect_done_errno(&c, EINTR);
	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, KCHAN_SELECT_DEADLINE,
		 tap_now_ns() + 1000000);
	expect_errno(run_case(fd, &one), ETIMEDOUT);
	trace_stop(&t, NULL);
	for (i = 0; i < t.count; i++) {
		const struct event *e = &t.events[i];

		if (strcmp(e->name, "kchan_give_up"))
			continue;
		if (e->by == tid && !strcmp(e->args, "error=-512"))
			seen |= 1;
		if (e->by == getpid() && !strcmp(e->args, "error=-110"))
			seen |= 2;
	}
	expect_int(seen, 3);
	free(t.events);
}

static void keep_selects(struct trace *t, int by)
{
	size_t i, kept = 0;

	for (i = 0; i < t->count; i++)
		if (t->events[i].by == by &&
		    !strcmp(t->events[i].name, "kchan_select"))
			t->events[kept++] = t->events[i];
	t->count = kept;
}

static void selects(void)
{
	const int me = getpid();
	struct cases_call call = { 0 };
	unsigned long long a_id, b_id;
	struct cases c;
	uint64_t v = 1, w;
	struct trace t;
	int a, b, pipe_fds[2], tid;

	trace_start(&t);
	a = chan_make(0, 8, 1);
	b = chan_make(0, 8, 1);
	a_id = id_of(a);
	b_id = id_of(b);
	must_int(pipe(pipe_fds), 0);
	expect_int(try_recv(a, &w, 8), -1);
	expect_int(try_send(a, &v, 8), 0);
	cases_init(&c, 0, 0);
	add_recv(&c, b, &w, 8);
	add_recv(&c, a, &w, 8);
	add_poll(&c, pipe_fds[0], POLLIN);
	expect_int(cases_now(a, &c), 1);
	must(write(pipe_fds[1], "", 1) == 1);
	expect_int(cases_now(a, &c), 2);
	chan_close(b);
	expect_int(try_recv(b, &w, 8), EPIPE);
	expect_int(try_send(b, &w, 0), -1);
	trace_stop(&t, NULL);
	keep_selects(&t, me);
	next_is(&t, me, "kchan_select",
		"cases=1 ret=-11 index=0 chan=0 op=send status=0");
	next_is(&t, me, "kchan_select",
		"cases=1 ret=0 index=0 chan=%llu op=send status=0", a_id);
	next_is(&t, me, "kchan_select",
		"cases=3 ret=0 index=1 chan=%llu op=recv status=0", a_id);
	next_is(&t, me, "kchan_select",
		"cases=3 ret=0 index=2 chan=0 op=poll status=0");
	next_is(&t, me, "kchan_select",
		"cases=1 ret=0 index=0 chan=%llu op=recv status=%d", b_id,
		EPIPE);
	trace_expect_end(&t);

	/* One that waits: each of its cases blocks, one is woken. */
	trace_start(&t);
	b = chan_make(0, 8, 1);
	b_id = id_of(b);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, &w, 8);
	add_recv(&call.c, b, &w, 8);
	cases_start(&call, a);
	wait_receivers(b, 1);
	tid = atomic_load(&call.tid);
	send_u64(b, 5);
	expect_int(cases_join(&call), 0);
	trace_stop_chan(&t, b);
	next_is(&t, tid, "kchan_block", "chan=%llu op=recv tid=%d", b_id, tid);
	next_is(&t, me, "kchan_send", "chan=%llu elem=0 len=8 tid=%d", b_id, me);
	next_is(&t, me, "kchan_receive", "chan=%llu elem=0 len=8 tid=%d", b_id, tid);
	next_is(&t, me, "kchan_wake", "chan=%llu op=recv tid=%d error=0", b_id, tid);
	next_is(&t, tid, "kchan_select",
		"cases=2 ret=0 index=1 chan=%llu op=recv status=0", b_id);
	trace_expect_end(&t);
}

struct worker {
	int fd;
	unsigned long count;
	bool send;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t v = 0;
	unsigned long i;

	for (i = 0; i < w->count; i++)
		must_int(w->send ? write(w->fd, &v, 8) : read(w->fd, &v, 8), 8);
	return NULL;
}

#define WORKERS	4

/* Each element is sent once and received once, in the order of its number. */
static void every_element_once(void)
{
	const unsigned long count = tap_scale(500);
	struct worker w[2 * WORKERS];
	pthread_t threads[2 * WORKERS];
	unsigned long long sent = 0, received = 0;
	unsigned long blocks = 0, wakes = 0;
	struct trace t;
	unsigned int i, capacity;
	size_t k;
	int fd;

	for (capacity = 0; capacity < 3; capacity++) {
		tap_about("capacity %u", capacity);
		trace_start(&t);
		fd = chan_make(0, 8, capacity);
		for (i = 0; i < 2 * WORKERS; i++) {
			w[i].fd = fd;
			w[i].count = count;
			w[i].send = i & 1;
			thread_start(&threads[i], work, &w[i]);
		}
		for (i = 0; i < 2 * WORKERS; i++)
			thread_join(threads[i]);
		trace_stop_chan(&t, fd);
		sent = received = blocks = wakes = 0;
		for (k = 0; k < t.count; k++) {
			const char *name = t.events[k].name;
			const char *at = strstr(t.events[k].args, "elem=");
			unsigned long long elem =
				at ? strtoull(at + 5, NULL, 10) : 0;

			if (!strcmp(name, "kchan_send"))
				must_int(elem, sent++);
			else if (!strcmp(name, "kchan_receive"))
				must_int(elem, received++);
			else if (!strcmp(name, "kchan_block"))
				blocks++;
			else if (!strcmp(name, "kchan_wake"))
				wakes++;
			/* None is received before it is sent. */
			must(received <= sent);
			must(wakes <= blocks);
		}
		expect_int(sent, WORKERS * count);
		expect_int(received, WORKERS * count);
		expect_int(wakes, blocks);
		free(t.events);
		close(fd);
	}
}

static const struct tap_test tests[] = {
	{ "send and receive, through the buffer", through_the_buffer },
	{ "each element of a batch", in_a_batch },
	{ "send to a parked receiver", to_a_parked_receiver },
	{ "receive from a parked sender", from_a_parked_sender },
	{ "a parked sender's element enters the buffer", into_the_buffer },
	{ "an element is put back", put_back },
	{ "close, by call and by the last end", closes },
	{ "a receiver with too little room", too_small },
	{ "a signal and a deadline", gives_up },
	{ "selects", selects },
	{ "every element is sent and received once, in order", every_element_once },
};

TAP_MAIN(tests)
