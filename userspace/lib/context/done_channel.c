// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The channels of contexts, and contexts of other processes.
 *
 * The process that made a node's channel has its only sending end. It closes the
 * channel when the node is cancelled. When the process ends, or frees the node, the
 * sending end is closed, which also closes the channel. A child of a fork() must not
 * keep the channel open, so it closes all sending ends that it has inherited. In the
 * child, the receiving end becomes a source of the child's copy of the node. If the
 * child needs a channel for that node, it makes its own, since a cancel in the child
 * does not affect the parent.
 *
 * An ancestor of a node may have a source from the same process as the node itself.
 * When that process cancels the ancestor, it also cancels the node. So the node's own
 * source is enough.
 */
#include <stdlib.h>

#include "base/fork.h"
#include "base/futex.h"
#include "base/hook.h"
#include "chan/handle.h"
#include "chan/races.h"
#include "context/node.h"

static uint32_t lock;		/* held while a channel is made */

/*
 * The sending ends that this process has to close. Protected by kc_ctx_lock. Hidden: else
 * no node with a channel would be found to be leaked.
 */
static struct kc_hidden_list senders;

static void lock_making(void)
{
	kc_lock(&lock);
}

static void unlock_making(void)
{
	kc_unlock(&lock);
}

/*
 * Not kc_close(): jitter must not delay this, since kc_ctx_lock may be held.
 */
static void close_sender(struct kc_done *sender)
{
	int ret;

	kc_race_close(sender->chan);
	ret = sys_ioctl(sender->chan->fd, KCHAN_IOC_CLOSE, NULL);
	kc_race_closed(sender->chan, ret);
}

/*
 * Frees all sending ends in the list, which are closed. No other thread uses them, but
 * they stay on the list "senders" until their descriptors are closed: the child of a
 * fork() closes what is on that list.
 */
static void drop_senders(struct kc_done *sender)
{
	struct kc_done *each, *next;

	kc_race_hide();
	kc_lock(&kc_ctx_lock);
	for (each = sender; each; each = next) {
		next = each->next;
		kc_hidden_del(&each->all);
		kc_unref(each->chan);
		free(each);
	}
	kc_unlock(&kc_ctx_lock);
	kc_race_show();
}

/*
 * Called with the lock held. If the node is cancelled by now, its channel is closed at
 * once.
 */
static int make_done(struct kc_node *n)
{
	struct kc_done *sender;
	kc_chan *recv;
	bool over;
	int ret;

	sender = calloc(1, sizeof(*sender));
	if (!sender)
		return -ENOMEM;
	ret = kc_make_pair(&recv, &sender->chan, 0, 0);
	if (ret) {
		free(sender);
		return ret;
	}
	kc_lock(&kc_ctx_lock);
	kc_hidden_add(&senders, &sender->all);
	over = n->err;
	if (!over) {
		/* From now on, the thread that cancels the node owns the sender. */
		sender->node = n;
		n->sender = sender;
	}
	kc_unlock(&kc_ctx_lock);
	if (over) {
		close_sender(sender);
		drop_senders(sender);
	}
	__atomic_store_n(&n->done, recv, __ATOMIC_RELEASE);
	return 0;
}

int kc_node_done(struct kc_node *n, kc_chan **out)
{
	int ret = 0;

	if (!__atomic_load_n(&n->done, __ATOMIC_ACQUIRE)) {
		kc_lock(&lock);
		if (!n->done)
			ret = make_done(n);
		kc_unlock(&lock);
	}
	if (!ret)
		*out = n->done;
	return ret;
}

static void on_time(struct kc_timed *timer)
{
	struct kc_node *n = kc_container(timer, struct kc_node, timer);

	kc_node_err(n);
}

static void on_ready(struct kc_watch *watch)
{
	struct kc_done *source = kc_container(watch, struct kc_done, watch);

	kc_node_cancel(source->node, -ECANCELED, &kc_canceled);
}

/*
 * Called with the lock held, and so is watch_sources(). In the child of a fork() it is
 * not armed yet.
 */
static void arm_timer(struct kc_node *n)
{
	if (n->armed == kc_generation + 1)
		return;
	n->armed = kc_generation + 1;
	n->timer.fire = on_time;
	kc_timed_set(&n->timer, n->deadline);
}

static int watch_sources(struct kc_node *n)
{
	struct kc_done *source;
	int ret;

	for (source = n->sources; source; source = source->next) {
		if (source->watched == kc_generation + 1)
			continue;
		source->watch.ready = on_ready;
		ret = kc_watch_set(&source->watch, source->chan->fd);
		if (ret)
			return ret;
		source->watched = kc_generation + 1;
	}
	return 0;
}

int kc_node_arm(struct kc_node *n, bool timer)
{
	int ret;

	if (n->deadline == KC_NEVER)
		timer = false;
	if (!timer && !__atomic_load_n(&kc_nr_sources, __ATOMIC_RELAXED))
		return 0;
	ret = kc_keeper_start();
	if (ret)
		return ret;
	kc_lock(&kc_ctx_lock);
	for (; n && !n->err && !ret; n = n->up) {
		if (timer && n->own) {
			arm_timer(n);
			/* The deadlines of the ancestors are not earlier. */
			timer = false;
		}
		ret = watch_sources(n);
	}
	kc_unlock(&kc_ctx_lock);
	return ret;
}

