// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases, see leases.h.
 */
#include "leases.h"

static int arm_lease(int on, int fd, uint32_t len, uint64_t limit, uint32_t flags)
{
	struct kchan_case c = { .fd = fd, .op = KCHAN_OP_RECV, .len = len };
	struct kchan_arm a = {
		.cases = (uintptr_t)&c,
		.nr_cases = 1,
		.case_size = sizeof(c),
		.flags = flags | KCHAN_ARM_LEASE,
		.commit_size = sizeof(struct kchan_commit),
		.limit = limit,
	};

	return ioctl(on, KCHAN_IOC_ARM, &a);
}

int try_lease(int fd, uint32_t len, uint64_t limit)
{
	return arm_lease(fd, fd, len, limit, KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK);
}

int lease_arm(int fd, uint32_t len, uint64_t limit)
{
	int lease = try_lease(fd, len, limit);

	must(lease >= 0);
	return lease;
}

int try_lease_again(int lease, int fd, uint32_t len, uint64_t limit)
{
	return arm_lease(lease, fd, len, limit, 0);
}

int lease_ack(int lease)
{
	struct kchan_ack a = { 0 };

	return ioctl(lease, KCHAN_IOC_ACK, &a);
}

int lease_ack_again(int lease, void *next, uint32_t len)
{
	struct kchan_ack a = {
		.flags = KCHAN_ACK_REARM,
		.len = len,
		.addr = (uintptr_t)next,
	};

	return ioctl(lease, KCHAN_IOC_ACK, &a);
}

int lease_return(int lease, uint32_t flags, uint64_t delay)
{
	struct kchan_return r = { .flags = flags, .delay = delay };

	return ioctl(lease, KCHAN_IOC_RETURN, &r);
}

int lease_extend(int lease, uint64_t limit)
{
	struct kchan_extend e = { .limit = limit };

	return ioctl(lease, KCHAN_IOC_EXTEND, &e);
}
