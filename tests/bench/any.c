// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving from whichever of several lanes has an element: KCHAN_IOC_SELECT,
 * and what one does with pipes, epoll_wait() and then read().
 */
#include "bench.h"

#include <linux/kchan.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One of these is at work at a time. */
static struct kchan_case cases[MAX_LANES];
static struct kchan_select selection;
static int select_fd;
static char received[ELEM_SIZE];

static void select_begin(const struct lane *lanes, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		cases[i] = (struct kchan_case){
			.fd = (uint32_t)lanes[i].rx,
			.op = KCHAN_OP_RECV,
			.addr = (uintptr_t)received,
			.len = ELEM_SIZE,
		};
	}
	selection = (struct kchan_select){
		.cases = (uintptr_t)cases,
		.nr_cases = nr,
		.case_size = sizeof(cases[0]),
	};
	select_fd = lanes[0].rx;
}

static void select_recv(void)
{
	if (syscall(SYS_ioctl, select_fd, KCHAN_IOC_SELECT, &selection) ||
	    selection.status)
		die("KCHAN_IOC_SELECT");
}

static void select_end(void)
{
}

const struct any select_any = { select_begin, select_recv, select_end };

static int epfd;

static void epoll_begin(const struct lane *lanes, unsigned int nr)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	for (unsigned int i = 0; i < nr; i++) {
		struct epoll_event event = {
			.events = EPOLLIN, .data.fd = lanes[i].rx,
		};

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, lanes[i].rx, &event))
			die("epoll_ctl");
	}
}

static void epoll_recv(void)
{
	struct epoll_event event;

	if (syscall(SYS_epoll_pwait, epfd, &event, 1, -1, NULL, 8) != 1)
		die("epoll_pwait");
	if (syscall(SYS_read, event.data.fd, received, ELEM_SIZE) != ELEM_SIZE)
		die("read");
}

static void epoll_end(void)
{
	close(epfd);
}

const struct any epoll_any = { epoll_begin, epoll_recv, epoll_end };

/* For comparison: what a program does that knows where the element is. */
static int read_fd;

static void read_begin(const struct lane *lanes, unsigned int nr)
{
	(void)nr;
	read_fd = lanes[0].rx;
}

static void read_recv(void)
{
	if (syscall(SYS_read, read_fd, received, ELEM_SIZE) != ELEM_SIZE)
		die("read");
}

static void read_end(void)
{
}

const struct any read_any = { read_begin, read_recv, read_end };
