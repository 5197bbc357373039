// SPDX-License-Identifier: GPL-2.0-only
/*
 * 16 threads and 4 processes over 8 channels, rendezvous and buffered, in both
 * directions: selects, and among them plain calls; with deadlines, defaults,
 * signals and resizes; for a time, then close. Every element that its sender was
 * told it had sent is received, once and whole, and no other.
 *
 * A sender's element bears its number, and goes to several channels in one select:
 * if two cases of it fire, it is received twice.
 *
 * KCHAN_STRESS_TIME is for how many seconds each test runs (10), KCHAN_STRESS_SEED
 * what it draws its numbers from (the clock).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "account.h"
#include "cases.h"

#define THREADS		16
#define PROCESSES	4
#define TASKS		(THREADS + PROCESSES)
#define CHANNELS	8
#define CASES		12

static const struct geometry {
	bool message;
	uint32_t size;
	uint32_t capacity;
	bool resized;
} geometries[CHANNELS] = {
	{ false, 16, 0, false },
	{ false, 200, 0, false },
	{ true, 120, 0, false },
	{ false, 5000, 0, false },
	{ false, 16, 1, false },
	{ false, 128, 4, true },
	{ true, 6000, 2, true },
	{ false, 4096, 32, false },
};

/* Who does what. */
enum role { SELECTS, SENDS, RECEIVES, TIMED };

static enum role role_of(unsigned int id)
{
	if (id < 2)
		return SENDS;
	if (id < 4)
		return RECEIVES;
	return id < 6 ? TIMED : SELECTS;
}

