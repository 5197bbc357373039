// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels that the library maps: what is seen of a channel stays as it was.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "child.h"
#include "common.h"
#include "forbid.h"
#include "mappings.h"

/* So many transfers of one direction are enough for a channel to be mapped. */
#define HOT	200

static bool kernel_says_mapped(kc_chan *c)
{
	struct kchan_info info;

	must_int(ioctl(kc_fd(c), KCHAN_IOC_INFO, &info), 0);
	return info.flags & KCHAN_INFO_MAPPED;
}

static void heat(kc_chan *send, kc_chan *recv)
{
	uint64_t i, got;

	for (i = 0; i < HOT; i++) {
		must_int(kc_send(send, &i), 0);
		must_int(kc_recv(recv, &got), 1);
		must_int(got, i);
	}
}

static kc_chan *make_hot(size_t cap)
{
	kc_chan *c = make(8, cap);

	heat(c, c);
	must(kernel_says_mapped(c));
	return c;
}

static void test_maps(void)
{
	kc_chan *c = make(8, 4);
	uint64_t i, got;

	for (i = 0; i < 8; i++) {
		must_int(kc_send(c, &i), 0);
		must_int(kc_recv(c, &got), 1);
	}
	/* A channel that is seldom used stays cheap. */
	expect(!kernel_says_mapped(c));
	expect_int(mappings(), 0);
	kc_unref(c);

	c = make_hot(4);
	expect_int(mappings(), 1);
	heat(c, c);
	expect_int(mappings(), 1);
	for (i = 0; i < 4; i++)
		must_int(kc_send(c, &i), 0);
	expect_int(kc_len(c), 4);
	expect_int(kc_try_send(c, &i), -EAGAIN);
	for (i = 0; i < 4; i++)
		expect_int(recv_now(c), i);
	expect_int(kc_try_recv(c, &got), -EAGAIN);
	kc_unref(c);
	expect_int(mappings(), 0);
}

static void test_not(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c;
	char byte = 1;
	int i;

	opts.elem_size = 8;
	opts.cap = 4;
	opts.flags = KC_CHAN_NOMAP;
	must_int(kc_make_opts(&c, &opts), 0);
	heat(c, c);
	expect(!kernel_says_mapped(c));
	kc_unref(c);

	c = make_messages(8, 4);
	for (i = 0; i < HOT; i++) {
		must_int(kc_send_msg(c, &byte, 1), 0);
		must_int(kc_recv_msg(c, &byte, 1), 1);
	}
	expect(!kernel_says_mapped(c));
	kc_unref(c);
	expect_int(mappings(), 0);
}

/* Both handles of a pair use the mapping, each in its own direction. */
static void test_pair(void)
{
	kc_chan *recv, *send;
	uint64_t value = 7;

	must_int(kc_make_pair(&recv, &send, 8, 4), 0);
	heat(send, recv);
	expect(kernel_says_mapped(recv));
	expect_int(kc_send(recv, &value), -EBADF);
	expect_int(kc_try_send(recv, &value), -EBADF);
	expect_int(kc_recv(send, &value), -EBADF);
	expect_int(kc_try_recv(send, &value), -EBADF);
	must_int(kc_send(send, &value), 0);
	kc_unref(send);
	/* The mapping keeps no channel open. */
	expect_int(kc_recv(recv, &value), 1);
	expect_int(kc_recv(recv, &value), 0);
	kc_unref(recv);
	expect_int(mappings(), 0);
}

static void test_wakes(void)
{
	kc_chan *c = make_hot(2);
	struct call call;

	call_recv(&call, c);
	send_now(c, 5);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 5);

	send_now(c, 1);
	send_now(c, 2);
	call_send(&call, c, 3);
	expect_int(recv_now(c), 1);
	expect_int(call_end(&call), 0);
	expect_int(recv_now(c), 2);
	expect_int(recv_now(c), 3);
	kc_unref(c);
}

static void test_close(void)
{
	kc_chan *c = make_hot(4);
	uint64_t value = 9;

	send_now(c, 1);
	expect_int(kc_close(c), 0);
	expect_int(kc_send(c, &value), -EPIPE);
	expect_int(kc_try_send(c, &value), -EPIPE);
	expect_int(kc_recv(c, &value), 1);
	expect_int(kc_recv(c, &value), 0);
	expect_int(kc_close(c), -EALREADY);
	kc_unref(c);
}

