// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the library's tests share: see common.h.
 */
#include "common.h"

#include <sys/ioctl.h>
#include <time.h>

#include <kchan/uapi.h>

kc_chan *make(size_t elem_size, size_t cap)
{
	kc_chan *c = NULL;

	must_int(kc_make(&c, elem_size, cap), 0);
	return c;
}

kc_chan *make_messages(size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c = NULL;

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = elem_size;
	opts.cap = cap;
	must_int(kc_make_opts(&c, &opts), 0);
	return c;
}

pthread_t start(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;

	must_int(pthread_create(&thread, NULL, fn, arg), 0);
	return thread;
}

void join(pthread_t thread)
{
	must_int(pthread_join(thread, NULL), 0);
}

static struct kchan_info get_info(kc_chan *c)
{
	struct kchan_info info;

	must_int(ioctl(kc_fd(c), KCHAN_IOC_INFO, &info), 0);
	return info;
}

void wait_senders(kc_chan *c, unsigned int count)
{
	until(get_info(c).send_waiters == count);
}

void wait_receivers(kc_chan *c, unsigned int count)
{
	until(get_info(c).recv_waiters == count);
}

int arm(kc_chan *on, const struct kchan_case *cases, unsigned int nr)
{
	struct kchan_arm arm = {
		.cases = (uintptr_t)cases,
		.nr_cases = nr,
		.case_size = sizeof(cases[0]),
		.flags = KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK,
		.commit_size = sizeof(struct kchan_commit),
	};
	const int fd = ioctl(kc_fd(on), KCHAN_IOC_ARM, &arm);

	must(fd >= 0);
	return fd;
}

int arm_recv(kc_chan *c)
{
	const struct kchan_case recv = {
		.fd = kc_fd(c), .op = KCHAN_OP_RECV, .len = 8,
	};

	return arm(c, &recv, 1);
}

static void *send_thread(void *arg)
{
	struct call *call = arg;

	call->ret = kc_send(call->c, &call->value);
	return NULL;
}

static void *recv_thread(void *arg)
{
	struct call *call = arg;

	call->ret = kc_recv(call->c, &call->value);
	return NULL;
}

void call_send(struct call *call, kc_chan *c, uint64_t value)
{
	const unsigned int before = get_info(c).send_waiters;

	call->c = c;
	call->value = value;
	call->thread = start(send_thread, call);
	wait_senders(c, before + 1);
}

void call_recv(struct call *call, kc_chan *c)
{
	const unsigned int before = get_info(c).recv_waiters;

	call->c = c;
	call->value = 0;
	call->thread = start(recv_thread, call);
	wait_receivers(c, before + 1);
}

long call_end(struct call *call)
{
	join(call->thread);
	return call->ret;
}

void send_now(kc_chan *c, uint64_t value)
{
	must_int(kc_try_send(c, &value), 0);
}

uint64_t recv_now(kc_chan *c)
{
	uint64_t value = 0;

	must_int(kc_try_recv(c, &value), 1);
	return value;
}

long long cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * 1000000000LL + used.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec rest = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&rest, &rest))
		;
}

bool is_idle_for(unsigned int ms)
{
	long long before;
	int i;

	for (i = 0; i < 10; i++) {
		before = cpu_ns();
		sleep_ms(ms);
		if (cpu_ns() - before < ms * KC_MILLISECOND / 5)
			return true;
	}
	return false;
}
