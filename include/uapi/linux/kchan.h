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
 * Each open() of /dev/kchan makes a new channel and returns its first end. The
 * mode has to be ``O_RDWR``: the first end sends and receives. An element is what
 * one send moves. write() sends elements and read() receives them. poll() tells
 * which of the two would not block. The ioctls below do the rest. A channel of
 * capacity 0 is a rendezvous: a send returns only once a receiver has been handed
 * the element.
 *
 * A channel without %KCHAN_IOC_SETUP has the geometry that the module's parameters
 * give (by default message mode, 4096 bytes, capacity 16). The first send, receive,
 * poll, select or new end fixes the geometry and allocates the buffer.
 *
 * %KCHAN_IOC_END makes further ends, of the same or less direction. They are FIFOs
 * by their file type (``S_IFIFO``). The first end has the type of the device. A
 * channel closes by itself when its last end that can send goes. A send fails with
 * ``EPIPE`` when no end that can receive is left, and what is queued then is freed.
 *
 * read() and write() of 0 bytes return 0 and do nothing. There is one exception: to
 * write a message of 0 bytes is ``EINVAL``.
 *
 * The ioctl ``FIONREAD`` stores, in an int, the bytes of the element that the next
 * receive would return, or 0 when none is there. It is ``EBADF`` on an end that
 * cannot receive.
 */

/**
 * DOC: Waiting
 *
 * Waiters are served first come, first served. A call that a signal handler
 * interrupted and that restarts (SA_RESTART) queues again at the tail: it has lost
 * its place.
 *
 * A message that is sent turns away the receivers before the one that takes it, if
 * they have too little room: their calls fail with ``EMSGSIZE``. When it goes to the
 * buffer, these are all receivers that wait. A send that fails or that waits turns
 * nobody away.
 *
 * A receiver is told end-of-stream only when the channel is closed, nothing is
 * queued, and no element is in flight. An element is in flight when it was handed
 * to a receiver that has not taken it yet: a blocked call that is about to copy it
 * to its caller, or an armed select that was not read. It is also in flight while it is
 * under lease, and while the channel keeps it for a delay. Such an element may come
 * back. Until then a receive waits, or fails with ``EAGAIN`` if it may not wait, and
 * poll() tells ``EPOLLRDHUP`` alone. Whoever holds an armed select that has
 * committed, and waits for end-of-stream on the same channel, waits for itself:
 * read the armed select first, and acknowledge what is under lease. On a closed channel
 * ``EPOLLRDHUP`` alone, or ``EAGAIN``, means: acknowledge now.
 */

/**
 * DOC: Leases
 *
 * A receiver that is killed after read() has lost the element. With a lease it has not:
 * the element stays the channel's until its receiver acknowledges it. A lease is an
 * armed select with %KCHAN_ARM_LEASE whose receive has committed::
 *
 *	lease = ioctl(end, KCHAN_IOC_ARM, &cases);  with KCHAN_ARM_LEASE
 *	n = read(lease, { commit, element });  waits for an element
 *	while (n > 0 && !commit.status) {  EPIPE at the end of the stream
 *		do the work
 *		n = ioctl(lease, KCHAN_IOC_ACK, &ack);  with KCHAN_ACK_REARM
 *		if (n == 0)
 *			n = read(lease, { commit, element });
 *	}
 *
 * A lease ends in one of these ways:
 *
 * - %KCHAN_IOC_ACK ends it for good: the element was received. With %KCHAN_ACK_REARM the
 *   same cases are armed again, and the next outcome, if it is there, is given in the
 *   same call.
 * - %KCHAN_IOC_RETURN gives the element back to the channel on purpose.
 * - The last copy of the fd is closed, or its last holder dies: the element goes back.
 * - Its limit has come (&kchan_arm.limit): the element goes back. From then on the calls
 *   above fail with ``ETIME``. An element may then be worked on twice. So the delivery is
 *   at least once.
 *
 * An element that goes back goes to the receiver that has waited longest, as if it were
 * sent again. If none waits, it is queued in its place, before all that was sent after it,
 * or behind all that is queued, if %KCHAN_RETURN_TAIL asks for that. It is outside the
 * capacity. Between elements that were returned to the tail, and then come back once
 * more, the new place counts.
 *
 * Elements are numbered in the order in which they are first handed out, from 0 on. An
 * element keeps its number when it comes back. &kchan_commit.returns tells how often it
 * has come back. It does not count when an element comes back that nobody has read:
 * nobody can have failed on it. It does not count either when %KCHAN_RETURN_UNCOUNTED
 * asks for that.
 *
 * A lease is a file. Whoever has a copy of its fd has the lease: a child after fork(), or
 * a process that the fd was passed to. Any of them may read, acknowledge and return. The
 * element goes back when the last copy is closed.
 *
 * A lease counts as an end of its channel, as any armed case does. So a channel that has
 * no other end that can receive keeps what is queued until the lease ends. Then what
 * nobody can receive is freed. An element that the channel keeps for a
 * delay is no end.
 */

/**
 * DOC: Readiness
 *
 * poll() tells ``EPOLLIN`` when a receive would not block, and ``EPOLLOUT`` when a
 * send would not block. On a closed channel an end that receives gets
 * ``EPOLLIN | EPOLLRDHUP`` while something is queued, then ``EPOLLRDHUP`` alone
 * while something is in flight, then ``EPOLLIN | EPOLLRDHUP | EPOLLHUP``. An end
 * that sends gets ``EPOLLOUT`` when the channel is closed or no end that can
 * receive is left. ``EPOLLERR`` comes with it on an end that can only send.
 *
 * On a rendezvous channel a direction is ready while a counterpart is parked: in a
 * blocked write(), read() or %KCHAN_IOC_SELECT, or in an armed select
 * (%KCHAN_IOC_ARM). Two sides that only poll never meet there, because each waits
 * for the other. One of them has to block or to be armed. A select that waits to
 * receive there also makes the channel writable for its own %KCHAN_OP_POLL, and one
 * that waits to send makes it readable. Do not poll a rendezvous channel for the
 * direction in which the same select offers itself.
 *
 * Readiness is a hint, as everywhere. When two pollers are told of one element, one
 * of them finds it gone. Readiness is also about one channel at a time. A poller that
 * sees that it can receive from A and send to B, and then does one of the two, has
 * chosen before it knows whether that is still possible. To send or receive exactly
 * one of several things, use %KCHAN_IOC_SELECT, which chooses and commits in one
 * step. An event loop, which cannot block, uses %KCHAN_IOC_ARM and polls the fd that
 * this returns.
 *
 * A message that is larger than the room of every parked receiver does not move,
 * though poll() may tell ``EPOLLOUT`` because of these receivers.
 *
 * On a broken channel (see "Mapped channels") every end gets ``EPOLLERR | EPOLLHUP``
 * besides ``EPOLLIN`` and ``EPOLLOUT`` of its directions: no call waits there.
 */