static void test_resize(void)
{
	kc_chan *c = make_hot(2);
	uint64_t i;

	send_now(c, 0);
	expect_int(kc_resize(c, 5), 0);
	for (i = 1; i < 5; i++)
		send_now(c, i);
	expect_int(kc_try_send(c, &i), -EAGAIN);
	for (i = 0; i < 5; i++)
		expect_int(recv_now(c), i);
	/* The channel goes on, by the kernel. */
	heat(c, c);
	expect(!kernel_says_mapped(c));
	kc_unref(c);
}

/* A child has the channel too, and its transfers meet those of the parent. */
static void test_fork(void)
{
	kc_chan *c = make_hot(4), *back = make_hot(4);
	uint64_t value, i;
	pid_t pid;

	send_now(c, 100);
	if (in_child(&pid)) {
		must_int(kc_recv(c, &value), 1);
		must_int(value, 100);
		for (i = 0; i < HOT; i++) {
			must_int(kc_recv(c, &value), 1);
			must_int(value, i);
			must_int(kc_send(back, &value), 0);
		}
		kc_unref(c);
		kc_unref(back);
		_exit(0);
	}
	for (i = 0; i < HOT; i++) {
		must_int(kc_send(c, &i), 0);
		must_int(kc_recv(back, &value), 1);
		must_int(value, i);
	}
	expect_good(pid);
	expect(kernel_says_mapped(c));
	heat(c, c);
	kc_unref(c);
	kc_unref(back);
}

static void test_select(void)
{
	kc_chan *a = make_hot(4), *b = make_hot(4);
	unsigned int chosen[3] = { 0 }, i;
	uint64_t in, out = 3;
	kc_case cases[3];
	int ret;

	for (i = 0; i < 3000; i++) {
		/* Two are ready, and one is not. */
		send_now(a, 1);
		cases[0] = kc_case_recv(a, &in);
		cases[1] = kc_case_recv(b, &in);
		cases[2] = kc_case_send(b, &out);
		ret = i % 2 ? kc_select(cases, 3) : kc_try_select(cases, 3);
		must(ret == 0 || ret == 2);
		expect_int(cases[ret].status, 0);
		expect_int(cases[ret].ok, ret == 0);
		expect_int(cases[ret].len, 8);
		chosen[ret]++;
		if (ret == 0)
			expect_int(in, 1);
		else
			expect_int(recv_now(a), 1);
		if (ret == 2)
			expect_int(recv_now(b), 3);
	}
	tap_note("%u, %u", chosen[0], chosen[2]);
	/* 3000 throws of a fair coin are never that far from 1500. */
	expect(chosen[0] > 1300 && chosen[0] < 1700);

	cases[0] = kc_case_recv(a, &in);
	cases[1] = kc_case_recv(b, &in);
	expect_int(kc_try_select(cases, 2), -EAGAIN);
	cases[1] = kc_case_recv(b, NULL);
	send_now(b, 4);
	expect_int(kc_select(cases, 2), 1);
	expect(cases[1].ok);
	expect_int(kc_len(b), 0);
	kc_close(a);
	expect_int(kc_select(cases, 2), 0);
	expect(!cases[0].ok);
	kc_unref(a);
	kc_unref(b);
}

struct lanes {
	kc_chan *lane[8];
	kc_ctx *ctx;
};

static void send_lane(struct lanes *l, uint64_t i)
{
	must_int(kc_send(l->lane[i % 8], &i), 0);
}

