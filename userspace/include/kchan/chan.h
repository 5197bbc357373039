/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels.
 *
 * A channel moves elements from senders to receivers. Each element goes to one
 * receiver. The channel is an object of the kernel, and has a file descriptor. So it
 * can be shared with other processes (by fork, over a socket, or by a name: name.h), and
 * poll, epoll and io_uring can wait for it.
 *
 * A channel of capacity 0 is a rendezvous: a send returns only once a receiver has
 * been handed the element. A send on a channel with a capacity waits only while that
 * many elements are queued.
 *
 * Elements have the channel's size. In message mode they are 1 to that many bytes,
 * and each has a length of its own. Message mode has calls of its own, which end in
 * _msg. Those calls return -EINVAL on other channels, and the other calls return
 * -EINVAL in message mode. Elements of size 0 are Go's chan struct{}. Their address
 * is never used, and may be NULL.
 *
 * A NULL channel is Go's nil channel. A send or a receive on it waits for ever. The try
 * forms return -EAGAIN. The timed forms return -ETIMEDOUT when the timeout has passed.
 * The length and the capacity are 0, and kc_close() returns -EINVAL.
 */
#ifndef KCHAN_CHAN_H
#define KCHAN_CHAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/cdefs.h>

KC_DECLS_BEGIN

/* Units of time. */
#define KC_NANOSECOND	((int64_t)1)
#define KC_MICROSECOND	(1000 * KC_NANOSECOND)
#define KC_MILLISECOND	(1000 * KC_MICROSECOND)
#define KC_SECOND	(1000 * KC_MILLISECOND)

/* A handle of a channel. */
typedef struct kc_chan kc_chan;

/*
 * Make a channel of elements of @elem_size bytes (at most 16 MiB) that holds
 * @cap of them (at most 1,048,576). *@out is a handle with one reference.
 *
 * 0, or
 * -EINVAL	a value is over its maximum, or the buffer would be larger than the
 *	administrator allows for one channel
 * -EDQUOT	the buffers of this user's channels would be larger than the
 *	administrator allows
 * -ENODEV	there is no /dev/kchan: the kernel module is not loaded. Or /dev/kchan
 *	is another kind of file. A shell of root makes a regular file of that name if it
 *	opens it (<>) while the module is not loaded: remove the file, and load the
 *	module
 * -EACCES	this user may not open /dev/kchan
 * -EMFILE, -ENFILE, -ENOMEM
 */
int kc_make(kc_chan **out, size_t elem_size, size_t cap) KC_MUST_CHECK;

/*
 * kc_chan_opts.flags: message mode. elem_size is the maximum length of a message, and
 * at least 1.
 */
#define KC_CHAN_MESSAGE	((uint32_t)1 << 0)

/*
 * kc_chan_opts.flags: never map the channel. Otherwise a channel that is used often is
 * mapped: its transfers in this process make no system call while nobody waits. A thread
 * that is stopped within such a transfer makes those wait who come after it: by a debugger,
 * or for ever by a signal handler that jumps away. With this flag it cannot. See
 * libkchan(7).
 */
#define KC_CHAN_NOMAP	((uint32_t)1 << 1)

/* kc_chan_opts.flags, of kc_create() alone: the name does not keep the channel open. */
#define KC_CHAN_NO_SEND_HOLD	((uint32_t)1 << 2)

/*
 * Options of a channel. Start with KC_CHAN_OPTS_INIT, which fills in the size
 * that the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_chan_opts {
	uint32_t size;		/* sizeof(struct kc_chan_opts) */
	uint32_t flags;		/* KC_CHAN_* */
	size_t elem_size;	/* in bytes */
	size_t cap;		/* in elements */
} kc_chan_opts;

#define KC_CHAN_OPTS_INIT { sizeof(struct kc_chan_opts), 0, 0, 0 }

/*
 * As kc_make(), with options. Besides its errors:
 *
 * -EINVAL	an unknown flag, or an invalid size
 * -E2BIG	options that this library does not know are not zero
 */
int kc_make_opts(kc_chan **out, const kc_chan_opts *opts) KC_MUST_CHECK;

/*
 * Make a handle for receiving only, or for sending only, on the same channel: Go's
 * <-chan T and chan<- T. The handle has a descriptor of its own. A call for the other
 * direction returns -EBADF, also in another process. @c does not change. If @c is NULL,
 * *@out is NULL.
 *
 * A channel closes by itself when it has no sending end any more. When it has no
 * receiving end any more, the queued elements are dropped, and a send fails. To make
 * use of this, give each goroutine or process a handle of the one direction that it
 * needs, and drop the first handle.
 *
 * 0, or
 * -EBADF	@c has only the other direction
 * -EMFILE, -ENFILE, -ENOMEM
 */
int kc_recv_only(kc_chan **out, kc_chan *c) KC_MUST_CHECK;
int kc_send_only(kc_chan **out, kc_chan *c) KC_MUST_CHECK;

