// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select over many cases: exactly one commits, and nothing else has moved.
 * (select_wait.c has those that wait, select_fair.c which one of several it is,
 * select_poll.c the fds of other kinds, select.c the form of one case.)
 */
#include <signal.h>
#include <sys/mman.h>

#include "cases.h"

#define NONBLOCK KCHAN_SELECT_NONBLOCK
#define DEADLINE KCHAN_SELECT_DEADLINE

static uint64_t soon(unsigned int ms)
{
	return (uint64_t)tap_now_ns() + ms * 1000000ULL;
}

/* Each of the cases in turn is the one that can commit. */
static void the_ready_one(void)
{
	int fd[6], full = chan_make(0, 8, 1);
	uint64_t in = 5, out[6];
	struct cases c;

	send_u64(full, 1);
	for (int i = 0; i < 6; i++)
		fd[i] = chan_make(0, 8, 1);
	for (int i = 0; i < 6; i++) {
		tap_about("case %d", i);
		cases_init(&c, 0, 0);
		for (int k = 0; k < 6; k++)
			add_recv(&c, fd[k], &out[k], 8);
		add_send(&c, full, &in, 8);
		expect_int(cases_now(full, &c), -1);
		expect_int(errno, EAGAIN);
		send_u64(fd[i], 70 + (uint64_t)i);
		expect_int(cases_now(full, &c), i);
		expect_int(c.s.status, 0);
		expect_int(c.s.len, 8);
		expect_int(out[i], 70 + i);
		expect_int(chan_len(fd[i]), 0);
	}
	expect_recv(full, 1);
	cases_init(&c, 0, 0);
	for (int k = 0; k < 6; k++)
		add_recv(&c, fd[k], &out[k], 8);
	add_send(&c, full, &in, 8);
	expect_int(cases_now(fd[0], &c), 6);
	expect_int(c.s.len, 8);
	expect_recv(full, 5);
}

/* One select, many ready: the others' channels are as they were. */
static void exactly_one(void)
{
	static const uint32_t sizes[] = { 8, 128, 129, 4096, 4097, 100000 };
	enum { N = ARRAY_SIZE(sizes) };
	char *in[N], *out[N];
	int fd[N];

	for (int i = 0; i < N; i++) {
		fd[i] = chan_make(0, sizes[i], 2);
		in[i] = map_pages(sizes[i]);
		out[i] = map_pages(sizes[i]);
	}
	for (unsigned int round = 0; round < 60; round++) {
		struct cases c;
		unsigned int total = 0;
		int at;

		for (int i = 0; i < N; i++) {
			fill(in[i], sizes[i], round);
			must_int(write(fd[i], in[i], sizes[i]), sizes[i]);
		}
		cases_init(&c, 0, 0);
		for (int i = 0; i < N; i++) {
			if (round % 2)
				add_recv(&c, fd[i], out[i], sizes[i]);
			else
				add_send(&c, fd[i], in[i], sizes[i]);
		}
		at = cases_now(fd[0], &c);
		must(at >= 0);
		expect_int(c.s.status, 0);
		expect_int(c.s.len, sizes[at]);
		if (round % 2)
			expect(filled(out[at], sizes[at], round));
		for (int i = 0; i < N; i++) {
			int want = round % 2 ? i != at : 1 + (i == at);

			expect_int(chan_len(fd[i]), want);
			total += chan_len(fd[i]);
			while (chan_len(fd[i])) {
				must_int(read(fd[i], out[i], sizes[i]),
					 sizes[i]);
				expect(filled(out[i], sizes[i], round));
			}
		}
		expect_int(total, round % 2 ? N - 1 : N + 1);
	}
}

