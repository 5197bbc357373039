// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving from whichever of several lanes has an element: KCHAN_IOC_SELECT, the
 * library's select, and what one does with pipes: epoll_wait() or poll(), then read().
 */
#include "bench.h"

#include <errno.h>
#include <kchan/kchan.h>
#include <linux/kchan.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LANES	64

struct chooser {
	const struct transport *transport;
	void (*begin)(void);
	/* Receive an element; false if there is none, and this may not wait. */
	bool (*recv)(bool wait);
	void (*end)(void);
};

/* One chooser is at work at a time. */
static struct lane lanes[MAX_LANES];
static unsigned int width;
static char received[ELEM_SIZE];

static void nothing_to_end(void)
{
}

static struct kchan_case cases[MAX_LANES];
static int select_fd;

static void select_begin(void)
{
	for (unsigned int i = 0; i < width; i++) {
		cases[i] = (struct kchan_case){
			.fd = lanes[i].rx,
			.op = KCHAN_OP_RECV,
			.addr = (uintptr_t)received,
			.len = ELEM_SIZE,
		};
	}
	select_fd = lanes[0].rx;
}

static bool select_recv(bool wait)
{
	struct kchan_select request = {
		.cases = (uintptr_t)cases,
		.nr_cases = width,
		.case_size = sizeof(cases[0]),
		.flags = wait ? 0 : KCHAN_SELECT_NONBLOCK,
	};

	if (!syscall(SYS_ioctl, select_fd, KCHAN_IOC_SELECT, &request) &&
	    !request.status)
		return true;
	if (wait || errno != EAGAIN)
		die("KCHAN_IOC_SELECT");
	return false;
}

static kc_case lib_cases[MAX_LANES];

static void lib_begin(void)
{
	for (unsigned int i = 0; i < width; i++)
		lib_cases[i] = kc_case_recv(lanes[i].handle, received);
}

static bool lib_recv(bool wait)
{
	int ret = wait ? kc_select(lib_cases, width) : kc_try_select(lib_cases, width);

	if (ret >= 0 && !lib_cases[ret].status)
		return true;
	if (wait || ret != -EAGAIN) {
		errno = -ret;
		die("kc_select");
	}
	return false;
}

static void read_from(int fd)
{
	if (syscall(SYS_read, fd, received, ELEM_SIZE) != ELEM_SIZE)
		die("read");
}

static int epfd;

static void epoll_begin(void)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	for (unsigned int i = 0; i < width; i++) {
		struct epoll_event event = {
			.events = EPOLLIN, .data.fd = lanes[i].rx,
		};

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, lanes[i].rx, &event))
			die("epoll_ctl");
	}
}

static bool epoll_recv(bool wait)
{
	struct epoll_event event;
	long n = syscall(SYS_epoll_pwait, epfd, &event, 1, wait ? -1 : 0, NULL, 8);

	if (n < 0)
		die("epoll_pwait");
	if (n)
		read_from(event.data.fd);
	return n;
}

static void epoll_end(void)
{
	close(epfd);
}

static struct pollfd polled[MAX_LANES];

static void poll_begin(void)
{
	for (unsigned int i = 0; i < width; i++)
		polled[i] = (struct pollfd){ .fd = lanes[i].rx, .events = POLLIN };
}

static bool poll_recv(bool wait)
{
	unsigned int i = 0;
	long n = syscall(SYS_poll, polled, width, wait ? -1 : 0);

	if (n < 0)
		die("poll");
	if (!n)
		return false;
	while (!polled[i].revents)
		i++;
	read_from(polled[i].fd);
	return true;
}

/* For comparison: what a program does that knows where the element is. */
static int known_fd;

static void known_begin(void)
{
	known_fd = lanes[0].rx;
}

static bool known_recv(bool wait)
{
	(void)wait;
	read_from(known_fd);
	return true;
}

static const struct chooser kchan_chooser = {
	&kchan_transport, select_begin, select_recv, nothing_to_end
};

static const struct chooser lib_chooser = {
	&lib_transport, lib_begin, lib_recv, nothing_to_end
};

static const struct chooser lib_plain_chooser = {
	&lib_plain_transport, lib_begin, lib_recv, nothing_to_end
};

static const struct chooser epoll_chooser = {
	&pipe_transport, epoll_begin, epoll_recv, epoll_end
};

static const struct chooser kchan_epoll_chooser = {
	&kchan_transport, epoll_begin, epoll_recv, epoll_end
};

static const struct chooser poll_chooser = {
	&pipe_transport, poll_begin, poll_recv, nothing_to_end
};

static const struct chooser known_chooser = {
	&kchan_transport, known_begin, known_recv, nothing_to_end
};

/* Elements that a lane is filled with: no subject's buffer is smaller. */
#define REFILL	256

/* Transfers after which the library has mapped a channel. */
#define USED	128

