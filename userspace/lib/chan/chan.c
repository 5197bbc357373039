// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Channels: making, closing and reference counts. transfer.c sends and receives. ends.c makes
 * handles of one direction. name.c has channels with a name.
 */
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/options.h"
#include "base/task.h"
#include "chan/handle.h"
#include "chan/mapping.h"
#include "chan/races.h"
#include "sched/dice.h"
#include "sched/routine.h"

#define DEVICE	"/dev/kchan"

/* All handles, for the child of a fork(). Hidden: else none would be found to be leaked. */
static uint32_t lock;
static struct kc_hidden_list handles;
static struct kc_hidden_list orphans;

static uint32_t making;		/* taken before the lock above */

kc_chan *kc_new_handle(int fd, uint32_t elem_size, bool message)
{
	kc_chan *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->elem_size = elem_size;
	c->message = message;
	c->on_free = NULL;
	c->unreceived = NULL;
	c->drop = NULL;
	c->sends = &kc_never_mapped;
	c->recvs = &kc_never_mapped;
	kc_race_new_handle(c);
	c->plain = !message && elem_size && !c->race;
	kc_lock(&lock);
	atomic_init(&c->uses, kc_first_uses(1));
	kc_hidden_add(&handles, &c->all);
	kc_unlock(&lock);
	return c;
}

static void free_handle(kc_chan *c)
{
	kc_lock(&lock);
	kc_hidden_del(&c->all);
	kc_unlock(&lock);
	free(c);
}

/*
 * Opens the device. Returns -ENODEV if there is no such device, or if another kind of
 * file has its name, even one that cannot be opened.
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

/* The geometry that the kernel maps. */
static bool can_map(const struct kchan_setup *setup)
{
	return !(setup->flags & KCHAN_SETUP_MESSAGE) && setup->capacity &&
	       setup->elem_size && setup->elem_size <= KCHAN_INLINE_ELEM_SIZE;
}

static int make(kc_chan **out, struct kchan_setup *setup, bool may_map)
{
	int fd, ret;

	fd = open_device();
	if (fd < 0)
		return fd;
	ret = sys_ioctl(fd, KCHAN_IOC_SETUP, setup);
	/* It is another driver's device. */
	if (ret == -ENOTTY)
		ret = -ENODEV;
	if (!ret) {
		*out = kc_new_handle(fd, setup->elem_size,
				     setup->flags & KCHAN_SETUP_MESSAGE);
		if (*out) {
			if (may_map)
				(*out)->sends = kc_mapped_new(setup->elem_size);
			(*out)->recvs = kc_mapped_ref((*out)->sends);
			return 0;
		}
		ret = -ENOMEM;
	}
	sys_close(fd);
	return ret;
}