static void closed_cases(void)
{
	int open = chan_make(0, 8, 1), closed = chan_make(0, 8, 1);
	int left = chan_make(0, 8, 1);
	uint64_t v = 1, w = 2;
	struct cases c;

	send_u64(left, 9);
	chan_close(closed);
	chan_close(left);
	cases_init(&c, 0, 0);
	add_recv(&c, open, &v, 8);
	add_recv(&c, closed, &w, 8);
	expect_int(cases_now(open, &c), 1);
	expect_int(c.s.status, EPIPE);
	expect_int(c.s.len, 0);

	cases_init(&c, 0, 0);
	add_recv(&c, open, &v, 8);
	add_send(&c, closed, &w, 8);
	expect_int(cases_now(open, &c), 1);
	expect_int(c.s.status, EPIPE);

	cases_init(&c, 0, 0);
	add_recv(&c, left, &v, 8);
	add_recv(&c, open, &w, 8);
	expect_int(cases_now(open, &c), 0);
	expect_int(c.s.status, 0);
	expect_int(v, 9);
	expect_int(cases_now(open, &c), 0);
	expect_int(c.s.status, EPIPE);
}

static void messages(void)
{
	int a = chan_make(KCHAN_SETUP_MESSAGE, 64, 2);
	int b = chan_make(KCHAN_SETUP_MESSAGE, 64, 2);
	char in[64], out[64];
	struct cases c;

	fill(in, 64, 2);
	must_int(write(b, in, 20), 20);
	cases_init(&c, 0, 0);
	add_recv(&c, a, out, 64);
	add_recv(&c, b, out, 19);
	expect_int(cases_now(a, &c), 1);
	expect_int(c.s.status, EMSGSIZE);
	expect_int(c.s.len, 0);
	expect_int(chan_len(b), 1);
	c.c[1].len = 64;
	expect_int(cases_now(a, &c), 1);
	expect_int(c.s.status, 0);
	expect_int(c.s.len, 20);
	expect(filled(out, 20, 2));
}

/* A message is shorter than its room, of which the rest need not be there. */
static void room_not_there(void)
{
	int a = chan_make(KCHAN_SETUP_MESSAGE, 4096, 2);
	int b = chan_make(KCHAN_SETUP_MESSAGE, 4096, 2);
	const uint32_t lens[] = { 50, 200 };
	char in[200];
	struct cases c;

	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		const uint32_t len = lens[i];
		char *out = map_before_hole(len);

		tap_about("%u bytes", len);
		/* Not even its page, so far. */
		must_int(madvise((void *)((uintptr_t)out & -4096UL), 4096,
				 MADV_DONTNEED), 0);
		fill(in, len, i);
		must_int(write(b, in, len), len);
		cases_init(&c, 0, 0);
		add_recv(&c, a, out, 4096);
		add_recv(&c, b, out, 4096);
		expect_int(cases_now(a, &c), 1);
		expect_int(c.s.status, 0);
		expect_int(c.s.len, len);
		expect(filled(out, len, i));
	}
	tap_about("%s", "");
}

static void nil_and_none(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v = 3;
	struct cases c;

	/* None of them ever is ready, whatever else it says. */
	cases_init(&c, 0, 0);
	add_recv(&c, -1, NULL, 99);
	add_send(&c, INT32_MIN, (void *)1, 0);
	add_poll(&c, -7, UINT32_MAX);
	expect_int(cases_now(fd, &c), -1);
	expect_int(errno, EAGAIN);
	c.s.flags = DEADLINE;
	c.s.deadline = 1;
	expect_errno(cases_run(fd, &c), ETIMEDOUT);
	c.s.deadline = soon(20);
	expect_errno(cases_run(fd, &c), ETIMEDOUT);
	expect((uint64_t)tap_now_ns() >= c.s.deadline);
	c.c[1].op = 3;
	expect_errno(cases_run(fd, &c), EINVAL);
	c.c[1].op = 0;
	c.c[1].flags = 1;
	expect_errno(cases_run(fd, &c), EINVAL);
	/* Among others they are in nobody's way. */
	c.c[1].flags = 0;
	c.s.flags = 0;
	c.s.deadline = 0;
	add_send(&c, fd, &v, 8);
	expect_int(cases_now(fd, &c), 3);

	cases_init(&c, 0, 0);
	expect_int(cases_now(fd, &c), -1);
	expect_int(errno, EAGAIN);
	cases_init(&c, DEADLINE, soon(20));
	expect_errno(cases_run(fd, &c), ETIMEDOUT);
}

