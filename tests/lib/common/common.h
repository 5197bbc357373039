/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the library's tests share: channels, threads, and waiting until a call blocks.
 */
#ifndef COMMON_H
#define COMMON_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <kchan/kchan.h>

#include "tap.h"

/* 1 if a sanitizer is built in. It has limits and threads of its own. */
#ifndef __has_feature
#define __has_feature(feature)	0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREAD_SANITIZED	true
#else
#define THREAD_SANITIZED	false
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED	true
#else
#define SANITIZED	THREAD_SANITIZED
#endif

/*
 * The reason to skip a test: with the detector, unknown threads might wake a goroutine.
 */
#define DETECTORS	"in a forked child the race detector's threads are taken for ours"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* These end the test on a failure. */
kc_chan *make(size_t elem_size, size_t cap);
kc_chan *make_messages(size_t elem_size, size_t cap);
pthread_t start(void *(*fn)(void *arg), void *arg);
void join(pthread_t thread);

/* Wait until the channel shows that this many calls wait. */
void wait_senders(kc_chan *c, unsigned int count);
void wait_receivers(kc_chan *c, unsigned int count);

/*
 * The descriptor of an armed select, close-on-exec and O_NONBLOCK. The cases are those
 * of the kernel. arm_recv() has one case, which receives 8 bytes.
 */
struct kchan_case;
int arm(kc_chan *on, const struct kchan_case *cases, unsigned int nr);
int arm_recv(kc_chan *c);

/*
 * A call in a thread of its own, which must block: it waits when the starter returns.
 * call_end() joins the thread, and returns the call's result.
 */
struct call {
	kc_chan *c;
	uint64_t value;		/* sent, or received */
	long ret;
	pthread_t thread;
};

void call_send(struct call *call, kc_chan *c, uint64_t value);
void call_recv(struct call *call, kc_chan *c);
long call_end(struct call *call);

/* Send and receive one element of 8 bytes without waiting. */
void send_now(kc_chan *c, uint64_t value);
uint64_t recv_now(kc_chan *c);

/* A short time. */
#define SOON	(20 * KC_MILLISECOND)

/* Longer than any delay on a busy machine. */
#define LATE	(tap_patience() * KC_SECOND)

/* Expects that the call returns @want, after @min to @max nanoseconds. */
#define expect_within(call, want, min, max)				\
	do {								\
		long long from_ = tap_now_ns(), took_;			\
		expect_int(call, want);					\
		took_ = tap_now_ns() - from_;				\
		expect(took_ >= (min));					\
		expect(took_ < (max));					\
	} while (0)

/* The processor time that this process has used. */
long long cpu_ns(void);
void sleep_ms(unsigned int ms);
/*
 * True if the process uses almost no processor time for so long. It tries again for a
 * while, because a busy machine adds some time.
 */
bool is_idle_for(unsigned int ms);

#endif /* COMMON_H */
