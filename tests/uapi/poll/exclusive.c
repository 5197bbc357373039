// SPDX-License-Identifier: GPL-2.0-only
/*
 * EPOLLEXCLUSIVE: what becomes ready wakes a set that can do something with it, and
 * no other one instead. An end that cannot receive asks for EPOLLIN in vain.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "chan.h"

struct sleeper {
	int ep;
	struct call call;
};

/* The place among those to be woken is that of this call. */
static void sleeper_add(struct sleeper *s, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLEXCLUSIVE };

	s->ep = epoll_create1(EPOLL_CLOEXEC);
	must(s->ep >= 0);
	must_int(epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &event), 0);
	/* What is ready already is not waited for. */
	epoll_wait(s->ep, &event, 1, 0);
}

static void sleeper_start(struct sleeper *s)
{
	call_epoll(&s->call, s->ep);
	call_wait_asleep(&s->call);
}

/* Ends it by an event of its own. */
static void sleeper_end(struct sleeper *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ready = eventfd(1, EFD_CLOEXEC);

	must_int(epoll_ctl(s->ep, EPOLL_CTL_DEL, fd, NULL), 0);
	must_int(epoll_ctl(s->ep, EPOLL_CTL_ADD, ready, &event), 0);
	expect_done(&s->call, 1);
	close(ready);
	close(s->ep);
}

/* What makes a channel ready, and what undoes it. */
static struct call party;
static uint64_t value;

static void sender_parks(int fd)
{
	call_write(&party, fd, &value, 8);
	wait_senders(fd, 1);
}

static void receiver_parks(int fd)
{
	call_read(&party, fd, &value, 8);
	wait_receivers(fd, 1);
}

static void sender_goes(int fd)
{
	recv_u64(fd);
	expect_done(&party, 8);
}

static void receiver_goes(int fd)
{
	send_u64(fd, 1);
	expect_done(&party, 8);
}

static void element_comes(int fd)
{
	send_u64(fd, 1);
}

static void element_goes(int fd)
{
	recv_u64(fd);
}

static const struct scene {
	const char *text;
	uint32_t capacity;
	bool full;
	uint32_t event;
	void (*comes)(int fd);
	void (*goes)(int fd);
} scenes[] = {
	{ "a sender parks", 0, false, EPOLLIN, sender_parks, sender_goes },
	{ "a receiver parks", 0, false, EPOLLOUT, receiver_parks, receiver_goes },
	{ "an element is queued", 4, false, EPOLLIN, element_comes, element_goes },
	{ "an element is received", 1, true, EPOLLOUT, element_goes,
	  element_comes },
};

/*
 * One set can use the event. Those of ends in the other direction ask for all, so
 * they could take it away. Edge-triggered they sleep, ready or not.
 */
#define OTHERS 3

static void scene(const struct scene *at, bool others_first)
{
	int fd = chan_make(0, 8, at->capacity);
	int recv = end_make(fd, KCHAN_END_RECV), send = end_make(fd, KCHAN_END_SEND);
	int wanted = at->event == EPOLLIN ? recv : send;
	int other = at->event == EPOLLIN ? send : recv;
	struct sleeper w, o[OTHERS];
	int i;

	tap_about("%s, the others %s", at->text,
		  others_first ? "first" : "second");
	if (at->full)
		send_u64(fd, 1);
	if (!others_first)
		sleeper_add(&w, wanted, at->event);
	for (i = 0; i < OTHERS; i++)
		sleeper_add(&o[i], other, EPOLLIN | EPOLLOUT | EPOLLET);
	if (others_first)
		sleeper_add(&w, wanted, at->event);
	sleeper_start(&w);
	for (i = 0; i < OTHERS; i++)
		sleeper_start(&o[i]);
	at->comes(fd);
	expect_done(&w.call, 1);
	expect_int(w.call.revents, at->event);
	for (i = 0; i < OTHERS; i++) {
		expect(call_asleep(&o[i].call));
		sleeper_end(&o[i], other);
	}
	close(w.ep);
	at->goes(fd);
	close(send);
	close(recv);
	close(fd);
}

static void sender_that_parks(void)
{
	scene(&scenes[0], false);
	scene(&scenes[0], true);
}

static void receiver_that_parks(void)
{
	scene(&scenes[1], false);
	scene(&scenes[1], true);
}

static void element_queued(void)
{
	scene(&scenes[2], false);
	scene(&scenes[2], true);
}

static void element_received(void)
{
	scene(&scenes[3], false);
	scene(&scenes[3], true);
}

static const struct tap_test tests[] = {
	{ "a sender that parks wakes one that receives", sender_that_parks },
	{ "a receiver that parks wakes one that sends", receiver_that_parks },
	{ "an element that is queued wakes one that receives", element_queued },
	{ "an element that is received wakes one that sends", element_received },
};

TAP_MAIN(tests)
