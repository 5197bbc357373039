// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring in use beside the calls of the kernel, step by step: the order of elements,
 * who is woken by a kick, and what a claim that is under way holds up.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "armed.h"
#include "mapped.h"

/* The ring can be used once nobody waits; one call may have to say so. */
static void expect_usable(struct mapped *m)
{
	uint64_t value = 0;

	expect_int(chan_len(m->fd), 0);
	for (int i = 0; i < 3; i++) {
		mapped_send_u64(m, i);
		expect_mapped_recv(m, i);
	}
	expect_int(ring_put(m, 99), KC_MOVED);
	expect_int(ring_take(m, &value), KC_MOVED);
	expect_int(value, 99);
}

/*
 * A send has claimed the first slot, and has not published it. The element @behind follows,
 * if it is not 0. A reader waits. Returns the position of the claim.
 */
static unsigned long long reader_behind_a_claim(struct mapped *m, struct call *c,
						uint64_t *value, uint64_t behind)
{
	unsigned long long pos;

	must(claim_send(m, &pos));
	if (behind)
		expect(shared_send(m, &behind));
	call_read(c, m->fd, value, 8);
	wait_receivers(m->fd, 1);
	return pos;
}

static void in_turns(void)
{
	struct mapped m;
	uint64_t seed = 1, in = 0, out = 0;

	for (uint32_t capacity = 1; capacity < 6; capacity++) {
		tap_about("capacity %u", capacity);
		mapped_make(&m, 8, capacity);
		in = 0;
		out = 0;
		for (int i = 0; i < 2000; i++) {
			uint32_t dice = rnd(&seed) % 6;

			if (in - out < capacity && (in == out || dice < 3)) {
				if (dice % 2)
					expect(shared_send(&m, &in));
				else
					send_u64(m.fd, in);
				in++;
			} else if (dice % 2) {
				uint64_t value = 0;

				expect(shared_recv(&m, &value));
				expect_int(value, out++);
			} else {
				expect_recv(m.fd, out++);
			}
			if (i % 16 == 0)
				expect_int(chan_len(m.fd), in - out);
		}
		mapped_free(&m);
	}
}

static void batches(void)
{
	uint64_t in[10], out[10];
	struct mapped m;

	mapped_make(&m, 8, 7);
	for (int round = 0; round < 20; round++) {
		int bytes = 0;

		for (int i = 0; i < 10; i++)
			in[i] = round * 10 + i;
		expect(shared_send(&m, &in[0]));
		expect_int(write(m.fd, in + 1, 32), 32);
		expect(shared_send(&m, &in[5]));
		expect_int(ioctl(m.fd, FIONREAD, &bytes), 0);
		expect_int(bytes, 8);
		memset(out, POISON, sizeof(out));
		expect(shared_recv(&m, &out[0]));
		expect_int(read(m.fd, out + 1, sizeof(out) - 8), 40);
		for (int i = 0; i < 6; i++)
			expect_int(out[i], in[i]);
		expect_int(ioctl(m.fd, FIONREAD, &bytes), 0);
		expect_int(bytes, 0);
		chan_nonblock(m.fd, true);
		expect_int(write(m.fd, in, 80), 56);
		expect(!shared_send(&m, in));
		expect_int(read(m.fd, out, 80), 56);
		expect(!shared_recv(&m, in));
		chan_nonblock(m.fd, false);
	}
	mapped_free(&m);
}

/* What other processes see of it, with no kick at all. */
static void seen_by_others(void *arg)
{
	struct mapped *m = arg;
	uint64_t value = 0;

	expect_int(poll_now(m->fd), POLLIN);
	expect_int(chan_len(m->fd), 3);
	expect_recv(m->fd, 0);
	expect_int(try_recv(m->fd, &value, 8), 0);
	expect_int(value, 1);
	expect_int(poll_now(m->fd), POLLIN | POLLOUT);
	expect_recv(m->fd, 2);
	expect_int(poll_now(m->fd), POLLOUT);
	expect_errno(try_recv(m->fd, &value, 8), EAGAIN);
	for (int i = 3; i < 6; i++)
		send_u64(m->fd, i);
	value = 6;
	expect_errno(try_send(m->fd, &value, 8), EAGAIN);
}

static void other_processes(void)
{
	struct mapped m;

	mapped_make(&m, 8, 3);
	for (int i = 0; i < 3; i++)
		expect_int(ring_put(&m, i), KC_MOVED);
	expect_exit(spawn(seen_by_others, &m));
	for (int i = 3; i < 6; i++)
		expect_mapped_recv(&m, i);
	expect_usable(&m);
	mapped_free(&m);
}

/* A parked reader goes first; the kernel hands over. */
static void reader_waits(void)
{
	uint64_t value = 0;
	struct mapped m;
	struct call c;

	mapped_make(&m, 8, 3);
	call_read(&c, m.fd, &value, 8);
	wait_receivers(m.fd, 1);
	expect_int(ring_put(&m, 1), KC_MOVED_NOT);
	send_u64(m.fd, 2);
	expect_done(&c, 8);
	expect_int(value, 2);
	expect_usable(&m);
	mapped_free(&m);
}