/* With no case at all only a signal ends it. */
static void none_for_ever(void)
{
	struct cases_call call = { 0 };
	int fd = chan_make(0, 8, 1);

	on_signal(SIGUSR1, 0);
	cases_init(&call.c, 0, 0);
	cases_start(&call, fd);
	until(atomic_load(&call.tid));
	while (!atomic_load(&call.done))
		pthread_kill(call.thread, SIGUSR1);
	expect_errno(cases_join(&call), EINTR);
}

static void sixty_four(void)
{
	int fd[KCHAN_MAX_CASES];
	uint64_t v[KCHAN_MAX_CASES];
	struct cases_call call = { 0 };
	struct cases c;

	for (int i = 0; i < KCHAN_MAX_CASES; i++)
		fd[i] = chan_make(0, 8, i % 3);
	/* In another order than they were made in. */
	cases_init(&c, 0, 0);
	for (int i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(&c, fd[i * 37 % KCHAN_MAX_CASES], &v[i], 8);
	for (int i = 0; i < KCHAN_MAX_CASES; i += 7) {
		struct call writer = { 0 };
		int at = i * 37 % KCHAN_MAX_CASES;

		tap_about("case %d, ready", i);
		expect_int(cases_now(fd[0], &c), -1);
		call_write(&writer, fd[at], &(uint64_t){ 500 + (uint64_t)i },
			   8);
		if (at % 3)
			until(chan_len(fd[at]) == 1);
		else
			wait_senders(fd[at], 1);
		expect_int(cases_now(fd[0], &c), i);
		expect_int(v[i], 500 + i);
		expect_done(&writer, 8);

		tap_about("case %d, waited for", i);
		call.c = c;
		call.c.s.flags = 0;
		cases_start(&call, fd[0]);
		for (int k = 0; k < KCHAN_MAX_CASES; k++)
			wait_receivers(fd[k], 1);
		send_u64(fd[at], 900 + (uint64_t)i);
		expect_int(cases_join(&call), 0);
		expect_int(call.c.s.index, i);
		expect_int(v[i], 900 + i);
		for (int k = 0; k < KCHAN_MAX_CASES; k++) {
			expect_idle(fd[k]);
			expect_int(chan_len(fd[k]), 0);
		}
	}
	add_recv(&c, fd[0], &v[0], 8);
	expect_errno(cases_run(fd[0], &c), E2BIG);
}

/* What is wrong with one case is wrong with the call, and nothing moves. */
static void a_bad_case(void)
{
	int good = chan_make(0, 8, 4), bytes = chan_make(0, 8, 4), null[2];
	int other = chan_make(0, 8, 4);
	uint64_t v = 1;
	struct cases c;

	must_int(pipe(null), 0);
	send_u64(good, 1);
#define bad(n, error, mend)						\
	do {								\
		cases_init(&c, NONBLOCK, 0);				\
		for (int k = 0; k < 12; k++)				\
			add_recv(&c, k % 2 ? other : good, &v, 8);	\
		tap_about("case %d: %s", n, #mend);			\
		mend;							\
		expect_errno(cases_run(good, &c), error);		\
		expect_int(chan_len(good), 1);				\
		expect_int(chan_len(bytes), 0);				\
		expect_idle(other);					\
	} while (0)
	for (int n = 0; n < 12; n++) {
		bad(n, EBADF, c.c[n].fd = 1000);
		bad(n, EINVAL, c.c[n].fd = null[0]);
		bad(n, EINVAL, c.c[n].op = 3);
		bad(n, EINVAL, c.c[n].flags = 1);
		bad(n, EINVAL, c.c[n].len = 7);
		bad(n, EFAULT, (c.c[n].fd = bytes,
				c.c[n].op = KCHAN_OP_SEND,
				c.c[n].addr = UINT64_MAX - 100));
	}
#undef bad
	expect_recv(good, 1);
}

/* Memory that is not there: before anything waits; if it is the chosen one. */
static void bad_memory(void)
{
	int a = chan_make(0, 8, 1), b = chan_make(0, 8, 1);
	int big = chan_make(0, 10000, 1);
	char *hole = map_before_hole(4), *big_hole = map_before_hole(9999);
	uint64_t v = 1;
	struct cases c;
	char *array;

	cases_init(&c, 0, 0);
	add_recv(&c, a, &v, 8);
	add_recv(&c, b, hole, 8);
	expect_errno(cases_run(a, &c), EFAULT);
	expect_idle(a);
	/* One that is not chosen may be anywhere. */
	send_u64(a, 4);
	expect_int(cases_run(a, &c), 0);
	expect_int(c.s.index, 0);
	send_u64(b, 5);
	expect_errno(cases_run(a, &c), EFAULT);
	expect_int(chan_len(b), 1);

	cases_init(&c, 0, 0);
	add_recv(&c, a, &v, 8);
	add_send(&c, big, big_hole, 10000);
	expect_errno(cases_run(a, &c), EFAULT);
	expect_int(chan_len(big), 0);
	/* The array itself, with an end that is not there. */
	array = map_before_hole(sizeof(c.c[0]) + 10);
	memcpy(array, c.c, sizeof(c.c[0]));
	c.s.cases = (uintptr_t)array;
	c.s.nr_cases = 2;
	c.s.flags = NONBLOCK;
	expect_errno(ioctl(a, KCHAN_IOC_SELECT, &c.s), EFAULT);
	c.s.cases = 8;
	expect_errno(ioctl(a, KCHAN_IOC_SELECT, &c.s), EFAULT);
}

/* Cases of another size: what we do not know has to be zero. */
static void larger_cases(void)
{
	struct {
		struct kchan_case c;
		uint64_t more;
	} big[10];
	int fd = chan_make(0, 8, 1), other = chan_make(0, 8, 1);
	struct kchan_select s;
	uint64_t v;

	memset(big, 0, sizeof(big));
	for (int i = 0; i < 10; i++)
		big[i].c = (struct kchan_case){
			.fd = i == 9 ? fd : other,
			.op = KCHAN_OP_RECV, .addr = (uintptr_t)&v, .len = 8,
		};
	s = (struct kchan_select){
		.cases = (uintptr_t)big, .nr_cases = 10,
		.case_size = sizeof(big[0]), .flags = NONBLOCK,
	};
	send_u64(fd, 3);
	expect_int(ioctl(fd, KCHAN_IOC_SELECT, &s), 0);
	expect_int(s.index, 9);
	expect_int(v, 3);
	big[8].more = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	s.case_size = sizeof(struct kchan_case) - 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), EINVAL);
}