/**
 * DOC: Event loops
 *
 * A loop over epoll, io_uring or the like treats an end of a buffered channel as a
 * pipe. It sets O_NONBLOCK, waits for readiness, and then reads or writes until
 * ``EAGAIN``. For a rendezvous, or for a choice among several channels, it arms a
 * select, and has one more fd to wait for::
 *
 *	arm = ioctl(end, KCHAN_IOC_ARM, &cases);  with KCHAN_ARM_NONBLOCK
 *	epoll_ctl(ep, EPOLL_CTL_ADD, arm, EPOLLIN);
 *	epoll_ctl(ep, EPOLL_CTL_ADD, sock, EPOLLIN);
 *	for (;;) {
 *		epoll_wait(ep, ...);
 *		sock:	whatever it brought
 *		arm:	read(arm, { commit, element }); the select has ended
 *			ioctl(arm, KCHAN_IOC_ARM, &cases); arms it once more
 *	}
 *
 * A loop that no longer wants what it has armed, because a socket or a timer came
 * first, disarms it. If that returns 0, nothing has moved and nothing will. If it
 * fails with ``EALREADY``, a case had committed, and the loop reads it as usual.
 *
 * asyncio's pipe transports (connect_read_pipe, connect_write_pipe) treat a channel
 * as a stream of bytes. In message mode a read transport joins messages that arrive
 * together: use add_reader() and os.read() to keep them apart. If a FIFO becomes
 * readable, the write transport believes that its reader has gone: give it an end
 * that can only send.
 */

/**
 * DOC: io_uring
 *
 * A read or a write that can be done at once is done at once. A request that has to
 * wait is polled: it is tried again when the channel reports that it may succeed.
 * While a channel has one reader and one writer, no worker thread is made for this.
 * Such requests are not parked: they have no place in the channel's queue, and on a
 * rendezvous channel they meet only a counterpart that blocks or is armed.
 *
 * When several reads wait on one channel, each element wakes all of them, and one
 * finds it. The same holds for writes. io_uring counts how often a request was
 * woken for nothing, and after 128 times it stops polling for that request. A worker
 * thread then blocks in the call, parked as any other. If O_NONBLOCK is set, the
 * request completes with ``-EAGAIN`` instead. Nothing is lost, but each such request
 * takes a thread while it waits. To avoid that, keep one read and one write in
 * flight on each channel.
 */

/**
 * DOC: Names
 *
 * A filesystem of the type kchan, by custom mounted at /run/kchan, has names of
 * channels. Each mount is a filesystem of its own, and a user namespace may have its
 * own mounts. A name is a FIFO to all who look at it, and its mode and owner say who may
 * use it::
 *
 *	mkdir /run/kchan/app
 *	mkfifo -m 660 /run/kchan/app/jobs
 *
 * mkfifo() makes a channel with a name. open() for reading, for writing or for both
 * makes that end of it. It never waits, and it does not fix the geometry: the buffer is
 * made at the first use. An ioctl on such an end does what it does on any other one. But
 * %KCHAN_IOC_SETUP, %KCHAN_IOC_RESIZE, %KCHAN_IOC_CLOSE and %KCHAN_IOC_PEEK need the
 * owner of the name, or CAP_FOWNER: ``EPERM`` otherwise. This holds also for the ends that
 * are made from such an end, and after the name has gone.
 *
 * Only mkfifo() makes a name. open() with ``O_CREAT`` opens a name that is there, and
 * otherwise fails with ``EACCES``, so that a mistyped name does not become a queue that
 * swallows what is sent to it. Links, symbolic links, devices and sockets are ``EPERM``.
 * Directories, rename() and unlink() are as everywhere.
 *
 * A name counts as an end that can receive. It also counts as one that can send, unless
 * %KCHAN_SETUP_NO_SEND_HOLD says otherwise. So what is queued outlives the processes that
 * use the channel. unlink(), a rename() of something else to the name, and an unmount take
 * the name away, and then it does not count any more: the channel lives on for those who
 * have ends of it, and what nobody can receive is freed. An unmount is ``EBUSY`` while
 * ends are open. A channel with a name is memory as any other: it does not survive a
 * reboot.
 *
 * To open an end through /proc is to open the name: the name's mode decides. An end that
 * %KCHAN_IOC_END made cannot be opened for more than it has, as always. A direction that
 * has no end left is ``ENXIO``, for example to send when the channel has closed by
 * itself.
 *
 * A read-only mount refuses to make, to rename and to remove names. Their ends still send,
 * as those of any FIFO do. A name that is seen through overlayfs is a plain FIFO of its
 * own, and no channel. If the sysctl fs.protected_fifos is set, ``O_CREAT`` on somebody
 * else's name is ``EACCES`` in a directory with the sticky bit, as the root of a mount
 * is. Shells open with ``O_CREAT``. So names that several users share belong in a
 * directory without that bit.
 *
 * The maker of a name is charged for its channel as for one opened from the device, for
 * the buffer too, whoever opens it and sends. For each name and each directory 2048
 * bytes more are charged to its maker. A mount has at most nr_inodes of them (4096):
 * ``ENOSPC``. statfs() tells how many are left, and ``KCHAN_SUPER_MAGIC`` as the type.
 *
 * Options of a mount are ``elem_size``, ``capacity``, and ``message`` or ``nomessage``:
 * what the channel of a new name is like without setup; ``nr_inodes``, where 0 is no
 * limit; ``mode``, ``uid`` and ``gid`` of the root directory. A remount changes those
 * that it gives. ``EINVAL`` for a value that is not allowed, or for ``nr_inodes`` below
 * what is in use.
 */

