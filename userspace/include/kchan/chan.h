/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels.
 *
 * A channel moves elements from those who send to those who receive. Each element
 * goes to one receiver. The channel lives in the kernel, behind a file descriptor. So
 * it can be shared with other processes (by fork, or over a socket), and poll, epoll
 * and io_uring can wait for it.
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
 * A NULL channel is Go's nil channel. To send and to receive waits for ever. The try
 * forms return -EAGAIN, and the timed forms return -ETIMEDOUT when the time is over.
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
 * -EINVAL	a value is over its maximum, or together they ask for more than
 *		the administrator allows one channel
 * -EDQUOT	this user's channels would hold more than the administrator
 *		allows
 * -ENODEV	there is no /dev/kchan: the kernel module is not loaded. Or
 *		/dev/kchan is not its device but, say, a regular file, which a shell
 *		of root makes that opens it (<>) when the module is not loaded:
 *		remove that, and load the module again
 * -EACCES	/dev/kchan may not be opened by this user
 * -EMFILE, -ENFILE, -ENOMEM
 */
int kc_make(kc_chan **out, size_t elem_size, size_t cap) KC_MUST_CHECK;

/* kc_chan_opts.flags: message mode; elem_size, at least 1, is the most. */
#define KC_CHAN_MESSAGE	((uint32_t)1 << 0)

/*
 * Options of a channel. Start with KC_CHAN_OPTS_INIT, which fills in the size
 * that the structure had when the program was compiled. It may grow at its end.
 */
typedef struct kc_chan_opts {
	uint32_t size;		/* sizeof(struct kc_chan_opts) */
	uint32_t flags;		/* KC_CHAN_* */
	size_t elem_size;
	size_t cap;
} kc_chan_opts;

#define KC_CHAN_OPTS_INIT { sizeof(struct kc_chan_opts), 0, 0, 0 }

/*
 * As kc_make(), with options. Besides its errors:
 *
 * -EINVAL	an unknown flag, or a size that cannot be one
 * -E2BIG	options that this library does not know are not zero
 */
int kc_make_opts(kc_chan **out, const kc_chan_opts *opts) KC_MUST_CHECK;

/*
 * Make a handle for receiving only, or for sending only, on the same channel: Go's
 * <-chan T and chan<- T. The handle has a descriptor of its own. To use it the other
 * way is -EBADF, whoever gets hold of it. @c goes on as before. If @c is NULL, *@out
 * is NULL.
 *
 * A channel closes by itself when nobody is left who could send. When nobody is left
 * who could receive, what is queued is dropped, and a send fails. For that, give each
 * goroutine or process a handle of the one direction that it needs, and drop the
 * first handle.
 *
 * 0, or
 * -EBADF	@c is for the other direction only
 * -EMFILE, -ENFILE, -ENOMEM
 */
int kc_recv_only(kc_chan **out, kc_chan *c) KC_MUST_CHECK;
int kc_send_only(kc_chan **out, kc_chan *c) KC_MUST_CHECK;

/*
 * Make a channel as kc_make() or kc_make_opts() do, and return its two ends: *@recv
 * is for receiving only, and *@send is for sending only, as pipe() has it. There is
 * no other end. So the channel closes once *@send, and all handles that were made
 * from it, are dropped.
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
 * This is not kc_close(). The channel lives on while other processes hold it. It
 * closes by itself when nobody is left who could send.
 */
void kc_unref(kc_chan *c);

/*
 * Send the element at @elem. This waits until there is room, or, on a rendezvous,
 * until a receiver has been handed the element.
 *
 * The try form does not wait. A program that drops what does not fit need not look at
 * its result: that is Go's select with a send and a default clause. The timed form
 * waits at most @timeout nanoseconds. What can be sent at once is sent, however small
 * or negative the timeout.
 *
 * 0, or
 * -EAGAIN	of the try form: it would have to wait
 * -ETIMEDOUT	of the timed form: the time is over
 * -EPIPE	the channel is closed, or nobody is left who could receive; the
 *	element was not sent. (Go panics here.)
 * -EBADF	the handle is for receiving only
 * -EFAULT	@elem is no good address
 * -EINVAL	the channel is in message mode
 * -EDQUOT	the call has to wait, and with the memory that the kernel needs for
 *	that (if the element has over 128 bytes) this user would have more
 *	than the administrator allows
 * -ENOMEM
 */
int kc_send(kc_chan *c, const void *elem) KC_MUST_CHECK;
int kc_try_send(kc_chan *c, const void *elem);
int kc_send_timeout(kc_chan *c, const void *elem, int64_t timeout) KC_MUST_CHECK;