static void writer_waits(void)
{
	uint64_t value = 0, last = 3;
	struct mapped m;
	struct call c;

	mapped_make(&m, 8, 3);
	for (int i = 0; i < 3; i++)
		expect_int(ring_put(&m, i), KC_MOVED);
	call_write(&c, m.fd, &last, 8);
	wait_senders(m.fd, 1);
	/* Nobody passes it by, on either side. */
	expect_int(ring_put(&m, 9), KC_MOVED_NOT);
	expect_mapped_recv(&m, 0);
	expect_done(&c, 8);
	expect_int(chan_len(m.fd), 3);
	for (int i = 1; i < 4; i++)
		expect_mapped_recv(&m, i);
	expect_int(ring_take(&m, &value), KC_MOVED_NOT);
	expect_usable(&m);
	mapped_free(&m);
}

enum { WAIT_READ, WAIT_SELECT, WAIT_POLL, WAIT_EPOLL, WAIT_ARMED, NR_WAITS };
static const char * const wait_names[] = { "read or write", "select", "poll", "epoll", "armed" };

struct waiter {
	int how;
	int fd;
	struct call call;
	struct one_case one;
	uint64_t value;
	int ep;
	struct cases cases;
	int armed;
};

/* Waits to send w->value, or to receive it. */
static void wait_start(struct waiter *w, int how, int fd, bool send)
{
	struct epoll_event event = { .events = send ? EPOLLOUT : EPOLLIN };

	w->how = how;
	w->fd = fd;
	switch (how) {
	case WAIT_READ:
		if (send)
			call_write(&w->call, fd, &w->value, 8);
		else
			call_read(&w->call, fd, &w->value, 8);
		break;
	case WAIT_SELECT:
		one_case(&w->one, fd, send ? KCHAN_OP_SEND : KCHAN_OP_RECV, &w->value, 8, 0, 0);
		call_select(&w->call, fd, &w->one);
		break;
	case WAIT_POLL:
		call_poll(&w->call, fd, send ? POLLOUT : POLLIN);
		break;
	case WAIT_EPOLL:
		w->ep = epoll_create1(EPOLL_CLOEXEC);
		must(w->ep >= 0);
		must_int(epoll_ctl(w->ep, EPOLL_CTL_ADD, fd, &event), 0);
		call_epoll(&w->call, w->ep);
		break;
	case WAIT_ARMED:
		cases_init(&w->cases, 0, 0);
		if (send)
			add_send(&w->cases, fd, &w->value, 8);
		else
			add_recv(&w->cases, fd, NULL, 8);
		w->armed = arm(fd, &w->cases);
		return;
	}
	call_wait_asleep(&w->call);
}

static bool wait_parks(int how)
{
	return how != WAIT_POLL && how != WAIT_EPOLL;
}

/* It has been served; pollers then move the element themselves. */
static void wait_end(struct waiter *w, bool send)
{
	struct committed got;
	struct pollfd p = { .fd = w->armed, .events = POLLIN };

	switch (w->how) {
	case WAIT_READ:
		expect_done(&w->call, 8);
		break;
	case WAIT_SELECT:
		expect_done(&w->call, 0);
		expect_int(w->one.s.status, 0);
		break;
	case WAIT_POLL:
		expect_done(&w->call, 1);
		break;
	case WAIT_EPOLL:
		expect_done(&w->call, 1);
		close(w->ep);
		break;
	case WAIT_ARMED:
		must_int(poll(&p, 1, 1000 * tap_patience()), 1);
		expect_commit(w->armed, &got, 0, 0);
		if (!send)
			w->value = got.value;
		close(w->armed);
		break;
	}
	if (!wait_parks(w->how)) {
		if (send)
			send_u64(w->fd, w->value);
		else
			w->value = recv_u64(w->fd);
	}
}

/* A send under way when the receiver comes: its kick is what serves the receiver. */
static void kick_serves_receivers(void)
{
	for (int how = 0; how < NR_WAITS; how++) {
		static struct waiter w;
		unsigned long long first, second;
		struct mapped m;

		tap_about("%s", wait_names[how]);
		mapped_make(&m, 8, 4);
		expect_int(ring_put(&m, 1), KC_MOVED);
		expect_recv(m.fd, 1);
		must(claim_send(&m, &first));
		must(claim_send(&m, &second));
		w.value = 0;
		wait_start(&w, how, m.fd, false);
		/* The second does not go before the first. */
		expect_int(claim_publish(&m, second, 3), KC_MOVED_KICK);
		expect_int(kick(m.fd), 0);
		expect(poll_now(m.fd) == POLLOUT || poll_now(m.fd) == 0);
		if (how != WAIT_ARMED)
			call_wait_asleep(&w.call);
		expect_int(claim_publish(&m, first, 2), KC_MOVED_KICK);
		expect_int(kick(m.fd), 0);
		wait_end(&w, false);
		expect_int(w.value, 2);
		expect_mapped_recv(&m, 3);
		expect_usable(&m);
		mapped_free(&m);
	}
}

/* The same of a receive under way, and a sender that waits for the slot. */
static void kick_serves_senders(void)
{
	for (int how = 0; how < NR_WAITS; how++) {
		static struct waiter w;
		unsigned long long first, second;
		uint64_t value = 0;
		struct mapped m;

		tap_about("%s", wait_names[how]);
		mapped_make(&m, 8, 3);
		for (int i = 0; i < 3; i++)
			expect_int(ring_put(&m, i), KC_MOVED);
		must(claim_recv(&m, &first, &value));
		expect_int(value, 0);
		must(claim_recv(&m, &second, &value));
		expect_int(value, 1);
		w.value = 3;
		wait_start(&w, how, m.fd, true);
		expect_int(claim_release(&m, second), KC_MOVED_KICK);
		expect_int(kick(m.fd), 0);
		if (how != WAIT_ARMED)
			call_wait_asleep(&w.call);
		expect_int(claim_release(&m, first), KC_MOVED_KICK);
		expect_int(kick(m.fd), 0);
		wait_end(&w, true);
		expect_mapped_recv(&m, 2);
		expect_mapped_recv(&m, 3);
		expect_usable(&m);
		mapped_free(&m);
	}
}