/* The type that statfs() tells of a filesystem of names. */
#define KCHAN_SUPER_MAGIC	0x6b63686e

/**
 * DOC: Limits
 *
 * The memory that a user makes a channel hold is charged to that user, in each user
 * namespace from the user's own up to the first one. A namespace counts for the user
 * who made it. The parameter user_max_bytes limits the sum, and user_max_channels
 * the number of channels. A caller with CAP_SYS_RESOURCE passes these limits, and so
 * does what the initial root owns. Past a limit a call fails with ``EDQUOT``, and
 * nothing has moved.
 *
 * These are charged:
 *
 * - the whole buffer, to the user who opened the channel or made its name, when the
 *   buffer is made. Elements over %KCHAN_INLINE_ELEM_SIZE bytes are included, although they are
 *   allocated one by one as they are sent. If they are of fixed size, their memory then
 *   stays with the buffer, for the next ones. A rendezvous channel of such elements is
 *   charged for one of them. Those that wait to be sent beyond that are charged to the
 *   same user;
 * - the shared buffer of a mapped channel, besides the first one, to the user who opened
 *   the channel;
 * - what a call that waits stages in the kernel, to the caller: other elements over 128
 *   bytes, and the cases of a select;
 * - 256 bytes for each receive that waits for a smaller element, to the user who opened
 *   the channel: if the receive fails, the element comes back, and has to be kept;
 * - an armed select, with its cases and their elements, to the user who arms it. A
 *   received element under lease is one of these. If it comes back, this user is charged
 *   for it until it has been received. An element over %KCHAN_INLINE_ELEM_SIZE bytes is
 *   charged as before, and keeps its place in the charge of the buffer;
 * - what %KCHAN_IOC_PEEK copies, to the caller, during the call;
 * - 2048 bytes for a name or a directory, to the user who makes it.
 */

/**
 * DOC: Looking at channels
 *
 * /proc/PID/fdinfo shows what %KCHAN_IOC_INFO returns for an end, in lines such as
 * ``kchan-capacity:<tab>16``: kchan-id; kchan-mode, the directions of the end
 * (``send``, ``recv``); kchan-flags, of the channel (``message``, ``fixed``,
 * ``closed``, ``named``, ``send-hold``, ``mapped``, ``broken``, or ``-`` for none of
 * them); kchan-elem-size, kchan-capacity, kchan-len, kchan-in-flight, kchan-leased,
 * kchan-delayed, kchan-send-ends, kchan-recv-ends, kchan-send-waiters,
 * kchan-recv-waiters, kchan-taken, kchan-settled, kchan-dropped, kchan-returns, and
 * kchan-map-pid, in the pid namespace of that /proc. One more line is for debuggers, and
 * may go in a later version: kchan-debug-file-refs, the references on the open file.
 *
 * For an armed select it shows kchan-select (``idle``, ``armed``, ``committed``,
 * ``leased``, or ``expired`` when a lease's limit has come), and a line kchan-case for
 * each case. A lease also shows kchan-lease-number and kchan-lease-returns, as in
 * &struct kchan_commit, kchan-lease-read (0 or 1), and kchan-lease-left-ns, how long it
 * still has, or ``-`` if it has no limit.
 *
 * ``mapped`` says that a process moves elements without system calls (see "Mapped
 * channels"), and kchan-map-pid which one. No tracepoint shows these elements one by
 * one. ``broken`` says that this process has destroyed the ring that it shares: sends
 * and receives fail with ``EIO``.
 *
 * For root, kchan/channels in debugfs lists all channels with their waiters and leases, and
 * tracefs has the events of the system kchan. All of these identify a channel by
 * &kchan_info.id.
 */

/**
 * DOC: Extending the structures
 *
 * Every structure may grow at its end. An ioctl is known by its type, number and
 * direction. The size in its code is that of the caller's structure. Bytes beyond
 * those that the kernel knows have to be zero, or the call fails with ``E2BIG``.
 * Bytes that an older caller does not have count as zero, and are not written back.
 * A size below that of the first published form of the structure fails with
 * ``EINVAL``, and so do unknown flags and reserved fields that are not zero. All
 * fields are of fixed width and mean the same to 32-bit and 64-bit callers.
 */

/**
 * define KCHAN_MAX_ELEM_SIZE - largest element size, in bytes
 */
#define KCHAN_MAX_ELEM_SIZE	(16U << 20)

/**
 * define KCHAN_INLINE_ELEM_SIZE - largest element that the buffer itself stores
 *
 * Larger elements are allocated one by one, and the buffer stores pointers to them.
 */
#define KCHAN_INLINE_ELEM_SIZE	4096U

/**
 * define KCHAN_MAX_CAPACITY - largest capacity, in elements
 */
#define KCHAN_MAX_CAPACITY	(1U << 20)

/**
 * define KCHAN_MAX_CASES - most cases in one select
 */
#define KCHAN_MAX_CASES		64

/**
 * define KCHAN_MAX_STRUCT_SIZE - largest case_size and commit_size
 */
#define KCHAN_MAX_STRUCT_SIZE	4096U

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
 * define KCHAN_SETUP_NO_SEND_HOLD - the name does not keep the channel open for ever
 *
 * For a channel with a name (see "Names"). The name counts as an end that can send only
 * until somebody sends: until an end that can send is opened or made after the setup, or
 * an element was sent. From then on the channel closes with its last end that can send,
 * and receivers see end-of-stream. So whoever sets up the channel may go before the
 * first sender comes.
 */
