// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Channels, but for sending and receiving, see transfer.c, and for handles of one
 * direction, see ends.c.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/internal.h"
#include "base/task.h"
#include "race/channels.h"
#include "sched/dice.h"

#define DEVICE	"/dev/kchan"

kc_chan *kc_new_handle(int fd, uint32_t elem_size, bool message)
{
	kc_chan *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->fd = fd;
	c->elem_size = elem_size;
	c->message = message;
	c->on_free = NULL;
	c->unreceived = NULL;
	c->drop = NULL;
	kc_race_new_handle(c);
	return c;
}

/*
 * -ENODEV when there is no such device, and for all that may stand in its place, whoever
 * may open that.
 */
static int open_device(void)
{
	const int fd = sys_open(DEVICE, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd == -ENOENT || fd == -ENXIO)
		return -ENODEV;
	if (fd < 0 && !stat(DEVICE, &st) && !S_ISCHR(st.st_mode))
		return -ENODEV;
	return fd;
}

static int make(kc_chan **out, struct kchan_setup *setup)
{
	int fd, ret;

	fd = open_device();
	if (fd < 0)
		return fd;
	ret = sys_ioctl(fd, KCHAN_IOC_SETUP, setup);
	/* No device of ours. */
	if (ret == -ENOTTY)
		ret = -ENODEV;
	if (!ret) {
		*out = kc_new_handle(fd, setup->elem_size,
				     setup->flags & KCHAN_SETUP_MESSAGE);
		if (*out)
			return 0;
		ret = -ENOMEM;
	}
	sys_close(fd);
	return ret;
}

static int check_opts(const kc_chan_opts *opts)
{
	if (opts->flags & ~KC_CHAN_MESSAGE)
		return -EINVAL;
	/* Here, since the kernel's own fields are narrower than ours. */
	if (opts->elem_size > KCHAN_MAX_ELEM_SIZE ||
	    opts->cap > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	return 0;
}

int kc_make_opts(kc_chan **out, const kc_chan_opts *given)
{
	struct kchan_setup setup = { 0 };
	kc_chan_opts opts;
	int ret;

	ret = kc_take_options(&opts, given, cap);
	if (!ret)
		ret = check_opts(&opts);
	if (ret)
		return ret;
	if (opts.flags & KC_CHAN_MESSAGE)
		setup.flags = KCHAN_SETUP_MESSAGE;
	setup.elem_size = opts.elem_size;
	setup.capacity = opts.cap;
	return make(out, &setup);
}

int kc_make(kc_chan **out, size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.elem_size = elem_size;
	opts.cap = cap;
	return kc_make_opts(out, &opts);
}

int kc_from_fd(kc_chan **out, int fd)
{
	struct kchan_info info;
	kc_chan *c;
	int ret;

	ret = sys_ioctl(fd, KCHAN_IOC_INFO, &info);
	if (ret < 0)
		return ret;
	c = kc_new_handle(fd, info.elem_size, info.flags & KCHAN_INFO_MESSAGE);
	if (!c)
		return -ENOMEM;
	ret = sys_set_cloexec(fd);
	if (ret < 0) {
		free(c);
		return ret;
	}
	kc_race_share(c);
	*out = c;
	return 0;
}

kc_chan *kc_ref(kc_chan *c)
{
	if (c)
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void kc_drop_unwanted(const kc_chan *c, void *elem)
{
	if (c->drop && c->drop_pid == sys_getpid())
		c->drop(elem);
}

void kc_unref(kc_chan *c)
{
	/* What others did with the handle happens before it is freed. */
	if (!c || !kc_race_put(&c->refs))
		return;
	if (c->unreceived)
		c->unreceived(c);
	kc_race_drop(c);
	sys_close(c->fd);
	if (c->on_free)
		c->on_free(c->owner);
	free(c);
}

int kc_close(kc_chan *c)
{
	int ret;

	if (!c)
		return -EINVAL;
	kc_jitter_here();
	kc_ref(c);
	kc_race_close(c);
	ret = sys_ioctl(c->fd, KCHAN_IOC_CLOSE, NULL);
	kc_race_closed(c, ret);
	kc_unref(c);
	return ret;
}

int kc_resize(kc_chan *c, size_t cap)
{
	struct kchan_resize resize = { 0 };
	int ret;

	if (!c || cap > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	resize.capacity = cap;
	kc_ref(c);
	kc_race_share(c);
	ret = sys_ioctl(c->fd, KCHAN_IOC_RESIZE, &resize);
	kc_unref(c);
	return ret;
}

static int get_info(kc_chan *c, struct kchan_info *info)
{
	int ret;

	kc_ref(c);
	ret = sys_ioctl(c->fd, KCHAN_IOC_INFO, info);
	kc_unref(c);
	return ret;
}

int kc_len(kc_chan *c)
{
	struct kchan_info info;
	int ret;

	if (!c)
		return 0;
	ret = get_info(c, &info);
	return ret < 0 ? ret : (int)info.len;
}

int kc_cap(kc_chan *c)
{
	struct kchan_info info;
	int ret;

	if (!c)
		return 0;
	ret = get_info(c, &info);
	return ret < 0 ? ret : (int)info.capacity;
}

int kc_elem_size(kc_chan *c)
{
	return c ? (int)c->elem_size : 0;
}

int kc_is_message(kc_chan *c)
{
	return c && c->message;
}

int kc_fd(kc_chan *c)
{
	if (!c)
		return -EINVAL;
	kc_race_share(c);
	return c->fd;
}