/*
 * Make a channel as kc_make() or kc_make_opts() do, and return its two ends. *@recv is
 * for receiving only, and *@send is for sending only, as with pipe(). There is no other
 * end. So the channel closes when *@send and all handles that were made from it are
 * dropped.
 *
 * What kc_make() and kc_make_opts() return.
 */
int kc_make_pair(kc_chan **recv, kc_chan **send, size_t elem_size,
		 size_t cap) KC_MUST_CHECK;
int kc_make_pair_opts(kc_chan **recv, kc_chan **send,
		      const kc_chan_opts *opts) KC_MUST_CHECK;

/*
 * Take one more reference to a handle. @c may be NULL.
 *
 * Returns @c.
 */
kc_chan *kc_ref(kc_chan *c);

/*
 * Drop a reference. With the last one the handle is freed and its descriptor is
 * closed. @c may be NULL.
 *
 * This is not kc_close(). The channel continues to exist while other processes hold it.
 * It closes by itself when it has no sending end any more.
 */
void kc_unref(kc_chan *c);

/*
 * Send the element at @elem. This waits until there is room, or, on a rendezvous,
 * until a receiver has been handed the element.
 *
 * The try form does not wait. It is Go's select with a send and a default clause. A
 * program that drops elements while the channel is full need not check the result. The
 * timed form waits at most @timeout nanoseconds. An element that can be sent at once is
 * sent, also if the timeout is 0 or negative.
 *
 * 0, or
 * -EAGAIN	in the try form: the call would have to wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -EPIPE	the channel is closed, or has no receiving end; the element was not
 *	sent. (Go panics here.)
 * -EBADF	the handle is for receiving only
 * -EFAULT	@elem is not a valid address. If the channel is mapped, the call may fault
 *	instead: see libkchan(7)
 * -EINVAL	the channel is in message mode
 * -EIO	the channel is broken: the process that has mapped it has written to the memory
 *	that it shares with the kernel. Nothing moves any more: see libkchan(7)
 * -EDQUOT	the call has to wait, the element has over 128 bytes, and the memory
 *	that the kernel needs for this is over the user's limit
 * -ENOMEM
 */
int kc_send(kc_chan *c, const void *elem) KC_MUST_CHECK;
int kc_try_send(kc_chan *c, const void *elem);
int kc_send_timeout(kc_chan *c, const void *elem, int64_t timeout) KC_MUST_CHECK;

/*
 * Receive the oldest element into @elem, and wait until there is one. If @elem is
 * NULL the element is received and discarded, as by Go's <-c alone.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds. An
 * element that is there at once is received, also if the timeout is 0 or negative.
 *
 * A closed channel is not drained while an element is in flight: another receiver was
 * handed it and has not taken it yet. Such an element may be put back. So the call
 * waits meanwhile, and the try form returns -EAGAIN.
 *
 * 1, or
 * 0	the channel is closed and drained: end-of-stream; *@elem is not changed
 * -EAGAIN	in the try form: the call would have to wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -EBADF	the handle is for sending only
 * -EFAULT	as for kc_send(); the element is still in the channel
 * -EINVAL	the channel is in message mode
 * -EIO	as for kc_send()
 * -EDQUOT	as for kc_send()
 * -ENOMEM
 */
int kc_recv(kc_chan *c, void *elem) KC_MUST_CHECK;
int kc_try_recv(kc_chan *c, void *elem) KC_MUST_CHECK;
int kc_recv_timeout(kc_chan *c, void *elem, int64_t timeout) KC_MUST_CHECK;

/*
 * Go's for v := range c: run the following statement once for each element, until
 * end-of-stream or an error. The element is in *@elem.
 */
#define kc_for_each(c, elem)	while (kc_recv((c), (elem)) > 0)

/*
 * Send the @n elements at @elems, which follow each other in memory. These are @n sends in
 * this order, in as few system calls as possible. Elements of others may come between them.
 * The call waits until all elements are sent. If an error ends it before, it returns how
 * many were sent, and the next call returns the error.
 *
 * The try form sends only the elements that need not wait. The timed form waits at most
 * @timeout nanoseconds for all elements together.
 *
 * How many elements were sent, which is 0 only if @n is 0, or
 * -EAGAIN	in the try form: the call would have to wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -EPIPE	the channel is closed, or nobody is left who could receive
 * -EBADF	the handle is for receiving only
 * -EFAULT	@elems is not a valid address: as for kc_send()
 * -EINVAL	the channel is in message mode: each message has its own length, and takes
 *	its own call, see kc_send_msg(). Or @n elements are larger than any object
 * -EIO	as for kc_send()
 * -EDQUOT	as for kc_send()
 * -ENOMEM
 */
ssize_t kc_send_n(kc_chan *c, const void *elems, size_t n) KC_MUST_CHECK;
ssize_t kc_try_send_n(kc_chan *c, const void *elems, size_t n);
ssize_t kc_send_n_timeout(kc_chan *c, const void *elems, size_t n,
			  int64_t timeout) KC_MUST_CHECK;

