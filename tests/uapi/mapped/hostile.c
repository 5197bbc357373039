// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that writes what it likes into a ring that it shares with the kernel. Its
 * own channel breaks, or carries garbage. Nothing else suffers, every call returns or
 * can be killed, and no loop in the kernel depends on that memory.
 */
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>

#include "armed.h"
#include "mapped.h"

enum { CAPACITY = 4 };

/*
 * Lies, one at a time, about a ring of four slots that holds two elements.
 */
static void set_tail(struct mapped *m, uint64_t value)
{
	__atomic_store_n(&m->ring.mem->tail, value, __ATOMIC_SEQ_CST);
}

static void set_head(struct mapped *m, uint64_t value)
{
	__atomic_store_n(&m->ring.mem->head, value, __ATOMIC_SEQ_CST);
}

static void set_stamp(struct mapped *m, unsigned int slot, uint64_t value)
{
	__atomic_store_n(&kc_ring_slot(&m->ring, slot)->stamp, value, __ATOMIC_SEQ_CST);
}

#define LAP KCHAN_SHARED_LAP
#define FROZEN KCHAN_SHARED_FROZEN

static void tail_index(struct mapped *m)	{ set_tail(m, CAPACITY); }
static void tail_large(struct mapped *m)	{ set_tail(m, 0xffffffff); }
static void tail_lap(struct mapped *m)		{ set_tail(m, 2 + LAP); }
static void tail_laps(struct mapped *m)		{ set_tail(m, 2 + 1000 * LAP); }
static void tail_ahead(struct mapped *m)	{ set_tail(m, 3); }
static void tail_back(struct mapped *m)		{ set_tail(m, 1); }
static void tail_frozen_(struct mapped *m)	{ set_tail(m, 2 | FROZEN); }
static void tail_ones(struct mapped *m)		{ set_tail(m, ~0ULL); }
static void tail_ones_less(struct mapped *m)	{ set_tail(m, ~0ULL & ~FROZEN); }
static void head_index(struct mapped *m)	{ set_head(m, CAPACITY); }
static void head_large(struct mapped *m)	{ set_head(m, 0xfffffff0); }
static void head_ahead(struct mapped *m)	{ set_head(m, 1); }
static void head_past(struct mapped *m)		{ set_head(m, 3); }
static void head_lap(struct mapped *m)		{ set_head(m, LAP); }
static void head_back(struct mapped *m)		{ set_head(m, 3 + 0x7fffffffULL * LAP); }
static void head_frozen_(struct mapped *m)	{ set_head(m, FROZEN); }
static void head_ones(struct mapped *m)		{ set_head(m, ~0ULL); }
static void stamp_first(struct mapped *m)	{ set_stamp(m, 0, 77); }
static void stamp_first_free(struct mapped *m)	{ set_stamp(m, 0, 0); }
static void stamp_first_lap(struct mapped *m)	{ set_stamp(m, 0, LAP); }
static void stamp_next(struct mapped *m)	{ set_stamp(m, 2, 99); }
static void stamp_next_full(struct mapped *m)	{ set_stamp(m, 2, 3); }
static void stamp_next_back(struct mapped *m)	{ set_stamp(m, 2, 2 - LAP); }
static void stamp_frozen(struct mapped *m)	{ set_stamp(m, 2, 2 | FROZEN); }
static void stamps_ones(struct mapped *m)
{
	for (int i = 0; i < CAPACITY; i++)
		set_stamp(m, i, ~0ULL);
}

static void everything(struct mapped *m)	{ memset((char *)m->ring.mem, 0xff, m->size); }
static void everything_zero(struct mapped *m)	{ memset((char *)m->ring.mem, 0, m->size); }
static void told(struct mapped *m)
{
	m->ring.mem->told_of_send = 0x12345678;
	m->ring.mem->told_of_recv = ~0U;
}

static void geometry(struct mapped *m)
{
	m->ring.mem->elem_size = 1 << 30;
	m->ring.mem->capacity = ~0U;
	m->ring.mem->stride = 0;
}