#define KCHAN_SETUP_NO_SEND_HOLD (1U << 1)

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
 * Errors: ``EBUSY`` when the geometry is fixed; ``EPERM`` when the channel has a name,
 * and the caller is not the name's owner; ``EINVAL`` for
 * %KCHAN_SETUP_NO_SEND_HOLD without a name, for a value over its
 * maximum, or for a buffer over the module parameter max_channel_bytes (a caller with
 * CAP_SYS_RESOURCE may exceed that parameter, but not the maxima); ``EDQUOT`` when
 * the user who opened the channel would be charged more than the parameter
 * user_max_bytes; ``ENOMEM``; ``EBADF`` when the end does not both send and receive.
 *
 * For max_channel_bytes, a rendezvous channel counts as a buffer of one element.
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
 * No element is dropped. Senders that now fit enter the buffer in their order, before
 * any new send. On a channel whose geometry is not fixed yet this changes the
 * capacity that it will have, and does not fix the geometry.
 *
 * New elements enter a new buffer. The older buffer is freed once its elements have
 * been received. Until then it also counts for max_channel_bytes.
 *
 * If the channel is mapped, this ends the process's share in it: all transfers are
 * system calls from then on.
 *
 * Errors: ``EBUSY`` when the elements in the buffer do not fit, when the new buffer
 * and older ones together exceed max_channel_bytes, or when 64 older ones are not
 * drained yet: receive, and try again; ``EIO`` on a broken channel; ``EINVAL``,
 * ``EDQUOT``, ``ENOMEM``, ``EPERM`` and ``EBADF`` as for &struct kchan_setup.
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
 * define KCHAN_INFO_MAPPED - a process moves elements without system calls
 */
#define KCHAN_INFO_MAPPED	(1U << 5)
/**
 * define KCHAN_INFO_BROKEN - that process has destroyed the ring: ``EIO``
 */
#define KCHAN_INFO_BROKEN	(1U << 6)
/**
 * define KCHAN_INFO_NAMED - the channel has a name, which counts as an end that receives
 */
#define KCHAN_INFO_NAMED	(1U << 7)
/**
 * define KCHAN_INFO_SEND_HOLD - the name counts as an end that sends, too
 */
#define KCHAN_INFO_SEND_HOLD	(1U << 8)

/**
 * struct kchan_info - what a channel is and holds, for %KCHAN_IOC_INFO
 * @flags: ``KCHAN_INFO_*``
 * @elem_size: bytes in an element; in message mode the most bytes in one
 * @capacity: elements that the buffer holds
 * @len: elements that are queued: those in the buffer, and those that came back
 *	from receivers that could not take them (these do not count for the
 *	capacity). On a mapped channel a slot counts from the moment that a send claims
 *	it. If the process dies before it has sent, the slot counts until it is the
 *	oldest one; then it is skipped.
 * @send_ends: open ends that can send, and the name, if it counts as one
 * @recv_ends: open ends that can receive, and the name, if there is one
 * @send_waiters: cases of blocked calls and armed selects that wait to send
 * @recv_waiters: cases of blocked calls and armed selects that wait to receive
 * @id: the channel's number, unique until the module is unloaded
 * @in_flight: elements that were handed to a receiver and may still come back, those of
 *	@leased and @delayed among them
 * @map_pid: the process that has mapped the channel, as the pid namespace of the caller
 *	numbers it; 0 when the channel is not mapped, or when the process is not in that
 *	namespace
 * @leased: elements under lease
 * @delayed: elements that the channel keeps for the delay of a %KCHAN_IOC_RETURN
 * @instance: a random number of this load of the module. With it @id is unique for ever.
 * @taken: elements that were handed out at least once; also the number of the next one
 *	that will be (see "Leases")
 * @settled: all elements with a lower number were received, acknowledged or dropped, and
 *	will not come back. It may lag behind while receivers that wait are being handed
 *	elements, but not for ever: repeated calls see it advance. It never falls.
 * @dropped: elements that were freed because no end that can receive was left
 * @returns: how often an element came back, the sum of what &struct kchan_commit tells of
 *	each
 *
 * All fields are outputs. They are read at one instant, except @in_flight, which may
 * fall at any time. The call does not fix the geometry.
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
	__u32 in_flight;
	__u32 map_pid;
	__u32 leased;
	__u32 delayed;
	__aligned_u64 instance;
	__aligned_u64 taken;
	__aligned_u64 settled;
	__aligned_u64 dropped;
	__aligned_u64 returns;
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
 * The call returns a new fd on the same channel. The end keeps the directions asked
 * for, whichever process gets the fd. A copy of the fd is the same end. Opening it
 * through /proc/self/fd makes another end, of the same or less direction. A call in a
 * direction that an end does not have is ``EBADF``. Opening an end for more is
 * ``EACCES``. So is opening one that another user made, without CAP_DAC_OVERRIDE.
 * If a direction has no end left, opening an end for it is ``ENXIO``. Opening an end for
 * no direction is ``EINVAL``.
 *
 * A channel closes when its last end that can send goes, and then its receivers see
 * end-of-stream. So give receivers an end that cannot send.
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
 * define KCHAN_OP_POLL - wait until an fd of any kind is ready
 *
 * Moves nothing. As with poll(), readiness is a hint, and ``EPOLLERR`` and
 * ``EPOLLHUP`` always count.
 */
#define KCHAN_OP_POLL		2

/**
 * struct kchan_case - one branch of a select
 * @fd: an end of the channel; with %KCHAN_OP_POLL an fd of any kind. A negative fd
 *	makes a case that is never ready (Go's nil channel); only its @op and @flags
 *	are checked.
 * @op: ``KCHAN_OP_*``
 * @addr: the element to send, or where a received one goes; ignored when
 *	@len is 0. With %KCHAN_OP_POLL zero.
 * @len: bytes at @addr. On a channel of fixed element size it has to be that
 *	size. In message mode, to send: the message's length; to receive: the
 *	most that fits.
 * @events: with %KCHAN_OP_POLL, in place of @len: the events asked for, as for poll()
 *	(``EPOLLIN`` and so on; ``EINVAL`` for others)
 * @flags: zero
 */
struct kchan_case {
	__s32 fd;
	__u32 op;
	__aligned_u64 addr;
	/* An anonymous union, as in C11. */
	__extension__ union {
		__u32 len;
		__u32 events;
	};
	__u32 flags;
};

/*
 * kchan_select.flags
 */

/**
 * define KCHAN_SELECT_NONBLOCK - do not wait: the default clause, ``EAGAIN``
 */
#define KCHAN_SELECT_NONBLOCK	(1U << 0)
/**
 * define KCHAN_SELECT_DEADLINE - wait no longer than until the deadline
 */
