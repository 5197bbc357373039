// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that use the ring, mixed with calls of each kind in this process and in
 * another one: nothing is lost or doubled, each sender's elements keep their order, and
 * nobody sleeps for ever.
 */
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <sys/epoll.h>

#include "armed.h"
#include "mapped.h"

enum kind {
	RING, CALL, BATCH, SELECT, POLL, EDGE, EXCLUSIVE, ARMED,
	BAD_BUFFER,		/* reads into a bad one now and then */
	UNREAD,			/* closes an armed select that has committed, now and then */
	NR_KINDS
};

static const char * const kind_names[] = {
	"ring", "call", "batch", "select", "poll", "edge", "exclusive", "armed", "bad buffer",
	"unread",
};

enum { MAX_SENDERS = 12, MAX_EACH = 4096, MAX_SIZE = 200, BATCH_LEN = 5 };

/* All processes see this. */
static struct shared {
	unsigned int each;
	bool ordered;
	atomic_uint ready;		/* workers that have their ends */
	atomic_bool go;
	atomic_uint sent[MAX_SENDERS];	/* and acknowledged */
	atomic_uint started[MAX_SENDERS];
	atomic_uchar got[MAX_SENDERS][MAX_EACH];
	atomic_uint senders_done;
} *shared;

static struct mapped ring;
/* Held while a thread uses the ring, so that it can be unmapped. */
static pthread_rwlock_t ring_lock = PTHREAD_RWLOCK_INITIALIZER;

struct worker {
	enum kind kind;
	int sender;			/* or -1 */
	int fd, ep, armed;
	struct cases cases;
	char elem[BATCH_LEN][MAX_SIZE];
	char packed[BATCH_LEN * MAX_SIZE];
	char *bad;
	uint64_t seed;
	unsigned int last[MAX_SENDERS];
	pthread_t thread;
};

static uint32_t elem_size;

static void wait_ready(struct worker *w, short events)
{
	struct pollfd p = { .fd = w->fd, .events = events };
	struct epoll_event event;

	if (w->ep < 0) {
		until(poll(&p, 1, -1) == 1 || errno != EINTR);
	} else {
		until(epoll_wait(w->ep, &event, 1, -1) == 1 || errno != EINTR);
	}
}

/* The armed select's outcome: 1, or 0 for EPIPE. */
static int armed_outcome(struct worker *w)
{
	static _Thread_local char buf[sizeof(struct kchan_commit) + MAX_SIZE];
	struct pollfd p = { .fd = w->armed, .events = POLLIN };
	struct kchan_commit commit;
	ssize_t got;

	until(poll(&p, 1, -1) == 1 || errno != EINTR);
	got = read(w->armed, buf, sizeof(buf));
	must(got >= (ssize_t)sizeof(commit));
	memcpy(&commit, buf, sizeof(commit));
	if (commit.status) {
		must_int(commit.status, EPIPE);
		return 0;
	}
	if (w->sender < 0)
		memcpy(w->elem[0], buf + sizeof(commit), elem_size);
	return 1;
}

static void arm_it(struct worker *w)
{
	cases_init(&w->cases, 0, 0);
	if (w->sender < 0)
		add_recv(&w->cases, w->fd, NULL, elem_size);
	else
		add_send(&w->cases, w->fd, w->elem[0], elem_size);
	if (w->armed < 0)
		w->armed = arm(w->fd, &w->cases);
	else
		must_int(try_rearm(w->armed, &w->cases), 0);
}

static bool through_ring(struct worker *w)
{
	bool moved;

	must_int(pthread_rwlock_rdlock(&ring_lock), 0);
	moved = ring.ring.mem && (w->sender < 0 ? shared_recv(&ring, w->elem[0]) :
				  shared_send(&ring, w->elem[0]));
	must_int(pthread_rwlock_unlock(&ring_lock), 0);
	return moved;
}

