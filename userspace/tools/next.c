// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl work: the next job of several channels.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "next.h"

int next_arm(struct next *next, kc_chan *const *channels, size_t nr, int64_t limit)
{
	struct kchan_case cases[KCHAN_MAX_CASES] = { 0 };
	struct kchan_arm arm = {
		.cases = (uintptr_t)cases,
		.nr_cases = (uint32_t)nr,
		.case_size = sizeof(cases[0]),
		.flags = KCHAN_ARM_LEASE,
		.commit_size = sizeof(struct kchan_commit),
		.limit = (uint64_t)limit,
	};
	size_t i;
	int ret;

	for (i = 0; i < nr; i++) {
		cases[i].fd = kc_fd(channels[i]);
		cases[i].op = KCHAN_OP_RECV;
		cases[i].len = (uint32_t)kc_elem_size(channels[i]);
	}
	if (next->fd < 0) {
		arm.flags |= KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK;
		ret = ioctl(kc_fd(channels[0]), KCHAN_IOC_ARM, &arm);
		if (ret >= 0)
			next->fd = ret;
	} else {
		ret = ioctl(next->fd, KCHAN_IOC_ARM, &arm);
	}
	next->armed = ret >= 0;
	return ret < 0 ? -errno : 0;
}

bool next_disarm(struct next *next)
{
	if (ioctl(next->fd, KCHAN_IOC_DISARM) && errno == EALREADY)
		return false;
	next->armed = false;
	return true;
}

int next_look(const struct next *next, size_t *ended)
{
	struct kchan_commit commit;

	/* There is no room for a job: so the call fails, and nothing was read. */
	if (read(next->fd, &commit, sizeof(commit)) < 0)
		return errno == EMSGSIZE ? 1 : -errno;
	*ended = commit.index;
	/* An element of no bytes has come whole. */
	return commit.status == EPIPE ? 0 : commit.status ? -(int)commit.status : 1;
}

int next_channel(const struct next *next, size_t size)
{
	struct kchan_commit *commit = malloc(sizeof(*commit) + size);
	int ret;

	if (!commit)
		return -ENOMEM;
	ret = read(next->fd, commit, sizeof(*commit) + size) < 0 ? -errno :
								   (int)commit->index;
	free(commit);
	return ret;
}

void next_close(struct next *next)
{
	if (next->fd >= 0)
		close(next->fd);
	next->fd = -1;
	next->armed = false;
}