#define KCHAN_SELECT_DEADLINE	(1U << 1)

/**
 * struct kchan_select - commit one case, for %KCHAN_IOC_SELECT
 * @cases: address of an array of &struct kchan_case
 * @nr_cases: how many, at most %KCHAN_MAX_CASES; with 0 the call only waits
 * @case_size: sizeof(struct kchan_case), as the caller knows it; at most
 *	%KCHAN_MAX_STRUCT_SIZE
 * @deadline: with %KCHAN_SELECT_DEADLINE, the time on CLOCK_MONOTONIC, in
 *	nanoseconds, at which to stop waiting; otherwise zero. It is a time of the
 *	caller's time namespace. A case that is ready when the call is made commits,
 *	even if the deadline has passed.
 * @flags: ``KCHAN_SELECT_*``
 * @index: out: the case that committed
 * @status: out: 0 when the element moved, or the fd is ready; ``EPIPE`` when
 *	the channel is closed (a receive: end-of-stream; a send: closed, or
 *	no receive end is left); ``EMSGSIZE`` when the message is longer than
 *	this receive's @len (the message stays); ``EIO`` when the channel is broken
 * @len: out: bytes that moved
 * @events: out: with %KCHAN_OP_POLL, in place of @len: the events that are there
 *
 * Exactly one case commits, as in Go's select. If several cases are ready, one of
 * them is chosen at random, each with the same probability. If none is ready, the
 * call waits, and the first case that becomes ready commits. A call with
 * %KCHAN_SELECT_NONBLOCK fails with ``EAGAIN`` only if there was an instant at which
 * no case was ready. A case on a closed or broken channel is ready. Both sides of a
 * channel may be selects, and a channel may be in several cases. Two cases of the same
 * select never meet each other. The buffers of receives that did not commit have unspecified
 * contents after the call.
 *
 * This is also the general one-element call: a send or receive with a deadline; a
 * receive that tells an element from end-of-stream (Go's comma-ok: @status is 0 for
 * an element); the way to move elements of size 0. O_NONBLOCK of the file does not
 * matter here. The call may be made on any kchan fd, also on one that is in none of
 * the cases: the channel of that fd then takes no part.
 *
 * A case has to pass the checks that a read or a write on its fd would pass, those of
 * the security module included. It is checked before it is tried; each case is checked
 * before the call waits. A case that is not ready is not checked by a call that does
 * not wait, or that finds another case ready.
 *
 * An @addr that no user memory can have is ``EFAULT`` at once. The memory of a case is
 * not accessed before the case is tried, or before the call waits. A call that has to
 * wait fails with ``EFAULT`` if the memory of any case is bad.
 *
 * The call returns 0 when a case committed, and the outputs are written only then.
 * Errors, with nothing moved: ``EAGAIN``; ``ETIMEDOUT``; ``EINTR`` (the call restarts
 * after a signal handler with SA_RESTART; the deadline stays the same); ``EBADF``
 * when a case's fd is not open or cannot do @op; ``EINVAL`` for a case's fd that is
 * no kchan end (unless %KCHAN_OP_POLL), a wrong @len on a channel of fixed element
 * size, a message to send of 0 bytes, unknown flags, operations or events, both flags
 * at once, or a @deadline without its flag; ``EMSGSIZE`` for a message to send over
 * the element size; ``E2BIG`` for more cases, or larger ones, than are allowed;
 * ``EFAULT``; ``ENOMEM``; ``EDQUOT``; ``EACCES`` or ``EPERM`` from a security module.
 * If only the outputs cannot be written, the call fails with ``EFAULT``, although the
 * case has committed.
 */
struct kchan_select {
	__aligned_u64 cases;
	__u32 nr_cases;
	__u32 case_size;
	__aligned_u64 deadline;
	__u32 flags;
	__u32 index;
	__u32 status;
	/* As in struct kchan_case. */
	__extension__ union {
		__u32 len;
		__u32 events;
	};
};

/*
 * kchan_arm.flags
 */

/**
 * define KCHAN_ARM_CLOEXEC - the new fd is closed on exec
 */
#define KCHAN_ARM_CLOEXEC	(1U << 0)
/**
 * define KCHAN_ARM_NONBLOCK - the new fd has O_NONBLOCK set
 */
#define KCHAN_ARM_NONBLOCK	(1U << 1)
/**
 * define KCHAN_ARM_LEASE - what is received stays the channel's until it is acknowledged
 */
#define KCHAN_ARM_LEASE		(1U << 2)

/**
 * struct kchan_arm - a select that waits in an fd, for %KCHAN_IOC_ARM
 * @cases: address of an array of &struct kchan_case
 * @nr_cases: how many, at most %KCHAN_MAX_CASES
 * @case_size: sizeof(struct kchan_case), as the caller knows it; at most
 *	%KCHAN_MAX_STRUCT_SIZE
 * @flags: ``KCHAN_ARM_*``
 * @commit_size: sizeof(struct kchan_commit), as the caller knows it; at most
 *	%KCHAN_MAX_STRUCT_SIZE
 * @limit: with %KCHAN_ARM_LEASE, how long a lease lasts, in nanoseconds of
 *	CLOCK_MONOTONIC from the commit on (time in suspend does not count); 0 for no
 *	limit. Otherwise zero. A limit that is later than the clock can tell is none.
 *
 * This is for event loops: the cases of such a select take part while nobody waits in
 * a call. On an end, the ioctl returns a new fd that holds the cases. Exactly one of
 * them commits, as with %KCHAN_IOC_SELECT, and at once if one is ready. Then the fd
 * polls ``EPOLLIN``, and read() returns a &struct kchan_commit, followed by the
 * element when a receive committed. Once that is read, or the fd is disarmed, the
 * same ioctl on this fd arms it again, with other cases or the same, and returns 0.
 * Before that it fails with ``EBUSY``. Arming again takes no ``KCHAN_ARM_*`` flags but
 * %KCHAN_ARM_LEASE: others are ``EINVAL``.
 *
 * With %KCHAN_ARM_LEASE a receive that commits with an element makes a lease (see
 * "Leases"). To read it does not end it. Any other outcome, a send or a status that is
 * not 0, is read as without this flag.
 *
 * Elements to send are copied when the ioctl is called. For a receive,
 * &kchan_case.len says how much room there will be, and &kchan_case.addr is ignored.
 * Each case counts as an end of its channel, in its own direction alone, until the
 * outcome is read, or the fd is disarmed or closed. If there is a lease, all cases count
 * until it was acknowledged (without %KCHAN_ACK_REARM) or returned. After its limit they
 * count until the fd is disarmed, armed again or closed.
 *
 * When the last copy of the fd is closed, it is disarmed. An element that was
 * received and not read goes back to the channel, before what was sent after it.
 *
 * Errors: as for &struct kchan_select; ``EOPNOTSUPP`` for %KCHAN_OP_POLL: a caller
 * that polls this fd can poll the other one too; ``EMFILE``, ``ENFILE``. With an
 * error nothing is armed and nothing has moved.
 */
