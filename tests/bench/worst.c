// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may make the module hold a lock for long, for tests/bench/profile/holds: a
 * case a run, with marks around the calls that are looked at.
 */
#include "mark.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kchan.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../userspace/lib/chan/mapped_ring.h"

#define MANY_SELECTS	4000
#define PUT_BACKS	16000
#define WAITING_SELECTS	1000
#define EPOLLS		100
#define SENDERS		500
#define BURST		64

/* The largest that a channel copies; one of more bytes it passes by pointer. */
#define LARGE		4096

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "worst: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The root of a guest; elsewhere it may fail. */
static void raise_limits(void)
{
	const struct rlimit files = { 100000, 100000 };
	FILE *bytes = fopen("/sys/module/kchan/parameters/user_max_bytes", "w");

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	if (!bytes || fputs("0\n", bytes) < 0 || fclose(bytes))
		die("user_max_bytes");
}

static int channel(uint32_t flags, uint32_t elem_size, uint32_t capacity)
{
	struct kchan_setup setup = {
		.flags = flags,
		.elem_size = elem_size,
		.capacity = capacity,
	};
	int fd = open("/dev/kchan", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open /dev/kchan");
	if (ioctl(fd, KCHAN_IOC_SETUP, &setup))
		die("KCHAN_IOC_SETUP");
	return fd;
}

static struct kchan_case receive(int fd, void *addr, uint32_t len)
{
	return (struct kchan_case){
		.fd = fd,
		.op = KCHAN_OP_RECV,
		.addr = (uintptr_t)addr,
		.len = len,
	};
}

static int arm(const struct kchan_case *cases, unsigned int nr)
{
	struct kchan_arm request = {
		.cases = (uintptr_t)cases,
		.nr_cases = nr,
		.case_size = sizeof(*cases),
		.flags = KCHAN_ARM_CLOEXEC,
		.commit_size = sizeof(struct kchan_commit),
	};
	int fd = ioctl(cases[0].fd, KCHAN_IOC_ARM, &request);

	if (fd < 0)
		die("KCHAN_IOC_ARM");
	return fd;
}

static int armed[PUT_BACKS];

/* Each has so many receives from fd, but the last one is from other if there is one. */
static void arm_many(unsigned int selects, unsigned int nr, int fd, uint32_t len,
		     int other)
{
	struct kchan_case cases[KCHAN_MAX_CASES];

	for (unsigned int i = 0; i < nr; i++)
		cases[i] = receive(fd, NULL, len);
	if (other >= 0)
		cases[nr - 1] = receive(other, NULL, len);
	for (unsigned int i = 0; i < selects; i++)
		armed[i] = arm(cases, nr);
}

static void send_elements(int fd, unsigned int nr)
{
	for (uint64_t i = 0; i < nr; i++)
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			die("write");
}

static void set_nonblock(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		die("O_NONBLOCK");
}

static void start(unsigned int nr, void *(*run)(void *fd), int fd)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (nr--) {
		errno = pthread_create(&thread, &attr, run, (void *)(intptr_t)fd);
		if (errno)
			die("pthread_create");
	}
	pthread_attr_destroy(&attr);
}

static void await_waiters(int fd, unsigned int senders, unsigned int receivers)
{
	struct kchan_info info;

	do {
		usleep(10000);
		if (ioctl(fd, KCHAN_IOC_INFO, &info))
			die("KCHAN_IOC_INFO");
	} while (info.send_waiters < senders || info.recv_waiters < receivers);
}

static void closing(void)
{
	int fd = channel(0, sizeof(uint64_t), 0);

	arm_many(MANY_SELECTS, KCHAN_MAX_CASES, fd, sizeof(uint64_t), -1);
	mark(MARK_BEGIN);
	if (ioctl(fd, KCHAN_IOC_CLOSE))
		die("KCHAN_IOC_CLOSE");
	mark(MARK_END);
}

