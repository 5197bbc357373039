/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share: making channels, calls that block in a thread of
 * their own, telling that somebody waits, buffers with bad pages.
 *
 * Every structure is poisoned before the kernel fills it.
 */
#ifndef CHAN_H
#define CHAN_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/kchan.h>

#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define POISON		0xa5

/* The ioctl as a caller with a structure of another size has it. */
#define IOC_SIZED(cmd, size) \
	_IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), size)

/*
 * Channels. These end the test when they fail, but for those named try_*.
 */
int chan_open(void);
int chan_make(uint32_t flags, uint32_t elem_size, uint32_t capacity);
int try_setup(int fd, uint32_t flags, uint32_t elem_size, uint32_t capacity);
int try_resize(int fd, uint32_t capacity);
void chan_resize(int fd, uint32_t capacity);
void chan_close(int fd);
struct kchan_info chan_info(int fd);
uint32_t chan_len(int fd);
void chan_nonblock(int fd, bool on);
int try_end(int fd, uint32_t flags);
int end_make(int fd, uint32_t flags);
#define expect_ends(fd, send, recv)					\
	do {								\
		struct kchan_info info_ = chan_info(fd);		\
		expect_int(info_.send_ends, send);			\
		expect_int(info_.recv_ends, recv);			\
	} while (0)

/* Until so many cases wait, as the channel itself tells. */
void wait_senders(int fd, unsigned int count);
void wait_receivers(int fd, unsigned int count);

/*
 * /proc/PID/fdinfo/FD: its text, and the value of the line "kchan-KEY:<tab>VALUE",
 * which is there just once. The PID 0 is this process, in any pid namespace.
 */
struct fdinfo {
	char text[4096];
};

bool fdinfo_try(struct fdinfo *f, pid_t pid, int fd);
bool fdinfo_value(const struct fdinfo *f, const char *key, char *value,
		  size_t room);
/* A number there, of an fd of this process. Ends the test when it is missing. */
long long fdinfo_number(int fd, const char *key);
#define file_refs(fd)	fdinfo_number(fd, "debug-file-refs")

/* One element of 8 bytes, at once; a failure fails the test. */
void send_u64(int fd, uint64_t value);
uint64_t recv_u64(int fd);
#define expect_recv(fd, value)	expect_int(recv_u64(fd), value)
/* That the channel is closed and drained. */
#define expect_end(fd)							\
	do {								\
		uint64_t end_ = 0;					\
		expect_int(read(fd, &end_, sizeof(end_)), 0);		\
	} while (0)

/* What poll(2) says now, of IN, OUT, ERR, HUP and RDHUP. */
short poll_now(int fd);

/* One case; outputs poisoned first. -1 and errno, or 0 and the outputs. */
struct one_case {
	struct kchan_case c;
	struct kchan_select s;
};

void one_case(struct one_case *o, int fd, uint32_t op, void *addr,
	      uint32_t len, uint32_t flags, uint64_t deadline);
/* That the kernel wrote the outputs and nothing else, or nothing at all. */
int run_case(int on, struct one_case *o);
int select_one(int fd, uint32_t op, void *addr, uint32_t len, uint32_t flags,
	       uint64_t deadline, struct kchan_select *out);
#define try_send(fd, addr, len) \
	try_case(fd, KCHAN_OP_SEND, addr, len)
#define try_recv(fd, addr, len) \
	try_case(fd, KCHAN_OP_RECV, addr, len)
/* Without waiting: the status when it committed, or -1. */
int try_case(int fd, uint32_t op, void *addr, uint32_t len);

/*
 * Calls that may block, each in a thread of its own.
 */
enum call_kind { CALL_READ, CALL_WRITE, CALL_SELECT, CALL_POLL, CALL_EPOLL };

struct call {
	enum call_kind kind;
	int fd;
	void *buf;
	size_t len;
	struct one_case *one;
	short events;		/* CALL_POLL: in and out */
	uint32_t revents;	/* CALL_EPOLL: of the one event */
	long long ret;
	int error;
	atomic_int tid;
	atomic_bool done;
	pthread_t thread;
};

void call_read(struct call *c, int fd, void *buf, size_t len);
void call_write(struct call *c, int fd, const void *buf, size_t len);
void call_select(struct call *c, int fd, struct one_case *one);
void call_poll(struct call *c, int fd, short events);
void call_epoll(struct call *c, int epfd);
void call_signal(struct call *c, int sig);
/* Until it sleeps in its system call. */
void call_wait_asleep(struct call *c);
bool call_asleep(struct call *c);
/* How often it has gone to sleep: unchanged when nobody has woken it. */
unsigned long call_sleeps(struct call *c);
/* Its result, with errno. Ends the test when it does not return. */
long long call_join(struct call *c);
#define expect_done(c, want)		expect_int(call_join(c), want)
#define expect_done_errno(c, want)	expect_errno(call_join(c), want)

/* A thread that has to end in time. */
void thread_start(pthread_t *thread, void *(*run)(void *), void *arg);
void thread_join(pthread_t thread);

/* Processes. */
pid_t spawn(void (*run)(void *), void *arg);
/* Its wait status; ends the test when the process does not end. */
int reap(pid_t pid);
#define expect_exit(pid)	expect_int(reap(pid), 0)
/* That it sleeps in this system call. */
bool process_asleep(pid_t pid, long call);

/* This thread, and those that it makes, run on one CPU. */
void one_cpu(void);
/*
 * This thread runs before all others of that CPU with a lower priority, until it
 * sleeps. Skips the test where that is not allowed.
 */
void run_first(int priority);

/* Signals: a handler that counts. */
extern atomic_uint signals_seen;
void on_signal(int sig, int sa_flags);

/* Buffers. */
void *map_pages(size_t bytes);
/* @bytes that end just where a page with no access begins. */
char *map_before_hole(size_t bytes);
void *shared_pages(size_t bytes);
size_t page_size(void);
/* A pattern that tells elements apart, and finds torn ones. */
void fill(void *buf, size_t bytes, uint64_t seed);
bool filled(const void *buf, size_t bytes, uint64_t seed);

/* A length that the compiler does not know, and so does not warn of. */
size_t opaque(size_t len);

/* Small random numbers, the same in each run. */
uint32_t rnd(uint64_t *seed);

/* Reads a number from a file; -1 when it cannot. */
long long read_number(const char *path);

#endif /* CHAN_H */
