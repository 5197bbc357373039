// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases: a handle of an armed select with one receive.
 *
 * A call that does not find an element waits with kc_select(), for the descriptor of the
 * lease. So it waits like any other call of a goroutine.
 *
 * A call that gives up disarms: otherwise the kernel would hand the next element to a
 * handle that nobody waits in. If an element came first, it is received after all.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/base.h"
#include "base/sys.h"
#include "chan/cases.h"
#include "chan/handle.h"
#include "chan/lease.h"
#include "chan/races.h"

/* What to read first from a descriptor whose element may have any size. */
#define FIRST_ROOM	4096

struct kc_lease {
	atomic_uint refs;
	int fd;
	kc_chan *chan;		/* NULL: the lease was passed on */
	int64_t limit;
	bool armed;		/* the select is armed, or has an outcome */
	bool held;		/* the outcome is an element, and it is in @out */
	size_t room;		/* bytes at @out */
	struct kchan_commit *out;	/* the element follows it */
};

static struct kchan_case recv_case(const kc_lease *lease)
{
	return (struct kchan_case){
		.fd = lease->chan->fd,
		.op = KCHAN_OP_RECV,
		.len = lease->chan->elem_size,
	};
}

static long arm_on(int on, const struct kchan_case *c, uint32_t flags, int64_t limit)
{
	struct kchan_arm arm = {
		.cases = (uintptr_t)c,
		.nr_cases = c ? 1 : 0,
		.case_size = sizeof(*c),
		.flags = KCHAN_ARM_LEASE | flags,
		.commit_size = sizeof(struct kchan_commit),
		.limit = limit,
	};
	long ret;

	do {
		ret = sys_ioctl(on, KCHAN_IOC_ARM, &arm);
	} while (ret == -EINTR);
	return ret;
}

static long lease_call(const kc_lease *lease, unsigned long cmd, void *arg)
{
	long ret;

	do {
		ret = sys_ioctl(lease->fd, cmd, arg);
	} while (ret == -EINTR);
	return ret;
}

static kc_lease *new_lease(size_t elem_size)
{
	kc_lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return NULL;
	lease->room = sizeof(*lease->out) + elem_size;
	lease->out = malloc(lease->room);
	if (!lease->out) {
		free(lease);
		return NULL;
	}
	lease->refs = 1;
	return lease;
}

static void free_lease(kc_lease *lease)
{
	free(lease->out);
	free(lease);
}

/*
 * Makes the descriptor. It is armed without cases, which nothing can commit, and disarmed.
 * Returns it, or the error.
 */
static long make_fd(const kc_chan *c)
{
	struct kchan_info info;
	long fd;

	fd = sys_ioctl(c->fd, KCHAN_IOC_INFO, &info);
	if (fd < 0)
		return fd;
	if (!(info.flags & KCHAN_INFO_RECV))
		return -EBADF;
	fd = arm_on(c->fd, NULL, KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK, 0);
	if (fd >= 0)
		sys_ioctl(fd, KCHAN_IOC_DISARM, NULL);
	return fd;
}

int kc_lease_make(kc_lease **out, kc_chan *c, int64_t limit)
{
	kc_lease *lease;
	long fd;

	if (!c || limit < 0)
		return -EINVAL;
	lease = new_lease(c->elem_size);
	if (!lease)
		return -ENOMEM;
	fd = make_fd(c);
	if (fd < 0) {
		free_lease(lease);
		return fd;
	}
	lease->fd = fd;
	lease->chan = kc_ref(c);
	lease->limit = limit;
	*out = lease;
	return 0;
}

/* What is in @out. Returns 1, or 0 at the end of the stream, or the error. */
static int outcome(kc_lease *lease, void *at)
{
	const uint32_t status = lease->out->status;

	if (status && status != EPIPE) {
		lease->armed = false;
		return -(int)status;
	}
	lease->armed = lease->held = !status;
	kc_race_leased(lease->chan, lease->out + 1, lease->out->len, !status, at);
	return !status;
}

/* Reads the outcome. -EAGAIN: there is none. */
static int try_read(kc_lease *lease, void *at)
{
	long ret;

	do {
		ret = sys_read(lease->fd, lease->out, lease->room);
	} while (ret == -EINTR);
	if (ret >= 0)
		return outcome(lease, at);
	/* Its limit came before it was received: nobody has missed it. */
	if (ret == -ETIME)
		lease->armed = false;
	return ret;
}

int kc_lease_arm(kc_lease *lease)
{
	struct kchan_case c;
	long ret;

	if (lease->held)
		return -EBUSY;
	if (lease->armed)
		return 0;
	if (!lease->chan)
		return -EINVAL;
	c = recv_case(lease);
	kc_race_arm(lease->chan);
	ret = arm_on(lease->fd, &c, 0, lease->limit);
	lease->armed = !ret;
	return ret;
}

int kc_lease_disarm(kc_lease *lease)
{
	long ret;

	if (!lease->armed)
		return 0;
	ret = lease_call(lease, KCHAN_IOC_DISARM, NULL);
	if (!ret)
		lease->armed = lease->held = false;
	return ret;
}

int kc_lease_recv_armed(kc_lease *lease, void *at)
{
	int ret;

	do {
		ret = kc_lease_arm(lease);
		if (!ret)
			ret = try_read(lease, at);
	} while (ret == -ETIME);
	return ret;
}

/* A wait has ended with @ret, and no element. */
static int give_up(kc_lease *lease, int ret, void *at)
{
	return kc_lease_disarm(lease) == -EALREADY ? kc_lease_recv_armed(lease, at) : ret;
}

