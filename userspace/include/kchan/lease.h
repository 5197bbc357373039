/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: elements that stay the channel's until they are acknowledged.
 *
 *	ret = kc_lease_make(&lease, jobs, 60 * KC_SECOND);
 *	for (ret = kc_lease_recv(lease); ret > 0; ret = kc_lease_next(lease))
 *		work(kc_lease_elem(lease, &len));
 *	kc_lease_unref(lease);
 *
 * A receiver that is killed after kc_recv() has lost the element. With a lease it has
 * not: the element goes back to the channel, in its place, and another receiver gets it.
 * So each element is worked on at least once. It may be worked on twice.
 *
 * A lease ends when it is acknowledged or returned, when its limit comes, when the handle
 * is freed, and when the process ends. As long as it lasts, the channel is not at the end
 * of its stream: receivers wait.
 *
 * A lease is also a descriptor. Who has a copy of it, a child after fork() or a process
 * that it was passed to, has the lease, and it lasts until the last copy is closed.
 *
 * A handle holds one element at a time. It is for one goroutine at a time.
 */
#ifndef KCHAN_LEASE_H
#define KCHAN_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/* A handle that receives under lease. */
typedef struct kc_lease kc_lease;

/*
 * Make a handle for the elements of @c, which it holds a reference on. A lease lasts
 * @limit nanoseconds from the moment at which the element is handed to the handle. Then
 * the element goes back. If @limit is 0, a lease has no limit. Time in suspend does not
 * count.
 *
 * 0, or
 * -EINVAL	@c is NULL, or @limit is negative
 * -EBADF	@c cannot receive
 * -EDQUOT	the channels of this user, and what they hold, would be more than the
 *	administrator allows
 * -EMFILE, -ENFILE, -ENOMEM
 */
int kc_lease_make(kc_lease **out, kc_chan *c, int64_t limit) KC_MUST_CHECK;

/*
 * Make a handle of a descriptor of a lease that another process has passed on. On
 * success the handle owns @fd. It has the element that is under lease. It can receive no
 * further ones.
 *
 * 0, or
 * -EINVAL	@fd is no lease, or has no element
 * -ETIME	its limit has come
 * -EBADF, -ENOMEM
 */
int kc_lease_from_fd(kc_lease **out, int fd) KC_MUST_CHECK;

/*
 * Take one more reference, or drop one. With the last one the lease's descriptor is
 * closed, and an element goes back if no other process has the descriptor. @lease may be
 * NULL.
 *
 * kc_lease_ref() returns @lease.
 */
kc_lease *kc_lease_ref(kc_lease *lease);
void kc_lease_unref(kc_lease *lease);

/*
 * Receive an element under lease, and wait until there is one. kc_lease_elem() tells
 * where it is.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds.
 * kc_lease_recv_ctx() is the form with a context.
 *
 * 1 for an element, 0 at the end of the stream, or
 * -EBUSY	the handle has an element
 * -EAGAIN	in the try form: it would have to wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -EINVAL	the handle is from kc_lease_from_fd()
 * -EIO	a process has mapped the channel, and has destroyed its ring
 * -EDQUOT, -ENOMEM
 */
int kc_lease_recv(kc_lease *lease) KC_MUST_CHECK;
int kc_lease_try_recv(kc_lease *lease) KC_MUST_CHECK;
int kc_lease_recv_timeout(kc_lease *lease, int64_t timeout) KC_MUST_CHECK;

/*
 * Acknowledge the element: it will not come back.
 *
 * 0, or
 * -ETIME	its limit has come, and it has gone back
 * -EINVAL	the handle has no element, or another process that has the descriptor has
 *	ended the lease
 */
int kc_lease_ack(kc_lease *lease) KC_MUST_CHECK;

/*
 * Acknowledge the element, and receive the next one: kc_lease_ack() and kc_lease_recv().
 * If the next one is there, this is one system call. If it fails with -ETIME, the limit
 * of the element has come, nothing was received, and the caller goes on with
 * kc_lease_recv().
 *
 * What kc_lease_ack() and kc_lease_recv() return. It is also -EBUSY while another process
 * that has the descriptor reads the element: then nothing was acknowledged.
 */
int kc_lease_next(kc_lease *lease) KC_MUST_CHECK;

/* kc_lease_return(): behind all that is queued, and not in the element's place. */
#define KC_LEASE_TAIL		((uint32_t)1 << 0)
/* kc_lease_return(): do not count this in kc_lease_returns(). */
#define KC_LEASE_UNCOUNTED	((uint32_t)1 << 1)

/*
 * Give the element back. The channel keeps it for @delay nanoseconds before others can
 * receive it.
 *
 * 0, or
 * -ETIME	its limit has come, and it has gone back
 * -EINVAL	the handle has no element, as for kc_lease_ack(), an unknown flag, or @delay
 *	is negative
 */
int kc_lease_return(kc_lease *lease, uint32_t flags, int64_t delay);

/*
 * Let the lease last @limit nanoseconds from now on. If @limit is 0, it has no limit.
 *
 * 0, or
 * -ETIME	its limit has come, and the element has gone back
 * -EINVAL	the handle has no element, as for kc_lease_ack(), or @limit is negative
 */
int kc_lease_extend(kc_lease *lease, int64_t limit) KC_MUST_CHECK;

/*
 * The element that the handle has, until its lease ends or the next one is received. *@len
 * is set to its length. @len may be NULL.
 *
 * Returns the element; NULL if there is none.
 */
void *kc_lease_elem(const kc_lease *lease, size_t *len);

/*
 * The number of the element in its channel. It is the same when the element has come back,
 * and no other element of this channel has it. And how often it has come back, after
 * somebody had it.
 *
 * 0 if the handle has no element.
 */
uint64_t kc_lease_number(const kc_lease *lease);
uint32_t kc_lease_returns(const kc_lease *lease);

/*
 * Let the handle receive while nobody waits in a call: for a kc_case_fd() of a select, for
 * poll() and for event loops. Its descriptor is readable (EPOLLIN) once there is an
 * element, or the stream has ended: then kc_lease_try_recv() gets it. An element that is
 * there belongs to the handle, whether it is received or not.
 *
 * kc_lease_disarm() ends this.
 *
 * 0, or
 * -EBUSY	kc_lease_arm(): the handle has an element
 * -EALREADY	kc_lease_disarm(): an element has come; receive it
 * -EINVAL	kc_lease_arm(): the handle is from kc_lease_from_fd()
 * -EDQUOT, -ENOMEM
 */
int kc_lease_arm(kc_lease *lease) KC_MUST_CHECK;
int kc_lease_disarm(kc_lease *lease) KC_MUST_CHECK;

/*
 * The descriptor: to wait for, as kc_lease_arm() says, or to pass on. It belongs to the
 * handle, and is closed on exec.
 *
 * Returns the descriptor; -EINVAL if @lease is NULL.
 */
int kc_lease_fd(const kc_lease *lease);

KC_DECLS_END

#endif /* KCHAN_LEASE_H */
