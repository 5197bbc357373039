// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests share; chan.h tells what for.
 */
#include "chan.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define DEVICE "/dev/kchan"

int chan_open(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		tap_fail(__FILE__, __LINE__, "open " DEVICE ": %s",
			 strerror(errno));
		tap_end();
	}
	return fd;
}

int try_setup(int fd, uint32_t flags, uint32_t elem_size, uint32_t capacity)
{
	struct kchan_setup setup = {
		.flags = flags,
		.elem_size = elem_size,
		.capacity = capacity,
	};

	return ioctl(fd, KCHAN_IOC_SETUP, &setup);
}

int chan_make(uint32_t flags, uint32_t elem_size, uint32_t capacity)
{
	int fd = chan_open();

	must_int(try_setup(fd, flags, elem_size, capacity), 0);
	return fd;
}

int try_resize(int fd, uint32_t capacity)
{
	struct kchan_resize resize = { .capacity = capacity };

	return ioctl(fd, KCHAN_IOC_RESIZE, &resize);
}

void chan_resize(int fd, uint32_t capacity)
{
	must_int(try_resize(fd, capacity), 0);
}

void chan_close(int fd)
{
	must_int(ioctl(fd, KCHAN_IOC_CLOSE), 0);
}

struct kchan_info chan_info(int fd)
{
	struct kchan_info info;

	memset(&info, POISON, sizeof(info));
	must_int(ioctl(fd, KCHAN_IOC_INFO, &info), 0);
	return info;
}

uint32_t chan_len(int fd)
{
	return chan_info(fd).len;
}

void chan_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	must(flags >= 0);
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	must_int(fcntl(fd, F_SETFL, flags), 0);
}

int try_end(int fd, uint32_t flags)
{
	struct kchan_end end = { .flags = flags };

	return ioctl(fd, KCHAN_IOC_END, &end);
}

int end_make(int fd, uint32_t flags)
{
	int end = try_end(fd, flags);

	must(end >= 0);
	return end;
}

bool fdinfo_try(struct fdinfo *f, pid_t pid, int fd)
{
	char path[64];
	ssize_t got;
	int from;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	else
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return false;
	got = read(from, f->text, sizeof(f->text) - 1);
	close(from);
	if (got <= 0)
		return false;
	f->text[got] = '\0';
	return true;
}

bool fdinfo_value(const struct fdinfo *f, const char *key, char *value,
		  size_t room)
{
	char start[64];
	const char *at;
	size_t len;

	snprintf(start, sizeof(start), "\nkchan-%s:\t", key);
	at = strstr(f->text, start);
	if (!at)
		return false;
	at += strlen(start);
	len = strcspn(at, "\n");
	if (at[len] != '\n' || len >= room || strstr(at, start))
		return false;
	memcpy(value, at, len);
	value[len] = '\0';
	return true;
}

long long fdinfo_number(int fd, const char *key)
{
	struct fdinfo f;
	char value[32];

	must(fdinfo_try(&f, 0, fd));
	must(fdinfo_value(&f, key, value, sizeof(value)));
	return strtoll(value, NULL, 10);
}

void wait_senders(int fd, unsigned int count)
{
	until(chan_info(fd).send_waiters == count);
}

void wait_receivers(int fd, unsigned int count)
{
	until(chan_info(fd).recv_waiters == count);
}

void send_u64(int fd, uint64_t value)
{
	must_int(write(fd, &value, sizeof(value)), sizeof(value));
}

uint64_t recv_u64(int fd)
{
	uint64_t value;

	memset(&value, POISON, sizeof(value));
	must_int(read(fd, &value, sizeof(value)), sizeof(value));
	return value;
}

short poll_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	p.revents = (short)0xa5a5;
	must(poll(&p, 1, 0) >= 0);
	return p.revents;
}

void one_case(struct one_case *o, int fd, uint32_t op, void *addr,
	      uint32_t len, uint32_t flags, uint64_t deadline)
{
	memset(o, POISON, sizeof(*o));
	o->c = (struct kchan_case){
		.fd = fd,
		.op = op,
		.addr = (uintptr_t)addr,
		.len = len,
	};
	o->s.cases = (uintptr_t)&o->c;
	o->s.nr_cases = 1;
	o->s.case_size = sizeof(o->c);
	o->s.deadline = deadline;
	o->s.flags = flags;
}

