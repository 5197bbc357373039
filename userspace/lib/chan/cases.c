// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes the cases of a select. select.c says what they mean.
 */
#include "base/base.h"

/* The memory of a sent element is only read. */
static kc_case on_channel(uint32_t op, kc_chan *c, const void *addr, size_t size)
{
	kc_case made = KC_CASE_INIT;

	made.op = op;
	made.chan = c;
	made.addr = (void *)addr;
	made.size = size;
	return made;
}

kc_case kc_case_send(kc_chan *c, const void *elem)
{
	return on_channel(KC_OP_SEND, c, elem, 0);
}

kc_case kc_case_recv(kc_chan *c, void *elem)
{
	return on_channel(KC_OP_RECV, c, elem, 0);
}

kc_case kc_case_send_msg(kc_chan *c, const void *msg, size_t len)
{
	return on_channel(KC_OP_SEND_MSG, c, msg, len);
}

kc_case kc_case_recv_msg(kc_chan *c, void *buf, size_t size)
{
	return on_channel(KC_OP_RECV_MSG, c, buf, size);
}

kc_case kc_case_fd(int fd, uint32_t events)
{
	kc_case made = KC_CASE_INIT;

	made.op = KC_OP_FD;
	made.fd = fd;
	made.events = events;
	return made;
}

kc_case kc_case_after(int64_t duration)
{
	kc_case made = KC_CASE_INIT;

	made.op = KC_OP_AFTER;
	made.duration = duration;
	return made;
}
