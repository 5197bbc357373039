// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects of many cases, see cases.h.
 */
#include <sys/syscall.h>

#include "cases.h"

void cases_init(struct cases *c, uint32_t flags, uint64_t deadline)
{
	memset(c, 0, sizeof(*c));
	c->s.case_size = sizeof(c->c[0]);
	c->s.flags = flags;
	c->s.deadline = deadline;
}

static unsigned int add(struct cases *c, int fd, uint32_t op, const void *addr,
			uint32_t len)
{
	must(c->nr < ARRAY_SIZE(c->c));
	c->c[c->nr] = (struct kchan_case){
		.fd = fd,
		.op = op,
		.addr = (uintptr_t)addr,
		.len = len,
	};
	return c->nr++;
}

unsigned int add_send(struct cases *c, int fd, const void *addr, uint32_t len)
{
	return add(c, fd, KCHAN_OP_SEND, addr, len);
}

unsigned int add_recv(struct cases *c, int fd, void *addr, uint32_t len)
{
	return add(c, fd, KCHAN_OP_RECV, addr, len);
}

unsigned int add_poll(struct cases *c, int fd, uint32_t events)
{
	unsigned int i = add(c, fd, KCHAN_OP_POLL, NULL, 0);

	c->c[i].events = events;
	return i;
}

int cases_run(int on, struct cases *c)
{
	struct cases before;
	int ret, error;

	c->s.cases = (uintptr_t)c->c;
	c->s.nr_cases = c->nr;
	memset(&c->s.index, POISON, 4);
	memset(&c->s.status, POISON, 4);
	memset(&c->s.len, POISON, 4);
	before = *c;
	ret = ioctl(on, KCHAN_IOC_SELECT, &c->s);
	error = errno;
	if (ret == 0) {
		expect(c->s.index < c->nr);
		before.s.index = c->s.index;
		before.s.status = c->s.status;
		before.s.len = c->s.len;
	}
	expect(memcmp(&before, c, sizeof(before)) == 0);
	errno = error;
	return ret;
}

int cases_now(int on, struct cases *c)
{
	c->s.flags |= KCHAN_SELECT_NONBLOCK;
	return cases_run(on, c) ? -1 : (int)c->s.index;
}

static void *cases_thread(void *arg)
{
	struct cases_call *call = arg;

	atomic_store(&call->tid, (int)syscall(SYS_gettid));
	call->ret = cases_run(call->on, &call->c);
	call->error = errno;
	atomic_store(&call->done, true);
	return NULL;
}

void cases_start(struct cases_call *call, int on)
{
	call->on = on;
	atomic_store(&call->tid, 0);
	atomic_store(&call->done, false);
	thread_start(&call->thread, cases_thread, call);
}

int cases_join(struct cases_call *call)
{
	until(atomic_load(&call->done));
	thread_join(call->thread);
	errno = call->error;
	return call->ret;
}