static const struct lie {
	const char *text;
	void (*tell)(struct mapped *m);
	bool harmless;
} lies[] = {
	{ "tail: index", tail_index, false },
	{ "tail: large index", tail_large, false },
	{ "tail: the next lap", tail_lap, false },
	{ "tail: laps", tail_laps, false },
	{ "tail: ahead", tail_ahead, false },
	{ "tail: behind", tail_back, false },
	{ "tail: frozen", tail_frozen_, false },
	{ "tail: ones", tail_ones, false },
	{ "tail: ones, not frozen", tail_ones_less, false },
	{ "head: index", head_index, false },
	{ "head: large index", head_large, false },
	{ "head: ahead", head_ahead, false },
	{ "head: past the tail", head_past, false },
	{ "head: the next lap", head_lap, false },
	{ "head: the lap before", head_back, false },
	{ "head: frozen", head_frozen_, false },
	{ "head: ones", head_ones, false },
	{ "stamp of the first: none", stamp_first, false },
	{ "stamp of the first: free", stamp_first_free, false },
	{ "stamp of the first: next lap", stamp_first_lap, false },
	{ "stamp of the next: none", stamp_next, false },
	{ "stamp of the next: full", stamp_next_full, false },
	{ "stamp of the next: lap before", stamp_next_back, false },
	{ "stamp of the next: frozen", stamp_frozen, false },
	{ "stamps: ones", stamps_ones, false },
	{ "everything: ones", everything, false },
	{ "everything: zero", everything_zero, false },
	{ "told words", told, true },
	{ "geometry", geometry, true },
};

