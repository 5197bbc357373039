// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls with hostile arguments, from several threads, while memory
 * comes and goes, descriptors are closed and opened anew, and signals
 * arrive. Only errors that are documented may come; that the kernel does not
 * complain is for the runner to see.
 *
 * KCHAN_FUZZ_SEED and KCHAN_FUZZ_COUNT (calls a thread) are taken from the
 * environment; the seed is printed.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "chan.h"

#define THREADS 6
#define SLOTS 8
#define MEMORY (512 * 1024)

struct fuzz {
	atomic_int fds[SLOTS];
	/* Armed selects. */
	atomic_int armed[SLOTS];
	char *memory;
	unsigned long count;
	atomic_ulong calls, done;
};

static struct fuzz fuzz;

struct fuzzer {
	uint64_t seed;
	pthread_t thread;
	/* Made once: a number that is free is to be a channel's next. */
	int ep;
	atomic_bool ended;
};

/* Errors that a call on any descriptor may have here. */
static const int any[] = { EBADF, EFAULT, EINTR, ENOMEM, EINVAL };

struct known {
	const char *name;
	int errors[8];
};

static const struct known k_read = { "read", { EAGAIN, EMSGSIZE } };
static const struct known k_write = { "write", { EAGAIN, EMSGSIZE, EPIPE } };
static const struct known k_setup = { "setup", { EBUSY, E2BIG, EDQUOT } };
static const struct known k_resize = { "resize", { EBUSY, E2BIG, EDQUOT } };
static const struct known k_info = { "info", { 0 } };
static const struct known k_close = { "close", { EALREADY } };
static const struct known k_select = { "select", { EAGAIN, ETIMEDOUT, E2BIG,
	EMSGSIZE } };
static const struct known k_arm = { "arm", { E2BIG, EMSGSIZE, EOPNOTSUPP, EBUSY,
	ENOTTY } };
static const struct known k_collect = { "read of an armed select", { EAGAIN,
	EMSGSIZE } };
static const struct known k_disarm = { "disarm", { EALREADY, ENOTTY } };
static const struct known k_fionread = { "FIONREAD", { ENOTTY } };
static const struct known k_other = { "ioctl", { ENOTTY } };

static void judge(const struct known *k, long ret)
{
	int error = errno;
	size_t i;

	atomic_fetch_add(&fuzz.calls, 1);
	if (ret >= 0) {
		atomic_fetch_add(&fuzz.done, 1);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(any); i++)
		if (any[i] == error)
			return;
	for (i = 0; i < ARRAY_SIZE(k->errors); i++)
		if (k->errors[i] && k->errors[i] == error)
			return;
	tap_fail(__FILE__, __LINE__, "%s: %s", k->name, strerrorname_np(error));
}

static uint32_t pick(uint64_t *seed, const uint32_t *from, size_t count)
{
	return from[rnd(seed) % count];
}

/* Sizes about all the bounds there are. */
static uint32_t a_size(uint64_t *seed)
{
	static const uint32_t sizes[] = {
		0, 1, 7, 8, 9, 64, 127, 128, 129, 256, 1000, 4095, 4096, 4097,
		8192, 10000, 65536, 100000,
	};

	return pick(seed, sizes, ARRAY_SIZE(sizes));
}

static uint32_t a_number(uint64_t *seed)
{
	static const uint32_t numbers[] = {
		0, 1, 2, 3, 16, 64, 65, 1U << 20, (1U << 20) + 1, 1U << 24,
		(1U << 24) + 1, INT32_MAX, 1U << 31, UINT32_MAX,
	};

	switch (rnd(seed) % 3) {
	case 0:
		return pick(seed, numbers, ARRAY_SIZE(numbers));
	case 1:
		return rnd(seed) % 20;
	default:
		return rnd(seed);
	}
}

/* Mostly memory that may be there or not; at times none at all. */
static char *an_address(uint64_t *seed)
{
	switch (rnd(seed) % 16) {
	case 0:
		return NULL;
	case 1:
		return (char *)0xffff800000000000 + rnd(seed);
	case 2:
		return (char *)-1L - rnd(seed) % 64;
	default:
		return fuzz.memory + rnd(seed) % (MEMORY - 128 * 1024);
	}
}