static void put_backs(void)
{
	int fd = channel(0, sizeof(uint64_t), 0);

	arm_many(PUT_BACKS, 1, fd, sizeof(uint64_t), -1);
	send_elements(fd, PUT_BACKS);
	mark(MARK_BEGIN);
	for (unsigned int i = PUT_BACKS; i--;)
		close(armed[i]);
	mark(MARK_END);
}

static void *select_once(void *fd)
{
	uint64_t elem;
	const struct kchan_case one = receive((int)(intptr_t)fd, &elem, sizeof(elem));
	struct kchan_select request = {
		.cases = (uintptr_t)&one,
		.nr_cases = 1,
		.case_size = sizeof(one),
	};

	if (ioctl((int)(intptr_t)fd, KCHAN_IOC_SELECT, &request))
		die("KCHAN_IOC_SELECT");
	return NULL;
}

static void burst(void)
{
	static const uint64_t elems[BURST];
	int fd = channel(0, sizeof(uint64_t), 0);

	start(WAITING_SELECTS, select_once, fd);
	await_waiters(fd, 0, WAITING_SELECTS);
	mark(MARK_BEGIN);
	if (write(fd, elems, sizeof(elems)) != sizeof(elems))
		die("write");
	mark(MARK_END);
}

static void epolls(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = channel(0, sizeof(uint64_t), 1);

	for (unsigned int i = 0; i < EPOLLS; i++) {
		int epfd = epoll_create1(EPOLL_CLOEXEC);

		if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
	}
	mark(MARK_BEGIN);
	send_elements(fd, 1);
	mark(MARK_END);
}

/* Waiters of selects that are decided elsewhere, and not read. */
static int stale_channel(void)
{
	int fd = channel(0, sizeof(uint64_t), 0);
	int other = channel(0, sizeof(uint64_t), 0);

	arm_many(MANY_SELECTS, KCHAN_MAX_CASES, fd, sizeof(uint64_t), other);
	send_elements(other, MANY_SELECTS);
	set_nonblock(fd);
	return fd;
}

static void poll_for_room(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLOUT };

	if (poll(&asked, 1, 0))
		die("poll");
}

static void stale_poll(void)
{
	int fd = stale_channel();

	mark(MARK_BEGIN);
	poll_for_room(fd);
	mark(MARK_END);
}

static void stale_send(void)
{
	const uint64_t elem = 0;
	int fd = stale_channel();

	poll_for_room(fd);
	mark(MARK_BEGIN);
	if (write(fd, &elem, sizeof(elem)) >= 0 || errno != EAGAIN)
		die("write");
	mark(MARK_END);
}

static void *send_large(void *fd)
{
	static const char elem[LARGE];

	if (write((int)(intptr_t)fd, elem, LARGE) != LARGE)
		die("write");
	return NULL;
}

static void resize(void)
{
	const struct kchan_resize larger = { .capacity = 2 * SENDERS };
	int fd = channel(0, LARGE, 0);

	start(SENDERS, send_large, fd);
	await_waiters(fd, SENDERS, 0);
	mark(MARK_BEGIN);
	if (ioctl(fd, KCHAN_IOC_RESIZE, &larger))
		die("KCHAN_IOC_RESIZE");
	mark(MARK_END);
}

static struct kc_ring map(int fd)
{
	struct kchan_map args = { .flags = KCHAN_MAP_CLOEXEC };
	int file = ioctl(fd, KCHAN_IOC_MAP, &args);
	void *mem = MAP_FAILED;

	if (file >= 0)
		mem = mmap(NULL, args.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mem == MAP_FAILED)
		die("KCHAN_IOC_MAP");
	close(file);
	return (struct kc_ring){
		.mem = mem,
		.elem_size = ((struct kchan_shared *)mem)->elem_size,
		.last = ((struct kchan_shared *)mem)->capacity - 1,
		.stride = ((struct kchan_shared *)mem)->stride,
	};
}