/* The lanes have been in use for a while, as those of a program that selects have. */
static void begin(const struct chooser *chooser, unsigned int nr, unsigned int capacity)
{
	width = nr;
	for (unsigned int i = 0; i < nr; i++) {
		char elem[ELEM_SIZE] = { 0 };

		lane_open(&lanes[i], chooser->transport, ELEM_SIZE, capacity);
		for (unsigned int k = 0; k < USED; k++) {
			lane_send(&lanes[i], elem);
			lane_recv(&lanes[i], elem);
		}
	}
	chooser->begin();
}

static void end(const struct chooser *chooser)
{
	chooser->end();
	for (unsigned int i = 0; i < width; i++)
		lane_close(&lanes[i]);
}

/*
 * One lane has elements at a time, each time another one; of the chooser that knows
 * it is always the first. To fill it is not what is asked for, and is done while the
 * clock is not looked at.
 */
static uint64_t ready(const struct work *work, const void *how, unsigned int at,
		      unsigned long count)
{
	const struct chooser *chooser = how;
	unsigned int full = 0;
	uint64_t sum = 0;

	begin(chooser, at, work->arg);
	while (count) {
		char elem[ELEM_SIZE] = { 0 };
		unsigned long n = count < REFILL ? count : REFILL;
		uint64_t started;

		for (unsigned long i = 0; i < n; i++)
			lane_send(&lanes[full], elem);
		started = clock_start();
		for (unsigned long i = 0; i < n; i++)
			chooser->recv(true);
		sum += clock_stop(started);
		count -= n;
		if (chooser != &known_chooser)
			full = (full + 1) % at;
	}
	end(chooser);
	return sum;
}

static uint64_t not_ready(const struct work *work, const void *how, unsigned int at,
			  unsigned long count)
{
	const struct chooser *chooser = how;
	uint64_t took;

	begin(chooser, at, work->arg);
	took = clock_start();
	while (count--)
		if (chooser->recv(false))
			die("an element that nobody has sent");
	took = clock_stop(took);
	end(chooser);
	return took;
}

struct answers {
	const struct lane *asked;
	unsigned long count;
};

/*
 * On one CPU a thread that is woken often runs at once. Then the answer would be there
 * before the chooser looks, and nobody would wait for it. A thread of SCHED_BATCH lets the
 * one that has woken it go on.
 */
static void *answer(void *arg)
{
	const struct answers *answers = arg;
	char elem[ELEM_SIZE];

	if (sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }))
		die("sched_setscheduler");
	for (unsigned long i = 0; i < answers->count; i++) {
		lane_recv(answers->asked, elem);
		lane_send(&lanes[i % width], elem);
	}
	return NULL;
}

static uint64_t waiting(const struct work *work, const void *how, unsigned int at,
			unsigned long count)
{
	const struct chooser *chooser = how;
	struct lane asked;
	struct answers answers = { &asked, count };
	char elem[ELEM_SIZE] = { 0 };
	pthread_t other;
	uint64_t took;

	lane_open(&asked, chooser->transport, ELEM_SIZE, work->arg);
	begin(chooser, at, work->arg);
	took = clock_start();
	other = thread_start(answer, &answers);
	while (count--) {
		lane_send(&asked, elem);
		chooser->recv(true);
	}
	thread_join(other);
	took = clock_stop(took);
	end(chooser);
	lane_close(&asked);
	return took;
}

static const struct subject choosers[] = {
	{ "kchan", &kchan_chooser },
	{ "lib", &lib_chooser },
	{ "lib-plain", &lib_plain_chooser },
	{ "epoll", &epoll_chooser },
	{ "poll", &poll_chooser },
	{ "kchan-epoll", &kchan_epoll_chooser },
};

static const struct subject of_ready[] = {
	{ "kchan", &kchan_chooser },
	{ "lib", &lib_chooser },
	{ "lib-plain", &lib_plain_chooser },
	{ "epoll", &epoll_chooser },
	{ "poll", &poll_chooser },
	{ "kchan-epoll", &kchan_epoll_chooser },
	{ "read", &known_chooser },
};

#define WIDTHS	.peer = "epoll", .axis = "cases", AT(1, 2, 4, 8, 16, 32, MAX_LANES)

static const struct work select_works[] = {
	{
		.name = "select-ready",
		.what = "a receive from one of several that has an element",
		SUBJECTS(of_ready), WIDTHS, .arg = REFILL, .kind = NET, .run = ready,
	},
	{
		.name = "select-none",
		.what = "to find that none of several has an element",
		SUBJECTS(choosers), WIDTHS, .arg = 1, .kind = NET, .run = not_ready,
	},
	{
		.name = "select-waiting",
		.what = "a round trip, whose answer comes from one of several that is waited "
			"for",
		SUBJECTS(choosers), WIDTHS, .arg = 1, .run = waiting,
	},
};

const struct group select_group = { "select", select_works, NR(select_works) };
