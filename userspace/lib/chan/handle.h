/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel, as this process has it.
 */
#ifndef LIBKCHAN_CHAN_HANDLE_H
#define LIBKCHAN_CHAN_HANDLE_H

#include "base/base.h"
#include "base/list.h"

/*
 * The geometry cannot change any more, but for the capacity, which only the
 * kernel knows.
 */
struct kc_chan {
	/*
	 * 32 bits of references, 24 of calls that are in progress on the handle, and the
	 * lowest 8 of kc_generation.
	 */
	_Atomic uint64_t uses;
	struct kc_list all;
	int fd;
	uint32_t elem_size;
	bool message;
	void (*on_free)(void *owner);	/* NULL: nobody is told */
	void *owner;
	/* Of a channel of elements that own something: see kc_set_drop(). */
	void (*unreceived)(kc_chan *c);	/* before the last reference goes */
	void (*drop)(void *elem);
	/* Call @fn, then @after, which is called also if @fn is left by a panic. */
	void (*finally)(void (*fn)(void *arg), void *arg,
			void (*after)(void *data), void *data);
	pid_t drop_pid;
	/* With a race detector: what it knows of the channel, and KCHAN_INFO_*. */
	struct kc_race_chan *race;
	uint32_t ends;
};

/*
 * A handle of @fd, which then belongs to it. NULL when there is no memory.
 */
kc_chan *kc_new_handle(int fd, uint32_t elem_size, bool message);

/*
 * A call holds the handle for as long as it lasts, so that another thread may drop the
 * last reference meanwhile. It does so by this, and not by a reference: in the child of a
 * fork() the parent's calls are not there any more, and what they held is not held.
 *
 * A signal handler may fork in the middle of a call, and at any of its instructions. So
 * the generation is in the same word as the count: a call learns it by the very step that
 * counts the call, and is taken off only in that generation.
 */
#define KC_CALL		((uint64_t)1 << 32)
#define KC_GENERATION	56	/* from this bit on */

struct kc_call {
	kc_chan *chan;		/* NULL: nothing is held */
	uint8_t generation;
};

struct kc_call kc_call_begin(kc_chan *c);
void kc_call_end(const struct kc_call *call);

/*
 * End @nr calls. The last call on a channel may drop what is in it, and so call the
 * program's functions: if those are left by a panic or by kc_goexit(), the other calls
 * are ended all the same.
 */
struct kc_calls {
	struct kc_call *call;
	unsigned int nr;
};

void kc_calls_end(void *calls);

/* kc_unref() in a child of a fork(), with all locks held: it is done a little later. */
void kc_unref_forked(kc_chan *c);

/*
 * What is still in the channel when the last handle of this process that could
 * receive it goes is given to @drop. It is for channels whose elements point to
 * memory of this process: a copy in a forked child has nothing to say. It is for
 * handles that can also send, or whose senders have gone by then. Elements are of
 * at most KC_DROP_SIZE bytes.
 */
#define KC_DROP_SIZE	128
void kc_set_drop(kc_chan *c, void (*drop)(void *elem));

/* That function; NULL if there is none, or this process has nothing to say. */
void (*kc_drop_of(const kc_chan *c))(void *elem);

/*
 * The caller has received the @len bytes at @elem, of malloc(), and does not want them:
 * frees them, and then calls @drop, unless that is NULL. It may be left by a panic, so
 * nothing must be held.
 */
void kc_drop_unwanted(void (*drop)(void *elem), void *elem, size_t len);

/* What a message to send must be, before the kernel sees it. */
static inline int kc_check_send_msg(const kc_chan *c, size_t len)
{
	if (!c->message || !len)
		return -EINVAL;
	return len > c->elem_size ? -EMSGSIZE : 0;
}

#endif /* LIBKCHAN_CHAN_HANDLE_H */