static unsigned long long claim(const struct kc_ring *ring)
{
	unsigned long long pos;

	if (!kc_ring_claim(ring, &ring->mem->tail, 0, NULL, &pos))
		die("claim");
	return pos;
}

static void *recv_large(void *fd)
{
	static char elem[LARGE];

	if (read((int)(intptr_t)fd, elem, LARGE) != LARGE)
		die("read");
	return NULL;
}

/* A claim holds all of them up, and then ends. */
static void mapped(void)
{
	int fd = channel(0, LARGE, SENDERS);
	struct kc_ring ring = map(fd);
	unsigned long long pos[SENDERS];

	for (unsigned int i = 0; i < SENDERS; i++)
		pos[i] = claim(&ring);
	start(SENDERS, recv_large, fd);
	await_waiters(fd, 0, SENDERS);
	start(SENDERS, send_large, fd);
	await_waiters(fd, SENDERS, SENDERS);
	for (unsigned int i = 0; i < SENDERS; i++)
		kc_ring_stamp(kc_ring_slot(&ring, pos[i]), pos[i] + 1,
			      &ring.mem->told_of_send);
	mark(MARK_BEGIN);
	if (ioctl(fd, KCHAN_IOC_KICK))
		die("KCHAN_IOC_KICK");
	mark(MARK_END);
}

/* Nobody waits, and the ring is full of claims that will not end. */
static void mapped_dead(void)
{
	int fd = channel(0, sizeof(uint64_t), MANY_SELECTS);
	struct kc_ring ring = map(fd);
	const size_t size = KCHAN_SHARED_SLOTS + ((size_t)ring.last + 1) * ring.stride;

	for (unsigned int i = 0; i < MANY_SELECTS; i++)
		claim(&ring);
	mark(MARK_BEGIN);
	if (munmap(ring.mem, size))
		die("munmap");
	mark(MARK_END);
}

static void no_room(void)
{
	static const char message[100];
	int fd = channel(KCHAN_SETUP_MESSAGE, sizeof(message), 0);

	arm_many(MANY_SELECTS, 1, fd, 1, -1);
	set_nonblock(fd);
	mark(MARK_BEGIN);
	if (write(fd, message, sizeof(message)) >= 0 || errno != EAGAIN)
		die("write");
	mark(MARK_END);
}

static const struct {
	const char *name;
	const char *what;
	void (*run)(void);
} cases[] = {
	{ "close", "a close, 4000 armed selects of 64 receives each", closing },
	{ "put-backs", "16000 armed receives that have an element are closed, the newest "
		"first", put_backs },
	{ "burst", "a write of 64 elements, 1000 selects wait", burst },
	{ "epolls", "a write under 100 edge-triggered epolls", epolls },
	{ "stale-poll", "a poll, 4000 x 63 receives of armed selects that are decided "
		"elsewhere", stale_poll },
	{ "stale-send", "a send after that poll", stale_send },
	{ "resize", "a resize from 0, 500 senders of 4096 bytes wait", resize },
	{ "mapped", "a kick, 500 receivers of 4096 bytes and as many senders wait", mapped },
	{ "mapped-dead", "a ring with 4000 claims is unmapped", mapped_dead },
	{ "no-room", "a message of 100 bytes, 4000 armed receives of 1 byte", no_room },
};

int main(int argc, char **argv)
{
	const size_t nr = sizeof(cases) / sizeof(cases[0]);

	mark(MARK_FORGET);
	for (size_t i = 0; i < nr; i++) {
		if (argc < 2) {
			printf("%s\t%s\n", cases[i].name, cases[i].what);
		} else if (!strcmp(argv[1], cases[i].name)) {
			raise_limits();
			printf("%s: %s\n", cases[i].name, cases[i].what);
			cases[i].run();
			fflush(stdout);
			/* Not by way of its threads and selects. */
			_exit(0);
		}
	}
	return argc < 2 ? 0 : 2;
}