struct kchan_arm {
	__aligned_u64 cases;
	__u32 nr_cases;
	__u32 case_size;
	__u32 flags;
	__u32 commit_size;
	__aligned_u64 limit;
};

/**
 * struct kchan_commit - the outcome of an armed select, from read()
 * @size: bytes in this structure: &kchan_arm.commit_size, as it was armed. The
 *	element follows them.
 * @index: the case that committed
 * @status: as &kchan_select.status
 * @len: bytes that moved; with a receive, this many bytes follow this structure
 * @number: with an element that was received, its number in its channel (see "Leases");
 *	otherwise zero
 * @limit: of a lease: when it ends by itself, on CLOCK_MONOTONIC in nanoseconds, in the
 *	time namespace of the reader; 0 for never
 * @returns: with an element that was received, how often it has come back
 * @reserved: zero
 *
 * read() on an armed select waits until a case has committed; with O_NONBLOCK it
 * fails with ``EAGAIN`` while no case has committed. When nothing is armed it fails
 * with ``EINVAL``. It takes all or nothing: it fails with ``EMSGSIZE`` when the
 * buffer has no room for this structure and the element, and with ``EFAULT`` when the
 * buffer is bad. After either error the outcome can be read again. While one thread
 * reads the outcome, other threads see the fd as if no case had committed. If that
 * read fails, the fd becomes readable again.
 *
 * A lease can be read as often as one likes, and by several threads at once, until it
 * ends. poll() tells ``EPOLLIN`` until it has been read once as a whole, and then nothing.
 * When its limit has come, read() fails with ``ETIME``, and poll() tells
 * ``EPOLLIN | EPOLLERR``, until the fd is disarmed or armed again.
 */
struct kchan_commit {
	__u32 size;
	__u32 index;
	__u32 status;
	__u32 len;
	__aligned_u64 number;
	__aligned_u64 limit;
	__u32 returns;
	__u32 reserved;
};

/*
 * kchan_ack.flags
 */

/**
 * define KCHAN_ACK_REARM - arm the same cases again
 */
#define KCHAN_ACK_REARM		(1U << 0)

/**
 * struct kchan_ack - end a lease for good, for %KCHAN_IOC_ACK
 * @flags: ``KCHAN_ACK_*``
 * @len: bytes at @addr; zero if there is nowhere to put the next outcome
 * @addr: with %KCHAN_ACK_REARM, where the next outcome goes; zero if @len is
 *
 * The element was received: it will not come back. Then nothing is armed, and
 * %KCHAN_IOC_ARM can arm the fd.
 *
 * With %KCHAN_ACK_REARM the same cases are armed at once. The elements to send are those
 * that were copied when the cases were armed first, and a new lease has the same time as
 * the one before. If a case has committed by now, and the outcome fits at @addr, it is
 * given there as read() would give it. The call returns how many bytes that are. It
 * returns 0 if nothing was given: no case has committed yet, or the memory is bad or too
 * small. Then read() waits for the outcome, or tells the error. To give an outcome that is
 * no lease ends the select, as read() does. The call never waits for a commit.
 *
 * Errors, and then nothing was acknowledged: ``EAGAIN`` when no case has committed, or
 * the lease was not read as a whole yet: who has not seen an element cannot acknowledge
 * it; ``ETIME`` when its limit has come; ``EINVAL`` when nothing is armed, the outcome is
 * no lease, for unknown flags, and for @addr or @len without %KCHAN_ACK_REARM; ``EBUSY``,
 * with %KCHAN_ACK_REARM, while another thread reads the lease; ``EFAULT`` when the
 * structure cannot be read; ``EINTR`` (the call restarts).
 */
struct kchan_ack {
	__u32 flags;
	__u32 len;
	__aligned_u64 addr;
};

/*
 * kchan_return.flags
 */

/**
 * define KCHAN_RETURN_TAIL - behind all that is queued, not in the element's place
 */
#define KCHAN_RETURN_TAIL	(1U << 0)
/**
 * define KCHAN_RETURN_UNCOUNTED - do not count this in &kchan_commit.returns
 */
#define KCHAN_RETURN_UNCOUNTED	(1U << 1)

/**
 * struct kchan_return - give an element under lease back, for %KCHAN_IOC_RETURN
 * @flags: ``KCHAN_RETURN_*``
 * @reserved: zero
 * @delay: how long the channel keeps the element before it can be received, in
 *	nanoseconds of CLOCK_MONOTONIC; 0 for not at all. The element is in flight
 *	meanwhile.
 *
 * Then nothing is armed, and %KCHAN_IOC_ARM can arm the fd. With %KCHAN_RETURN_TAIL and a
 * delay the element goes behind all that is queued when the delay ends. A delay that is
 * later than the clock can tell never ends by itself: the element is freed with the
 * channel's last end that can receive.
 *
 * Errors, and then the lease goes on: ``EAGAIN`` when no case has committed; ``ETIME``
 * when its limit has come; ``EINVAL`` when nothing is armed, when the outcome is no lease,
 * for unknown flags, and for @reserved that is not zero; ``EFAULT`` when the structure
 * cannot be read; ``EINTR`` (the call restarts).
 */
struct kchan_return {
	__u32 flags;
	__u32 reserved;
	__aligned_u64 delay;
};