/*
 * Receive at most @n elements, the oldest first, into @elems, where they follow each other.
 * The call waits until there is an element. Then it takes all that are there, up to @n, and
 * does not wait for more. If @elems is NULL the elements are received and discarded.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds for the
 * first element.
 *
 * How many elements were received, or
 * 0	the channel is closed and drained: end-of-stream
 * -EAGAIN	in the try form: the call would have to wait
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -EBADF	the handle is for sending only
 * -EFAULT	as for kc_send_n(); the elements are still in the channel
 * -EINVAL	@n is 0. Or the channel is in message mode: each message takes its own
 *	call, see kc_recv_msg(). Or @n elements are larger than any object
 * -EIO	as for kc_send()
 * -EDQUOT	as for kc_recv()
 * -ENOMEM
 */
ssize_t kc_recv_n(kc_chan *c, void *elems, size_t n) KC_MUST_CHECK;
ssize_t kc_try_recv_n(kc_chan *c, void *elems, size_t n) KC_MUST_CHECK;
ssize_t kc_recv_n_timeout(kc_chan *c, void *elems, size_t n,
			  int64_t timeout) KC_MUST_CHECK;

/*
 * Send the @len bytes at @msg as one message. As kc_send(), and
 *
 * -EINVAL	@len is 0, or the channel is not in message mode
 * -EMSGSIZE	@len is more than the channel's element size
 */
int kc_send_msg(kc_chan *c, const void *msg, size_t len) KC_MUST_CHECK;
int kc_try_send_msg(kc_chan *c, const void *msg, size_t len);
int kc_send_msg_timeout(kc_chan *c, const void *msg, size_t len,
			int64_t timeout) KC_MUST_CHECK;

/*
 * Receive the oldest message into the @size bytes at @buf. If @buf is NULL the message
 * is received and discarded, whatever its length, and @size is ignored. The try and
 * timed forms are like those of kc_recv().
 *
 * The message's length (at least 1), or 0 at end-of-stream, or
 * -EMSGSIZE	the message is longer than @size; it is still in the channel
 * -EINVAL	the channel is not in message mode
 * -EAGAIN, -ETIMEDOUT, -EBADF, -EFAULT, -EDQUOT, -ENOMEM
 *	as for kc_recv()
 */
ssize_t kc_recv_msg(kc_chan *c, void *buf, size_t size) KC_MUST_CHECK;
ssize_t kc_try_recv_msg(kc_chan *c, void *buf, size_t size) KC_MUST_CHECK;
ssize_t kc_recv_msg_timeout(kc_chan *c, void *buf, size_t size,
			    int64_t timeout) KC_MUST_CHECK;

/*
 * Close the channel for all its users. Nothing can be sent any more. Waiting sends
 * return -EPIPE. Receivers get the queued elements, and then end-of-stream. The handle
 * remains valid until kc_unref().
 *
 * 0, or
 * -EALREADY	the channel was closed already. (Go panics here.)
 * -EBADF	the handle is for receiving only
 * -EPERM	the channel has a name, and this user does not own the name
 * -EINVAL	@c is NULL
 */
int kc_close(kc_chan *c);

/*
 * How many elements are queued now, and how many the buffer can hold.
 *
 * Returns the number, 0 if @c is NULL. The number may change at any time.
 */
int kc_len(kc_chan *c);
int kc_cap(kc_chan *c);

/*
 * The size of an element in bytes. In message mode this is the maximum length of a
 * message.
 *
 * Returns the size, 0 if @c is NULL.
 */
int kc_elem_size(kc_chan *c);

/*
 * Whether a channel is in message mode.
 *
 * Returns 1 in message mode, else 0, also if @c is NULL.
 */
int kc_is_message(kc_chan *c);

/*
 * Change the capacity of a channel in use. No element is lost. If the channel was mapped,
 * its transfers are system calls from then on.
 *
 * 0, or
 * -EBUSY	more elements are queued than @cap
 * -EBADF	the handle is for one direction only
 * -EPERM	the channel has a name, and this user does not own the name
 * -EINVAL	@cap is over its maximum, or @c is NULL
 * -EIO	as for kc_send()
 * -EDQUOT	the buffers of this user's channels would be larger than the
 *	administrator allows
 * -ENOMEM
 */
int kc_resize(kc_chan *c, size_t cap) KC_MUST_CHECK;

/*
 * The channel's descriptor, for polling, or to pass to another process. It is
 * close-on-exec, and the handle owns it: do not close it. For event loops see
 * libkchan(7).
 *
 * Returns the descriptor, or -EINVAL if @c is NULL.
 */
int kc_fd(kc_chan *c);

/*
 * Make a handle of a descriptor, which may come from another process or from
 * open("/dev/kchan"). On success the handle owns the descriptor, which is made
 * close-on-exec. On failure the descriptor is not changed. The library ignores its
 * O_NONBLOCK. Set the channel's element size and capacity (KCHAN_IOC_SETUP) before. If
 * they are not set, the channel gets the administrator's defaults. Then the first call
 * that uses the channel makes the buffer, so it may also return -EDQUOT.
 *
 * 0, or
 * -EBADF	@fd is not open
 * -ENOTTY	@fd is not a channel
 * -ENOMEM
 */
int kc_from_fd(kc_chan **out, int fd) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_CHAN_H */