static int an_fd(uint64_t *seed)
{
	if (rnd(seed) % 50 == 0)
		return rnd(seed) % 2 ? 100000 : -1 - (int)(rnd(seed) % 9);
	return atomic_load(&fuzz.fds[rnd(seed) % SLOTS]);
}

static void setup_sane(int fd, uint64_t *seed)
{
	static const uint32_t capacities[] = { 0, 0, 1, 2, 16 };
	uint32_t flags = rnd(seed) % 3 == 0;

	judge(&k_setup, try_setup(fd, flags, a_size(seed),
				  pick(seed, capacities,
				       ARRAY_SIZE(capacities))));
}

static void renew(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	int slot = rnd(seed) % SLOTS, old;
	int fd = open("/dev/kchan", O_RDWR | O_CLOEXEC |
		      (rnd(seed) % 2 ? O_NONBLOCK : 0));

	if (fd < 0) {
		expect(errno == EDQUOT || errno == ENOMEM || errno == EINTR);
		return;
	}
	if (rnd(seed) % 8)
		setup_sane(fd, seed);
	old = atomic_exchange(&fuzz.fds[slot], fd);
	close(old);
}

static void do_rw(uint64_t *seed, bool writes)
{
	int fd = an_fd(seed);
	char *p = an_address(seed);
	size_t len;
	struct kchan_info info;

	/* Mostly a length that the channel takes. */
	memset(&info, 0, sizeof(info));
	if (rnd(seed) % 4 && ioctl(fd, KCHAN_IOC_INFO, &info) == 0)
		len = (size_t)info.elem_size * (rnd(seed) % 4);
	else
		len = rnd(seed) % 16 ? a_size(seed) : a_number(seed);
	if (rnd(seed) % 4 == 0) {
		struct iovec io[3] = {
			{ p, len / 3 },
			{ an_address(seed), len / 3 },
			{ an_address(seed), len - len / 3 * 2 },
		};

		judge(writes ? &k_write : &k_read,
		      writes ? writev(fd, io, 3) : readv(fd, io, 3));
		return;
	}
	judge(writes ? &k_write : &k_read,
	      writes ? write(fd, p, len) : read(fd, p, len));
}

static void do_select(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	struct kchan_info info;
	struct one_case o;
	int fd = an_fd(seed);
	uint32_t len = a_size(seed);

	memset(&info, 0, sizeof(info));
	if (rnd(seed) % 4 && ioctl(fd, KCHAN_IOC_INFO, &info) == 0)
		len = info.elem_size;
	one_case(&o, fd, rnd(seed) % 2, an_address(seed), len, 0, 0);
	switch (rnd(seed) % 3) {
	case 0:
		o.s.flags = KCHAN_SELECT_NONBLOCK;
		break;
	case 1:
		o.s.flags = KCHAN_SELECT_DEADLINE;
		o.s.deadline = tap_now_ns() + rnd(seed) % 1000000;
		break;
	}
	/* One thing wrong, now and then. */
	switch (rnd(seed) % 24) {
	case 0:
		o.c.op = a_number(seed);
		break;
	case 1:
		o.c.flags = a_number(seed);
		break;
	case 2:
		o.s.flags = a_number(seed);
		break;
	case 3:
		/* Not several cases: they are for a later test. */
		o.s.nr_cases = rnd(seed) % 2 ? 0 : 65 + rnd(seed);
		break;
	case 4:
		o.s.case_size = a_number(seed);
		break;
	case 5:
		o.s.cases = (uintptr_t)an_address(seed);
		break;
	case 6:
		o.s.deadline = (uint64_t)rnd(seed) << 32 | rnd(seed);
		break;
	case 7:
		o.c.len = a_number(seed);
		break;
	}
	judge(&k_select, ioctl(an_fd(seed), KCHAN_IOC_SELECT, &o.s));
}