/* Several parked, and several elements with one kick. */
static void one_kick_serves_many(void)
{
	enum { MANY = 5 };
	unsigned long long pos[MANY];
	uint64_t value[MANY] = { 0 };
	struct call c[MANY];
	struct mapped m;

	mapped_make(&m, 8, MANY);
	for (int i = 0; i < MANY; i++)
		must(claim_send(&m, &pos[i]));
	for (int i = 0; i < MANY; i++) {
		call_read(&c[i], m.fd, &value[i], 8);
		wait_receivers(m.fd, i + 1);
	}
	for (int i = MANY - 1; i >= 0; i--)
		expect_int(claim_publish(&m, pos[i], i), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	/* First come, first served. */
	for (int i = 0; i < MANY; i++) {
		expect_done(&c[i], 8);
		expect_int(value[i], i);
	}
	expect_usable(&m);

	for (int i = 0; i < MANY; i++)
		expect_int(ring_put(&m, i), KC_MOVED);
	for (int i = 0; i < MANY; i++)
		must(claim_recv(&m, &pos[i], &value[i]));
	for (int i = 0; i < MANY; i++) {
		value[i] = MANY + i;
		call_write(&c[i], m.fd, &value[i], 8);
		wait_senders(m.fd, i + 1);
	}
	for (int i = MANY - 1; i >= 0; i--)
		expect_int(claim_release(&m, pos[i]), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	for (int i = 0; i < MANY; i++)
		expect_done(&c[i], 8);
	for (int i = 0; i < MANY; i++)
		expect_mapped_recv(&m, MANY + i);
	expect_usable(&m);
	mapped_free(&m);
}

/* A claim holds up who comes after it, and they do not have to wait. */
static void behind_a_send(void)
{
	unsigned long long pos;
	uint64_t value = 0;
	struct mapped m;
	struct kchan_select out;

	mapped_make(&m, 8, 3);
	must(claim_send(&m, &pos));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	chan_nonblock(m.fd, true);
	expect_int(ring_take(&m, &value), KC_MOVED_NOT);
	expect_errno(read(m.fd, &value, 8), EAGAIN);
	expect_errno(try_recv(m.fd, &value, 8), EAGAIN);
	expect_int(poll_now(m.fd), POLLOUT);
	expect_errno(select_one(m.fd, KCHAN_OP_RECV, &value, 8, KCHAN_SELECT_DEADLINE,
				tap_now_ns() + 10000000, &out), ETIMEDOUT);
	/* Those behind it can send: there is room. */
	expect_int(write(m.fd, &(uint64_t){ 3 }, 8), 8);
	expect_errno(write(m.fd, &(uint64_t){ 4 }, 8), EAGAIN);
	if (claim_publish(&m, pos, 1) == KC_MOVED_KICK)
		expect_int(kick(m.fd), 0);
	for (int i = 1; i < 4; i++)
		expect_mapped_recv(&m, i);
	expect_usable(&m);
	mapped_free(&m);
}

static void behind_a_receive(void)
{
	unsigned long long pos;
	uint64_t value = 0;
	struct mapped m;
	struct kchan_select out;

	mapped_make(&m, 8, 2);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	must(claim_recv(&m, &pos, &value));
	expect_int(value, 1);
	chan_nonblock(m.fd, true);
	value = 3;
	expect_int(ring_put(&m, 3), KC_MOVED_NOT);
	expect_errno(write(m.fd, &value, 8), EAGAIN);
	expect_errno(try_send(m.fd, &value, 8), EAGAIN);
	expect_int(poll_now(m.fd), POLLIN);
	expect_errno(select_one(m.fd, KCHAN_OP_SEND, &value, 8, KCHAN_SELECT_DEADLINE,
				tap_now_ns() + 10000000, &out), ETIMEDOUT);
	/* Who receives is not held up. */
	expect_recv(m.fd, 2);
	if (claim_release(&m, pos) == KC_MOVED_KICK)
		expect_int(kick(m.fd), 0);
	expect_usable(&m);
	mapped_free(&m);
}

/* A reader waits for a claim. What is sent behind it stays behind it. */
static void sends_behind_a_send(void)
{
	uint64_t value = 0, armed_value = 5;
	unsigned long long pos;
	struct mapped m;
	struct call c;

	mapped_make(&m, 8, 5);
	pos = reader_behind_a_claim(&m, &c, &value, 2);
	mapped_send_u64(&m, 3);
	value = 4;
	expect_int(try_send(m.fd, &value, 8), 0);
	close(arm_send(m.fd, &armed_value, 8));
	value = 0;
	expect(!atomic_load(&c.done));
	expect_int(claim_publish(&m, pos, 1), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done(&c, 8);
	expect_int(value, 1);
	for (int i = 2; i < 6; i++)
		expect_mapped_recv(&m, i);
	expect_usable(&m);
	mapped_free(&m);
}

/* A claim has ended, and its kick comes later: who waits goes before the ring's users. */
static void ring_does_not_overtake(void)
{
	unsigned long long pos;
	uint64_t value = 0, taken = 0;
	struct mapped m;
	struct call c;

	mapped_make(&m, 8, 1);
	pos = reader_behind_a_claim(&m, &c, &value, 0);
	expect_int(claim_publish(&m, pos, 1), KC_MOVED_KICK);
	expect_int(ring_take(&m, &taken), KC_MOVED_NOT);
	expect_int(kick(m.fd), 0);
	expect_done(&c, 8);
	expect_int(value, 1);

	expect(shared_send(&m, &(uint64_t){ 2 }));
	must(claim_recv(&m, &pos, &value));
	value = 3;
	call_write(&c, m.fd, &value, 8);
	wait_senders(m.fd, 1);
	expect_int(claim_release(&m, pos), KC_MOVED_KICK);
	expect_int(ring_put(&m, 4), KC_MOVED_NOT);
	expect_int(kick(m.fd), 0);
	expect_done(&c, 8);
	expect_mapped_recv(&m, 3);
	expect_usable(&m);
	mapped_free(&m);
}

/* A full ring that a reader waits at is not ready for a send. */
static void full_behind_a_send(void)
{
	uint64_t value = 0, more = 3;
	unsigned long long pos;
	struct mapped m;
	struct call c;

	mapped_make(&m, 8, 2);
	pos = reader_behind_a_claim(&m, &c, &value, 2);
	expect_errno(try_send(m.fd, &more, 8), EAGAIN);
	expect_int(poll_now(m.fd), 0);
	expect_int(claim_publish(&m, pos, 1), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done(&c, 8);
	expect_int(value, 1);
	expect_mapped_recv(&m, 2);
	expect_usable(&m);
	mapped_free(&m);
}

/*
 * A claim ends while another call looks at the slot, twice it may be. That call came
 * last, and so is not served before who waits. To meet that moment often, the claim
 * ends and begins again all the time, until the kernel has used the slot.
 */
struct flicker {
	uint64_t *stamp;
	uint64_t claimed, ended;
	atomic_bool stop;
};

static void *flickers(void *arg)
{
	struct flicker *f = arg;
	uint64_t now;

	while (!atomic_load(&f->stop)) {
		now = f->claimed;
		__atomic_compare_exchange_n(f->stamp, &now, f->ended, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		now = f->ended;
		__atomic_compare_exchange_n(f->stamp, &now, f->claimed, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void nobody_overtakes(bool send)
{
	unsigned long rounds = tap_scale(200), i;

	for (i = 0; i < rounds; i++) {
		unsigned long long pos;
		struct flicker f = { 0 };
		uint64_t value = 1, mine = 2;
		pthread_t thread;
		struct mapped m;
		struct call c;
		int ret;

		mapped_make(&m, 8, 1);
		chan_nonblock(m.fd, false);
		if (send) {
			expect(shared_send(&m, &value));
			must(claim_recv(&m, &pos, &value));
			f.claimed = pos + 1;
			f.ended = kc_ring_lap(pos);
			value = 1;
			call_write(&c, m.fd, &value, 8);
			wait_senders(m.fd, 1);
		} else {
			must(claim_send(&m, &pos));
			f.claimed = pos;
			f.ended = pos + 1;
			call_read(&c, m.fd, &value, 8);
			wait_receivers(m.fd, 1);
		}
		f.stamp = (uint64_t *)&kc_ring_slot(&m.ring, pos)->stamp;
		thread_start(&thread, flickers, &f);
		do {
			ret = send ? try_send(m.fd, &mine, 8) : try_recv(m.fd, &mine, 8);
			/* There is room, or an element, for one: who waits. */
			expect_errno(ret, EAGAIN);
		} while (ret < 0 && errno == EAGAIN && !atomic_load(&c.done));
		atomic_store(&f.stop, true);
		thread_join(thread);
		if (ret < 0)
			expect_done(&c, 8);
		else
			i = rounds;
		mapped_free(&m);
	}
}

static void no_send_overtakes(void)
{
	nobody_overtakes(true);
}

static void no_receive_overtakes(void)
{
	nobody_overtakes(false);
}

static void reads_for_ever(void *arg)
{
	struct mapped *m = arg;
	uint64_t value;

	read(m->fd, &value, 8);
	must(!"ended");
}

static void waiters_can_be_stopped(void)
{
	unsigned long long pos;
	uint64_t value = 0;
	struct mapped m;
	struct call c;
	pid_t pid;

	mapped_make(&m, 8, 3);
	must(claim_send(&m, &pos));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	tap_about("by a signal");
	on_signal(SIGUSR1, 0);
	call_read(&c, m.fd, &value, 8);
	call_wait_asleep(&c);
	call_signal(&c, SIGUSR1);
	expect_done_errno(&c, EINTR);
	tap_about("by a kill");
	pid = spawn(reads_for_ever, &m);
	wait_receivers(m.fd, 1);
	must_int(kill(pid, SIGKILL), 0);
	expect_int(reap(pid), SIGKILL);
	tap_about("nothing is lost");
	if (claim_publish(&m, pos, 1) == KC_MOVED_KICK)
		expect_int(kick(m.fd), 0);
	expect_recv(m.fd, 1);
	expect_recv(m.fd, 2);
	expect_usable(&m);
	mapped_free(&m);
}

static int epoll_of(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	return ep;
}

/* The events that are there now, or 0. */
static uint32_t events_now(int ep)
{
	struct epoll_event event = { 0 };

	return epoll_wait(ep, &event, 1, 0) == 1 ? event.events : 0;
}

static void level(void)
{
	uint64_t value;
	struct mapped m;
	int in, out;

	mapped_make(&m, 8, 2);
	in = epoll_of(m.fd, EPOLLIN);
	out = epoll_of(m.fd, EPOLLOUT);
	for (int round = 0; round < 3; round++) {
		expect_int(events_now(in), 0);
		expect_int(events_now(out), EPOLLOUT);
		mapped_send_u64(&m, 1);
		expect_int(events_now(in), EPOLLIN);
		expect_int(events_now(in), EPOLLIN);
		mapped_send_u64(&m, 2);
		expect_int(events_now(out), 0);
		expect_int(events_now(in), EPOLLIN);
		expect_mapped_recv(&m, 1);
		expect_int(events_now(out), EPOLLOUT);
		expect_mapped_recv(&m, 2);
		expect_int(events_now(in), 0);
		expect_int(events_now(out), EPOLLOUT);
	}
	/* Every transfer tells the kernel while they are there, and none afterwards. */
	close(in);
	close(out);
	mapped_send_u64(&m, 1);
	expect_mapped_recv(&m, 1);
	expect_int(ring_put(&m, 2), KC_MOVED);
	expect_int(ring_take(&m, &value), KC_MOVED);
	mapped_free(&m);
}

static void edge(void)
{
	struct mapped m;
	int in, out;

	mapped_make(&m, 8, 2);
	in = epoll_of(m.fd, EPOLLIN | EPOLLET);
	out = epoll_of(m.fd, EPOLLOUT | EPOLLET);
	events_now(out);
	expect_int(events_now(in), 0);
	for (int round = 0; round < 3; round++) {
		tap_about("round %d", round);
		mapped_send_u64(&m, 1);
		expect_int(events_now(in), EPOLLIN);
		expect_int(events_now(in), 0);
		/* Each send is an edge. */
		mapped_send_u64(&m, 2);
		expect_int(events_now(in), EPOLLIN);
		expect_int(events_now(in), 0);
		events_now(out);
		expect_int(events_now(out), 0);
		expect_mapped_recv(&m, 1);
		expect_int(events_now(out) & EPOLLOUT, EPOLLOUT);
		expect_int(events_now(out), 0);
		expect_mapped_recv(&m, 2);
		events_now(out);
		events_now(in);
	}
	close(in);
	close(out);
	mapped_free(&m);
}

/* One claim after the other is published; each kick wakes one of two sleepers. */
static void exclusive(void)
{
	struct mapped m;
	unsigned long long pos[2];
	struct call c[2];
	int ep[2], woken = 0;

	mapped_make(&m, 8, 4);
	must(claim_send(&m, &pos[0]));
	must(claim_send(&m, &pos[1]));
	for (int i = 0; i < 2; i++) {
		ep[i] = epoll_of(m.fd, EPOLLIN | EPOLLEXCLUSIVE);
		call_epoll(&c[i], ep[i]);
		call_wait_asleep(&c[i]);
	}
	expect_int(claim_publish(&m, pos[0], 1), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	until(atomic_load(&c[0].done) || atomic_load(&c[1].done));
	woken = atomic_load(&c[0].done) ? 0 : 1;
	expect_done(&c[woken], 1);
	expect(!atomic_load(&c[!woken].done));
	expect_int(claim_publish(&m, pos[1], 2), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done(&c[!woken], 1);
	expect_recv(m.fd, 1);
	expect_recv(m.fd, 2);

	/* Two elements become readable at once: two are woken. */
	must(claim_send(&m, &pos[0]));
	must(claim_send(&m, &pos[1]));
	for (int i = 0; i < 2; i++) {
		call_epoll(&c[i], ep[i]);
		call_wait_asleep(&c[i]);
	}
	expect_int(claim_publish(&m, pos[1], 2), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_int(claim_publish(&m, pos[0], 1), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done(&c[0], 1);
	expect_done(&c[1], 1);
	expect_recv(m.fd, 1);
	expect_recv(m.fd, 2);
	close(ep[0]);
	close(ep[1]);
	expect_usable(&m);
	mapped_free(&m);
}

/* An element that was handed to an armed select and not read comes back, in front. */
static void put_back_armed(void)
{
	struct mapped m;
	struct cases c;
	int armed;
	uint64_t value;

	mapped_make(&m, 8, 2);
	cases_init(&c, 0, 0);
	add_recv(&c, m.fd, NULL, 8);
	for (int early = 0; early < 2; early++) {
		tap_about(early ? "armed first" : "armed with an element there");
		if (early)
			armed = arm(m.fd, &c);
		mapped_send_u64(&m, 1);
		if (!early)
			armed = arm(m.fd, &c);
		mapped_send_u64(&m, 2);
		mapped_send_u64(&m, 3);
		expect_int(chan_info(m.fd).in_flight, 1);
		close(armed);
		expect_int(chan_len(m.fd), 3);
		expect_int(ring_take(&m, &value), KC_MOVED_NOT);
		for (int i = 1; i < 4; i++)
			expect_mapped_recv(&m, i);
		expect_usable(&m);
	}
	mapped_free(&m);
}

/* A receiver that waits for a claim gets what comes back: that is older. */
static void put_back_to_who_waits(void)
{
	uint64_t value[2] = { 0 };
	unsigned long long pos;
	struct mapped m;
	struct call c[2];
	int armed;

	mapped_make(&m, 8, 3);
	mapped_send_u64(&m, 1);
	armed = arm_recv(m.fd, 8);
	expect_int(chan_info(m.fd).in_flight, 1);
	must(claim_send(&m, &pos));
	for (int i = 0; i < 2; i++) {
		call_read(&c[i], m.fd, &value[i], 8);
		wait_receivers(m.fd, i + 1);
	}
	close(armed);
	expect_done(&c[0], 8);
	expect_int(value[0], 1);
	expect_int(claim_publish(&m, pos, 2), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done(&c[1], 8);
	expect_int(value[1], 2);
	expect_usable(&m);

	tap_about("between a send and its kick");
	mapped_send_u64(&m, 1);
	armed = arm_recv(m.fd, 8);
	must(claim_send(&m, &pos));
	for (int i = 0; i < 2; i++) {
		call_read(&c[i], m.fd, &value[i], 8);
		wait_receivers(m.fd, i + 1);
	}
	expect_int(claim_publish(&m, pos, 2), KC_MOVED_KICK);
	close(armed);
	expect_int(kick(m.fd), 0);
	for (int i = 0; i < 2; i++) {
		expect_done(&c[i], 8);
		expect_int(value[i], i + 1);
	}
	expect_usable(&m);
	mapped_free(&m);
}

static void put_back_of_bad_reads(void)
{
	char *bad = map_pages(8);
	unsigned long long pos;
	struct mapped m;
	struct call c;

	must_int(mprotect(bad, page_size(), PROT_NONE), 0);
	mapped_make(&m, 8, 2);
	tap_about("an element is there");
	mapped_send_u64(&m, 1);
	mapped_send_u64(&m, 2);
	expect_errno(read(m.fd, bad, 8), EFAULT);
	expect_errno(try_recv(m.fd, bad, 8), EFAULT);
	expect_int(chan_len(m.fd), 2);
	expect_mapped_recv(&m, 1);
	expect_errno(write(m.fd, bad, 8), EFAULT);
	expect_errno(try_send(m.fd, bad, 8), EFAULT);
	expect_int(chan_len(m.fd), 1);
	expect_mapped_recv(&m, 2);
	expect_usable(&m);

	tap_about("the reader waits");
	must(claim_send(&m, &pos));
	must_int(mprotect(bad, page_size(), PROT_READ | PROT_WRITE), 0);
	call_read(&c, m.fd, bad, 8);
	call_wait_asleep(&c);
	must_int(mprotect(bad, page_size(), PROT_NONE), 0);
	expect_int(claim_publish(&m, pos, 3), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_done_errno(&c, EFAULT);
	mapped_send_u64(&m, 4);
	expect_recv(m.fd, 3);
	expect_mapped_recv(&m, 4);
	expect_usable(&m);

	tap_about("a part of a batch is good");
	for (int i = 0; i < 2; i++)
		mapped_send_u64(&m, i);
	bad = map_before_hole(8);
	expect_int(read(m.fd, bad, 16), 8);
	expect_int(*(uint64_t *)(void *)bad, 0);
	expect_mapped_recv(&m, 1);
	*(uint64_t *)(void *)bad = 5;
	expect_int(write(m.fd, bad, 16), 8);
	expect_mapped_recv(&m, 5);
	expect_usable(&m);
	mapped_free(&m);
}

static void closes(void)
{
	uint64_t value = 0;
	struct mapped m;
	struct call r;

	tap_about("with elements");
	mapped_make(&m, 8, 4);
	for (int i = 0; i < 3; i++)
		expect_int(ring_put(&m, i), KC_MOVED);
	chan_close(m.fd);
	expect_int(ring_put(&m, 9), KC_MOVED_NOT);
	expect_errno(write(m.fd, &value, 8), EPIPE);
	expect_int(poll_now(m.fd), POLLIN | POLLOUT | POLLRDHUP);
	for (int i = 0; i < 3; i++)
		expect_mapped_recv(&m, i);
	expect_end(m.fd);
	expect_int(kick(m.fd), 0);
	mapped_free(&m);

	tap_about("with a reader");
	mapped_make(&m, 8, 4);
	call_read(&r, m.fd, &value, 8);
	wait_receivers(m.fd, 1);
	chan_close(m.fd);
	expect_done(&r, 0);
	mapped_free(&m);

	tap_about("with a writer");
	mapped_make(&m, 8, 1);
	expect_int(ring_put(&m, 7), KC_MOVED);
	call_write(&r, m.fd, &value, 8);
	wait_senders(m.fd, 1);
	chan_close(m.fd);
	expect_done_errno(&r, EPIPE);
	expect_mapped_recv(&m, 7);
	expect_end(m.fd);
	mapped_free(&m);
}

/* A send that had claimed its slot before the close arrives, and then the end does. */
static void close_during_a_send(void)
{
	static const char * const texts[] = {
		"nobody waits", "a reader waits", "a reader has waited before",
	};

	for (int wait = 0; wait < 3; wait++) {
		uint64_t value = 0;
		unsigned long long pos;
		struct mapped m;
		struct call r;

		tap_about("%s", texts[wait]);
		mapped_make(&m, 8, 4);
		expect_int(ring_put(&m, 1), KC_MOVED);
		must(claim_send(&m, &pos));
		if (wait < 2)
			chan_close(m.fd);
		expect_recv(m.fd, 1);
		if (wait == 2) {
			call_read(&r, m.fd, &value, 8);
			wait_receivers(m.fd, 1);
			chan_close(m.fd);
		}
		chan_nonblock(m.fd, true);
		expect_errno(read(m.fd, &value, 8), EAGAIN);
		chan_nonblock(m.fd, false);
		expect(!(poll_now(m.fd) & (POLLHUP | POLLIN)));
		expect_int(kick(m.fd), 0);
		if (wait == 1) {
			call_read(&r, m.fd, &value, 8);
			wait_receivers(m.fd, 1);
		}
		if (claim_publish(&m, pos, 2) == KC_MOVED_KICK)
			expect_int(kick(m.fd), 0);
		else
			expect(!wait);
		if (wait) {
			expect_done(&r, 8);
			expect_int(value, 2);
		} else {
			expect_mapped_recv(&m, 2);
		}
		expect_end(m.fd);
		mapped_free(&m);
	}
}

/* The ring that is left drains first, and the claims in it end. */
static void resizes(void)
{
	for (int claims = 0; claims < 2; claims++) {
		unsigned long long sent, received;
		uint64_t value;
		struct mapped m;
		struct call w;

		tap_about(claims ? "with claims" : "without claims");
		mapped_make(&m, 8, 4);
		for (int i = 0; i < 3; i++)
			expect_int(ring_put(&m, i), KC_MOVED);
		if (claims) {
			must(claim_recv(&m, &received, &value));
			expect_int(value, 0);
			must(claim_send(&m, &sent));
		} else {
			expect_mapped_recv(&m, 0);
			expect(shared_send(&m, &(uint64_t){ 3 }));
		}
		chan_resize(m.fd, 6);
		expect_int(chan_info(m.fd).capacity, 6);
		expect_int(ring_put(&m, 4), KC_MOVED_NOT);
		send_u64(m.fd, 4);
		expect_recv(m.fd, 1);
		expect_mapped_recv(&m, 2);
		if (claims) {
			call_read(&w, m.fd, &value, 8);
			wait_receivers(m.fd, 1);
			expect_int(claim_publish(&m, sent, 3), KC_MOVED_KICK);
			expect_int(kick(m.fd), 0);
			expect_done(&w, 8);
			expect_int(value, 3);
			claim_release(&m, received);
			expect_int(kick(m.fd), 0);
		} else {
			expect_recv(m.fd, 3);
		}
		expect_mapped_recv(&m, 4);
		for (int i = 0; i < 20; i++) {
			expect_int(ring_put(&m, 4), KC_MOVED_NOT);
			mapped_send_u64(&m, i);
			expect_int(ring_take(&m, &value), KC_MOVED_NOT);
			expect_mapped_recv(&m, i);
		}
		mapped_unmap(&m);
		send_u64(m.fd, 5);
		expect_recv(m.fd, 5);
		mapped_free(&m);
	}
}

/* Unmapping the ring in the midst of claims gives them up. */
static void unmaps_with_claims(void)
{
	for (int fd_first = 0; fd_first < 2; fd_first++) {
		unsigned long long pos;
		uint64_t value = 0;
		struct mapped m;
		struct call c;

		tap_about("a send that is published, without its kick");
		mapped_make(&m, 8, 4);
		pos = reader_behind_a_claim(&m, &c, &value, 0);
		expect_int(claim_publish(&m, pos, 6), KC_MOVED_KICK);
		if (fd_first)
			close(m.map);
		mapped_unmap(&m);
		if (!fd_first)
			close(m.map);
		m.map = -1;
		expect_done(&c, 8);
		expect_int(value, 6);
		mapped_free(&m);

		tap_about("a send that is not published");
		mapped_make(&m, 8, 4);
		pos = reader_behind_a_claim(&m, &c, &value, 7);
		if (fd_first)
			close(m.map);
		mapped_unmap(&m);
		if (!fd_first)
			close(m.map);
		m.map = -1;
		expect_done(&c, 8);
		expect_int(value, 7);
		send_u64(m.fd, 8);
		expect_recv(m.fd, 8);
		mapped_free(&m);

		tap_about("a receive");
		mapped_make(&m, 8, 1);
		expect(shared_send(&m, &(uint64_t){ 9 }));
		must(claim_recv(&m, &pos, &value));
		call_write(&c, m.fd, &value, 8);
		wait_senders(m.fd, 1);
		if (fd_first)
			close(m.map);
		mapped_unmap(&m);
		if (!fd_first)
			close(m.map);
		m.map = -1;
		expect_done(&c, 8);
		expect_recv(m.fd, 9);
		send_u64(m.fd, 8);
		expect_recv(m.fd, 8);
		mapped_free(&m);
	}
}

/* What is queued when the ring is made leaves first. */
static void maps_a_channel_in_use(void)
{
	uint64_t value, more[3] = { 4, 5, 6 };
	struct mapped m;
	struct call c;
	int ep;

	tap_about("elements");
	m.fd = chan_make(0, 8, 4);
	for (int i = 0; i < 4; i++)
		send_u64(m.fd, i);
	mapped_open(&m, m.fd);
	expect_int(ring_take(&m, &value), KC_MOVED_NOT);
	expect_int(ring_put(&m, 4), KC_MOVED_NOT);
	expect_int(chan_len(m.fd), 4);
	chan_nonblock(m.fd, true);
	expect_errno(write(m.fd, &value, 8), EAGAIN);
	chan_nonblock(m.fd, false);
	expect_mapped_recv(&m, 0);
	mapped_send_u64(&m, 4);
	for (int i = 1; i < 5; i++)
		expect_mapped_recv(&m, i);
	expect_usable(&m);
	mapped_free(&m);

	tap_about("a writer");
	m.fd = chan_make(0, 8, 1);
	send_u64(m.fd, 3);
	call_write(&c, m.fd, more, sizeof(more));
	wait_senders(m.fd, 1);
	mapped_open(&m, m.fd);
	for (int i = 3; i < 7; i++)
		expect_mapped_recv(&m, i);
	expect_done(&c, 24);
	expect_usable(&m);
	mapped_free(&m);

	tap_about("a reader");
	m.fd = chan_make(0, 8, 1);
	call_read(&c, m.fd, &value, 8);
	wait_receivers(m.fd, 1);
	mapped_open(&m, m.fd);
	mapped_send_u64(&m, 7);
	expect_done(&c, 8);
	expect_int(value, 7);
	expect_usable(&m);
	mapped_free(&m);

	tap_about("an epoll");
	m.fd = chan_make(0, 8, 1);
	ep = epoll_of(m.fd, EPOLLIN);
	expect_int(events_now(ep), 0);
	mapped_open(&m, m.fd);
	call_epoll(&c, ep);
	call_wait_asleep(&c);
	mapped_send_u64(&m, 7);
	expect_done(&c, 1);
	expect_mapped_recv(&m, 7);
	close(ep);
	expect_usable(&m);
	mapped_free(&m);

	tap_about("closed");
	m.fd = chan_make(0, 8, 2);
	send_u64(m.fd, 7);
	chan_close(m.fd);
	mapped_open(&m, m.fd);
	expect_int(ring_put(&m, 8), KC_MOVED_NOT);
	expect_errno(write(m.fd, more, 8), EPIPE);
	expect_mapped_recv(&m, 7);
	expect_end(m.fd);
	mapped_free(&m);
}

/* A select of several cases, some of which are mapped. */
static void selects_of_several(void)
{
	unsigned long long pos;
	uint64_t value[3] = { 0 };
	struct mapped a, b;
	struct cases_call call;
	struct cases c;
	int plain = chan_make(0, 8, 2);

	mapped_make(&a, 8, 2);
	mapped_make(&b, 8, 2);
	cases_init(&c, 0, 0);
	add_recv(&c, plain, &value[0], 8);
	add_recv(&c, a.fd, &value[1], 8);
	add_recv(&c, b.fd, &value[2], 8);
	expect_int(cases_now(plain, &c), -1);
	expect_int(errno, EAGAIN);
	expect(shared_send(&b, &(uint64_t){ 5 }));
	expect_int(cases_now(plain, &c), 2);
	expect_int(value[2], 5);

	must(claim_send(&a, &pos));
	expect_int(cases_now(plain, &c), -1);
	call.c = c;
	call.c.s.cases = (uintptr_t)call.c.c;
	call.c.s.flags = 0;
	cases_start(&call, plain);
	wait_receivers(a.fd, 1);
	wait_receivers(b.fd, 1);
	expect_int(claim_publish(&a, pos, 6), KC_MOVED_KICK);
	expect_int(kick(a.fd), 0);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(value[1], 6);
	expect_usable(&a);
	expect_usable(&b);
	mapped_free(&a);
	mapped_free(&b);
}

static void large_elements(void)
{
	static char in[4096], out[4096];
	struct mapped m;

	for (uint32_t size = 1; size <= sizeof(in); size = size * 3 + 1) {
		tap_about("%u bytes", size);
		mapped_make(&m, size, 3);
		for (int i = 0; i < 30; i++) {
			fill(in, size, i);
			if (i & 1 || !shared_send(&m, in))
				must_int(write(m.fd, in, size), size);
			memset(out, POISON, size);
			if (i & 2 || !shared_recv(&m, out))
				must_int(read(m.fd, out, size), size);
			expect(filled(out, size, i));
		}
		mapped_free(&m);
	}
}

static const struct tap_test tests[] = {
	{ "by the ring and by the kernel in turns", in_turns },
	{ "elements of many sizes", large_elements },
	{ "batches", batches },
	{ "what other processes see", other_processes },
	{ "a reader waits", reader_waits },
	{ "a writer waits", writer_waits },
	{ "a kick serves who waits to receive", kick_serves_receivers },
	{ "a kick serves who waits to send", kick_serves_senders },
	{ "one kick serves many", one_kick_serves_many },
	{ "behind a send that is under way", behind_a_send },
	{ "sends behind a send that is under way", sends_behind_a_send },
	{ "behind a receive that is under way", behind_a_receive },
	{ "the ring's users do not overtake who waits", ring_does_not_overtake },
	{ "a full ring behind a send that is under way", full_behind_a_send },
	{ "no send overtakes one that waits", no_send_overtakes },
	{ "no receive overtakes one that waits", no_receive_overtakes },
	{ "who waits behind a claim can be stopped", waiters_can_be_stopped },
	{ "epoll, level-triggered", level },
	{ "epoll, edge-triggered", edge },
	{ "epoll, exclusive", exclusive },
	{ "an armed select that is closed unread", put_back_armed },
	{ "what comes back, and who waits behind a claim", put_back_to_who_waits },
	{ "bad buffers", put_back_of_bad_reads },
	{ "close", closes },
	{ "close during a send", close_during_a_send },
	{ "resize", resizes },
	{ "unmapping with claims", unmaps_with_claims },
	{ "a channel in use is mapped", maps_a_channel_in_use },
	{ "selects of several channels", selects_of_several },
};

TAP_MAIN(tests)