/* A call succeeded, or failed as calls on such a channel may, or with this error. */
#define expect_sane(ret, also)						\
	do {								\
		if ((ret) < 0 && errno != EIO && errno != EAGAIN && errno != (also)) \
			tap_fail(__FILE__, __LINE__, "%s: %s", #ret, strerrorname_np(errno)); \
	} while (0)

enum { NR_CALLS = 16 };

/* Calls that do not wait, each of another kind. */
static void some_call(int fd, unsigned int which)
{
	uint64_t value[6] = { 0xaaaaaaaaaaaaaaaa, 2, 3, 4, 5, 6 };
	struct kchan_select out;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	struct kchan_info info;
	struct cases c;
	struct committed got;
	int armed, ep, bytes = 0;
	ssize_t ret;

	switch (which % NR_CALLS) {
	case 0:
		ret = read(fd, value, 8);
		expect(ret < 0 || ret == 8 || ret == 0);
		expect_sane(ret, 0);
		break;
	case 1:
		expect_sane(write(fd, value, 8), EPIPE);
		break;
	case 2:
		ret = read(fd, value, sizeof(value));
		expect(ret < 0 || ret % 8 == 0);
		break;
	case 3:
		expect_sane(write(fd, value, sizeof(value)), EPIPE);
		break;
	case 4:
		expect_sane(select_one(fd, KCHAN_OP_RECV, value, 8, KCHAN_SELECT_NONBLOCK, 0, &out), 0);
		break;
	case 5:
		expect_sane(select_one(fd, KCHAN_OP_SEND, value, 8, KCHAN_SELECT_NONBLOCK, 0, &out), 0);
		break;
	case 6:
		expect_sane(select_one(fd, KCHAN_OP_RECV, value, 8, KCHAN_SELECT_DEADLINE,
				       tap_now_ns() + 300000, &out), ETIMEDOUT);
		break;
	case 7:
		expect_sane(select_one(fd, KCHAN_OP_SEND, value, 8, KCHAN_SELECT_DEADLINE,
				       tap_now_ns() + 300000, &out), ETIMEDOUT);
		break;
	case 8:
		poll_now(fd);
		break;
	case 9:
		info = chan_info(fd);
		expect(info.len <= 64 * info.capacity);
		break;
	case 10:
		expect_sane(ioctl(fd, FIONREAD, &bytes), 0);
		expect(bytes == 0 || bytes == 8);
		break;
	case 11:
		expect_sane(kick(fd), 0);
		break;
	case 12:
	case 13:
		cases_init(&c, 0, 0);
		if (which % NR_CALLS == 12)
			add_recv(&c, fd, NULL, 8);
		else
			add_send(&c, fd, value, 8);
		armed = try_arm(fd, &c, KCHAN_ARM_NONBLOCK);
		if (armed < 0) {
			expect_int(errno, EIO);
			break;
		}
		/* Some are read, and some come back. */
		if (which % 3)
			expect_sane(try_collect(armed, &got), 0);
		close(armed);
		break;
	case 14:
		ep = epoll_create1(EPOLL_CLOEXEC);
		must(ep >= 0);
		must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
		expect(epoll_wait(ep, &event, 1, 0) >= 0);
		close(ep);
		break;
	case 15:
		armed = try_end(fd, KCHAN_END_RECV);
		if (armed < 0) {
			expect_int(errno, EIO);
			break;
		}
		expect_sane(read(armed, value, 0), 0);
		close(armed);
		break;
	}
}

static bool broken(int fd)
{
	return chan_info(fd).flags & KCHAN_INFO_BROKEN;
}

/* A channel in this process that the others must not harm. */
static struct mapped healthy;

static void healthy_make(void)
{
	mapped_make(&healthy, 8, 3);
}

static void healthy_goes_on(void)
{
	for (int i = 0; i < 4; i++) {
		expect(shared_send(&healthy, &(uint64_t){ i }));
		send_u64(healthy.fd, i + 10);
		expect_mapped_recv(&healthy, i);
		expect_recv(healthy.fd, i + 10);
	}
	expect(!broken(healthy.fd));
}

static void lie_make(struct mapped *m)
{
	mapped_make(m, 8, CAPACITY);
	chan_nonblock(m->fd, true);
	expect_int(ring_put(m, 1), KC_MOVED);
	expect_int(ring_put(m, 2), KC_MOVED);
}

/* Each lie, and then calls, each as the first one to find it. */
static void lies_one_by_one(void)
{
	struct mapped m;

	healthy_make();
	for (size_t l = 0; l < ARRAY_SIZE(lies); l++) {
		for (unsigned int first = 0; first < NR_CALLS; first++) {
			lie_make(&m);
			lies[l].tell(&m);
			tap_about("%s, call %u", lies[l].text, first);
			for (unsigned int i = 0; i < NR_CALLS; i++)
				some_call(m.fd, first + i);
			if (lies[l].harmless)
				expect(!broken(m.fd));
			chan_nonblock(m.fd, true);
			mapped_free(&m);
		}
	}
	healthy_goes_on();
}

/* How the channel ends once it was lied about. */
static void lies_and_ends(void)
{
	struct mapped m;
	int end;

	healthy_make();
	for (size_t l = 0; l < ARRAY_SIZE(lies); l++) {
		for (unsigned int how = 0; how < 7; how++) {
			tap_about("%s, end %u", lies[l].text, how);
			lie_make(&m);
			lies[l].tell(&m);
			switch (how) {
			case 0:
				expect_sane(ioctl(m.fd, KCHAN_IOC_CLOSE), 0);
				break;
			case 1:
				expect_sane(try_resize(m.fd, 1), EBUSY);
				expect_sane(try_resize(m.fd, 10), EBUSY);
				break;
			case 2:
				close(m.map);
				m.map = -1;
				mapped_unmap(&m);
				break;
			case 3:
				end = end_make(m.fd, KCHAN_END_SEND);
				close(m.fd);
				m.fd = end;
				chan_nonblock(m.fd, true);
				expect_sane(write(end, &(uint64_t){ 0 }, 8), EPIPE);
				break;
			case 4:
				end = end_make(m.fd, KCHAN_END_RECV);
				close(m.fd);
				m.fd = end;
				chan_nonblock(m.fd, true);
				expect_sane(read(end, &(uint64_t){ 0 }, 8), 0);
				break;
			case 5:
				close(m.fd);
				m.fd = -1;
				lies[l].tell(&m);
				break;
			case 6:
				/* Resized first, and then the lie about the ring that is left. */
				expect_sane(try_resize(m.fd, 10), EBUSY);
				lies[l].tell(&m);
				expect_sane(try_resize(m.fd, 11), EBUSY);
				break;
			}
			if (m.fd >= 0) {
				for (unsigned int i = 0; i < NR_CALLS && how != 3 && how != 4; i++)
					some_call(m.fd, i);
				poll_now(m.fd);
			}
			mapped_free(&m);
		}
	}
	healthy_goes_on();
}

/* A select that waits says EIO, itself or as the outcome of a case. */
static bool select_is_broken(int fd, uint32_t op, uint32_t flags)
{
	struct kchan_select out;
	uint64_t value = 1;

	if (select_one(fd, op, &value, 8, flags, 0, &out))
		return errno == EIO;
	return out.status == EIO;
}

static bool armed_is_broken(int fd, const struct cases *c)
{
	int armed = try_arm(fd, c, KCHAN_ARM_NONBLOCK);
	struct committed got;
	bool says;

	if (armed < 0)
		return errno == EIO;
	says = try_collect(armed, &got) > 0 && got.commit.status == EIO;
	close(armed);
	return says;
}

/* Every call says so, for ever. */
static void broken_is_sticky(void)
{
	uint64_t value = 1;
	struct call r, w;
	struct cases c;
	struct mapped m;
	int other;

	lie_make(&m);
	other = end_make(m.fd, KCHAN_END_RECV);
	everything(&m);
	for (int round = 0; round < 2; round++) {
		tap_about("round %d", round);
		expect_errno(write(m.fd, &value, 8), EIO);
		expect_errno(read(m.fd, &value, 8), EIO);
		expect_errno(read(other, &value, 8), EIO);
		expect(select_is_broken(m.fd, KCHAN_OP_RECV, 0));
		expect(select_is_broken(m.fd, KCHAN_OP_SEND, 0));
		expect(select_is_broken(m.fd, KCHAN_OP_RECV, KCHAN_SELECT_NONBLOCK));
		cases_init(&c, 0, 0);
		add_recv(&c, m.fd, NULL, 8);
		expect(armed_is_broken(m.fd, &c));
		cases_init(&c, 0, 0);
		add_send(&c, m.fd, &value, 8);
		expect(armed_is_broken(m.fd, &c));
		expect_errno(try_resize(m.fd, 8), EIO);
		/* Who polls is told at once. */
		expect(poll_now(m.fd) != 0);
		expect(broken(m.fd));
		everything_zero(&m);
		mapped_unmap(&m);
		close(m.map);
		m.map = -1;
		m.ring.mem = map_pages(m.size);
	}
	close(other);
	mapped_free(&m);

	tap_about("who waits");
	for (int kicked = 0; kicked < 2; kicked++) {
		mapped_make(&m, 8, CAPACITY);
		call_read(&r, m.fd, &value, 8);
		wait_receivers(m.fd, 1);
		everything(&m);
		if (kicked)
			expect_sane(kick(m.fd), 0);
		else
			expect_errno(write(m.fd, &value, 8), EIO);
		expect_done_errno(&r, EIO);
		mapped_free(&m);

		mapped_make(&m, 8, 1);
		expect_int(ring_put(&m, 1), KC_MOVED);
		call_write(&w, m.fd, &value, 8);
		wait_senders(m.fd, 1);
		everything(&m);
		if (kicked)
			expect_sane(kick(m.fd), 0);
		else
			expect_errno(read(m.fd, &value, 8), EIO);
		expect_done_errno(&w, EIO);
		mapped_free(&m);
	}
}

/* Elements that were put back, and an older ring, beside a broken one. */
static void broken_with_more(void)
{
	uint64_t value;
	struct mapped m;
	struct cases c;
	int armed;

	tap_about("an element in flight");
	lie_make(&m);
	cases_init(&c, 0, 0);
	add_recv(&c, m.fd, NULL, 8);
	armed = arm(m.fd, &c);
	everything(&m);
	expect_errno(write(m.fd, &value, 8), EIO);
	close(armed);
	expect_errno(read(m.fd, &value, 8), EIO);
	mapped_free(&m);

	tap_about("elements of before");
	m.fd = chan_make(0, 8, CAPACITY);
	for (int i = 0; i < CAPACITY; i++)
		send_u64(m.fd, i);
	mapped_open(&m, m.fd);
	chan_nonblock(m.fd, true);
	everything(&m);
	for (unsigned int i = 0; i < 2 * NR_CALLS; i++)
		some_call(m.fd, i);
	mapped_free(&m);
}

/*
 * Threads that write into it all the time.
 */
enum style { ANYTHING, POSITIONS, STAMPS, ADVANCES, FREEZES, CLAIMS, NR_STYLES };
static const char * const style_names[] = {
	"anything", "positions", "stamps", "advances", "freezes", "claims",
};

static uint64_t likely_position(struct mapped *m, uint64_t *seed)
{
	struct kchan_shared *mem = m->ring.mem;
	uint64_t at = rnd(seed) % 2 ? mem->head : mem->tail;

	switch (rnd(seed) % 8) {
	case 0:
		return rnd(seed);
	case 1:
		return at ^ FROZEN;
	case 2:
		return at + LAP;
	case 3:
		return at - LAP;
	case 4:
		return at - 1;
	case 5:
		return (uint64_t)(rnd(seed) % 4) << 32 | rnd(seed) % (CAPACITY + 1);
	default:
		return kc_ring_next(&m->ring, at & ~FROZEN);
	}
}

/* Sends and receives by plain stores, faster than any caller. */
static void advance(struct mapped *m)
{
	struct kchan_shared *mem = m->ring.mem;
	uint64_t at = __atomic_load_n(&mem->tail, __ATOMIC_RELAXED) & ~FROZEN;
	uint32_t index = (uint32_t)at % CAPACITY;

	at = (at & ~0xffffffffULL) | index;
	set_stamp(m, index, at + 1);
	set_tail(m, kc_ring_next(&m->ring, at));
	set_head(m, at);
	set_stamp(m, index, kc_ring_lap(at));
	set_head(m, kc_ring_next(&m->ring, at));
}

static void scribble(struct mapped *m, enum style style, uint64_t *seed)
{
	uint64_t *words = (void *)m->ring.mem;
	unsigned long long pos;

	switch (style) {
	case ANYTHING:
		words[rnd(seed) % (m->size / 8)] = (uint64_t)rnd(seed) << 33 ^ rnd(seed);
		break;
	case POSITIONS:
		if (rnd(seed) % 2)
			set_head(m, likely_position(m, seed));
		else
			set_tail(m, likely_position(m, seed));
		m->ring.mem->told_of_send = rnd(seed) % 2;
		m->ring.mem->told_of_recv = rnd(seed) % 2;
		break;
	case STAMPS:
		set_stamp(m, rnd(seed) % CAPACITY, likely_position(m, seed) + rnd(seed) % 2);
		break;
	case ADVANCES:
		advance(m);
		break;
	case FREEZES:
		__atomic_fetch_xor(rnd(seed) % 2 ? &m->ring.mem->head : &m->ring.mem->tail, FROZEN,
				   __ATOMIC_SEQ_CST);
		break;
	default:
		/* Never ended. */
		if (rnd(seed) % 2)
			claim_send(m, &pos);
		else
			claim_recv(m, &pos, seed);
		break;
	}
}

static struct mapped target;
static enum style styles[2];
static unsigned int honest;		/* transfers between two lies */
static atomic_uint lying, calling;

/* Who believes the other one's lies uses slots that are nowhere. */
static _Thread_local sigjmp_buf believer;

static void on_bad_slot(int sig)
{
	(void)sig;
	siglongjmp(believer, 1);
}

static void be_honest(uint64_t *seed)
{
	uint64_t value = 1;

	if (rnd(seed) % 2)
		kc_ring_send(&target.ring, &value);
	else
		kc_ring_recv(&target.ring, &value);
}

static void *scribbles(void *arg)
{
	enum style style = styles[(uintptr_t)arg % 2];
	volatile uint64_t kept = (uintptr_t)arg + tap_now_ns();
	uint64_t seed;

	if (sigsetjmp(believer, 1))
		kept++;
	seed = kept;
	while (atomic_load(&calling)) {
		kept = seed;
		for (unsigned int i = 0; i < honest; i++)
			be_honest(&seed);
		scribble(&target, style, &seed);
		atomic_fetch_add(&lying, 1);
	}
	return NULL;
}

static void *calls(void *arg)
{
	uint64_t seed = (uintptr_t)arg * 3 + tap_now_ns();

	for (int i = 0; i < 30; i++)
		some_call(target.fd, rnd(&seed));
	atomic_fetch_sub(&calling, 1);
	return NULL;
}

enum { CALLERS = 3 };

static void scribbles_meanwhile(void)
{
	unsigned long rounds = tap_scale(40), broken_ones = 0;
	pthread_t liars[2], callers[CALLERS];
	uint64_t seed = 1;

	healthy_make();
	must(signal(SIGSEGV, on_bad_slot) != SIG_ERR);
	must(signal(SIGBUS, on_bad_slot) != SIG_ERR);
	for (enum style style = 0; style < NR_STYLES; style++) {
		for (unsigned long round = 0; round < rounds; round++) {
			styles[0] = style;
			styles[1] = round % 2 ? style : rnd(&seed) % NR_STYLES;
			honest = round % 3 * 50;
			tap_about("%s and %s, round %lu", style_names[styles[0]],
				  style_names[styles[1]], round);
			mapped_make(&target, 8, CAPACITY);
			chan_nonblock(target.fd, true);
			atomic_store(&calling, CALLERS);
			for (uintptr_t i = 0; i < 2; i++)
				thread_start(&liars[i], scribbles, (void *)i);
			for (uintptr_t i = 0; i < CALLERS; i++)
				thread_start(&callers[i], calls, (void *)i);
			if (round % 5 == 4)
				expect_sane(try_resize(target.fd, 5), EBUSY);
			if (round % 7 == 6)
				expect_sane(ioctl(target.fd, KCHAN_IOC_CLOSE), 0);
			for (int i = 0; i < CALLERS; i++)
				thread_join(callers[i]);
			for (int i = 0; i < 2; i++)
				thread_join(liars[i]);
			broken_ones += broken(target.fd);
			mapped_free(&target);
		}
	}
	tap_note("%lu of %lu were found broken", broken_ones, NR_STYLES * rounds);
	healthy_goes_on();
}

/*
 * Elements come and go in the memory for ever, on every processor, and each position
 * changes under the kernel's hands. Calls that do not wait return all the same.
 */
static void *advances(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	while (atomic_load(&calling))
		if (styles[0] == NR_STYLES)
			(rnd(&seed) % 2 ? kc_ring_send(&target.ring, &seed) :
			 kc_ring_recv(&target.ring, &seed));
		else
			scribble(&target, styles[0], &seed);
	return NULL;
}

static void calls_return(void)
{
	static const enum style which[] = { ADVANCES, FREEZES, NR_STYLES };
	unsigned int cpus = get_nprocs(), nr = cpus > 8 ? 8 : cpus;
	unsigned long rounds = tap_scale(20);
	pthread_t threads[8];

	for (size_t s = 0; s < ARRAY_SIZE(which); s++) {
		for (unsigned long round = 0; round < rounds; round++) {
			tap_about("%s", which[s] == NR_STYLES ? "honest" : style_names[which[s]]);
			styles[0] = which[s];
			mapped_make(&target, 8, CAPACITY);
			chan_nonblock(target.fd, true);
			atomic_store(&calling, 1);
			for (uintptr_t i = 0; i < nr; i++)
				thread_start(&threads[i], advances, (void *)i);
			for (unsigned int i = 0; i < 10 * NR_CALLS; i++)
				some_call(target.fd, i);
			expect_sane(try_resize(target.fd, 9), EBUSY);
			expect_sane(ioctl(target.fd, KCHAN_IOC_CLOSE), 0);
			for (unsigned int i = 0; i < NR_CALLS; i++)
				some_call(target.fd, i);
			atomic_store(&calling, 0);
			for (unsigned int i = 0; i < nr; i++)
				thread_join(threads[i]);
			mapped_free(&target);
		}
	}
}

/*
 * The same as a process of its own that unmaps, forks and dies, and others that wait
 * without a limit: they can be killed.
 */
static int sock[2];

static void copy_scribbles(void *arg)
{
	uint64_t seed = 8;

	(void)arg;
	for (int i = 0; i < 1000; i++)
		scribble(&target, rnd(&seed) % CLAIMS, &seed);
	pause();
}

static void hostile(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	pthread_t thread;

	mapped_make(&target, 8, CAPACITY);
	pass_fd(sock[1], target.fd);
	styles[0] = rnd(&seed) % NR_STYLES;
	styles[1] = rnd(&seed) % NR_STYLES;
	honest = rnd(&seed) % 3 * 100;
	atomic_store(&calling, 1);
	for (uintptr_t i = 0; i < 2; i++)
		thread_start(&thread, scribbles, (void *)i);
	until(atomic_load(&lying) > rnd(&seed) % 2000);
	if (rnd(&seed) % 2)
		spawn(copy_scribbles, NULL);
	switch (rnd(&seed) % 3) {
	case 0:
		/* Under the hands of its threads, which it kills. */
		munmap(target.ring.mem, target.size);
		pause();
		break;
	case 1:
		_exit(0);
	default:
		pause();
	}
}

static void *waits(void *arg)
{
	uint64_t value[4] = { 1, 2, 3, 4 };
	struct pollfd p = { .fd = target.fd, .events = POLLIN };
	struct kchan_select out;

	/* A call that fails at once is not repeated for ever. */
	for (int i = 0; i < 10000; i++) {
		switch ((uintptr_t)arg) {
		case 0:
			expect_sane(read(target.fd, value, 8), 0);
			break;
		case 1:
			expect_sane(write(target.fd, value, sizeof(value)), EPIPE);
			break;
		case 2:
			expect_sane(select_one(target.fd, i % 2 ? KCHAN_OP_RECV : KCHAN_OP_SEND,
					       value, 8, 0, 0, &out), 0);
			break;
		default:
			poll(&p, 1, -1);
			break;
		}
	}
	return NULL;
}

static void waits_for_ever(void *arg)
{
	pthread_t thread;

	(void)arg;
	for (uintptr_t i = 0; i < 4; i++)
		thread_start(&thread, waits, (void *)i);
	for (;;)
		pause();
}

static void dies_meanwhile(void)
{
	unsigned long rounds = tap_scale(60);
	struct timespec nap = { 0 };
	pid_t pid, waiter[2];
	uint64_t seed = 4;
	int status;

	healthy_make();
	for (unsigned long round = 0; round < rounds; round++) {
		tap_about("round %lu", round);
		must_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
		pid = spawn(hostile, (void *)(uintptr_t)(round + 1));
		target.fd = take_fd(sock[0]);
		close(sock[0]);
		close(sock[1]);
		for (int i = 0; i < 2; i++)
			waiter[i] = spawn(waits_for_ever, NULL);
		nap.tv_nsec = rnd(&seed) % 4000000;
		nanosleep(&nap, NULL);
		if (round % 3 == 0)
			expect_sane(ioctl(target.fd, KCHAN_IOC_CLOSE), 0);
		/* In either order. */
		if (round % 2)
			must_int(kill(waiter[0], SIGKILL), 0);
		kill(pid, SIGKILL);
		status = reap(pid);
		expect(WIFEXITED(status) || WTERMSIG(status) == SIGKILL ||
		       WTERMSIG(status) == SIGSEGV);
		if (round % 2 == 0)
			must_int(kill(waiter[0], SIGKILL), 0);
		expect_int(reap(waiter[0]), SIGKILL);
		/* It may be garbage, and it moves or is refused. */
		chan_nonblock(target.fd, true);
		for (unsigned int i = 0; i < NR_CALLS; i++)
			some_call(target.fd, i);
		must_int(kill(waiter[1], SIGKILL), 0);
		expect_int(reap(waiter[1]), SIGKILL);
		close(target.fd);
	}
	healthy_goes_on();
}

static const struct tap_test tests[] = {
	{ "lies, one by one", lies_one_by_one },
	{ "lies, and how the channel ends", lies_and_ends },
	{ "broken is for ever", broken_is_sticky },
	{ "a broken ring and what else there is", broken_with_more },
	{ "scribbled meanwhile", scribbles_meanwhile },
	{ "calls return though the ring never rests", calls_return },
	{ "who scribbles dies, and who waits is killed", dies_meanwhile },
};

TAP_MAIN(tests)