/* A select waits in both directions of a rendezvous, and does not meet itself. */
static void not_itself(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t in = 6, out = 0, v;
	struct cases_call call = { 0 };

	cases_init(&call.c, NONBLOCK, 0);
	add_send(&call.c, fd, &in, 8);
	add_recv(&call.c, fd, &out, 8);
	expect_int(cases_now(fd, &call.c), -1);
	call.c.s.flags = 0;
	cases_start(&call, fd);
	wait_senders(fd, 1);
	wait_receivers(fd, 1);
	/* Whoever comes first takes it, either way. */
	expect_int(read(fd, &v, 8), 8);
	expect_int(v, 6);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 0);
	expect_idle(fd);

	cases_start(&call, fd);
	wait_senders(fd, 1);
	wait_receivers(fd, 1);
	send_u64(fd, 8);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(out, 8);
	expect_idle(fd);
}

static const struct tap_test tests[] = {
	{ "the one that is ready commits", the_ready_one },
	{ "of all that are ready exactly one, of any size", exactly_one },
	{ "a closed channel's case is ready", closed_cases },
	{ "messages, and too little room for one", messages },
	{ "messages, and room of which some is not there", room_not_there },
	{ "nil channels, and no case at all", nil_and_none },
	{ "no case at all waits for ever", none_for_ever },
	{ "64 channels, and not one more", sixty_four },
	{ "one bad case refuses the call", a_bad_case },
	{ "bad memory", bad_memory },
	{ "cases of a larger size", larger_cases },
	{ "a select does not meet itself", not_itself },
};

TAP_MAIN(tests)