/* What calls came to. */
enum outcome { MOVED, CLOSED, NOTHING, TIMED_OUT, INTERRUPTED, FAULT, POLLED,
	       OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {
	"moved", "closed", "EAGAIN", "timed out", "interrupted", "EFAULT",
	"polled",
};

struct task {
	struct stress *s;
	unsigned int id;
	atomic_int tid;
	atomic_ulong outcomes[OUTCOMES];
};

struct stress {
	int fd[CHANNELS];
	int event;
	bool faults;
	uint64_t seed;
	atomic_bool stop;
	atomic_ulong carried[CHANNELS];
	struct account *account;
	struct task tasks[TASKS];
};

/* What a task has to itself. */
struct self {
	struct task *t;
	struct stress *s;
	uint64_t seed;
	unsigned int open;		/* channels that have not ended */
	bool done;			/* it sends no more */
	char *out[CHANNELS];
	uint32_t made[CHANNELS];	/* number of the element in out[], and 1 */
	char *in;			/* room for each case */
	size_t in_bytes;
	uint32_t next[CHANNELS][TASKS];	/* the least to come, by sender */
	/* With faults: whether it is in a call, when @in may go and come. */
	pthread_mutex_t lock;
	bool in_call;
	atomic_bool ended;
};

static bool one_in(struct self *me, unsigned int n)
{
	return rnd(&me->seed) % n == 0;
}

static void count(struct self *me, enum outcome what)
{
	atomic_fetch_add(&me->t->outcomes[what], 1);
}

static char *room_of(struct self *me, unsigned int i)
{
	return me->in + i * (me->in_bytes / CASES);
}

/* The element that is to be sent next, as that channel takes it. */
static const void *next_element(struct self *me, unsigned int ch, uint32_t *len)
{
	const struct geometry *g = &geometries[ch];
	struct tag tag = account_next(me->s->account, me->t->id);

	*len = account_len(&tag, g->message, g->size);
	if (me->made[ch] != tag.number + 1) {
		account_fill(me->out[ch], *len, &tag);
		me->made[ch] = tag.number + 1;
	}
	return me->out[ch];
}

static void sent(struct self *me, unsigned int ch)
{
	atomic_fetch_add(&me->s->carried[ch], 1);
	if (!account_sent(me->s->account, me->t->id))
		me->done = true;
	count(me, MOVED);
}

static void received(struct self *me, unsigned int ch, const void *data,
		     uint32_t len)
{
	const struct geometry *g = &geometries[ch];
	struct tag tag = account_received(me->s->account, data, len, g->message,
					  g->size);

	/* In order, if none is put back. */
	if (!me->s->faults)
		must(tag.number >= me->next[ch][tag.sender]);
	me->next[ch][tag.sender] = tag.number + 1;
	count(me, MOVED);
}

/* In those tests, some of them, threads and processes. */
static bool loses_memory(struct self *me)
{
	return me->s->faults && me->t->id % 4 == 2;
}

/* That a call has failed, as it may. */
static void failed(struct self *me, int error)
{
	switch (error) {
	case EAGAIN:
		count(me, NOTHING);
		break;
	case ETIMEDOUT:
		count(me, TIMED_OUT);
		break;
	case EINTR:
		count(me, INTERRUPTED);
		break;
	case EFAULT:
		must(loses_memory(me));
		count(me, FAULT);
		break;
	default:
		errno = error;
		must_int(-1, 0);
	}
}

static void enter(struct self *me)
{
	pthread_mutex_lock(&me->lock);
	me->in_call = true;
	pthread_mutex_unlock(&me->lock);
}

/* What is in memory can be looked at from now on. */
static void leave(struct self *me)
{
	int error = errno;

	pthread_mutex_lock(&me->lock);
	me->in_call = false;
	if (loses_memory(me))
		must(!mprotect(me->in, me->in_bytes, PROT_READ | PROT_WRITE));
	pthread_mutex_unlock(&me->lock);
	errno = error;
}

static void add_channel(struct self *me, struct cases *c)
{
	unsigned int ch = rnd(&me->seed) % CHANNELS;
	const void *element;
	uint32_t len;

	if (!me->done && one_in(me, 2)) {
		element = next_element(me, ch, &len);
		add_send(c, me->s->fd[ch], element, len);
	} else if (me->open & 1U << ch) {
		add_recv(c, me->s->fd[ch], room_of(me, c->nr),
			 geometries[ch].size);
	} else {
		add_recv(c, -1, NULL, 0);
	}
}

/* All that are left, once it sends no more. */
static void add_rest(struct self *me, struct cases *c)
{
	for (unsigned int ch = 0; ch < CHANNELS; ch++)
		if (me->open & 1U << ch)
			add_recv(c, me->s->fd[ch], room_of(me, c->nr),
				 geometries[ch].size);
}

static void draw_wait(struct self *me, struct cases *c)
{
	switch (rnd(&me->seed) % 8) {
	case 0:
	case 1:
		c->s.flags = KCHAN_SELECT_NONBLOCK;
		break;
	case 2:
		/* Until it moves, or a signal comes. */
		break;
	default:
		c->s.flags = KCHAN_SELECT_DEADLINE;
		c->s.deadline = (uint64_t)tap_now_ns() +
				rnd(&me->seed) % 1000000;
	}
}

static unsigned int channel_of(struct self *me, const struct kchan_case *c)
{
	unsigned int ch;

	for (ch = 0; ch < CHANNELS - 1; ch++)
		if (me->s->fd[ch] == c->fd)
			break;
	return ch;
}

static void chosen(struct self *me, struct cases *c)
{
	const struct kchan_case *at = &c->c[c->s.index];
	unsigned int ch = channel_of(me, at);
	uint64_t one;

	if (at->op == KCHAN_OP_POLL) {
		must_int(c->s.events, EPOLLIN);
		/* A hint: another may have taken it. */
		if (read(me->s->event, &one, sizeof(one)) < 0)
			must_int(errno, EAGAIN);
		count(me, POLLED);
	} else if (c->s.status) {
		must_int(c->s.status, EPIPE);
		must(atomic_load(&me->s->stop));
		if (at->op == KCHAN_OP_SEND)
			me->done = true;
		else
			me->open &= ~(1U << ch);
		count(me, CLOSED);
	} else if (at->op == KCHAN_OP_SEND) {
		must_int(c->s.len, at->len);
		sent(me, ch);
	} else {
		received(me, ch, room_of(me, c->s.index), c->s.len);
	}
}

static void run_select(struct self *me, unsigned int most)
{
	unsigned int nr = 1 + rnd(&me->seed) % most;
	struct cases c;
	int ret;

	cases_init(&c, 0, 0);
	if (me->done)
		add_rest(me, &c);
	for (; !me->done && nr; nr--) {
		if (most > 1 && one_in(me, 12))
			add_poll(&c, me->s->event, EPOLLIN);
		else
			add_channel(me, &c);
	}
	draw_wait(me, &c);
	enter(me);
	ret = cases_run(me->s->fd[rnd(&me->seed) % CHANNELS], &c);
	leave(me);
	if (ret)
		failed(me, errno);
	else
		chosen(me, &c);
}

static void run_write(struct self *me)
{
	unsigned int ch = rnd(&me->seed) % CHANNELS;
	const void *element;
	uint32_t len;
	ssize_t ret;

	element = next_element(me, ch, &len);
	ret = write(me->s->fd[ch], element, len);
	if (ret >= 0) {
		must_int(ret, len);
		sent(me, ch);
	} else if (errno == EPIPE) {
		must(atomic_load(&me->s->stop));
		me->done = true;
		count(me, CLOSED);
	} else {
		failed(me, errno);
	}
}

static void run_read(struct self *me)
{
	unsigned int ch = rnd(&me->seed) % CHANNELS;
	ssize_t ret;

	if (!(me->open & 1U << ch))
		return;
	enter(me);
	ret = read(me->s->fd[ch], me->in, geometries[ch].size);
	leave(me);
	if (ret > 0) {
		received(me, ch, me->in, (uint32_t)ret);
	} else if (ret == 0) {
		must(atomic_load(&me->s->stop));
		me->open &= ~(1U << ch);
		count(me, CLOSED);
	} else {
		failed(me, errno);
	}
}

static void run_role(struct self *me)
{
	switch (role_of(me->t->id)) {
	case SENDS:
		if (!me->done) {
			run_write(me);
			break;
		}
		/* It sees the channels end, like others. */
		__attribute__((fallthrough));
	case RECEIVES:
		run_read(me);
		break;
	case TIMED:
		run_select(me, 1);
		break;
	case SELECTS:
		run_select(me, CASES);
		break;
	}
}

/* Takes a receiver's memory away while it is in a call, and gives it back. */
static void *takes_memory(void *arg)
{
	struct self *me = arg;
	const long most = tap_instrumented() ? 20000000 : 1000000;
	uint64_t seed = me->s->seed + 100 + me->t->id;

	while (!atomic_load(&me->ended)) {
		struct timespec nap = { .tv_nsec = rnd(&seed) % most };

		nanosleep(&nap, NULL);
		pthread_mutex_lock(&me->lock);
		if (me->in_call)
			must_int(mprotect(me->in, me->in_bytes,
					  rnd(&seed) % 2 ? PROT_NONE :
					  PROT_READ | PROT_WRITE), 0);
		pthread_mutex_unlock(&me->lock);
	}
	return NULL;
}

static void run_task(void *arg)
{
	struct task *t = arg;
	struct self *me = calloc(1, sizeof(*me));
	pthread_t taker;

	must(me);
	me->t = t;
	me->s = t->s;
	me->seed = t->s->seed + t->id;
	me->open = (1U << CHANNELS) - 1;
	pthread_mutex_init(&me->lock, NULL);
	me->in_bytes = CASES * 2 * page_size();
	me->in = map_pages(me->in_bytes);
	for (unsigned int ch = 0; ch < CHANNELS; ch++)
		me->out[ch] = map_pages(geometries[ch].size);
	if (loses_memory(me))
		thread_start(&taker, takes_memory, me);
	atomic_store(&t->tid, (int)syscall(SYS_gettid));
	while (me->open)
		run_role(me);
	atomic_store(&me->ended, true);
	if (loses_memory(me))
		thread_join(taker);
	atomic_store(&t->tid, 0);
	free(me);
}

static void *run_thread(void *arg)
{
	run_task(arg);
	return NULL;
}

/* A signal to one of them: one that restarts what it meets, or one that does not. */
static void signal_one(struct stress *s, uint64_t *seed)
{
	struct task *t = &s->tasks[rnd(seed) % TASKS];
	int tid = atomic_load(&t->tid);
	int sig = rnd(seed) % 2 ? SIGUSR1 : SIGUSR2;

	if (tid && t->id < THREADS)
		syscall(SYS_tgkill, getpid(), tid, sig);
	else if (tid)
		kill(tid, sig);
}

static void disturb(struct stress *s, uint64_t *seed)
{
	const struct timespec nap = { .tv_nsec = 100000 };
	unsigned int ch = rnd(seed) % CHANNELS;
	uint64_t one = 1;

	signal_one(s, seed);
	if (geometries[ch].resized && try_resize(s->fd[ch], rnd(seed) % 6))
		must_int(errno, EBUSY);
	if (rnd(seed) % 16 == 0)
		must_int(write(s->event, &one, sizeof(one)), sizeof(one));
	nanosleep(&nap, NULL);
}

static void check_all(struct stress *s)
{
	const unsigned long elements = account_check(s->account);
	/* So many that all ways of being moved, or not, have been there. */
	const bool many = elements > 5000;

	tap_note("%lu elements", elements);
	expect(elements > 0);
	for (unsigned int ch = 0; ch < CHANNELS; ch++) {
		struct kchan_info info = chan_info(s->fd[ch]);

		tap_about("channel %u", ch);
		/* Who was told that it has ended was told so for good. */
		expect_int(info.len, 0);
		expect_int(info.in_flight, 0);
		expect_int(info.send_waiters, 0);
		expect_int(info.recv_waiters, 0);
		expect(!many || atomic_load(&s->carried[ch]) > 0);
	}
	tap_about("%s", "");
	for (int k = 0; k < OUTCOMES; k++) {
		unsigned long calls = 0;

		for (unsigned int i = 0; i < TASKS; i++)
			calls += atomic_load(&s->tasks[i].outcomes[k]);
		tap_note("%lu calls: %s", calls, outcome_names[k]);
		expect(!many || calls > 0 || (k == FAULT && !s->faults));
	}
}

/* Signals, until they have ended: one may wait for nothing at all. */
static void wait_ended(struct stress *s, uint64_t *seed)
{
	const long long end = tap_now_ns() + tap_patience() * 1000000000LL;
	const struct timespec nap = { .tv_nsec = 100000 };

	for (unsigned int i = 0; i < TASKS; i++) {
		while (atomic_load(&s->tasks[i].tid)) {
			signal_one(s, seed);
			nanosleep(&nap, NULL);
			must(tap_now_ns() < end);
		}
	}
}

static void run(bool faults)
{
	struct stress *s = shared_pages(sizeof(*s));
	const unsigned long seconds = number_from("KCHAN_STRESS_TIME", 10);
	pthread_t threads[THREADS];
	pid_t pids[PROCESSES];
	long long end;
	uint64_t seed;

	s->seed = number_from("KCHAN_STRESS_SEED", (unsigned long)tap_now_ns());
	s->faults = faults;
	s->account = account_open(TASKS);
	tap_note("seed %llu", (unsigned long long)s->seed);
	s->event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	for (unsigned int ch = 0; ch < CHANNELS; ch++)
		s->fd[ch] = chan_make(geometries[ch].message ?
				      KCHAN_SETUP_MESSAGE : 0,
				      geometries[ch].size,
				      geometries[ch].capacity);
	on_signal(SIGUSR1, 0);
	on_signal(SIGUSR2, SA_RESTART);
	for (unsigned int i = 0; i < TASKS; i++) {
		s->tasks[i].s = s;
		s->tasks[i].id = i;
	}
	/* Before there are threads. */
	for (unsigned int i = 0; i < PROCESSES; i++)
		pids[i] = spawn(run_task, &s->tasks[THREADS + i]);
	for (unsigned int i = 0; i < THREADS; i++)
		thread_start(&threads[i], run_thread, &s->tasks[i]);
	for (unsigned int i = 0; i < TASKS; i++)
		until(atomic_load(&s->tasks[i].tid));

	seed = s->seed - 1;
	end = tap_now_ns() + (long long)seconds * 1000000000;
	while (tap_now_ns() < end)
		disturb(s, &seed);
	atomic_store(&s->stop, true);
	for (unsigned int ch = 0; ch < CHANNELS; ch++)
		chan_close(s->fd[ch]);
	wait_ended(s, &seed);
	for (unsigned int i = 0; i < PROCESSES; i++)
		expect_exit(pids[i]);
	for (unsigned int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	check_all(s);
}

static void eight_channels(void)
{
	run(false);
}

static void memory_goes(void)
{
	run(true);
}

static const struct tap_test tests[] = {
	{ "16 threads and 4 processes over 8 channels", eight_channels },
	{ "the same, with memory that comes and goes", memory_goes },
};

int main(void)
{
	char timeout[32];

	/* For what has to be done when the time is over, too. */
	snprintf(timeout, sizeof(timeout), "%lu",
		 number_from("KCHAN_STRESS_TIME", 10) + 4 * tap_patience());
	setenv("KCHAN_TEST_TIMEOUT", timeout, 0);
	return tap_run(tests, ARRAY_SIZE(tests));
}