/* All that moves elements, where nobody has to wait. */
static void *without_kernel(void *arg)
{
	static const int calls[] = {
		SYS_ioctl, SYS_read, SYS_write, SYS_preadv2, SYS_pwritev2, SYS_ppoll,
		SYS_futex, SYS_getrandom,
#ifdef SYS_poll
		SYS_poll,
#endif
	};
	uint64_t i = 0, got, many[4] = { 0, 1, 2, 3 }, some[4];
	struct lanes *l = arg;
	kc_case cases[10], full = kc_case_send(l->lane[0], &i);
	int ret;

	/* The thread becomes known, and its choices get a seed. */
	send_lane(l, 0);
	send_lane(l, 1);
	for (i = 0; i < 8; i++)
		cases[i] = kc_case_recv(l->lane[i], &got);
	must(kc_select(cases, 8) >= 0);
	must(kc_select(cases, 8) >= 0);
	forbid(calls, ARRAY_SIZE(calls));

	cases[8] = kc_case_done(l->ctx);
	cases[9] = kc_case_after(KC_SECOND);
	for (i = 0; i < 100; i++) {
		send_lane(l, i);
		send_lane(l, i + 3);
		ret = kc_select(cases, 10);
		must(ret >= 0 && cases[ret].ok && (got == i || got == i + 3));
		ret = kc_try_select(cases, 10);
		must(ret >= 0 && cases[ret].ok && (got == i || got == i + 3));
		send_lane(l, i);
		must_int(kc_select_ctx(l->ctx, cases, 8), (int)(i % 8));
		send_lane(l, i);
		must_int(kc_select_timeout(cases, 8, KC_SECOND), (int)(i % 8));
		send_lane(l, i);
		must_int(kc_recv_timeout(l->lane[i % 8], &got, KC_SECOND), 1);

		must_int(kc_send_n(l->lane[0], many, 4), 4);
		must_int(kc_recv_n(l->lane[0], some, 4), 4);
		must(!memcmp(many, some, sizeof(many)));
		must_int(kc_try_send_n(l->lane[0], many, 4), 4);
		must_int(kc_recv_n_timeout(l->lane[0], some, 3, KC_SECOND), 3);
		must_int(kc_try_recv_n(l->lane[0], some, 4), 1);
		must_int(some[0], 3);

		/* Nothing is there, and then there is no room. */
		must_int(kc_try_select(cases, 9), -EAGAIN);
		must_int(kc_try_recv(l->lane[0], &got), -EAGAIN);
		must_int(kc_try_recv_n(l->lane[0], some, 4), -EAGAIN);
		must_int(kc_try_send_n(l->lane[0], many, 4), 4);
		must_int(kc_try_send(l->lane[0], &i), -EAGAIN);
		must_int(kc_try_select(&full, 1), -EAGAIN);
		must_int(kc_try_recv_n(l->lane[0], some, 4), 4);
	}
	return NULL;
}

static void test_no_kernel(void)
{
	struct lanes l;
	unsigned int i;

	for (i = 0; i < 8; i++)
		l.lane[i] = make_hot(4);
	must_int(kc_with_cancel(&l.ctx, kc_background()), 0);
	join(start(without_kernel, &l));
	kc_ctx_unref(l.ctx);
	for (i = 0; i < 8; i++)
		kc_unref(l.lane[i]);
}

/* Of ready cases each is as likely, whether the library or the kernel knows of it. */
static void test_fair(void)
{
	kc_chan *mapped = make_hot(4), *plain, *closed = make_hot(4);
	unsigned int chosen[3] = { 0 }, i;
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	uint64_t in, value = 1;
	kc_case cases[3];
	int ret;

	opts.elem_size = 8;
	opts.cap = 4;
	opts.flags = KC_CHAN_NOMAP;
	must_int(kc_make_opts(&plain, &opts), 0);
	kc_close(closed);
	cases[0] = kc_case_recv(mapped, &in);
	cases[1] = kc_case_recv(plain, &in);
	cases[2] = kc_case_recv(closed, &in);
	send_now(mapped, 1);
	send_now(plain, 1);
	for (i = 0; i < 3000; i++) {
		ret = i % 2 ? kc_select(cases, 3) : kc_try_select(cases, 3);
		must(ret >= 0 && ret < 3);
		chosen[ret]++;
		if (ret < 2)
			must_int(kc_send(cases[ret].chan, &value), 0);
	}
	tap_note("%u, %u, %u", chosen[0], chosen[1], chosen[2]);
	for (i = 0; i < 3; i++)
		expect(chosen[i] > 800 && chosen[i] < 1200);
	kc_unref(mapped);
	kc_unref(plain);
	kc_unref(closed);
}

