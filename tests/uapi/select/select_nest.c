// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select over fds that lead back to channels: ends that are polled, of channels
 * that are in other cases too; epoll sets that hold ends, and nest. None may wait
 * for itself, or call itself without bound. (select_poll.c has what readiness of an
 * fd is, file/uring.c a ring as one.)
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "cases.h"

static int set_of(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int set = epoll_create1(EPOLL_CLOEXEC);

	must(set >= 0);
	must_int(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	return set;
}

/* Sets in sets, as deep as epoll lets them be. */
static unsigned int nest(int fd, uint32_t events, int *sets, unsigned int most)
{
	struct epoll_event event = { .events = EPOLLIN };
	unsigned int depth = 1;

	sets[0] = set_of(fd, events);
	while (depth < most) {
		sets[depth] = epoll_create1(EPOLL_CLOEXEC);
		must(sets[depth] >= 0);
		if (epoll_ctl(sets[depth], EPOLL_CTL_ADD, sets[depth - 1],
			      &event)) {
			must(errno == ELOOP || errno == EINVAL);
			close(sets[depth]);
			break;
		}
		depth++;
	}
	return depth;
}

/* A select waits for the outermost of them, and for the channel itself. */
static void deep_sets(void)
{
	int on = chan_make(0, 8, 0), sets[16];
	uint64_t v = 0;

	for (uint32_t flag = 0; flag < 2; flag++) {
		int fd = chan_make(0, 8, 1);
		unsigned int depth = nest(fd, EPOLLIN | (flag ? EPOLLET : 0),
					  sets, ARRAY_SIZE(sets));
		struct cases_call call = { 0 };

		tap_about("%u sets deep", depth);
		expect(depth >= 4 && depth < ARRAY_SIZE(sets));
		cases_init(&call.c, 0, 0);
		add_recv(&call.c, on, &v, 8);
		add_poll(&call.c, sets[depth - 1], POLLIN);
		expect_int(cases_now(on, &call.c), -1);
		call.c.s.flags = 0;
		for (uint64_t i = 0; i < 100; i++) {
			cases_start(&call, on);
			wait_receivers(on, 1);
			if (i % 4 == 3) {
				send_u64(on, i);
				expect_int(cases_join(&call), 0);
				expect_int(call.c.s.index, 0);
				expect_int(v, i);
				continue;
			}
			send_u64(fd, i);
			expect_int(cases_join(&call), 0);
			expect_int(call.c.s.index, 1);
			expect_int(call.c.s.len, POLLIN);
			expect_recv(fd, i);
		}
		/* And the channel that is at the bottom is in a case as well. */
		add_recv(&call.c, fd, &v, 8);
		for (uint64_t i = 0; i < 100; i++) {
			cases_start(&call, on);
			wait_receivers(fd, 1);
			send_u64(fd, i);
			expect_int(cases_join(&call), 0);
			/* Handed over before it could make a set ready. */
			expect_int(call.c.s.index, 2);
			expect_int(v, i);
			expect_int(chan_len(fd), 0);
		}
		chan_close(fd);
		expect_int(cases_run(on, &call.c), 0);
		expect(call.c.s.index == 1 || call.c.s.index == 2);
		expect_idle(fd);
		expect_idle(on);
		close(fd);
		for (unsigned int i = 0; i < depth; i++)
			close(sets[i]);
	}
}

/*
 * On a rendezvous a case that parks makes the channel ready for the other side,
 * and polls are told: those of the same select among them, whichever way they
 * come. They are hints as ever: it ends, and nobody waits there any more.
 */
static void own_shadow(void)
{
	int fd = chan_make(0, 8, 0), sets[16], shadow;
	uint64_t v = 0;

	for (int way = 0; way < 6; way++) {
		const bool send = way % 2;
		const uint32_t other = send ? POLLIN : POLLOUT;
		unsigned int depth = 0;
		struct cases c;

		tap_about("way %d", way);
		shadow = fd;
		if (way / 2 == 1) {
			depth = nest(fd, other, sets, 1);
			shadow = sets[0];
		} else if (way / 2 == 2) {
			depth = nest(fd, other, sets, ARRAY_SIZE(sets));
			shadow = sets[depth - 1];
		}
		cases_init(&c, 0, 0);
		if (send)
			add_send(&c, fd, &v, 8);
		else
			add_recv(&c, fd, &v, 8);
		add_poll(&c, shadow, shadow == fd ? other : (uint32_t)POLLIN);
		expect_int(cases_now(fd, &c), -1);
		expect_int(errno, EAGAIN);
		c.s.flags = 0;
		for (int i = 0; i < 100; i++) {
			must_int(cases_run(fd, &c), 0);
			must_int(c.s.index, 1);
			must_int(c.s.status, 0);
		}
		expect_idle(fd);
		expect_int(cases_now(fd, &c), -1);
		while (depth)
			close(sets[--depth]);
	}
}

/* The direction that it waits in itself is not ready for that. */
static void own_direction(void)
{
	int fd = chan_make(0, 8, 0);
	struct cases_call call = { 0 };
	uint64_t v = 0, in = 4;

	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v, 8);
	add_poll(&call.c, fd, POLLIN);
	add_poll(&call.c, set_of(fd, EPOLLIN), POLLIN);
	for (uint64_t i = 0; i < 100; i++) {
		struct call writer;

		cases_start(&call, fd);
		wait_receivers(fd, 1);
		if (i % 2) {
			send_u64(fd, i);
			expect_int(cases_join(&call), 0);
			expect_int(call.c.s.index, 0);
			expect_int(v, i);
			continue;
		}
		call_write(&writer, fd, &in, 8);
		expect_int(cases_join(&call), 0);
		expect_int(call.c.s.index, 0);
		expect_done(&writer, 8);
	}
	expect_idle(fd);
}

