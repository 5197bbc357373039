// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles of one direction.
 */
#include "base/base.h"
#include "base/sys.h"
#include "chan/handle.h"
#include "chan/mapping.h"

/* The caller holds the lock. */
static int make_end(kc_chan **out, kc_chan *c, uint32_t direction)
{
	struct kchan_end end = { .flags = direction | KCHAN_END_CLOEXEC };
	const int fd = sys_ioctl(c->fd, KCHAN_IOC_END, &end);
	kc_chan *made;

	if (fd < 0)
		return fd;
	made = kc_new_handle(fd, c->elem_size, c->message);
	if (!made) {
		sys_close(fd);
		return -ENOMEM;
	}
	if (direction == KCHAN_END_SEND)
		made->sends = kc_mapped_ref(c->sends);
	else
		made->recvs = kc_mapped_ref(c->recvs);
	if (c->drop && direction == KCHAN_END_RECV)
		kc_set_drop(made, c->drop);
	*out = made;
	return 0;
}

static int make_one(kc_chan **out, kc_chan *c, uint32_t direction)
{
	struct kc_call call;
	int ret;

	if (!c) {
		*out = NULL;
		return 0;
	}
	call = kc_call_begin(c);
	kc_lock_making();
	ret = make_end(out, c, direction);
	kc_unlock_making();
	/* Without the lock: it may drop elements, which calls functions of the program. */
	kc_call_end(&call);
	return ret;
}

int kc_recv_only(kc_chan **out, kc_chan *c)
{
	return make_one(out, c, KCHAN_END_RECV);
}

int kc_send_only(kc_chan **out, kc_chan *c)
{
	return make_one(out, c, KCHAN_END_SEND);
}

/* The caller holds the lock. The handles are new, so to drop one calls no function. */
static int make_pair(kc_chan **recv, kc_chan **send, const kc_chan_opts *opts)
{
	kc_chan *both, *in, *out;
	int ret;

	ret = kc_make_locked(&both, opts);
	if (ret)
		return ret;
	ret = make_end(&in, both, KCHAN_END_RECV);
	if (!ret) {
		ret = make_end(&out, both, KCHAN_END_SEND);
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

int kc_make_pair_opts(kc_chan **recv, kc_chan **send, const kc_chan_opts *opts)
{
	int ret;

	kc_lock_making();
	ret = make_pair(recv, send, opts);
	kc_unlock_making();
	return ret;
}

int kc_make_pair(kc_chan **recv, kc_chan **send, size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.elem_size = elem_size;
	opts.cap = cap;
	return kc_make_pair_opts(recv, send, &opts);
}
