/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kchan: Go's channels as file descriptors.
 */
#ifndef _UAPI_LINUX_KCHAN_H
#define _UAPI_LINUX_KCHAN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: The device
 *
 * Each open() of /dev/kchan (``O_RDWR`` only) makes a new channel and gives
 * its first end, which sends and receives. An element is what one send moves.
 * write() sends, read() receives, poll() tells which of them would not block,
 * and the ioctls below do the rest. A channel of capacity 0 is a rendezvous: a
 * send returns only once a receiver has been handed the element.
 *
 * Without %KCHAN_IOC_SETUP a channel has the geometry that the module's
 * parameters say (by default message mode, 4096 bytes, capacity 16). The first
 * send, receive, poll, select or new end fixes its geometry.
 *
 * %KCHAN_IOC_END gives further ends, of the same or less direction. A channel
 * closes by itself when its last end that can send goes; sends fail with
 * ``EPIPE`` when no end that can receive is left.
 */

/**
 * DOC: Readiness
 *
 * poll() tells ``EPOLLIN`` when a receive would not block, and ``EPOLLOUT``
 * when a send would not. On a rendezvous channel that is so while a counterpart
 * is parked: in a blocked write(), read() or %KCHAN_IOC_SELECT, or in a select
 * that is armed (%KCHAN_IOC_ARM). Two sides that only poll never meet there, for
 * each waits for the other to come; one of them has to block or be armed. A
 * select that waits to receive there makes the channel writable for its own
 * %KCHAN_OP_POLL too, and one that waits to send, readable: do not poll a
 * rendezvous channel for the direction in which the same select offers itself.
 *
 * Readiness is a hint, as everywhere: of two pollers who are told of one element
 * one finds it gone. And it is of one channel at a time: a poller who sees that A
 * can be received from and B can be sent to, and then does the one or the other,
 * has chosen before he knows whether it can still be done; two who do so, the one
 * from A to B and the other from B to A, can go on finding each other's choice
 * gone for ever. Who has to send or receive exactly one of several things asks
 * for it with %KCHAN_IOC_SELECT, which chooses and does it in one step; who has
 * an event loop and cannot block, with %KCHAN_IOC_ARM, and polls the fd that this
 * gives.
 */

/**
 * DOC: Event loops
 *
 * A loop over epoll, io_uring or the like treats an end of a buffered channel as
 * it does a pipe: with O_NONBLOCK set, it waits for readiness and then reads or
 * writes until ``EAGAIN``. For a rendezvous, or for a choice among several
 * channels, it arms a select, and has one more fd to wait for::
 *
 *	arm = ioctl(end, KCHAN_IOC_ARM, &cases);
 *	epoll_ctl(ep, EPOLL_CTL_ADD, arm, EPOLLIN);
 *	epoll_ctl(ep, EPOLL_CTL_ADD, sock, EPOLLIN);
 *	for (;;) {
 *		epoll_wait(ep, ...);
 *		sock:	whatever it brought
 *		arm:	read(arm, { commit, element }); what was armed is done
 *			ioctl(arm, KCHAN_IOC_ARM, &cases); and once more
 *	}
 *
 * A loop that no longer wants what it has armed, because a socket or a timer came
 * first, disarms: if that returns 0 nothing has moved, and nothing will; if it
 * is ``EALREADY`` a case had committed, and the loop reads it as it would have.
 */

/**
 * DOC: io_uring
 *
 * A read or a write that can be done at once is, and one that cannot waits by
 * polling: it is tried again when the channel says that it might go. While a
 * channel has one reader and one writer no worker thread is made for that,
 * however long they wait. Such requests are not parked: they have no place in
 * the channel's queue, and on a rendezvous channel they meet only a counterpart
 * that blocks or is armed.
 *
 * Of several reads that wait on one channel each element wakes all, and one
 * finds it; of writes likewise. io_uring counts how often a request was woken
 * for nothing, and after 128 times gives up polling for it: a worker
 * thread then blocks in the call, parked as any other, or, where O_NONBLOCK is
 * set, the request completes with ``-EAGAIN``. Nothing is lost, but each such
 * request takes a thread while it waits. Who wants none keeps one read and one
 * write in flight on each channel.
 */