/*
 * Receive the oldest element into @elem, and wait until there is one. If @elem is
 * NULL the element is received and discarded, as by Go's <-c alone.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds. What
 * is there at once is received, however small or negative the timeout.
 *
 * A closed channel is not drained while an element is in flight: while another
 * receiver was handed it and has not taken it yet. The element may come back from
 * there. Until then the call waits, and the try form returns -EAGAIN.
 *
 * 1, or
 * 0	the channel is closed and drained: end-of-stream; *@elem is left
 *	alone
 * -EAGAIN	of the try form: it would have to wait
 * -ETIMEDOUT	of the timed form: the time is over
 * -EBADF	the handle is for sending only
 * -EFAULT	@elem is no good address; the element is still in the channel
 * -EINVAL	the channel is in message mode
 * -EDQUOT	as of kc_send()
 * -ENOMEM
 */
int kc_recv(kc_chan *c, void *elem) KC_MUST_CHECK;
int kc_try_recv(kc_chan *c, void *elem) KC_MUST_CHECK;
int kc_recv_timeout(kc_chan *c, void *elem, int64_t timeout) KC_MUST_CHECK;

/*
 * Go's for v := range c: runs the statement that follows once for each element,
 * which is in *@elem, until end-of-stream (or an error).
 */
#define kc_for_each(c, elem)	while (kc_recv((c), (elem)) > 0)

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
 * Receive the oldest message into the @size bytes at @buf. If @buf is NULL the
 * message is received and discarded, however long it is, and @size does not count.
 * The try and timed forms are as those of kc_recv().
 *
 * The message's length, which is at least 1, 0 at end-of-stream, or
 * -EMSGSIZE	the message is longer than @size; it is still in the channel
 * -EINVAL	the channel is not in message mode
 * -EAGAIN, -ETIMEDOUT, -EBADF, -EFAULT, -EDQUOT, -ENOMEM
 *	as of kc_recv()
 */
ssize_t kc_recv_msg(kc_chan *c, void *buf, size_t size) KC_MUST_CHECK;
ssize_t kc_try_recv_msg(kc_chan *c, void *buf, size_t size) KC_MUST_CHECK;
ssize_t kc_recv_msg_timeout(kc_chan *c, void *buf, size_t size,
			    int64_t timeout) KC_MUST_CHECK;

/*
 * Close the channel, for all who hold it. Nothing can be sent any more. Senders that
 * wait return -EPIPE. Receivers get what is queued, and then end-of-stream. The
 * handle is still there: see kc_unref().
 *
 * 0, or
 * -EALREADY	it was closed already. (Go panics here.)
 * -EBADF	the handle is for receiving only
 * -EINVAL	@c is NULL
 */
int kc_close(kc_chan *c);

/*
 * How many elements are queued now, and how many the buffer can hold.
 *
 * Returns the number, 0 if @c is NULL. By the time that you look at it it may be
 * another.
 */
int kc_len(kc_chan *c);
int kc_cap(kc_chan *c);

/*
 * The size of an element in bytes. In message mode it is the most that one may have.
 *
 * Returns the size, 0 if @c is NULL.
 */
int kc_elem_size(kc_chan *c);

/*
 * Whether a channel is in message mode.
 *
 * Returns 1 if it is; 0 if not, or if @c is NULL.
 */
int kc_is_message(kc_chan *c);

/*
 * Change the capacity of a channel in use. No element is lost.
 *
 * 0, or
 * -EBUSY	more elements are queued than would fit
 * -EBADF	the handle is for one direction only
 * -EINVAL	@cap is over its maximum, or @c is NULL
 * -EDQUOT, -ENOMEM
 */
int kc_resize(kc_chan *c, size_t cap) KC_MUST_CHECK;

/*
 * The channel's descriptor: to poll it, or to give it to another process. It is
 * close-on-exec and belongs to the handle: do not close it. For event loops see
 * libkchan(7).
 *
 * Returns the descriptor, or -EINVAL if @c is NULL.
 */
int kc_fd(kc_chan *c);

/*
 * Make a handle out of a descriptor, which may come from another process or
 * from open("/dev/kchan"). On success it belongs to the handle, and is made
 * close-on-exec; else it is left as it was. O_NONBLOCK on it does not matter to
 * this library. Set the channel's geometry before, not after. A channel that has none
 * by then gets the one that the administrator has chosen. The first call that uses
 * it makes the buffer, and so may also return -EDQUOT.
 *
 * 0, or
 * -EBADF	@fd is not open
 * -ENOTTY	it is not a channel
 * -ENOMEM
 */
int kc_from_fd(kc_chan **out, int fd) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_CHAN_H */