int kc_check_opts(kc_chan_opts *out, const kc_chan_opts *given, uint32_t known)
{
	const int ret = kc_take_options(out, given, cap);

	if (ret)
		return ret;
	if (out->flags & ~known)
		return -EINVAL;
	/* The kernel's fields are narrower than ours, so the library checks. */
	if (out->elem_size > KCHAN_MAX_ELEM_SIZE || out->cap > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	return 0;
}

struct kchan_setup kc_setup_of(const kc_chan_opts *opts)
{
	struct kchan_setup setup = {
		.elem_size = opts->elem_size,
		.capacity = opts->cap,
	};

	if (opts->flags & KC_CHAN_MESSAGE)
		setup.flags |= KCHAN_SETUP_MESSAGE;
	if (opts->flags & KC_CHAN_NO_SEND_HOLD)
		setup.flags |= KCHAN_SETUP_NO_SEND_HOLD;
	return setup;
}

void kc_lock_making(void)
{
	kc_lock(&making);
}

void kc_unlock_making(void)
{
	kc_unlock(&making);
}

int kc_make_locked(kc_chan **out, const kc_chan_opts *given)
{
	struct kchan_setup setup;
	kc_chan_opts opts;
	int ret;

	ret = kc_check_opts(&opts, given, KC_CHAN_MESSAGE | KC_CHAN_NOMAP);
	if (ret)
		return ret;
	setup = kc_setup_of(&opts);
	return make(out, &setup, can_map(&setup) && !(opts.flags & KC_CHAN_NOMAP));
}

int kc_make_opts(kc_chan **out, const kc_chan_opts *opts)
{
	int ret;

	kc_lock_making();
	ret = kc_make_locked(out, opts);
	kc_unlock_making();
	return ret;
}

int kc_make(kc_chan **out, size_t elem_size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.elem_size = elem_size;
	opts.cap = cap;
	return kc_make_opts(out, &opts);
}

int kc_take_over_locked(kc_chan **out, int fd, const struct kchan_info *info)
{
	kc_chan *c;
	int ret;

	c = kc_new_handle(fd, info->elem_size, info->flags & KCHAN_INFO_MESSAGE);
	if (!c)
		return -ENOMEM;
	ret = sys_set_cloexec(fd);
	if (ret < 0) {
		free_handle(c);
		return ret;
	}
	kc_race_share(c);
	*out = c;
	return 0;
}

int kc_from_fd(kc_chan **out, int fd)
{
	struct kchan_info info;
	int ret;

	/* Without the lock: it may be anybody's descriptor, and take any time. */
	ret = sys_ioctl(fd, KCHAN_IOC_INFO, &info);
	if (ret < 0)
		return ret;
	kc_lock_making();
	ret = kc_take_over_locked(out, fd, &info);
	kc_unlock_making();
	return ret;
}

kc_chan *kc_ref(kc_chan *c)
{
	if (c)
		atomic_fetch_add_explicit(&c->uses, KC_REFERENCE, memory_order_relaxed);
	return c;
}

void (*kc_drop_of(const kc_chan *c))(void *elem)
{
	return c->drop && c->drop_pid == sys_getpid() ? c->drop : NULL;
}

void kc_drop_unwanted(void (*drop)(void *elem), void *elem, size_t len)
{
	alignas(max_align_t) char copy[KC_DROP_SIZE];

	if (drop)
		memcpy(copy, elem, len);
	free(elem);
	if (drop)
		drop(copy);
}

static void drop_handle(kc_chan *c)
{
	void (*on_free)(void *owner);
	void *owner;

	if (c->unreceived)
		c->unreceived(c);
	kc_race_drop(c);
	on_free = c->on_free;
	owner = c->owner;
	/*
	 * Unlinked and closed in one step, as a fork() sees it: each descriptor that is
	 * open in the child is on the child's list.
	 */
	kc_lock(&lock);
	kc_hidden_del(&c->all);
	sys_close(c->fd);
	kc_unlock(&lock);
	kc_mapped_unref(c->sends);
	kc_mapped_unref(c->recvs);
	free(c);
	if (on_free)
		on_free(owner);
}

/* Drops the handle if @use was the last. Orders this after what others did with it. */
static void drop_if_last(kc_chan *c, uint64_t uses, uint64_t use)
{
	if (uses - use >= KC_CALL)
		return;
	kc_race_acquire(&c->uses);
	drop_handle(c);
}

void kc_unref(kc_chan *c)
{
	if (!c)
		return;
	kc_race_release(&c->uses);
	drop_if_last(c, atomic_fetch_sub_explicit(&c->uses, KC_REFERENCE,
						  memory_order_acq_rel), KC_REFERENCE);
}

void kc_call_end_changed(struct kc_call call, uint64_t uses)
{
	kc_chan *c = call.chan;

	do {
		/* A signal handler has forked since kc_call_holds(). */
		if ((uint8_t)uses != (uint8_t)call.before)
			return;
	} while (!atomic_compare_exchange_weak_explicit(&c->uses, &uses,
							uses - KC_CALL,
							memory_order_acq_rel,
							memory_order_relaxed));
	drop_if_last(c, uses, KC_CALL);
}

static void end_call(void *data)
{
	kc_call_end(data);
}

void kc_calls_end(void *data)
{
	struct kc_calls *calls = data;
	struct kc_call *call;

	while (calls->nr) {
		call = &calls->call[--calls->nr];
		if (kc_call_holds(call) && call->chan->drop) {
			call->chan->finally(end_call, call, kc_calls_end, calls);
			return;
		}
		kc_call_end(call);
	}
}

void kc_while_held(kc_chan *c, void (*fn)(void *arg), void *arg)
{
	struct kc_call call;

	if (!c) {
		fn(arg);
		return;
	}
	kc_g_ready();
	call = kc_call_begin(c);
	if (c->drop) {
		c->finally(fn, arg, end_call, &call);
		return;
	}
	fn(arg);
	kc_call_end(&call);
}

static void lock_for_fork(void)
{
	kc_lock_making();
	kc_lock(&lock);
}

static void unlock_for_fork(void)
{
	kc_unlock(&lock);
	kc_unlock_making();
}

static void set_references(kc_chan *c, uint32_t references)
{
	atomic_store_explicit(&c->uses, kc_first_uses(references), memory_order_relaxed);
	if (references)
		return;
	kc_hidden_del(&c->all);
	kc_hidden_add(&orphans, &c->all);
}

void kc_unref_forked(kc_chan *c)
{
	set_references(c, kc_references(c->uses) - 1);
}

/* In the child, no call of the parent is in progress. Only references are left. */
static void forked(void)
{
	struct kc_hidden *link, *next;
	kc_chan *c;

	for (link = kc_hidden_first(&handles); link; link = next) {
		next = kc_hidden_next(link);
		c = kc_container(link, struct kc_chan, all);
		set_references(c, kc_references(c->uses));
	}
}

/* Drops the handles that nothing holds. Called without any lock. */
static void drop_orphans(void)
{
	struct kc_hidden *link;

	while ((link = kc_hidden_first(&orphans)))
		drop_handle(kc_container(link, struct kc_chan, all));
}

KC_AT_FORK(.order = KC_FORK_CHAN, .lock = lock_for_fork, .unlock = unlock_for_fork,
	   .forked = forked, .drop = drop_orphans)

int kc_close(kc_chan *c)
{
	struct kc_call call;
	int ret;

	if (!c)
		return -EINVAL;
	kc_jitter_here();
	call = kc_call_begin(c);
	kc_race_close(c);
	ret = sys_ioctl(c->fd, KCHAN_IOC_CLOSE, NULL);
	kc_race_closed(c, ret);
	kc_call_end(&call);
	return ret;
}

int kc_resize(kc_chan *c, size_t cap)
{
	struct kchan_resize resize = { 0 };
	struct kc_call call;
	int ret;

	if (!c || cap > KCHAN_MAX_CAPACITY)
		return -EINVAL;
	resize.capacity = cap;
	call = kc_call_begin(c);
	kc_race_share(c);
	ret = sys_ioctl(c->fd, KCHAN_IOC_RESIZE, &resize);
	kc_call_end(&call);
	return ret;
}

static int get_info(kc_chan *c, struct kchan_info *info)
{
	const struct kc_call call = kc_call_begin(c);
	int ret;

	ret = sys_ioctl(c->fd, KCHAN_IOC_INFO, info);
	kc_call_end(&call);
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