static int recv_within(kc_lease *lease, struct kc_limit limit)
{
	kc_case readable = kc_case_fd(lease->fd, EPOLLIN);
	int ret;

	for (;;) {
		ret = kc_lease_recv_armed(lease, limit.at);
		if (ret != -EAGAIN)
			return ret;
		ret = kc_select_cases(&readable, 1, limit, -1, NULL);
		if (ret < 0)
			return give_up(lease, ret, limit.at);
	}
}

int kc_lease_recv(kc_lease *lease)
{
	return recv_within(lease, KC_FOR_EVER);
}

int kc_lease_try_recv(kc_lease *lease)
{
	int ret = kc_lease_recv_armed(lease, KC_CALLER);

	return ret == -EAGAIN ? give_up(lease, ret, KC_CALLER) : ret;
}

int kc_lease_recv_timeout(kc_lease *lease, int64_t timeout)
{
	return recv_within(lease, kc_within(timeout));
}

/*
 * The lease of the handle has ended, or a call for it has failed with @ret. -EINVAL: another
 * process that has the descriptor has ended it.
 */
static int ended(kc_lease *lease, long ret)
{
	if (!ret || ret == -ETIME || ret == -EINVAL)
		lease->armed = lease->held = false;
	return ret;
}

int kc_lease_ack(kc_lease *lease)
{
	struct kchan_ack ack = { 0 };

	if (!lease->held)
		return -EINVAL;
	kc_race_ack(lease->chan);
	return ended(lease, lease_call(lease, KCHAN_IOC_ACK, &ack));
}

int kc_lease_next(kc_lease *lease)
{
	struct kchan_ack ack = {
		.flags = KCHAN_ACK_REARM,
		.len = lease->room < UINT32_MAX ? lease->room : UINT32_MAX,
		.addr = (uintptr_t)lease->out,
	};
	long ret;

	if (!lease->held || !lease->chan)
		return -EINVAL;
	kc_race_ack(lease->chan);
	kc_race_arm(lease->chan);
	ret = lease_call(lease, KCHAN_IOC_ACK, &ack);
	if (ret < 0)
		return ended(lease, ret);
	lease->held = false;
	return ret ? outcome(lease, KC_CALLER) : recv_within(lease, KC_FOR_EVER);
}

int kc_lease_return(kc_lease *lease, uint32_t flags, int64_t delay)
{
	struct kchan_return r = { .flags = flags, .delay = delay };

	if (!lease->held || delay < 0 || (flags & ~(KC_LEASE_TAIL | KC_LEASE_UNCOUNTED)))
		return -EINVAL;
	kc_race_return(lease->chan);
	return ended(lease, lease_call(lease, KCHAN_IOC_RETURN, &r));
}

int kc_lease_extend(kc_lease *lease, int64_t limit)
{
	struct kchan_extend extend = { .limit = limit };
	long ret;

	if (!lease->held || limit < 0)
		return -EINVAL;
	ret = lease_call(lease, KCHAN_IOC_EXTEND, &extend);
	return ret ? ended(lease, ret) : 0;
}

void *kc_lease_elem(const kc_lease *lease, size_t *len)
{
	if (len)
		*len = lease->held ? lease->out->len : 0;
	return lease->held ? lease->out + 1 : NULL;
}

uint64_t kc_lease_number(const kc_lease *lease)
{
	return lease->held ? lease->out->number : 0;
}

uint32_t kc_lease_returns(const kc_lease *lease)
{
	return lease->held ? lease->out->returns : 0;
}

int kc_lease_fd(const kc_lease *lease)
{
	return lease ? lease->fd : -EINVAL;
}

/* Reads a lease that was passed on, whose element may be longer than the room for it. */
static int read_any(kc_lease *lease)
{
	struct kchan_commit *more;
	int ret;

	for (;;) {
		ret = try_read(lease, NULL);
		if (ret != -EMSGSIZE || lease->room > 2 * (size_t)KCHAN_MAX_ELEM_SIZE)
			return ret;
		more = realloc(lease->out, 2 * lease->room);
		if (!more)
			return -ENOMEM;
		lease->out = more;
		lease->room *= 2;
	}
}

int kc_lease_from_fd(kc_lease **out, int fd)
{
	struct kchan_extend none = { .flags = ~0U };
	kc_lease *lease;
	int ret;

	/* Only an armed select knows this call, and it finds fault with the flags. */
	ret = sys_ioctl(fd, KCHAN_IOC_EXTEND, &none);
	if (ret != -EINVAL)
		return ret == -EBADF ? ret : -EINVAL;
	lease = new_lease(FIRST_ROOM);
	if (!lease)
		return -ENOMEM;
	lease->fd = fd;
	lease->armed = true;
	ret = read_any(lease);
	if (ret <= 0 || lease->out->size != sizeof(*lease->out)) {
		free_lease(lease);
		return ret >= 0 || ret == -EAGAIN ? -EINVAL : ret;
	}
	*out = lease;
	return 0;
}

kc_lease *kc_lease_ref(kc_lease *lease)
{
	if (lease)
		atomic_fetch_add_explicit(&lease->refs, 1, memory_order_relaxed);
	return lease;
}

void kc_lease_unref(kc_lease *lease)
{
	if (!lease || !kc_race_put(&lease->refs))
		return;
	/* An element goes back. */
	if (lease->armed)
		kc_race_return(lease->chan);
	sys_close(lease->fd);
	if (lease->chan)
		kc_unref(lease->chan);
	free_lease(lease);
}