/**
 * struct kchan_extend - move the limit of a lease, for %KCHAN_IOC_EXTEND
 * @flags: zero
 * @reserved: zero
 * @limit: how long the lease lasts from now on, as &kchan_arm.limit; 0 for no limit
 *
 * The limit may come earlier or later than before. Leases that follow after
 * %KCHAN_ACK_REARM have that of &struct kchan_arm again.
 *
 * Errors: as for &struct kchan_return.
 */
struct kchan_extend {
	__u32 flags;
	__u32 reserved;
	__aligned_u64 limit;
};

/**
 * struct kchan_peek - look at what is queued, for %KCHAN_IOC_PEEK
 * @flags: zero
 * @len: bytes at @addr
 * @addr: where the elements go, each as a &struct kchan_peeked
 * @peeked_size: sizeof(struct kchan_peeked), as the caller knows it, a multiple of 8; at
 *	most %KCHAN_MAX_STRUCT_SIZE
 * @nr: out: how many elements were given
 *
 * This gives the oldest elements that are queued, in the order in which they would be
 * received, as they are at one instant. It takes none of them. It gives as many as fit at
 * @addr, and at most 64, and at most 64 KiB unless the first one is larger. Elements in
 * flight and those of parked senders are not queued. On a mapped channel it stops at an
 * element that a send has not finished.
 *
 * The call returns how many bytes it has written; 0 if nothing is queued. It does not fix
 * the geometry.
 *
 * Errors: ``EPERM`` when the channel has a name, and the caller is not the name's owner;
 * ``EBADF`` when the end cannot receive; ``EMSGSIZE`` when the first element does not fit;
 * ``EINVAL`` for unknown flags, and for a wrong @peeked_size; ``EIO`` when the channel is
 * broken; ``EFAULT``, ``ENOMEM``, ``EDQUOT``.
 */
struct kchan_peek {
	__u32 flags;
	__u32 len;
	__aligned_u64 addr;
	__u32 peeked_size;
	__u32 nr;
};

/**
 * struct kchan_peeked - an element that is queued, from %KCHAN_IOC_PEEK
 * @size: bytes from here to the next one
 * @len: bytes in the element
 * @number: its number (see "Leases")
 * @returns: how often it has come back
 * @reserved: zero
 *
 * The element follows &kchan_peek.peeked_size bytes after the beginning. Zero bytes up to
 * a multiple of 8 follow it.
 */
struct kchan_peeked {
	__u32 size;
	__u32 len;
	__aligned_u64 number;
	__u32 returns;
	__u32 reserved;
};

/**
 * DOC: Mapped channels
 *
 * One process, the one that opened the channel, may share the ring of a channel with
 * the kernel. Its threads then send and receive without a system call, as long as
 * nobody waits. All other users of the channel notice nothing. %KCHAN_IOC_MAP makes
 * the ring, and mmap() of the fd that it returns maps it, once: with ``MAP_SHARED``, at
 * offset 0, and with the size that &kchan_map tells. The fd may be closed then.
 *
 * The mapping begins with a &struct kchan_shared. The slots follow at the offset
 * %KCHAN_SHARED_SLOTS, each &kchan_shared.stride bytes from the one before. A slot is a
 * stamp and the element.
 *
 * A position is 64 bits: the index of a slot in the low 32, a lap in the next 31, and
 * the bit %KCHAN_SHARED_FROZEN. The position after that of the last slot has the index 0
 * and the next lap. Laps wrap. The stamp of a slot at position p is p when the slot is
 * free, and p + 1 when it holds an element.
 *
 * To send:
 *
 * - If told_of_send is set, send by a system call.
 * - Load the tail. If it is frozen, send by a system call.
 * - Load the stamp of its slot (acquire). If it is not the tail, begin again if the tail
 *   has changed. If it has not, the ring is full: send by a system call.
 * - Advance the tail by a compare-and-exchange. If that fails, begin again.
 * - Copy the element. Exchange the stamp for the tail + 1 (sequentially consistent).
 * - Load told_of_send (sequentially consistent). If it is set, %KCHAN_IOC_KICK.
 *
 * To receive:
 *
 * - If told_of_recv is set, receive by a system call.
 * - Load the head. If it is frozen, receive by a system call.
 * - Load the stamp of its slot (acquire). If it is not the head + 1, begin again if the
 *   head has changed. If it has not, nothing is there: receive by a system call.
 * - Advance the head by a compare-and-exchange. If that fails, begin again.
 * - Copy the element. Exchange the stamp for the head plus one lap (sequentially
 *   consistent).
 * - Load told_of_recv (sequentially consistent). If it is set, %KCHAN_IOC_KICK.
 *
 * A select may find in this way that none of its cases is ready, and take its default. It
 * looks at all of them twice. All its loads are acquires, in this order, here for a receive:
 *
 * - First look: load recv_rises, told_of_recv, the head, the stamp of its slot. If
 *   told_of_recv is set, the head is frozen, or the stamp is the head + 1, the select is a
 *   system call.
 * - Second look: load the stamp of the same slot, the head, told_of_recv, recv_rises. If
 *   this finds one of these, or if the head or recv_rises has changed, the select is a
 *   system call.
 *
 * For a send these are send_rises, told_of_send, the tail, and the stamp is compared with
 * the tail. If all cases pass, none was ready at any time between the two looks.
 *
 * From the compare-and-exchange of a position to the exchange of the stamp, a thread has a
 * claim. Receivers wait for the end of the claim of a send, and senders wait for that of a
 * receive when no other slot is free. They can be killed, and their deadlines hold. A
 * claim whose thread is stopped by a debugger, or has jumped away from it, does not end.
 * It is given up when the process unmaps the ring or ends.
 *
 * The kernel freezes a position while it works on the ring, and leaves it frozen while
 * parked calls go first, when the channel is closed or has no receiver, and after
 * %KCHAN_IOC_RESIZE. While a poll or an epoll waits for ``EPOLLIN``, each send is a
 * system call, and while one waits for ``EPOLLOUT``, each receive is. A child after fork()
 * finds frozen positions in memory of its own, so its transfers are system calls.
 *
 * The process sees, and can change, all that is in the buffer, whichever ends it still
 * has, and as long as it holds the memory: pages that it has pinned, by a registered
 * buffer of io_uring for example, stay the ring's after it is unmapped. So who makes a
 * channel is trusted with what goes through it.
 *
 * The kernel trusts nothing in that memory. If it finds a value that this protocol cannot
 * give, the channel is broken for good. What is queued is lost. Each send, receive and
 * resize fails with ``EIO``, and a case of a select commits with this status. The other
 * ioctls work, and other channels are not affected.
 */