/**
 * DOC: Looking at channels
 *
 * /proc/PID/fdinfo tells of an end what %KCHAN_IOC_INFO tells (but for
 * &kchan_info.file_refs), in lines such as ``kchan-capacity:<tab>16``: kchan-id;
 * kchan-mode, the directions of the end (``send``, ``recv``); kchan-flags, of the
 * channel (``message``, ``fixed``, ``closed``, or ``-`` for none of them);
 * kchan-elem-size, kchan-capacity, kchan-len, kchan-send-ends, kchan-recv-ends,
 * kchan-send-waiters and kchan-recv-waiters.
 *
 * For root, kchan/channels in debugfs lists all channels, with who waits there,
 * and tracefs has the events of the system kchan. All of them know a channel by
 * &kchan_info.id.
 */

/**
 * DOC: Extending the structures
 *
 * Every structure may grow at its end. An ioctl is known by its type, number and
 * direction; the size in its code is that of the caller's structure. Bytes beyond
 * those that the kernel knows have to be zero, or the call fails with
 * ``E2BIG``; bytes that an older caller does not have are taken as zero, and
 * are not written back. A size below that of the first published form of the
 * structure fails with ``EINVAL``, and so do unknown flags and reserved fields
 * that are not zero. All fields are of fixed width and mean the same to 32-bit
 * and 64-bit callers.
 */

/**
 * define KCHAN_MAX_ELEM_SIZE - largest element size, in bytes
 */
#define KCHAN_MAX_ELEM_SIZE	(16U << 20)

/**
 * define KCHAN_MAX_CAPACITY - largest capacity, in elements
 */
#define KCHAN_MAX_CAPACITY	(1U << 20)

/**
 * define KCHAN_MAX_CASES - most cases in one select
 */
#define KCHAN_MAX_CASES		64

/*
 * kchan_setup.flags
 */

/**
 * define KCHAN_SETUP_MESSAGE - message mode
 *
 * Elements are 1 to elem_size bytes long, and one call moves one of them.
 */
#define KCHAN_SETUP_MESSAGE	(1U << 0)

/**
 * struct kchan_setup - a channel's geometry, for %KCHAN_IOC_SETUP
 * @flags: ``KCHAN_SETUP_*``
 * @elem_size: bytes in an element, at most %KCHAN_MAX_ELEM_SIZE; in message
 *	mode the most bytes in one, and then at least 1. An element size of 0 is
 *	Go's ``chan struct{}``: only %KCHAN_IOC_SELECT moves its elements.
 * @capacity: elements that the buffer holds, at most %KCHAN_MAX_CAPACITY; 0
 *	makes a rendezvous channel
 * @reserved: zero
 *
 * Setup may be repeated until the geometry is fixed.
 *
 * Errors: ``EBUSY`` when the geometry is fixed; ``EINVAL`` for a value over its
 * maximum, or over the module parameter max_channel_bytes (a caller with
 * CAP_SYS_RESOURCE may pass that parameter, not the maxima); ``EDQUOT`` when
 * the channels of the user who opened this one would hold more than the
 * parameter user_max_bytes (the same capability passes it); ``ENOMEM``;
 * ``EBADF`` when the end does not both send and receive.
 *
 * Elements of over a page (of the kernel's) are charged to that user as they are
 * sent, so a send of one may fail with ``EDQUOT``; of others, the whole buffer is
 * charged here. A rendezvous channel is held against max_channel_bytes with one
 * element.
 */
struct kchan_setup {
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
	__u32 reserved;
};

/**
 * struct kchan_resize - a new capacity, for %KCHAN_IOC_RESIZE
 * @flags: zero
 * @capacity: the new capacity, in elements, at most %KCHAN_MAX_CAPACITY
 *
 * No element is dropped. Senders that now fit enter the buffer in their order,
 * ahead of any new send. On a channel whose geometry is not fixed yet this
 * changes the capacity that it will have, and fixes nothing.
 *
 * Errors: ``EBUSY`` when the elements that are queued do not fit; ``EINVAL``,
 * ``EDQUOT``, ``ENOMEM`` and ``EBADF`` as for &struct kchan_setup.
 */
struct kchan_resize {
	__u32 flags;
	__u32 capacity;
};

/*
 * kchan_info.flags
 */

/**
 * define KCHAN_INFO_MESSAGE - the channel is in message mode
 */
#define KCHAN_INFO_MESSAGE	(1U << 0)
/**
 * define KCHAN_INFO_FIXED - the geometry is fixed, and setup is ``EBUSY``
 */
