// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl info
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <kchan/uapi.h>

#include "kchanctl.h"

static const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

int cmd_info(kc_chan *c, const struct options *opts)
{
	struct kchan_info info;

	(void)opts;
	if (ioctl(kc_fd(c), KCHAN_IOC_INFO, &info))
		return fail("info: %s", strerror(errno));

	printf("id: %llu\n", (unsigned long long)info.id);
	printf("mode: %s\n",
	       info.flags & KCHAN_INFO_MESSAGE ? "message" : "fixed");
	printf("elem_size: %u\n", info.elem_size);
	printf("capacity: %u\n", info.capacity);
	printf("len: %u\n", info.len);
	printf("in_flight: %u\n", info.in_flight);
	printf("closed: %s\n", yes_no(info.flags & KCHAN_INFO_CLOSED));
	printf("mapped: %s\n", yes_no(info.flags & KCHAN_INFO_MAPPED));
	printf("map_pid: %u\n", info.map_pid);
	printf("broken: %s\n", yes_no(info.flags & KCHAN_INFO_BROKEN));
	printf("can_send: %s\n", yes_no(info.flags & KCHAN_INFO_SEND));
	printf("can_recv: %s\n", yes_no(info.flags & KCHAN_INFO_RECV));
	printf("send_ends: %u\n", info.send_ends);
	printf("recv_ends: %u\n", info.recv_ends);
	printf("send_waiters: %u\n", info.send_waiters);
	printf("recv_waiters: %u\n", info.recv_waiters);
	if (fflush(stdout))
		return fail("info: cannot write: %s", strerror(errno));
	return STATUS_OK;
}