/**
 * define KCHAN_SHARED_FROZEN - the bit of a position that must not be advanced
 */
#define KCHAN_SHARED_FROZEN	(1ULL << 63)
/**
 * define KCHAN_SHARED_LAP - what a position advances by from one lap to the next
 */
#define KCHAN_SHARED_LAP	(1ULL << 32)
/**
 * define KCHAN_SHARED_SLOTS - offset of the first slot
 */
#define KCHAN_SHARED_SLOTS	320

/**
 * struct kchan_shared - the beginning of a mapped ring
 * @head: position of the oldest element
 * @tail: position for the next element
 * @told_of_send: whoever sends has to tell the kernel
 * @send_rises: changes when the kernel has done what may have made a send ready
 * @told_of_recv: whoever receives has to tell the kernel
 * @recv_rises: changes when the kernel has done what may have made a receive ready
 * @elem_size: bytes in an element
 * @capacity: slots
 * @stride: bytes from one slot to the next
 *
 * The kernel never reads the last three.
 */
struct kchan_shared {
	__aligned_u64 head;
	__u8 __pad0[56];
	__aligned_u64 tail;
	__u8 __pad1[56];
	__u32 told_of_send;
	__u32 send_rises;
	__u8 __pad2[56];
	__u32 told_of_recv;
	__u32 recv_rises;
	__u8 __pad3[56];
	__u32 elem_size;
	__u32 capacity;
	__u32 stride;
	__u8 __pad4[52];
};

/**
 * struct kchan_shared_slot - a slot of a mapped ring
 * @stamp: see above
 *
 * The bytes of the element follow.
 */
struct kchan_shared_slot {
	__aligned_u64 stamp;
};

/*
 * kchan_map.flags
 */

/**
 * define KCHAN_MAP_CLOEXEC - close the fd on exec
 */
#define KCHAN_MAP_CLOEXEC	(1U << 0)

/**
 * struct kchan_map - share a channel's buffer, for %KCHAN_IOC_MAP
 * @flags: ``KCHAN_MAP_*``
 * @reserved: zero
 * @size: out: bytes to map; zero in the call
 *
 * What is queued stays where it is, and leaves first. Until then the ring is frozen.
 *
 * Errors: ``EPERM`` for a channel with a name, and in another address space than the one
 * that opened the channel; ``EINVAL`` for a rendezvous channel, message mode, an element
 * size of 0 or over %KCHAN_INLINE_ELEM_SIZE, and for unknown flags; ``EBUSY`` when the
 * channel is or was mapped, or as for &struct kchan_resize; ``EOPNOTSUPP`` for a 32-bit
 * caller, and on machines where a page cannot be used at two addresses; ``EDQUOT``,
 * ``ENOMEM``, ``EMFILE``, ``ENFILE``.
 *
 * mmap() of the fd fails with ``EPERM`` in another address space, with ``EINVAL`` for
 * another size or offset, or for a private mapping, and with ``EBUSY`` when the ring is
 * mapped or was unmapped. A claim that is under way when the ring is unmapped, or when
 * the process ends, is given up.
 */
struct kchan_map {
	__u32 flags;
	__u32 reserved;
	__aligned_u64 size;
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
 * Nobody can send any more: blocked senders and later ones get ``EPIPE``. Receivers
 * drain what is queued, then see end-of-stream. Errors: ``EALREADY`` when the
 * channel is closed; ``EBADF`` when the end cannot send; ``EPERM`` when the channel has
 * a name, and the caller is not the name's owner.
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
 * On an end, this returns a new fd. On such an fd, it returns 0.
 */
#define KCHAN_IOC_ARM		_IOW(KCHAN_IOC_TYPE, 0x06, struct kchan_arm)

/**
 * define KCHAN_IOC_DISARM - take an armed select's cases back
 *
 * Returns 0 when no case had committed: now none will. It fails with ``EALREADY``
 * when one had: read its outcome, and acknowledge or return it if it is a lease. On an fd
 * with nothing armed it returns 0, and so it does when the limit of a lease has come.
 */
#define KCHAN_IOC_DISARM	_IO(KCHAN_IOC_TYPE, 0x07)

/**
 * define KCHAN_IOC_ACK - acknowledge an element under lease
 *
 * Returns 0, or with %KCHAN_ACK_REARM the bytes of the next outcome.
 */
#define KCHAN_IOC_ACK		_IOW(KCHAN_IOC_TYPE, 0x10, struct kchan_ack)

/**
 * define KCHAN_IOC_RETURN - give an element under lease back to its channel
 */
#define KCHAN_IOC_RETURN	_IOW(KCHAN_IOC_TYPE, 0x11, struct kchan_return)

/**
 * define KCHAN_IOC_EXTEND - move the limit of a lease
 */
#define KCHAN_IOC_EXTEND	_IOW(KCHAN_IOC_TYPE, 0x12, struct kchan_extend)

/**
 * define KCHAN_IOC_PEEK - look at the oldest elements that are queued
 *
 * Returns the bytes that were written.
 */
#define KCHAN_IOC_PEEK		_IOWR(KCHAN_IOC_TYPE, 0x13, struct kchan_peek)

/**
 * define KCHAN_IOC_KICK - tell the kernel what moved through a mapped ring
 *
 * Serves the calls that wait on the channel, and wakes pollers. On a channel that is
 * not mapped it does nothing. Returns 0.
 */
#define KCHAN_IOC_KICK		_IO(KCHAN_IOC_TYPE, 0x14)

/**
 * define KCHAN_IOC_MAP - share a channel's buffer with the calling process
 *
 * Returns a new fd, to be passed to mmap().
 */
#define KCHAN_IOC_MAP		_IOWR(KCHAN_IOC_TYPE, 0x15, struct kchan_map)

#endif /* _UAPI_LINUX_KCHAN_H */