#define KCHAN_INFO_FIXED	(1U << 1)
/**
 * define KCHAN_INFO_CLOSED - no more sends; receivers drain what is left
 */
#define KCHAN_INFO_CLOSED	(1U << 2)
/**
 * define KCHAN_INFO_SEND - the end asked can send
 */
#define KCHAN_INFO_SEND		(1U << 3)
/**
 * define KCHAN_INFO_RECV - the end asked can receive
 */
#define KCHAN_INFO_RECV		(1U << 4)

/**
 * struct kchan_info - what a channel is and holds, for %KCHAN_IOC_INFO
 * @flags: ``KCHAN_INFO_*``
 * @elem_size: bytes in an element; in message mode the most bytes in one
 * @capacity: elements that the buffer holds
 * @len: elements that are queued: those in the buffer, and those put back by
 *	receivers that could not take them (these are outside the capacity)
 * @send_ends: open ends that can send
 * @recv_ends: open ends that can receive
 * @send_waiters: cases of blocked calls that wait to send
 * @recv_waiters: cases of blocked calls that wait to receive
 * @id: the channel's number, unique until the module is unloaded
 * @file_refs: references on the open file that the call was made on: fds that
 *	share it, in all processes, fds of it that are under way in a socket, and
 *	calls in progress, perhaps this one among them
 * @reserved: zero
 *
 * All of it is output and, but for @file_refs, taken at one instant. Asking
 * fixes nothing.
 */
struct kchan_info {
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
	__u32 len;
	__u32 send_ends;
	__u32 recv_ends;
	__u32 send_waiters;
	__u32 recv_waiters;
	__aligned_u64 id;
	__u32 file_refs;
	__u32 reserved;
};

/*
 * kchan_end.flags
 */

/**
 * define KCHAN_END_SEND - the new end can send
 */
#define KCHAN_END_SEND		(1U << 0)
/**
 * define KCHAN_END_RECV - the new end can receive
 */
#define KCHAN_END_RECV		(1U << 1)
/**
 * define KCHAN_END_CLOEXEC - the new fd is closed on exec
 */
#define KCHAN_END_CLOEXEC	(1U << 2)
/**
 * define KCHAN_END_NONBLOCK - the new end has O_NONBLOCK set
 */
#define KCHAN_END_NONBLOCK	(1U << 3)

/**
 * struct kchan_end - a new end of a channel, for %KCHAN_IOC_END
 * @flags: ``KCHAN_END_*``, a direction or both among them
 * @reserved: zero
 *
 * The call returns a new fd on the same channel. The end has the directions
 * asked for, whoever gets hold of it and however: a copy of the fd is the same
 * end, and opening it through /proc/self/fd makes another one of the same or
 * less direction. A call in a direction that an end does not have is ``EBADF``;
 * opening one for more is ``EACCES``, and so is opening one made by another
 * user; opening one for a direction of which no end is left is ``ENXIO``, and
 * for no direction ``EINVAL``.
 *
 * A channel closes when its last end that can send goes, so that its receivers
 * see end-of-stream: give receivers an end that cannot send.
 *
 * Errors: ``EBADF`` when the end asked does not have a direction asked for;
 * ``EINVAL`` for no direction or unknown flags; ``EMFILE``, ``ENFILE``,
 * ``ENOMEM``; ``EDQUOT`` as for &struct kchan_setup, when this is the first use
 * of a channel without setup.
 */
struct kchan_end {
	__u32 flags;
	__u32 reserved;
};

/*
 * kchan_case.op
 */

/**
 * define KCHAN_OP_SEND - send the element at addr
 */
#define KCHAN_OP_SEND		0
/**
 * define KCHAN_OP_RECV - receive an element to addr
 */
#define KCHAN_OP_RECV		1
/**
 * define KCHAN_OP_POLL - see that an fd of any kind is ready
 *
 * Moves nothing. As with poll(), that is a hint, and ``EPOLLERR`` and
 * ``EPOLLHUP`` count always.
 */
#define KCHAN_OP_POLL		2

/**
 * struct kchan_case - one branch of a select
 * @fd: an end of the channel; with %KCHAN_OP_POLL an fd of any kind. A negative
 *	one makes a case that is never ready (Go's nil channel), of which only
 *	@op and @flags are looked at.
 * @op: ``KCHAN_OP_*``
 * @addr: the element to send, or where a received one goes; not looked at when
 *	@len is 0. With %KCHAN_OP_POLL zero.
 * @len: bytes at @addr. On a channel of fixed element size it has to be that
 *	size. In message mode, to send: the message's length; to receive: the
 *	most that fits. With %KCHAN_OP_POLL the events asked for, as poll() has
 *	them (``EPOLLIN`` and so on; ``EINVAL`` for others).
 * @flags: zero
 */