/*
 * Two selects that receive each from its own channel and poll the other's: one
 * that parks is what the other one's poll sees, and the other way round.
 */
struct crossed {
	int mine;
	int other;
	uint32_t events;
	unsigned long rounds;
	unsigned long polled;
};

static void *cross(void *arg)
{
	struct crossed *x = arg;
	int set = set_of(x->other, x->events);

	for (unsigned long i = 0; i < x->rounds; i++) {
		uint64_t v;
		struct cases c;

		cases_init(&c, KCHAN_SELECT_DEADLINE,
			   (uint64_t)tap_now_ns() + 1000000);
		add_recv(&c, x->mine, &v, 8);
		add_poll(&c, x->other, x->events);
		add_poll(&c, set, POLLIN);
		if (cases_run(x->mine, &c)) {
			must_int(errno, ETIMEDOUT);
			continue;
		}
		must(c.s.index > 0);
		x->polled++;
	}
	close(set);
	return NULL;
}

static void crosswise(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	const unsigned long rounds = tap_scale(2000);
	struct crossed x[2] = {
		{ a, b, POLLOUT, rounds, 0 }, { b, a, POLLOUT, rounds, 0 },
	};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		thread_start(&threads[i], cross, &x[i]);
	for (int i = 0; i < 2; i++)
		thread_join(threads[i]);
	expect(x[0].polled + x[1].polled > 0);
	expect_idle(a);
	expect_idle(b);
}

/* What makes an fd of each kind ready, in a child of its own where that takes one. */
enum kind { PIPE, SOCKET, EVENTFD, TIMERFD, PIDFD, SIGNALFD, CHANNEL, KINDS };

struct foreign {
	int fd;
	int other;
	pid_t child;
};

static struct foreign foreign_make(enum kind kind)
{
	struct foreign f = { .fd = -1, .other = -1 };
	sigset_t set;
	int pair[2];

	switch (kind) {
	case PIPE:
		must_int(pipe(pair), 0);
		f.fd = pair[0];
		f.other = pair[1];
		break;
	case SOCKET:
		must_int(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
		f.fd = pair[0];
		f.other = pair[1];
		break;
	case EVENTFD:
		f.fd = eventfd(0, 0);
		break;
	case TIMERFD:
		f.fd = timerfd_create(CLOCK_MONOTONIC, 0);
		break;
	case PIDFD:
		must_int(pipe(pair), 0);
		f.child = fork();
		must(f.child >= 0);
		if (f.child == 0) {
			close(pair[1]);
			_exit(read(pair[0], pair, 1) != 0);
		}
		close(pair[0]);
		f.other = pair[1];
		f.fd = (int)syscall(SYS_pidfd_open, f.child, 0);
		break;
	case SIGNALFD:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		must_int(sigprocmask(SIG_BLOCK, &set, NULL), 0);
		f.fd = signalfd(-1, &set, 0);
		break;
	case CHANNEL:
		f.fd = chan_make(0, 8, 1);
		break;
	case KINDS:
		break;
	}
	must(f.fd >= 0);
	return f;
}

static void foreign_ready(enum kind kind, struct foreign *f)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	uint64_t one = 1;