int kc_ctx_done(kc_chan **out, kc_ctx *ctx)
{
	struct kc_node *n = kc_ctx_node(ctx);
	int ret = 0;

	if (!n) {
		*out = NULL;
		return 0;
	}
	if (!kc_node_err(n))
		ret = kc_node_arm(n, true);
	return ret ? ret : kc_node_done(n, out);
}

static bool is_covered(const struct kc_done *source, struct kc_done *const *by,
		       unsigned int nr)
{
	if (!source->generation)
		return false;
	while (nr--)
		if (by[nr]->generation == source->generation)
			return true;
	return false;
}

unsigned int kc_node_sources(struct kc_node *n, struct kc_done **out,
			     unsigned int max)
{
	struct kc_done *source;
	unsigned int nr = 0;

	if (!__atomic_load_n(&kc_nr_sources, __ATOMIC_RELAXED))
		return 0;
	for (; n; n = n->up) {
		for (source = n->sources; source; source = source->next) {
			if (is_covered(source, out, nr < max ? nr : max))
				continue;
			if (nr < max)
				out[nr] = source;
			nr++;
		}
	}
	return nr;
}

static void look(struct kc_node *n)
{
	struct kc_done *sources[KCHAN_MAX_CASES];
	struct pollfd fds[KCHAN_MAX_CASES];
	unsigned int nr, i;
	int ret;

	nr = kc_node_sources(n, sources, KCHAN_MAX_CASES);
	if (nr > KCHAN_MAX_CASES)
		nr = KCHAN_MAX_CASES;
	if (!nr)
		return;
	for (i = 0; i < nr; i++) {
		fds[i].fd = sources[i]->chan->fd;
		fds[i].events = POLLIN;
	}
	do {
		ret = sys_poll(fds, nr, 0);
	} while (ret == -EINTR);
	for (i = 0; ret > 0 && i < nr; i++)
		if (fds[i].revents)
			kc_node_cancel(sources[i]->node, -ECANCELED,
				       &kc_canceled);
}

static void add_source(struct kc_node *n, struct kc_done *source)
{
	source->node = n;
	source->next = n->sources;
	n->sources = source;
	__atomic_fetch_add(&kc_nr_sources, 1, __ATOMIC_RELAXED);
}

static void free_sources(struct kc_node *n)
{
	struct kc_done *source;

	while ((source = n->sources)) {
		n->sources = source->next;
		if (source->watched)
			kc_keeper_forget_watch(&source->watch);
		kc_unref(source->chan);
		free(source);
		__atomic_fetch_sub(&kc_nr_sources, 1, __ATOMIC_RELAXED);
	}
}

/* Checks a descriptor that is to be a source: 0 or a negative errno. */
static int check_source(int fd)
{
	struct kchan_info info;
	int ret;

	ret = sys_ioctl(fd, KCHAN_IOC_INFO, &info);
	if (ret)
		return ret;
	if (!(info.flags & KCHAN_INFO_RECV))
		return -EBADF;
	return info.flags & KCHAN_INFO_SEND ? -EINVAL : 0;
}

int kc_ctx_from_fd(kc_ctx **out, kc_ctx *parent, int fd)
{
	struct kc_done *source;
	struct kc_node *n;
	int ret;

	ret = check_source(fd);
	if (ret)
		return ret;
	n = kc_node_make(parent);
	if (!n)
		return -ENOMEM;
	source = calloc(1, sizeof(*source));
	ret = source ? kc_from_fd(&source->chan, fd) : -ENOMEM;
	if (ret) {
		free(source);
		kc_ctx_unref(&n->ctx);
		return ret;
	}
	add_source(n, source);
	kc_node_link(n);
	*out = &n->ctx;
	return 0;
}

/*
 * Called in the child with the locks held, so no thread is making a channel. The
 * receiving end of a node's channel becomes its source.
 */
static void forked(void)
{
	struct kc_hidden *link;
	struct kc_done *each;
	struct kc_node *n;

	while ((link = kc_hidden_first(&senders))) {
		each = kc_container(link, struct kc_done, all);
		kc_hidden_del(link);
		kc_unref_forked(each->chan);
		n = each->node;
		/* The channel is closed: a thread of the parent is about to free it. */
		if (!n) {
			free(each);
			continue;
		}
		n->sender = NULL;
		each->chan = n->done;
		each->generation = kc_generation;
		n->done = NULL;
		add_source(n, each);
	}
}

KC_AT_FORK(.order = KC_FORK_DONE, .lock = lock_making, .unlock = unlock_making,
	   .forked = forked)

static const struct kc_ctx_channels channels = {
	.look = look,
	.close = close_sender,
	.drop = drop_senders,
	.free_sources = free_sources,
	.unref = kc_unref,
};

KC_SET_HOOK(kc_ctx_channels, &channels)