struct kchan_case {
	__u32 fd;
	__u32 op;
	__aligned_u64 addr;
	__u32 len;
	__u32 flags;
};

/*
 * kchan_select.flags
 */

/**
 * define KCHAN_SELECT_NONBLOCK - the default clause, ``EAGAIN`` for a wait
 */
#define KCHAN_SELECT_NONBLOCK	(1U << 0)
/**
 * define KCHAN_SELECT_DEADLINE - wait no longer than until the deadline
 */
#define KCHAN_SELECT_DEADLINE	(1U << 1)

/**
 * struct kchan_select - commit one case, for %KCHAN_IOC_SELECT
 * @cases: address of an array of &struct kchan_case
 * @nr_cases: how many, at most %KCHAN_MAX_CASES; with none it only waits
 * @case_size: sizeof(struct kchan_case), as the caller knows it
 * @deadline: with %KCHAN_SELECT_DEADLINE, the time on CLOCK_MONOTONIC, in
 *	nanoseconds, at which to stop waiting; otherwise zero. What is ready
 *	when the call is made commits, however old the deadline.
 * @flags: ``KCHAN_SELECT_*``
 * @index: out: the case that committed
 * @status: out: 0 when the element moved, or the fd is ready; ``EPIPE`` when
 *	the channel is closed (a receive: closed and drained; a send: closed, or
 *	no receive end is left); ``EMSGSIZE`` when the message is longer than
 *	this receive's @len (the message stays)
 * @len: out: bytes that moved; of %KCHAN_OP_POLL the events that are there
 *
 * Exactly one case commits, as Go's select has it: of those that are found ready
 * one is chosen at random, each as likely as any other; if at one instant none
 * is, the call waits, and the first that becomes ready commits. A case on a closed
 * channel is ready. Both sides of a channel may be selects, and a channel may be
 * in several cases; a select does not meet itself. The buffers of receives that
 * did not commit have unspecified contents after the call.
 *
 * This is also the general one-element call: a timed send or receive; a receive
 * that tells an element from end-of-stream (Go's comma-ok: @status is 0 for an
 * element); the way to move elements of size 0. O_NONBLOCK of the file does not
 * matter here. The call may be issued on any kchan fd, also one that is none of
 * the cases: that fd's own channel then takes no part.
 *
 * The call returns 0 when a case committed, and then only the outputs are
 * written. Errors, with nothing moved: ``EAGAIN`` with %KCHAN_SELECT_NONBLOCK
 * when no case is ready; ``ETIMEDOUT``; ``EINTR`` (the call restarts after a
 * signal handler with SA_RESTART; the deadline stands); ``EBADF`` when a case's
 * fd is not open or cannot do @op; ``EINVAL`` for a case's fd that is no kchan
 * end (but with %KCHAN_OP_POLL), a wrong @len on a channel of fixed element size,
 * a message to send of 0 bytes, unknown flags, operations or events, both flags
 * at once, or a @deadline without its flag; ``EMSGSIZE`` for a message to send
 * over the element size; ``E2BIG`` for more cases than are allowed; ``EFAULT``;
 * ``ENOMEM``; ``EDQUOT`` as for &struct kchan_setup, when this is the first use
 * of a channel without setup, or sends an element of over a page. With
 * ``EFAULT`` on the outputs alone the case has committed all the same.
 */
struct kchan_select {
	__aligned_u64 cases;
	__u32 nr_cases;
	__u32 case_size;
	__aligned_u64 deadline;
	__u32 flags;
	__u32 index;
	__u32 status;
	__u32 len;
};

/*
 * kchan_arm.flags
 */

/**
 * define KCHAN_ARM_CLOEXEC - the new fd is closed on exec
 */
#define KCHAN_ARM_CLOEXEC	(1U << 0)