/* Every length has its own way through kc_ring_copy(). */
static void test_sizes(void)
{
	static const size_t sizes[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 4096,
	};
	unsigned char sent[4096], got[4096 + 1];
	size_t i, k, len;
	kc_chan *c;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		len = sizes[i];
		c = make(len, 3);
		for (k = 0; k < HOT; k++) {
			memset(sent, (int)k, sizeof(sent));
			memset(got, 0xee, sizeof(got));
			for (size_t b = 0; b < len; b++)
				sent[b] = (unsigned char)(k + b * 7);
			must_int(kc_send(c, sent), 0);
			must_int(kc_recv(c, got), 1);
			must(!memcmp(sent, got, len));
			must_int(got[len], 0xee);
		}
		kc_unref(c);
	}
}

/*
 * A transfer faults at its element. Meanwhile another thread does something to the channel.
 * Then the address is good, and the transfer goes on.
 */
static struct {
	int begin[2], end[2];	/* pipes */
	char *pages;		/* two of them: the second one is bad */
	size_t size;		/* of each */
} fault;

static void on_fault(int signal)
{
	char byte = 0;

	(void)signal;
	if (write(fault.begin[1], &byte, 1) != 1 || read(fault.end[0], &byte, 1) != 1 ||
	    mprotect(fault.pages + fault.size, fault.size, PROT_READ | PROT_WRITE))
		_exit(1);
}

struct meanwhile {
	kc_chan *c;
	bool send;
	bool close;
};

static void *meanwhile(void *arg)
{
	const struct meanwhile *m = arg;
	char byte;

	must_int(read(fault.begin[0], &byte, 1), 1);
	if (m->send)
		send_now(m->c, 6);
	/* If the one that faulted had a claim, this would not end. */
	must_int(recv_now(m->c), m->send ? 6 : 5);
	if (m->close)
		must_int(kc_close(m->c), 0);
	must_int(write(fault.end[1], &byte, 1), 1);
	return NULL;
}

/* An element that begins or ends with the bad page. */
static void *at_fault(bool begins)
{
	char *elem = fault.pages + fault.size - (begins ? 0 : 4);

	must_int(mprotect(fault.pages + fault.size, fault.size, PROT_READ | PROT_WRITE), 0);
	memset(elem, 0x33, 8);
	must_int(mprotect(fault.pages + fault.size, fault.size, PROT_NONE), 0);
	return elem;
}

static void test_fault(void)
{
	static const uint64_t before = 0x3333333333333333;
	struct sigaction action = { .sa_handler = on_fault }, old;
	struct meanwhile m;
	uint64_t *elem;
	pthread_t thread;
	int how, begins;

	fault.size = (size_t)sysconf(_SC_PAGESIZE);
	fault.pages = mmap(NULL, 2 * fault.size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(fault.pages != MAP_FAILED);
	must_int(pipe(fault.begin), 0);
	must_int(pipe(fault.end), 0);
	m.c = make_hot(4);
	kc_unref(m.c);
	sigaction(SIGSEGV, &action, &old);
	for (how = 0; how < 4; how++) {
		for (begins = 0; begins < 2; begins++) {
			m = (struct meanwhile){ make_hot(4), how == 3, how < 2 };
			if (how < 3)
				send_now(m.c, 5);
			elem = at_fault(begins);
			thread = start(meanwhile, &m);
			/* What is not received leaves the memory as it is. */
			if (how == 0)
				expect_int(kc_recv(m.c, elem), 0);
			else if (how == 1)
				expect_int(kc_recv_n(m.c, elem, 1), 0);
			else if (how == 2)
				expect_int(kc_try_recv(m.c, elem), -EAGAIN);
			else
				expect_int(kc_send(m.c, elem), 0);
			join(thread);
			expect(!memcmp(elem, &before, 8));
			if (how == 3)
				expect(recv_now(m.c) == before);
			kc_unref(m.c);
		}
	}
	sigaction(SIGSEGV, &old, NULL);
	munmap(fault.pages, 2 * fault.size);
	for (how = 0; how < 2; how++) {
		close(fault.begin[how]);
		close(fault.end[how]);
	}
}

/* A context's deadline is heeded though a channel is ready all the time. */
static void test_deadline(void)
{
	kc_chan *c = make_hot(4);
	const time_t begin = time(NULL);
	kc_case cases[2];
	uint64_t got;
	kc_ctx *ctx;
	int ret;

	must_int(kc_with_timeout(&ctx, kc_background(), SOON), 0);
	cases[0] = kc_case_recv(c, &got);
	cases[1] = kc_case_done(ctx);
	do {
		if (!kc_len(c))
			send_now(c, 1);
		ret = kc_select(cases, 2);
	} while (ret == 0 && time(NULL) < begin + 5);
	expect_int(ret, 1);
	expect_int(cases[1].status, -ETIMEDOUT);
	kc_ctx_unref(ctx);
	kc_unref(c);
}

struct crowd {
	kc_chan *c;
	_Atomic uint64_t sum;
	unsigned int each;
};

static void *crowd_send(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t i;

	for (i = 1; i <= crowd->each; i++)
		must_int(kc_send(crowd->c, &i), 0);
	return NULL;
}

static void *crowd_recv(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t value;

	while (kc_recv(crowd->c, &value) == 1)
		crowd->sum += value;
	return NULL;
}

static void test_crowd(void)
{
	enum { SIDE = 4 };
	struct crowd crowd = { .c = make_hot(3), .each = 2000 };
	pthread_t send[SIDE], recv[SIDE];
	unsigned int i;

	for (i = 0; i < SIDE; i++) {
		recv[i] = start(crowd_recv, &crowd);
		send[i] = start(crowd_send, &crowd);
	}
	for (i = 0; i < SIDE; i++)
		join(send[i]);
	kc_close(crowd.c);
	for (i = 0; i < SIDE; i++)
		join(recv[i]);
	expect_int(crowd.sum, (uint64_t)SIDE * crowd.each * (crowd.each + 1) / 2);
	kc_unref(crowd.c);
}

struct turns {
	kc_chan *there;
	kc_chan *back;
	unsigned int nr;
};

static void *send_back(void *arg)
{
	struct turns *t = arg;
	uint64_t value;
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		must_int(kc_recv(t->there, &value), 1);
		must_int(kc_send(t->back, &value), 0);
	}
	return NULL;
}

