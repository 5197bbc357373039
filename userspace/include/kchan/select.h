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
 * Exactly one case commits, as in Go. Of the cases that are ready at one instant one is
 * chosen at random, and each is as likely as any other. If none is ready the call
 * waits, and the first case that becomes ready commits. The other cases have no effect.
 * The memory of a receive that did not commit has unspecified content. If several
 * receives share their memory, it has the element of the one that committed. Both sides
 * of a channel may be selects, also in different processes. A channel may be in several
 * cases. A select never sends to itself.
 *
 * A case on a closed channel is ready. A send commits with the status -EPIPE. A
 * receive commits with the status 0, and "ok" tells an element (true) from end-of-
 * stream (false), as in Go's v, ok := <-c. End-of-stream comes once no element is in
 * flight: see kc_recv().
 *
 * A call does not change the inputs of its cases, so you can use them again in a loop.
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
 * One branch of a select. A zero case is never ready. Make cases with the functions
 * below. The operation decides which inputs are used.
 */
typedef struct kc_case {
	/* Inputs. */
	uint32_t op;		/* KC_OP_* */
	int fd;			/* KC_OP_FD */
	kc_chan *chan;		/* NULL: never ready */
	void *addr;		/* what to send (only read), or where to receive;
				 * KC_OP_DONE: the context */
	size_t size;		/* a message's length, or the size of the buffer */
	int64_t duration;	/* KC_OP_AFTER: nanoseconds */
	uint32_t events;	/* KC_OP_FD: EPOLLIN and so on */
	/*
	 * Outputs. Of the case that committed:
	 *
	 * status	0: the case succeeded. The element has moved, a receive is at
	 *		end-of-stream (see "ok"), the descriptor is ready, or the time
	 *		has come
	 *		-EPIPE: a send; the channel is closed, or has no receiving end.
	 *		(Go panics here.)
	 *		-EMSGSIZE: a receive; the message is longer than the size; it is
	 *		still in the channel
	 *		-EIO: a send or a receive; the channel is broken: see kc_send()
	 *		-ECANCELED, -ETIMEDOUT: KC_OP_DONE, see context.h
	 * ok		a receive: true if an element came; false at end-of-stream and
	 *		after an error. Other cases: false
	 * revents	KC_OP_FD: the events that have occurred
	 * len		bytes that moved
	 *
	 * In all other cases they are 0. For errors see kc_select().
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
 * element. Receives of one select may share their memory.
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
 * Wait for a duration: the case is ready when @duration nanoseconds have passed since
 * the select was called. It needs no channel. If a select has several, the shortest
 * duration counts. Of equal ones, any may commit.
 *
 * The case commits only if no case of another kind is ready by then. So a case with a
 * duration of 0 or less is a default clause that has an index.
 *
 * Returns the case.
 */
kc_case kc_case_after(int64_t duration);

/*
 * Wait until one of the @n cases at @cases has committed.
 *
 * If no case can ever become ready, or there is no case, the call does not return, as
 * Go's select {}.
 *
 * The try form is Go's select with a default clause. The timed form waits at most
 * @timeout nanoseconds. The last form waits until @deadline, in nanoseconds on
 * CLOCK_MONOTONIC. A case that is ready at once commits, even if the timeout is 0 or
 * negative, or the deadline has passed. If a kc_case_after() is due at the same time as
 * the timeout, the case commits.
 *
 * The index of the case that has committed, which is at least 0, or
 * -EAGAIN	in the try form: at one instant, no case was ready
 * -ETIMEDOUT	in the timed form: the timeout has passed
 * -E2BIG	more than 64 cases are on a channel, a context or a descriptor (other
 *	cases, and those that are never ready, do not count)
 * -EBADF	the handle is for the other direction only, or a descriptor is
 *	not open
 * -EINVAL	a message on a channel that is not in message mode, or an element
 *	on one that is; a message to send of 0 bytes; an unknown
 *	operation or event; reserved fields that are not 0
 * -EMSGSIZE	a message to send is longer than the channel's elements
 * -EFAULT	an address is not valid: as for kc_send()
 * -EDQUOT	the call has to wait, and the memory that the kernel needs for this is
 *	over the user's limit
 * -ENOMEM
 *
 * After an error, no case has committed. For -EBADF, -EINVAL and -EMSGSIZE, the status
 * of the wrong case is that error, and the status of all other cases is 0.
 */
int kc_select(kc_case *cases, size_t n) KC_MUST_CHECK;
int kc_try_select(kc_case *cases, size_t n) KC_MUST_CHECK;
int kc_select_timeout(kc_case *cases, size_t n, int64_t timeout) KC_MUST_CHECK;
int kc_select_deadline(kc_case *cases, size_t n, int64_t deadline) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_SELECT_H */