/* Of up to three cases, now and then with one thing wrong. */
static void do_arm(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	int slot = rnd(seed) % SLOTS, on = an_fd(seed), old, armed;
	struct kchan_case c[3];
	struct kchan_arm a = {
		.cases = (uintptr_t)c,
		.nr_cases = rnd(seed) % 4,
		.case_size = sizeof(c[0]),
		.flags = KCHAN_ARM_CLOEXEC | (rnd(seed) % 4 ? KCHAN_ARM_NONBLOCK : 0),
		.commit_size = sizeof(struct kchan_commit),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c); i++) {
		struct kchan_info info = { 0 };

		c[i] = (struct kchan_case){ .fd = an_fd(seed), .op = rnd(seed) % 2 };
		if (rnd(seed) % 8 && ioctl(c[i].fd, KCHAN_IOC_INFO, &info) == 0)
			c[i].len = info.elem_size;
		else
			c[i].len = a_size(seed);
		c[i].addr = (uintptr_t)an_address(seed);
	}
	switch (rnd(seed) % 24) {
	case 0:
		a.nr_cases = a_number(seed);
		break;
	case 1:
		a.case_size = a_number(seed);
		break;
	case 2:
		a.commit_size = a_number(seed);
		break;
	case 3:
		a.flags = a_number(seed);
		break;
	case 4:
		a.cases = (uintptr_t)an_address(seed);
		break;
	case 5:
		c[0].op = a_number(seed);
		break;
	}
	if (rnd(seed) % 2) {
		/* Again, on one that is there. */
		a.flags = 0;
		on = atomic_load(&fuzz.armed[rnd(seed) % SLOTS]);
		judge(&k_arm, ioctl(on, KCHAN_IOC_ARM, &a));
		return;
	}
	armed = ioctl(on, KCHAN_IOC_ARM, &a);
	judge(&k_arm, armed);
	/* Another thread may have put an armed one where an end was. */
	if (armed <= 0)
		return;
	old = atomic_exchange(&fuzz.armed[slot], armed);
	close(old);
}

static void do_armed(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	int fd = atomic_load(&fuzz.armed[rnd(seed) % SLOTS]);
	struct kchan_info info;
	int *bytes;

	switch (rnd(seed) % 4) {
	case 0:
		judge(&k_disarm, ioctl(fd, KCHAN_IOC_DISARM));
		break;
	case 1:
		bytes = (int *)an_address(seed);
		judge(&k_fionread, ioctl(an_fd(seed), FIONREAD, bytes));
		judge(&k_other, ioctl(fd, KCHAN_IOC_INFO, &info));
		break;
	default:
		judge(&k_collect, read(fd, an_address(seed),
				       rnd(seed) % 4 ? 110000 : a_size(seed)));
		break;
	}
}

static void do_ioctl(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	uint32_t nr = rnd(seed) % 8;
	static const struct {
		const struct known *known;
		uint32_t dir;
	} ours[] = {
		{ &k_setup, _IOC_WRITE }, { &k_resize, _IOC_WRITE },
		{ &k_info, _IOC_READ }, { NULL, 0 },
		{ &k_select, _IOC_READ | _IOC_WRITE },
	};
	uint32_t size = rnd(seed) % 3 ? rnd(seed) % 64 : rnd(seed) % 16384;
	uint32_t words[64];
	void *arg = words;
	size_t i;

	if (nr == 3)
		return;
	if (nr > 4)
		nr = 8 + rnd(seed) % 248;
	if (nr == 2)
		arg = an_address(seed);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = rnd(seed) % 4 ? 0 : a_number(seed);
	if (rnd(seed) % 4 == 0)
		arg = an_address(seed);
	judge(nr <= 4 ? ours[nr].known : &k_other,
	      ioctl(an_fd(seed), _IOC(nr <= 4 ? ours[nr].dir : rnd(seed) % 4,
				      KCHAN_IOC_TYPE, nr, size), arg));
}

static void do_poll(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	struct epoll_event event = { .events = rnd(seed) };
	int fd = an_fd(seed);

	/* EPOLLWAKEUP asks for a thing that is not at stake here. */
	event.events &= ~(1U << 29);
	if (rnd(seed) % 4) {
		struct pollfd p = { .fd = fd, .events = (short)rnd(seed) };

		expect(poll(&p, 1, rnd(seed) % 2) >= 0 || errno == EINTR);
		return;
	}
	if (epoll_ctl(f->ep, EPOLL_CTL_ADD, fd, &event) == 0) {
		expect(epoll_wait(f->ep, &event, 1, rnd(seed) % 2) >= 0 ||
		       errno == EINTR);
		epoll_ctl(f->ep, EPOLL_CTL_DEL, fd, NULL);
	}
}