/* How often threads of this process have gone to sleep. */
static long sleeps(void)
{
	struct rusage usage;

	must_int(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_nvcsw;
}

/*
 * On one CPU, two threads that take turns let each other run, and seldom sleep. If they
 * slept, each round would take one sleep or two. Who has nothing to receive for long sleeps all
 * the same.
 */
static void test_one_cpu(void)
{
	struct turns t = { .nr = 2000 };
	cpu_set_t before, one;
	struct call call;
	pthread_t other;
	uint64_t i, got;
	long slept;

	must_int(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (i = 0; !CPU_ISSET(i, &before); i++)
		;
	CPU_SET(i, &one);
	must_int(sched_setaffinity(0, sizeof(one), &one), 0);
	t.there = make_hot(1);
	t.back = make_hot(1);

	slept = sleeps();
	other = start(send_back, &t);
	for (i = 0; i < t.nr; i++) {
		must_int(kc_send(t.there, &i), 0);
		must_int(kc_recv(t.back, &got), 1);
		must_int(got, i);
	}
	join(other);
	slept = sleeps() - slept;
	tap_note("%ld sleeps", slept);
	expect(slept < t.nr / 2);

	for (i = 0; i < 10; i++) {
		call_recv(&call, t.there);
		wait_receivers(t.there, 1);
		send_now(t.there, i);
		expect_int(call_end(&call), 1);
		expect_int(call.value, i);
	}
	must_int(sched_setaffinity(0, sizeof(before), &before), 0);
	kc_unref(t.there);
	kc_unref(t.back);
}

static const struct tap_test tests[] = {
	{ "a channel that is used often is mapped", test_maps },
	{ "what is not mapped", test_not },
	{ "a pair", test_pair },
	{ "calls that wait", test_wakes },
	{ "close", test_close },
	{ "resize", test_resize },
	{ "a forked child", test_fork },
	{ "select", test_select },
	{ "no system call where nobody waits", test_no_kernel },
	{ "a fair choice among mapped and other channels", test_fair },
	{ "elements of every length", test_sizes },
	{ "a bad address, before anything is claimed", test_fault },
	{ "a deadline beside a channel that is always ready", test_deadline },
	{ "a crowd", test_crowd },
	{ "two who take turns on one processor", test_one_cpu },
};

TAP_MAIN(tests)
