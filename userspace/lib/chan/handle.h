/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process's handle of a channel.
 */
#ifndef LIBKCHAN_CHAN_HANDLE_H
#define LIBKCHAN_CHAN_HANDLE_H

#include "base/base.h"
#include "base/fork.h"
#include "base/hidden.h"
#include "race/race.h"

/*
 * The geometry is fixed, so the handle has a copy. Only the capacity can change, which
 * only the kernel knows.
 */
struct kc_chan {
	/*
	 * The low 8 bits are those of kc_generation. The next 24 bits count calls in
	 * progress on the handle. The high 32 bits count references.
	 */
	_Atomic uint64_t uses;
	struct kc_hidden all;
	/* For transfers without the kernel, by direction: see chan/mapping.h. */
	struct kc_mapped *sends;
	struct kc_mapped *recvs;
	int fd;
	uint32_t elem_size;
	bool message;
	bool plain;		/* not @message, @elem_size over 0, and no race detector */
	void (*on_free)(void *owner);	/* called when the handle is freed, or NULL */
	void *owner;
	/* For channels whose elements own something: see kc_set_drop(). */
	void (*unreceived)(kc_chan *c);	/* called before the last reference is dropped */
	void (*drop)(void *elem);
	/*
	 * Calls @fn, then @after. @after is called also if @fn panics or calls
	 * kc_goexit().
	 */
	void (*finally)(void (*fn)(void *arg), void *arg,
			void (*after)(void *data), void *data);
	pid_t drop_pid;
	/*
	 * For the race detector: its data of the channel, and the KCHAN_INFO_* of this
	 * end.
	 */
	struct kc_race_chan *race;
	uint32_t ends;
};

/*
 * Takes and checks a caller's options. Only the flags in @known may be set. Returns 0,
 * -EINVAL or -E2BIG.
 */
int kc_check_opts(kc_chan_opts *out, const kc_chan_opts *given, uint32_t known);
/* What these options are for the kernel. */
struct kchan_setup kc_setup_of(const kc_chan_opts *opts);

/* Makes a handle of @fd, which it then owns. Returns NULL if there is no memory. */
kc_chan *kc_new_handle(int fd, uint32_t elem_size, bool message);

/*
 * The lock is held from before a descriptor is opened until the caller has the handle. A
 * fork() takes the lock. So the child has the descriptor and the handle, or neither. Else
 * the child could have an open end without a handle: nobody could close it, and so the
 * channel would not close by itself. Under the lock no function of the program is called.
 */
void kc_lock_making(void);
void kc_unlock_making(void);

/* kc_make_opts(); the caller holds the lock. */
int kc_make_locked(kc_chan **out, const kc_chan_opts *opts);
/*
 * Makes a handle of @fd, whose channel is as @info says. It is made close-on-exec. On
 * failure it stays as it was. The caller holds the lock.
 */
int kc_take_over_locked(kc_chan **out, int fd, const struct kchan_info *info);

/*
 * A call holds the handle while it lasts, so another thread may drop the last reference
 * meanwhile. A call counts in the field of calls, not as a reference: the child of a
 * fork() has none of the parent's calls, and so clears that field.
 *
 * A signal handler may fork at any instruction of a call. So the generation is in the
 * same word as the count. The atomic step that counts a call also returns the
 * generation. The call is subtracted only if the generation is still the same.
 *
 * Mostly nobody else changes the word during a call. So the end of a call first tries to
 * put the word back as it was. If that succeeds the generation is the same, and the word
 * still has the reference of the caller.
 */
#define KC_CALL		((uint64_t)1 << 8)
#define KC_REFERENCE	((uint64_t)1 << 32)

/* What kc_chan.uses is set to: so many references, and no calls. */
static inline uint64_t kc_first_uses(uint32_t references)
{
	return references * KC_REFERENCE | (uint8_t)kc_generation;
}

static inline uint32_t kc_references(uint64_t uses)
{
	return uses / KC_REFERENCE;
}

/* How many calls are in progress. */
static inline uint32_t kc_nr_calls(uint64_t uses)
{
	return (uint32_t)uses / KC_CALL;
}

struct kc_call {
	kc_chan *chan;		/* NULL: holds nothing */
	uint64_t before;	/* what chan->uses was */
};

static inline struct kc_call kc_call_begin(kc_chan *c)
{
	return (struct kc_call){
		c, atomic_fetch_add_explicit(&c->uses, KC_CALL, memory_order_relaxed)
	};
}

/*
 * False if the call was counted in the parent of a fork(): the handle may be freed here.
 */
static inline bool kc_call_holds(const struct kc_call *call)
{
	return call->chan && (uint8_t)call->before == (uint8_t)kc_generation;
}

/* The slow path of kc_call_end(): the word has changed, and is @uses now. */
void kc_call_end_changed(struct kc_call call, uint64_t uses);

static inline void kc_call_end_held(const struct kc_call *call)
{
	uint64_t uses = call->before + KC_CALL;

	if (__builtin_expect(!atomic_compare_exchange_strong_explicit(
			&call->chan->uses, &uses, call->before,
			memory_order_acq_rel, memory_order_relaxed), 0))
		kc_call_end_changed(*call, uses);
}

static inline void kc_call_end(const struct kc_call *call)
{
	if (__builtin_expect(!kc_call_holds(call), 0))
		return;
	kc_race_release(&call->chan->uses);
	kc_call_end_held(call);
}

/*
 * Ends @nr calls. Ending the last call on a channel may drop the elements in it, which
 * calls functions of the program. If such a function panics or calls kc_goexit(), the
 * other calls are ended all the same.
 */
struct kc_calls {
	struct kc_call *call;
	unsigned int nr;
};

void kc_calls_end(void *calls);

/*
 * Call @fn(@arg), which makes several calls on a channel, and hold the handle until it
 * returns, or until a panic or kc_goexit() leaves it. @c may be NULL: then there is
 * nothing to hold.
 */
void kc_while_held(kc_chan *c, void (*fn)(void *arg), void *arg);

/*
 * kc_unref() in the child of a fork(), with all locks held. The handle is freed later,
 * when no lock is held.
 */
void kc_unref_forked(kc_chan *c);

/*
 * Sets @drop for channels whose elements own memory of this process, and are at most
 * KC_DROP_SIZE bytes. When this process drops its last handle that can receive, it
 * receives the elements that are left, and calls @drop for each. A forked child never
 * calls @drop: its elements belong to the parent. The handle must be able to send, too,
 * or all sending ends must be closed by then.
 */
#define KC_DROP_SIZE	128
void kc_set_drop(kc_chan *c, void (*drop)(void *elem));

/* That function. NULL if there is none, or if this is a forked child. */
void (*kc_drop_of(const kc_chan *c))(void *elem);

/*
 * Frees the @len bytes at @elem, which the caller has received into memory of malloc()
 * and does not want. Then calls @drop on a copy, unless @drop is NULL. @drop may panic,
 * so the caller must hold nothing.
 */
void kc_drop_unwanted(void (*drop)(void *elem), void *elem, size_t len);

/* Checks a message to send before the kernel does: 0, -EINVAL or -EMSGSIZE. */
static inline int kc_check_send_msg(const kc_chan *c, size_t len)
{
	if (!c->message || !len)
		return -EINVAL;
	return len > c->elem_size ? -EMSGSIZE : 0;
}

#endif /* LIBKCHAN_CHAN_HANDLE_H */