int run_case(int on, struct one_case *o)
{
	struct one_case before = *o;
	int ret = ioctl(on, KCHAN_IOC_SELECT, &o->s);
	int error = errno;

	if (ret == 0) {
		expect_int(o->s.index, 0);
		before.s.index = o->s.index;
		before.s.status = o->s.status;
		before.s.len = o->s.len;
	}
	expect(memcmp(&before, o, sizeof(before)) == 0);
	errno = error;
	return ret;
}

int select_one(int fd, uint32_t op, void *addr, uint32_t len, uint32_t flags,
	       uint64_t deadline, struct kchan_select *out)
{
	struct one_case one;
	int ret;

	one_case(&one, fd, op, addr, len, flags, deadline);
	ret = run_case(fd, &one);
	if (out)
		*out = one.s;
	return ret;
}

int try_case(int fd, uint32_t op, void *addr, uint32_t len)
{
	struct kchan_select out;
	int ret = select_one(fd, op, addr, len, KCHAN_SELECT_NONBLOCK, 0, &out);

	return ret ? ret : (int)out.status;
}

static void *call_thread(void *arg)
{
	struct call *c = arg;
	struct epoll_event event;
	struct pollfd p;

	atomic_store(&c->tid, (int)syscall(SYS_gettid));
	errno = 0;
	switch (c->kind) {
	case CALL_READ:
		c->ret = read(c->fd, c->buf, c->len);
		break;
	case CALL_WRITE:
		c->ret = write(c->fd, c->buf, c->len);
		break;
	case CALL_SELECT:
		c->ret = run_case(c->fd, c->one);
		break;
	case CALL_POLL:
		p = (struct pollfd){ .fd = c->fd, .events = c->events };
		p.revents = (short)0xa5a5;
		c->ret = poll(&p, 1, -1);
		c->events = p.revents;
		break;
	case CALL_EPOLL:
		memset(&event, POISON, sizeof(event));
		c->ret = epoll_wait(c->fd, &event, 1, -1);
		c->revents = event.events;
		break;
	}
	c->error = errno;
	atomic_store(&c->done, true);
	return NULL;
}

void thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;

	must_int(pthread_attr_init(&attr), 0);
	must_int(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
	must_int(pthread_create(thread, &attr, run, arg), 0);
	pthread_attr_destroy(&attr);
}

static bool thread_join_until(pthread_t thread, unsigned int seconds)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += seconds;
	return pthread_timedjoin_np(thread, NULL, &end) == 0;
}

void thread_join(pthread_t thread)
{
	/* A worker has many things to do: the test's watchdog ends this. */
	must_int(pthread_join(thread, NULL), 0);
}

static void call_start(struct call *c)
{
	c->ret = -2;
	c->error = 0;
	atomic_store(&c->tid, 0);
	atomic_store(&c->done, false);
	thread_start(&c->thread, call_thread, c);
}

void call_read(struct call *c, int fd, void *buf, size_t len)
{
	*c = (struct call){ .kind = CALL_READ, .fd = fd, .buf = buf, .len = len };
	call_start(c);
}

void call_write(struct call *c, int fd, const void *buf, size_t len)
{
	*c = (struct call){ .kind = CALL_WRITE, .fd = fd, .len = len };
	c->buf = (void *)(uintptr_t)buf;
	call_start(c);
}

void call_select(struct call *c, int fd, struct one_case *one)
{
	*c = (struct call){ .kind = CALL_SELECT, .fd = fd, .one = one };
	call_start(c);
}

void call_poll(struct call *c, int fd, short events)
{
	*c = (struct call){ .kind = CALL_POLL, .fd = fd, .events = events };
	call_start(c);
}

void call_epoll(struct call *c, int epfd)
{
	*c = (struct call){ .kind = CALL_EPOLL, .fd = epfd };
	call_start(c);
}

void call_signal(struct call *c, int sig)
{
	must_int(pthread_kill(c->thread, sig), 0);
}

/* What is in a file of /proc; false when it cannot be read. */
static bool proc_text(const char *task, const char *name, char *text, size_t room)
{
	char path[80];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", task, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, room - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return true;
}