/**
 * struct kchan_arm - a select that waits in an fd, for %KCHAN_IOC_ARM
 * @cases: address of an array of &struct kchan_case
 * @nr_cases: how many, at most %KCHAN_MAX_CASES
 * @case_size: sizeof(struct kchan_case), as the caller knows it
 * @flags: ``KCHAN_ARM_*``
 * @reserved: zero
 *
 * For event loops: a select whose cases take part while nobody waits in a call.
 * On a channel's end, the ioctl returns a new fd that holds the cases. Exactly
 * one of them commits, as with %KCHAN_IOC_SELECT: at once if one is ready. Then
 * the fd polls ``EPOLLIN``, and read() gives a &struct kchan_commit and, of a
 * receive, the element. Once that is read, or the fd disarmed, the same ioctl on
 * the fd itself arms it again, with other cases or the same, and returns 0
 * (``EBUSY`` before; %KCHAN_ARM_CLOEXEC is ``EINVAL`` then).
 *
 * Elements to send are copied when the ioctl is called. Of a receive,
 * &kchan_case.len says how much room there will be, and &kchan_case.addr is not
 * looked at. Each case counts as an end of its channel, in its own direction
 * alone, until what has become of the select is read, or the fd is disarmed or
 * closed.
 *
 * Closing the fd, the last copy of it, disarms it; an element that was received
 * and not read goes back, ahead of what was sent after it.
 *
 * Errors: as for &struct kchan_select; ``EOPNOTSUPP`` for %KCHAN_OP_POLL: whoever
 * polls this fd can poll that one too; ``EMFILE``, ``ENFILE``. With an error
 * nothing is armed and nothing has moved.
 */
struct kchan_arm {
	__aligned_u64 cases;
	__u32 nr_cases;
	__u32 case_size;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct kchan_commit - what became of an armed select, from read()
 * @index: the case that committed
 * @status: as &kchan_select.status
 * @len: bytes that moved; those of a receive follow this structure
 * @reserved: zero
 *
 * read() on an armed select never waits, and takes all or nothing: ``EAGAIN``
 * when no case has committed, or nothing is armed; ``EMSGSIZE`` when there is not
 * room for this and the element (``EINVAL`` when not even for this), and
 * ``EFAULT``, when it stays to be read.
 */
struct kchan_commit {
	__u32 index;
	__u32 status;
	__u32 len;
	__u32 reserved;
};

/**
 * define KCHAN_IOC_TYPE - the ioctls' type; numbers 00 to 1f are kchan's
 */
#define KCHAN_IOC_TYPE		0xc7

/**
 * define KCHAN_IOC_SETUP - set the geometry of a channel not used yet
 */
#define KCHAN_IOC_SETUP		_IOW(KCHAN_IOC_TYPE, 0x00, struct kchan_setup)

/**
 * define KCHAN_IOC_RESIZE - change the capacity of a channel
 */
#define KCHAN_IOC_RESIZE	_IOW(KCHAN_IOC_TYPE, 0x01, struct kchan_resize)

/**
 * define KCHAN_IOC_INFO - tell what a channel is and holds
 */
#define KCHAN_IOC_INFO		_IOR(KCHAN_IOC_TYPE, 0x02, struct kchan_info)

/**
 * define KCHAN_IOC_CLOSE - close the channel for all
 *
 * No more sends: blocked senders and later ones get ``EPIPE``. Receivers drain
 * what is queued, then see end-of-stream. Errors: ``EALREADY`` when it is
 * closed; ``EBADF`` when the end cannot send.
 */
#define KCHAN_IOC_CLOSE		_IO(KCHAN_IOC_TYPE, 0x03)

/**
 * define KCHAN_IOC_SELECT - commit one case
 */
#define KCHAN_IOC_SELECT	_IOWR(KCHAN_IOC_TYPE, 0x04, struct kchan_select)

/**
 * define KCHAN_IOC_END - make another end, of the same or less direction
 *
 * Returns a new fd.
 */
#define KCHAN_IOC_END		_IOW(KCHAN_IOC_TYPE, 0x05, struct kchan_end)

/**
 * define KCHAN_IOC_ARM - let a select wait in an fd
 *
 * On an end, returns a new fd; on that one, 0.
 */
#define KCHAN_IOC_ARM		_IOW(KCHAN_IOC_TYPE, 0x06, struct kchan_arm)

/**
 * define KCHAN_IOC_DISARM - take an armed select's cases back
 *
 * Returns 0 when no case had committed: now none will. ``EALREADY`` when one
 * had: it is to be read. On an fd with nothing armed it returns 0.
 */
#define KCHAN_IOC_DISARM	_IO(KCHAN_IOC_TYPE, 0x07)

#endif /* _UAPI_LINUX_KCHAN_H */