	switch (kind) {
	case PIPE:
	case SOCKET:
		must_int(write(f->other, "x", 1), 1);
		break;
	case EVENTFD:
		must_int(write(f->fd, &one, 8), 8);
		break;
	case TIMERFD:
		must_int(timerfd_settime(f->fd, 0, &soon, NULL), 0);
		break;
	case PIDFD:
		close(f->other);
		f->other = -1;
		break;
	case SIGNALFD:
		must_int(kill(getpid(), SIGUSR2), 0);
		break;
	case CHANNEL:
		send_u64(f->fd, 1);
		break;
	case KINDS:
		break;
	}
}

/*
 * Each of many kinds ends the wait of one select that has them all, directly and
 * in an epoll set, beside a channel; and the channel does.
 */
static void every_kind_wakes(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t v;

	for (int way = 0; way < 2 * (KINDS + 1); way++) {
		const int which = way / 2;
		struct foreign f[KINDS];
		struct cases_call call = { 0 };
		sigset_t set;

		tap_about("kind %d%s", which, way % 2 ? ", in a set" : "");
		cases_init(&call.c, 0, 0);
		for (int k = 0; k < KINDS; k++) {
			f[k] = foreign_make(k);
			add_poll(&call.c, way % 2 ? set_of(f[k].fd, EPOLLIN) :
				 f[k].fd, POLLIN);
		}
		add_recv(&call.c, fd, &v, 8);
		cases_start(&call, fd);
		wait_receivers(fd, 1);
		if (which < KINDS)
			foreign_ready(which, &f[which]);
		else
			send_u64(fd, 3);
		expect_int(cases_join(&call), 0);
		expect_int(call.c.s.index, which);
		expect_int(call.c.s.status, 0);
		expect_idle(fd);
		for (int k = 0; k < KINDS; k++) {
			close(f[k].other);
			if (f[k].child)
				waitpid(f[k].child, NULL, 0);
			close(f[k].fd);
			if (way % 2)
				close((int)call.c.c[k].fd);
		}
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		if (which == SIGNALFD)
			sigwaitinfo(&set, NULL);
	}
}

/* All who poll one fd are told, as with poll(): none takes another's wake-up. */
static void many_poll_one(void)
{
	enum { MANY = 20 };
	int on = chan_make(0, 8, 0), event = eventfd(0, 0), fd = chan_make(0, 8, 1);
	static struct cases_call calls[MANY];
	uint64_t one = 1, v;

	for (int way = 0; way < 2; way++) {
		memset(calls, 0, sizeof(calls));
		for (int i = 0; i < MANY; i++) {
			cases_init(&calls[i].c, 0, 0);
			add_recv(&calls[i].c, on, &v, 8);
			add_poll(&calls[i].c, way ? fd : event, POLLIN);
			cases_start(&calls[i], on);
		}
		wait_receivers(on, MANY);
		if (way)
			send_u64(fd, 1);
		else
			must_int(write(event, &one, 8), 8);
		for (int i = 0; i < MANY; i++) {
			expect_int(cases_join(&calls[i]), 0);
			expect_int(calls[i].c.s.index, 1);
		}
		expect_idle(on);
	}
}

/* The files are held while it waits, whatever becomes of the descriptors. */
static void closed_under_it(void)
{
	int on = chan_make(0, 8, 0), pair[2], fd, copy;
	struct cases_call call = { 0 };
	struct call writer;
	uint64_t v = 0, in = 8;

	must_int(pipe(pair), 0);
	fd = chan_make(0, 8, 0);
	copy = dup(fd);
	cases_init(&call.c, 0, 0);
	add_poll(&call.c, pair[0], POLLIN);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, on);
	wait_receivers(fd, 1);
	close(pair[0]);
	close(fd);
	/* Their numbers are others' now, which are ready. */
	must_int(dup2(on, fd), fd);
	must_int(open("/dev/null", O_RDONLY), pair[0]);
	call_write(&writer, copy, &in, 8);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(v, 8);
	expect_done(&writer, 8);
	expect_idle(copy);

	/* The other end of a pipe that goes tells, as it does poll(). */
	must_int(pipe(pair), 0);
	cases_init(&call.c, 0, 0);
	add_poll(&call.c, pair[1], POLLERR);
	add_recv(&call.c, copy, &v, 8);
	cases_start(&call, on);
	wait_receivers(copy, 1);
	close(pair[0]);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 0);
	expect_int(call.c.s.len, POLLERR);
}

