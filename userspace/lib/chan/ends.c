// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles of one direction.
 */
#include "base/base.h"
#include "base/sys.h"
#include "chan/handle.h"

static int make_end(kc_chan **out, kc_chan *c, uint32_t direction)
{
	struct kchan_end end = { .flags = direction | KCHAN_END_CLOEXEC };
	struct kc_call call;
	int fd;

	if (!c) {
		*out = NULL;
		return 0;
	}
	call = kc_call_begin(c);
	fd = sys_ioctl(c->fd, KCHAN_IOC_END, &end);
	if (fd >= 0) {
		*out = kc_new_handle(fd, c->elem_size, c->message);
		if (!*out) {
			sys_close(fd);
			fd = -ENOMEM;
		} else if (c->drop && direction == KCHAN_END_RECV) {
			kc_set_drop(*out, c->drop);
		}
	}
	kc_call_end(&call);
	return fd < 0 ? fd : 0;
}

int kc_recv_only(kc_chan **out, kc_chan *c)
{
	return make_end(out, c, KCHAN_END_RECV);
}

int kc_send_only(kc_chan **out, kc_chan *c)
{
	return make_end(out, c, KCHAN_END_SEND);
}

int kc_make_pair_opts(kc_chan **recv, kc_chan **send, const kc_chan_opts *opts)
{
	kc_chan *both, *in, *out;
	int ret;

	ret = kc_make_opts(&both, opts);
	if (ret)
		return ret;
	ret = kc_recv_only(&in, both);
	if (!ret) {
		ret = kc_send_only(&out, both);
		if (ret)
			kc_unref(in);
	}
	kc_unref(both);
	if (ret)
		return ret;
	*recv = in;
	*send = out;
	return 0;
}

int kc_make_pair(kc_chan **recv, kc_chan **send, size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.elem_size = elem_size;
	opts.cap = cap;
	return kc_make_pair_opts(recv, send, &opts);
}