static bool asleep_in(const char *task, long call)
{
	char text[300], *end;
	long nr;

	/* "running", or the number and arguments of the call it sleeps in. */
	if (!proc_text(task, "syscall", text, sizeof(text)))
		return false;
	nr = strtol(text, &end, 10);
	if (end == text || nr != call)
		return false;
	/* Not for memory or a lock: those sleeps cannot be interrupted. */
	if (!proc_text(task, "stat", text, sizeof(text)))
		return false;
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

bool process_asleep(pid_t pid, long call)
{
	char task[20];

	snprintf(task, sizeof(task), "%d", (int)pid);
	return asleep_in(task, call);
}

/* What libc makes of poll() and epoll_wait() where there are only the newer calls. */
#ifndef SYS_poll
#define SYS_poll	SYS_ppoll
#endif
#ifndef SYS_epoll_wait
#define SYS_epoll_wait	SYS_epoll_pwait
#endif

bool call_asleep(struct call *c)
{
	static const long numbers[] = {
		[CALL_READ] = SYS_read, [CALL_WRITE] = SYS_write,
		[CALL_SELECT] = SYS_ioctl, [CALL_POLL] = SYS_poll,
		[CALL_EPOLL] = SYS_epoll_wait,
	};
	int tid = atomic_load(&c->tid);
	char task[40];

	if (!tid || atomic_load(&c->done))
		return false;
	snprintf(task, sizeof(task), "self/task/%d", tid);
	return asleep_in(task, numbers[c->kind]);
}

void call_wait_asleep(struct call *c)
{
	until(call_asleep(c));
}

unsigned long call_sleeps(struct call *c)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[64], text[4096], *at;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status",
		 atomic_load(&c->tid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	got = read(fd, text, sizeof(text) - 1);
	must(got > 0);
	close(fd);
	text[got] = '\0';
	at = strstr(text, key);
	must(at);
	return strtoul(at + sizeof(key) - 1, NULL, 10);
}

long long call_join(struct call *c)
{
	if (!thread_join_until(c->thread, tap_patience())) {
		tap_fail(__FILE__, __LINE__, "the call on fd %d never returns",
			 c->fd);
		tap_end();
	}
	errno = c->error;
	return c->ret;
}

pid_t spawn(void (*run)(void *), void *arg)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		run(arg);
		_exit(0);
	}
	return pid;
}

int reap(pid_t pid)
{
	int status = -1;

	until(waitpid(pid, &status, WNOHANG) == pid);
	return status;
}

void one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	must_int(sched_setaffinity(0, sizeof(set), &set), 0);
}

void run_first(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		tap_skip("needs the right to run first");
}

atomic_uint signals_seen;

static void count_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals_seen, 1);
}

void on_signal(int sig, int sa_flags)
{
	struct sigaction action = { .sa_handler = count_signal };

	action.sa_flags = sa_flags;
	must_int(sigaction(sig, &action, NULL), 0);
}

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static size_t whole_pages(size_t bytes)
{
	return (bytes + page_size() - 1) / page_size() * page_size();
}

void *map_pages(size_t bytes)
{
	void *p = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

void *shared_pages(size_t bytes)
{
	void *p = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

char *map_before_hole(size_t bytes)
{
	size_t room = whole_pages(bytes);
	char *p = map_pages(room + page_size());

	must_int(mprotect(p + room, page_size(), PROT_NONE), 0);
	return p + room - bytes;
}

void fill(void *buf, size_t bytes, uint64_t seed)
{
	unsigned char *p = buf;
	size_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (unsigned char)(seed * 31 + i + (i >> 8) * 7);
}

bool filled(const void *buf, size_t bytes, uint64_t seed)
{
	const unsigned char *p = buf;
	size_t i;

	for (i = 0; i < bytes; i++)
		if (p[i] != (unsigned char)(seed * 31 + i + (i >> 8) * 7))
			return false;
	return true;
}

size_t opaque(size_t len)
{
	return len;
}

uint32_t rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

long long read_number(const char *path)
{
	char text[64];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return -1;
	text[got] = '\0';
	return strtoll(text, NULL, 10);
}
