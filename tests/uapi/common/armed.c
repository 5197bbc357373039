// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects, see armed.h.
 */
#include <string.h>

#include "armed.h"

static struct kchan_arm request(const struct cases *c, uint32_t flags)
{
	return (struct kchan_arm){
		.cases = (uintptr_t)c->c,
		.nr_cases = c->nr,
		.case_size = sizeof(c->c[0]),
		.flags = flags,
		.commit_size = sizeof(struct kchan_commit),
	};
}

int try_arm(int on, const struct cases *c, uint32_t flags)
{
	struct kchan_arm a = request(c, flags);

	return ioctl(on, KCHAN_IOC_ARM, &a);
}

int try_rearm(int armed, const struct cases *c)
{
	return try_arm(armed, c, 0);
}

int arm(int on, const struct cases *c)
{
	int armed = try_arm(on, c, KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK);

	must(armed >= 0);
	return armed;
}

int arm_recv(int fd, uint32_t len)
{
	struct cases c;

	cases_init(&c, 0, 0);
	/* An address that nobody may look at. */
	add_recv(&c, fd, (void *)8, len);
	return arm(fd, &c);
}

int arm_send(int fd, const void *addr, uint32_t len)
{
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, fd, addr, len);
	return arm(fd, &c);
}

ssize_t try_collect(int armed, struct committed *out)
{
	memset(out, POISON, sizeof(*out));
	return read(armed, out, sizeof(*out));
}

int disarm(int armed)
{
	return ioctl(armed, KCHAN_IOC_DISARM);
}