static void do_memory(struct fuzzer *f)
{
	uint64_t *seed = &f->seed;
	size_t page = page_size();
	char *at = fuzz.memory + rnd(seed) % (MEMORY / page) * page;
	size_t len = (1 + rnd(seed) % 8) * page;

	if (at + len > fuzz.memory + MEMORY)
		return;
	switch (rnd(seed) % 6) {
	case 0:
		mprotect(at, len, PROT_NONE);
		break;
	case 1:
		mprotect(at, len, PROT_READ);
		break;
	case 2:
		madvise(at, len, MADV_DONTNEED);
		break;
	case 3:
		munmap(at, len);
		break;
	default:
		mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		     MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	}
}

static void do_write(struct fuzzer *f)
{
	do_rw(&f->seed, true);
}

static void do_read(struct fuzzer *f)
{
	do_rw(&f->seed, false);
}

static void do_resize(struct fuzzer *f)
{
	int fd = an_fd(&f->seed);

	judge(&k_resize, try_resize(fd, rnd(&f->seed) % 20));
}

static void do_close_or_setup(struct fuzzer *f)
{
	int fd = an_fd(&f->seed);

	if (rnd(&f->seed) % 4 == 0)
		judge(&k_close, ioctl(fd, KCHAN_IOC_CLOSE));
	else
		setup_sane(fd, &f->seed);
}

/* Repeated as often as they are to come. */
static void (* const acts[])(struct fuzzer *f) = {
	do_write, do_write, do_write, do_write, do_write,
	do_read, do_read, do_read, do_read, do_read,
	do_select, do_select, do_select,
	do_ioctl, do_poll, do_memory, do_memory,
	do_resize, do_close_or_setup, renew,
	do_arm, do_arm, do_armed, do_armed,
};

static void *fuzz_thread(void *arg)
{
	struct fuzzer *f = arg;
	uint64_t *seed = &f->seed;
	unsigned long i;

	for (i = 0; i < fuzz.count; i++)
		acts[rnd(seed) % ARRAY_SIZE(acts)](f);
	atomic_store(&f->ended, true);
	return NULL;
}

static unsigned long from_env(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static void run(void *unused)
{
	struct fuzzer f[THREADS];
	uint64_t seed = from_env("KCHAN_FUZZ_SEED", 20240611);
	unsigned long ended;
	int i;

	(void)unused;
	fuzz.count = from_env("KCHAN_FUZZ_COUNT", tap_scale(4000));
	tap_note("KCHAN_FUZZ_SEED=%lu KCHAN_FUZZ_COUNT=%lu",
		 (unsigned long)seed, fuzz.count);
	fuzz.memory = map_pages(MEMORY);
	/* Blocked calls are ended by signals, which come all the time. */
	on_signal(SIGUSR1, 0);
	for (i = 0; i < SLOTS; i++) {
		fuzz.fds[i] = chan_open();
		fuzz.armed[i] = -1;
	}
	for (i = 0; i < THREADS; i++) {
		f[i].seed = seed * 1000 + i;
		f[i].ep = epoll_create1(EPOLL_CLOEXEC);
		must(f[i].ep >= 0);
		atomic_store(&f[i].ended, false);
		thread_start(&f[i].thread, fuzz_thread, &f[i]);
	}
	do {
		struct tap_wait nap = { 0 };

		ended = 0;
		for (i = 0; i < THREADS; i++) {
			if (atomic_load(&f[i].ended))
				ended++;
			else
				pthread_kill(f[i].thread, SIGUSR1);
		}
		tap_wait_more(&nap);
	} while (ended < THREADS);
	for (i = 0; i < THREADS; i++)
		thread_join(f[i].thread);
	for (i = 0; i < SLOTS; i++) {
		close(fuzz.fds[i]);
		close(fuzz.armed[i]);
	}
	tap_note("%lu calls, %lu of them without error",
		 atomic_load(&fuzz.calls), atomic_load(&fuzz.done));
	/* It is worth something only if much was done. */
	expect(atomic_load(&fuzz.done) > atomic_load(&fuzz.calls) / 20);
}

static void references(void)
{
	const char *path = "/sys/module/kchan/refcnt";
	long long before = read_number(path);
	int status;

	if (before < 0)
		tap_skip("no module reference count");
	/* As long as it takes: the watchdog looks after it. */
	must(waitpid(spawn(run, NULL), &status, 0) > 0);
	expect_int(status, 0);
	expect_int(read_number(path), before);
}

static const struct tap_test tests[] = {
	{ "random calls have documented errors, and leave nothing",
	  references },
};

TAP_MAIN(tests)