/* A read or write of so many elements: how many moved, 0 when the channel has ended. */
static int call(struct worker *w, int many)
{
	ssize_t ret;
	int i;

	for (i = 0; w->sender >= 0 && i < many; i++)
		memcpy(w->packed + i * elem_size, w->elem[i], elem_size);
	for (;;) {
		if (w->sender < 0)
			ret = read(w->fd, w->packed, many * elem_size);
		else
			ret = write(w->fd, w->packed, many * elem_size);
		if (ret >= 0 || errno != EINTR)
			break;
	}
	if (ret < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (w->sender >= 0 && ret < 0 && errno == EPIPE)
		return 0;
	must(ret >= 0 && ret % elem_size == 0);
	for (i = 0; w->sender < 0 && i < ret / elem_size; i++)
		memcpy(w->elem[i], w->packed + i * elem_size, elem_size);
	return ret / elem_size;
}

/* Moves up to so many: how many did, 0 when the channel has ended. */
static int transfer(struct worker *w, int many)
{
	struct kchan_select out;
	int ret;

	switch (w->kind) {
	case RING:
		return through_ring(w) ? 1 : call(w, 1);
	case BATCH:
		return call(w, many);
	case SELECT:
		while ((ret = select_one(w->fd, w->sender < 0 ? KCHAN_OP_RECV : KCHAN_OP_SEND,
					 w->elem[0], elem_size, 0, 0, &out)) < 0 && errno == EINTR)
			;
		must_int(ret, 0);
		if (out.status)
			must_int(out.status, EPIPE);
		return !out.status;
	case POLL:
	case EXCLUSIVE:
	case EDGE:
		while ((ret = call(w, 1)) == -EAGAIN)
			wait_ready(w, w->sender < 0 ? POLLIN : POLLOUT);
		return ret;
	case UNREAD:
		arm_it(w);
		if (rnd(&w->seed) % 4 == 0) {
			if (rnd(&w->seed) % 2)
				sched_yield();
			close(w->armed);
			w->armed = -1;
			arm_it(w);
		}
		return armed_outcome(w);
	case ARMED:
		arm_it(w);
		return armed_outcome(w);
	case BAD_BUFFER:
		if (rnd(&w->seed) % 2) {
			ssize_t got = read(w->fd, w->bad, elem_size);

			if (got < 0)
				must(errno == EFAULT || errno == EINTR);
			else
				must_int(got, 0);
			if (!got)
				return 0;
		}
		return call(w, 1);
	default:
		return call(w, 1);
	}
}

static void send_all(struct worker *w)
{
	atomic_uint *sent = &shared->sent[w->sender];
	unsigned int at = 0;

	while (at < shared->each) {
		int many = w->kind == BATCH ? 1 + (int)(rnd(&w->seed) % BATCH_LEN) : 1, moved;

		if (many > (int)(shared->each - at))
			many = shared->each - at;
		for (int i = 0; i < many; i++) {
			uint32_t head[2] = { w->sender, at + i };

			fill(w->elem[i], elem_size, head[1] * 7 + w->sender);
			memcpy(w->elem[i], head, sizeof(head));
		}
		atomic_store(&shared->started[w->sender], at + many);
		moved = transfer(w, many);
		if (!moved)
			break;
		at += moved;
		atomic_store(sent, at);
	}
	atomic_fetch_add(&shared->senders_done, 1);
}

static void check(struct worker *w, char *elem)
{
	uint32_t head[2];
	static _Thread_local char want[MAX_SIZE];

	memcpy(head, elem, sizeof(head));
	must(head[0] < MAX_SENDERS && head[1] < shared->each);
	fill(want, elem_size, head[1] * 7 + head[0]);
	memcpy(want, head, sizeof(head));
	must(memcmp(want, elem, elem_size) == 0);
	if (atomic_fetch_add(&shared->got[head[0]][head[1]], 1))
		tap_fail(__FILE__, __LINE__, "%u of sender %u came twice", head[1], head[0]);
	if (shared->ordered && head[1] + 1 <= w->last[head[0]])
		tap_fail(__FILE__, __LINE__, "%s: %u of sender %u came after %u",
			 kind_names[w->kind], head[1], head[0], w->last[head[0]] - 1);
	w->last[head[0]] = head[1] + 1;
}

static void receive_all(struct worker *w)
{
	for (;;) {
		int many = 1 + (int)(rnd(&w->seed) % BATCH_LEN), moved;

		moved = transfer(w, many);
		if (!moved)
			return;
		for (int i = 0; i < moved; i++)
			check(w, w->elem[i]);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool nonblock = w->kind == POLL || w->kind == EXCLUSIVE || w->kind == EDGE;
	struct epoll_event event = { .events = w->sender < 0 ? EPOLLIN : EPOLLOUT };

	w->fd = end_make(ring.fd, (w->sender < 0 ? KCHAN_END_RECV : KCHAN_END_SEND) |
			 (nonblock ? KCHAN_END_NONBLOCK : 0));
	w->ep = -1;
	w->armed = -1;
	w->seed = w->sender * 77 + w->kind + 1;
	if (w->kind == EXCLUSIVE || w->kind == EDGE) {
		event.events |= w->kind == EDGE ? EPOLLET : EPOLLEXCLUSIVE;
		w->ep = epoll_create1(EPOLL_CLOEXEC);
		must(w->ep >= 0);
		must_int(epoll_ctl(w->ep, EPOLL_CTL_ADD, w->fd, &event), 0);
	}
	if (w->kind == BAD_BUFFER) {
		w->bad = map_pages(1);
		must_int(mprotect(w->bad, page_size(), PROT_NONE), 0);
	}
	atomic_fetch_add(&shared->ready, 1);
	until(atomic_load(&shared->go));
	if (w->sender < 0)
		receive_all(w);
	else
		send_all(w);
	if (w->armed >= 0)
		close(w->armed);
	if (w->ep >= 0)
		close(w->ep);
	close(w->fd);
	return NULL;
}

enum { MAX_WORKERS = 24 };

/* Who works: those of one process. */
struct team {
	unsigned int nr;
	struct worker w[MAX_WORKERS];
};

static void add(struct team *t, enum kind kind, int sender)
{
	must(t->nr < MAX_WORKERS);
	memset(&t->w[t->nr], 0, sizeof(t->w[0]));
	t->w[t->nr].kind = kind;
	t->w[t->nr++].sender = sender;
}

static void team_start(struct team *t)
{
	for (unsigned int i = 0; i < t->nr; i++)
		thread_start(&t->w[i].thread, work, &t->w[i]);
}

static void team_join(struct team *t)
{
	for (unsigned int i = 0; i < t->nr; i++)
		thread_join(t->w[i].thread);
}

/* What happens while they work. */
enum upset { CALM, CLOSES, RESIZES, UNMAPS, SIGNALS };

static void other_process(void *arg)
{
	team_start(arg);
	team_join(arg);
}

static unsigned int sent_by_all(void)
{
	unsigned int sum = 0;

	for (int i = 0; i < MAX_SENDERS; i++)
		sum += atomic_load(&shared->sent[i]);
	return sum;
}

static void upset_them(enum upset upset, struct team *here, unsigned int senders, uint64_t *seed)
{
	unsigned int when = rnd(seed) % (senders * shared->each);

	switch (upset) {
	case CALM:
		return;
	case SIGNALS:
		while (atomic_load(&shared->senders_done) < senders) {
			const struct timespec nap = { .tv_nsec = 300000 };

			pthread_kill(here->w[rnd(seed) % here->nr].thread, SIGUSR1);
			nanosleep(&nap, NULL);
		}
		return;
	default:
		break;
	}
	/* Or at the end, when the senders were faster. */
	until(sent_by_all() >= when || atomic_load(&shared->senders_done) == senders);
	if (upset == CLOSES) {
		chan_close(ring.fd);
	} else if (upset == RESIZES) {
		for (int i = 0; i < 5; i++) {
			if (try_resize(ring.fd, 1 + rnd(seed) % 20))
				must_int(errno, EBUSY);
			sched_yield();
		}
	} else if (upset == UNMAPS) {
		close(ring.map);
		ring.map = -1;
		must_int(pthread_rwlock_wrlock(&ring_lock), 0);
		mapped_unmap(&ring);
		must_int(pthread_rwlock_unlock(&ring_lock), 0);
	}
}

static void verify(unsigned int senders)
{
	for (unsigned int s = 0; s < senders; s++) {
		unsigned int sent = atomic_load(&shared->sent[s]);
		unsigned int started = atomic_load(&shared->started[s]);

		for (unsigned int i = 0; i < shared->each; i++) {
			unsigned int got = atomic_load(&shared->got[s][i]);

			if (got != 1 && i < sent)
				tap_fail(__FILE__, __LINE__, "%u of sender %u came %u times", i,
					 s, got);
			if (got && i >= started)
				tap_fail(__FILE__, __LINE__, "%u of sender %u was not sent", i, s);
		}
	}
}

static struct team here, there;
static uint64_t dice = 5;

static void begin(unsigned long each, bool ordered)
{
	if (!shared)
		shared = shared_pages(sizeof(*shared));
	memset(shared, 0, sizeof(*shared));
	shared->each = tap_scale(each);
	must(shared->each <= MAX_EACH);
	shared->ordered = ordered;
	here.nr = 0;
	there.nr = 0;
}

static void run(uint32_t size, uint32_t capacity, unsigned int senders, enum upset upset)
{
	pid_t pid = -1;

	elem_size = size;
	mapped_make(&ring, size, capacity);
	on_signal(SIGUSR1, SA_RESTART);
	if (there.nr)
		pid = spawn(other_process, &there);
	team_start(&here);
	until(atomic_load(&shared->ready) == here.nr + there.nr);
	atomic_store(&shared->go, true);
	upset_them(upset, &here, senders, &dice);
	/* The watchdog ends what hangs. */
	while (atomic_load(&shared->senders_done) < senders) {
		const struct timespec nap = { .tv_nsec = 1000000 };

		nanosleep(&nap, NULL);
	}
	if (upset != CLOSES)
		chan_close(ring.fd);
	team_join(&here);
	if (pid >= 0)
		expect_exit(pid);
	verify(senders);
	expect_int(chan_len(ring.fd), 0);
	expect_idle(ring.fd);
	expect(!(chan_info(ring.fd).flags & KCHAN_INFO_BROKEN));
	mapped_free(&ring);
}

static void ring_alone(void)
{
	static const uint32_t capacities[] = { 1, 2, 3, 64 };

	for (size_t c = 0; c < ARRAY_SIZE(capacities); c++) {
		tap_about("capacity %u", capacities[c]);
		begin(1000, true);
		for (int i = 0; i < 4; i++) {
			add(&here, RING, i);
			add(&here, RING, -1);
		}
		run(c % 2 ? 8 : 40, capacities[c], 4, CALM);
	}
}

/* One kind at a time, so that no other one wakes it by chance. */
static void ring_sends(void)
{
	for (enum kind kind = CALL; kind < NR_KINDS; kind++) {
		for (uint32_t capacity = 1; capacity < 10; capacity += 4) {
			tap_about("%s, capacity %u", kind_names[kind], capacity);
			begin(400, kind < BAD_BUFFER);
			add(&here, RING, 0);
			add(&here, RING, 1);
			add(&there, kind, -1);
			add(&there, kind, -1);
			run(8, capacity, 2, CALM);
		}
	}
}

static void ring_receives(void)
{
	for (enum kind kind = CALL; kind <= ARMED; kind++) {
		/*
		 * An exclusive set that is woken for room, hands its last elements to parked
		 * receivers and ends, leaves the room to nobody.
		 */
		if (kind == EXCLUSIVE)
			continue;
		for (uint32_t capacity = 1; capacity < 10; capacity += 4) {
			tap_about("%s, capacity %u", kind_names[kind], capacity);
			begin(400, true);
			add(&here, RING, -1);
			add(&here, RING, -1);
			add(&there, kind, 0);
			add(&there, kind, 1);
			run(8, capacity, 2, CALM);
		}
	}
}

/* Everybody at once. Those in this process use the ring, or calls. */
static unsigned int everybody(bool put_backs)
{
	unsigned int senders = 0;

	for (enum kind kind = CALL; kind <= ARMED; kind++) {
		if (kind % 2)
			add(&there, kind, senders++);
		else
			add(&here, kind, senders++);
		add(kind % 2 ? &here : &there, kind, -1);
	}
	for (int i = 0; i < 2; i++) {
		add(&here, RING, senders++);
		add(&here, RING, -1);
	}
	if (put_backs) {
		add(&there, BAD_BUFFER, -1);
		add(&there, UNREAD, -1);
		add(&here, BAD_BUFFER, -1);
		add(&here, UNREAD, -1);
	}
	return senders;
}

static void all_kinds(void)
{
	for (uint32_t capacity = 1; capacity < 30; capacity = capacity * 3 + 1) {
		tap_about("capacity %u", capacity);
		begin(400, true);
		run(capacity % 2 ? 8 : 200, capacity, everybody(false), CALM);
	}
}

static void put_backs(void)
{
	for (uint32_t capacity = 1; capacity < 30; capacity = capacity * 3 + 1) {
		tap_about("capacity %u", capacity);
		begin(400, false);
		run(8, capacity, everybody(true), CALM);
	}
}

static void upsets(enum upset upset, unsigned long rounds)
{
	rounds = tap_scale(rounds);
	for (unsigned long round = 0; round < rounds; round++) {
		uint32_t capacity = 1 + rnd(&dice) % 20;

		tap_about("round %lu, capacity %u", round, capacity);
		begin(100, round % 2);
		run(8, capacity, everybody(round % 2 == 0), upset);
	}
}

static void closed_meanwhile(void)
{
	upsets(CLOSES, 30);
}

static void resized_meanwhile(void)
{
	upsets(RESIZES, 30);
}

static void unmapped_meanwhile(void)
{
	upsets(UNMAPS, 30);
}

static void signalled_meanwhile(void)
{
	upsets(SIGNALS, 10);
}

static const struct tap_test tests[] = {
	{ "the ring alone", ring_alone },
	{ "the ring sends", ring_sends },
	{ "the ring receives", ring_receives },
	{ "all kinds of calls", all_kinds },
	{ "elements that come back", put_backs },
	{ "closed meanwhile", closed_meanwhile },
	{ "resized meanwhile", resized_meanwhile },
	{ "unmapped meanwhile", unmapped_meanwhile },
	{ "signals meanwhile", signalled_meanwhile },
};

TAP_MAIN(tests)
