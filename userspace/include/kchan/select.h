/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Select: wait for one of several sends and receives, and do that one.
 *
 *	kc_case cases[] = {
 *		kc_case_recv(jobs, &job),
 *		kc_case_send(results, &result),
 *		kc_case_after(KC_SECOND),
 *	};
 *
 *	switch (kc_select(cases, 3)) {
 *	case 0:		a job if cases[0].ok, else end-of-stream
 *	case 1:		the result was sent, or the channel is closed
 *	case 2:		a second has gone by
 *	default:	an error
 *	}
 *
 * Exactly one case commits, as in Go. Of the cases that are ready at one instant one
 * is chosen at random, and each is as likely as any other. If none is ready the call
 * waits, and the first case that becomes ready commits. The other cases have done
 * nothing. What is in the room of a receive that did not commit is unspecified. Receives
 * that share their room find there the element of the one that committed.
 * Both sides of a channel may be selects, also in different processes. A channel may
 * be in several cases. A select does not meet itself.
 *
 * A case on a closed channel is ready. A send commits with the status -EPIPE. A
 * receive commits with the status 0, and "ok" tells an element (true) from end-of-
 * stream (false), as in Go's v, ok := <-c. End-of-stream comes once no element is in
 * flight: see kc_recv().
 *
 * A call leaves the inputs of its cases alone, so they can be used again in a loop.
 * To switch a case off set its channel to NULL, as in Go, or its fd to -1.
 */
#ifndef KCHAN_SELECT_H
#define KCHAN_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/* kc_case.op; the functions below set it. */
#define KC_OP_NONE	0U	/* never ready */
#define KC_OP_SEND	1U
#define KC_OP_RECV	2U
#define KC_OP_SEND_MSG	3U
#define KC_OP_RECV_MSG	4U
#define KC_OP_FD	5U
#define KC_OP_AFTER	6U
#define KC_OP_DONE	7U

/*
 * One branch of a select. When zero it is never ready. Make one with the
 * functions below; which inputs mean something depends on the operation.
 */
typedef struct kc_case {
	/* Inputs. */
	uint32_t op;		/* KC_OP_* */
	int fd;			/* KC_OP_FD */
	kc_chan *chan;		/* NULL: never ready */
	void *addr;		/* what is sent (and only read), or received;
				 * KC_OP_DONE: the context */
	size_t size;		/* of a message: its length, or the room */
	int64_t duration;	/* KC_OP_AFTER: nanoseconds */
	uint32_t events;	/* KC_OP_FD: EPOLLIN and so on */
	/*
	 * Outputs. Of the case that committed:
	 *
	 * status	0: the case succeeded. The element has moved, a receive is
	 *		at end-of-stream (see "ok"), the descriptor is ready, or
	 *		the time has come
	 *		-EPIPE: of a send; the channel is closed, or nobody is left
	 *		who could receive. (Go panics here.)
	 *		-EMSGSIZE: of a receive; the message is longer than the
	 *		size; it is still in the channel
	 *		-ECANCELED, -ETIMEDOUT: of KC_OP_DONE, see context.h
	 * ok		of a receive: true if an element came; false at
	 *		end-of-stream and after an error. Of others: false
	 * revents	KC_OP_FD: those events that are there
	 * len		bytes that moved
	 *
	 * Of all other cases they are 0, but see kc_select() on errors.
	 */
	int status;
	uint32_t revents;
	bool ok;
	size_t len;
	uint64_t reserved[4];	/* zero */
} kc_case;

#define KC_CASE_INIT { 0, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, { 0, 0, 0, 0 } }

/*
 * Send the element at @elem, or receive one into it, as kc_send() and kc_recv() do.
 * @elem is used when the select is made, not before. A receive to NULL discards the
 * element. Receives of one select may share their room.
 *
 * Returns the case.
 */
kc_case kc_case_send(kc_chan *c, const void *elem);
kc_case kc_case_recv(kc_chan *c, void *elem);

/*
 * On a channel in message mode, as kc_send_msg() and kc_recv_msg() do. A receive to
 * NULL discards the message; the case's len still has its length.
 *
 * Returns the case.
 */
kc_case kc_case_send_msg(kc_chan *c, const void *msg, size_t len);
kc_case kc_case_recv_msg(kc_chan *c, void *buf, size_t size);

/*
 * Wait for readiness of a descriptor: the case is ready when one of @events (EPOLLIN
 * and so on, of <sys/epoll.h>), or EPOLLERR or EPOLLHUP, is there. The descriptor may
 * be of any kind that can be polled: a socket, a pipe, a timerfd, a pidfd, also a
 * channel's. Nothing is moved. As with poll() it is a hint: make such descriptors
 * O_NONBLOCK. A negative @fd is never ready.
 *
 * Returns the case.
 */
kc_case kc_case_fd(int fd, uint32_t events);

/*
 * Wait for a time to go by: the case is ready when @duration nanoseconds have gone by
 * since the select was called. It needs no channel. If there are several in a select
 * the earliest counts; of equal ones any.
 *
 * The case commits only if no case of another kind is ready by then. So one with a
 * duration of 0 or less is a default clause that has an index.
 *
 * Returns the case.
 */
kc_case kc_case_after(int64_t duration);

/*
 * Wait until one of the @n cases at @cases has committed.
 *
 * When no case can ever be ready, or there is none, the call does not return, as Go's
 * select {}.
 *
 * The try form is Go's select with a default clause. The timed form waits at most
 * @timeout nanoseconds. The last form waits until @deadline, in nanoseconds on
 * CLOCK_MONOTONIC. A case that is ready at once commits, however small the timeout or
 * old the deadline. When a kc_case_after() is due at the same time, it commits.
 *
 * The index of that case, which is at least 0, or
 * -EAGAIN	of the try form: no case is ready, at one instant
 * -ETIMEDOUT	of the timed forms: the time is over
 * -E2BIG	more than 64 of them are on a channel, a context or a descriptor
 *	(others, and those that are never ready, do not count)
 * -EBADF	the handle is for the other direction only, or a descriptor is
 *	not open
 * -EINVAL	a message on a channel that is not in message mode, or an element
 *	on one that is; a message to send of 0 bytes; an unknown
 *	operation or event; reserved fields that are not 0
 * -EMSGSIZE	a message to send is longer than the channel's elements
 * -EFAULT	an address is no good
 * -EDQUOT	the call has to wait, and with the memory that the kernel needs for
 *	that this user would have more than the administrator allows
 * -ENOMEM
 *
 * With an error no case has committed. Which case -EBADF, -EINVAL or -EMSGSIZE is
 * about is told by its status, which is that error then; the others are 0.
 */
int kc_select(kc_case *cases, size_t n) KC_MUST_CHECK;
int kc_try_select(kc_case *cases, size_t n) KC_MUST_CHECK;
int kc_select_timeout(kc_case *cases, size_t n, int64_t timeout) KC_MUST_CHECK;
int kc_select_deadline(kc_case *cases, size_t n, int64_t deadline) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_SELECT_H */