/*
 * Sets that change, channels that come and go in them, and selects that wait for
 * the sets and the channels: all at once, for lockdep and KASAN to see.
 */
struct churn {
	int fd[3];
	int inner;
	int outer;
	atomic_bool stop;
	atomic_ulong told;
};

static void *changes_sets(void *arg)
{
	struct churn *c = arg;
	uint64_t seed = 1;

	while (!atomic_load(&c->stop)) {
		struct epoll_event event = {
			.events = rnd(&seed) % 2 ? EPOLLIN | EPOLLET : EPOLLOUT,
		};
		int fd = c->fd[rnd(&seed) % 3];

		if (epoll_ctl(c->inner, EPOLL_CTL_ADD, fd, &event))
			epoll_ctl(c->inner, EPOLL_CTL_DEL, fd, NULL);
	}
	return NULL;
}

static void *uses_channels(void *arg)
{
	struct churn *c = arg;
	uint64_t seed = 2, v;

	while (!atomic_load(&c->stop)) {
		int fd = c->fd[rnd(&seed) % 3];

		switch (rnd(&seed) % 4) {
		case 0:
			try_send(fd, &v, 8);
			break;
		case 1:
			try_recv(fd, &v, 8);
			break;
		case 2:
			try_resize(fd, rnd(&seed) % 3);
			break;
		case 3:
			fd = chan_make(0, 8, 0);
			epoll_ctl(c->inner, EPOLL_CTL_ADD, fd,
				  &(struct epoll_event){ .events = EPOLLIN });
			close(fd);
			break;
		}
	}
	return NULL;
}

static void *waits_for_sets(void *arg)
{
	struct churn *c = arg;
	uint64_t v = 0;

	while (!atomic_load(&c->stop)) {
		struct cases s;

		cases_init(&s, KCHAN_SELECT_DEADLINE,
			   (uint64_t)tap_now_ns() + 200000);
		add_poll(&s, c->outer, POLLIN);
		add_recv(&s, c->fd[0], &v, 8);
		add_send(&s, c->fd[1], &v, 8);
		add_poll(&s, c->fd[2], POLLOUT);
		if (!cases_run(c->fd[0], &s))
			atomic_fetch_add(&c->told, 1);
		else
			must_int(errno, ETIMEDOUT);
	}
	return NULL;
}

static void churning(void)
{
	static void *(*const run[])(void *) = {
		changes_sets, uses_channels, waits_for_sets, waits_for_sets,
	};
	struct churn c = { .inner = epoll_create1(EPOLL_CLOEXEC) };
	pthread_t threads[ARRAY_SIZE(run)];
	long long end = tap_now_ns() + 2000000000;

	c.outer = set_of(c.inner, EPOLLIN);
	for (unsigned int i = 0; i < 3; i++)
		c.fd[i] = chan_make(0, 8, i);
	for (size_t i = 0; i < ARRAY_SIZE(run); i++)
		thread_start(&threads[i], run[i], &c);
	until(tap_now_ns() > end);
	atomic_store(&c.stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(run); i++)
		thread_join(threads[i]);
	expect(atomic_load(&c.told) > 0);
	for (unsigned int i = 0; i < 3; i++)
		expect_idle(c.fd[i]);
}

static const struct tap_test tests[] = {
	{ "epoll sets as deep as they go", deep_sets },
	{ "polls that see what the select itself does", own_shadow },
	{ "polls that do not", own_direction },
	{ "two selects that poll each other's channel", crosswise },
	{ "fds of many kinds, and each in an epoll set", every_kind_wakes },
	{ "many selects that poll one fd are all told", many_poll_one },
	{ "descriptors are closed while it waits", closed_under_it },
	{ "sets and channels that change all the time", churning },
};

TAP_MAIN(tests)
