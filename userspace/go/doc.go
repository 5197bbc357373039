// SPDX-License-Identifier: LGPL-2.1-or-later

// Package kchan has channels that reach other processes, in any language.
//
// A [Chan] works as a channel of Go does: it has a capacity, it is rendezvous or buffered,
// any number of goroutines send and receive, and [Select] commits exactly one of several
// cases. But it is a file descriptor. Another process may have it too: a child, a peer
// that it was passed to, or whoever opens its name. The Linux kernel module kchan holds
// what is queued. So the package works on Linux only, and needs the module.
//
//	tx, rx, err := kchan.Pair[int64](16)
//	...
//	go func() {
//		defer tx.Close()
//		for i := int64(0); i < 100; i++ {
//			if tx.Send(ctx, i) != nil {
//				return
//			}
//		}
//	}()
//	err = rx.Each(ctx, func(i int64) error {
//		fmt.Println(i)
//		return nil
//	})
//
// # Elements
//
// The codec of a channel says how an element travels. Without a codec:
//
//   - [][byte] is a message. A message has 1 byte at least. The channel says how many bytes
//     it has at most: 4096, unless the codec [Bytes] made it with another limit.
//   - Any other type has to be of fixed size, without pointers: numbers, bool, and arrays
//     and structs of these. What travels is the element's memory, as in C: the byte order
//     is the machine's, and a struct has C's padding where the fields are aligned alike.
//     Use int32 or int64, not int: C's int has 32 bits. A bool that another process sends
//     has to be 0 or 1. struct{} travels too: it has size 0.
//
// [JSON] and other implementations of [Codec] send any type, as messages.
//
// # Ends
//
// A Chan sends and receives. A [SendOnly] and a [RecvOnly] do one of the two, which the
// kernel enforces, also in the process that such an end is passed to. Each of them is an
// end of the channel: an open file of its own. These types are references, as channels of
// Go are: a copy is the same end. The zero value is never ready, as a nil channel of Go.
//
// [End.Close] gives up this end, as of any file. The channel itself closes with its last
// end that can send. Then receivers get what is still queued, and after that io.EOF. This
// differs from Go: so each producer has an end of its own, and closes it. To close the
// channel for all at once, as close(c) does in Go, call Shutdown.
//
// # Waiting
//
// A goroutine that waits costs no thread. It first tries without waiting. If the call has
// to wait, it arms a select in the kernel, and waits for that select's descriptor in the
// netpoller. So it has a place in the channel's queue, as a blocked thread of a C program
// has one: waiters are served first come, first served, over all processes, and each
// element wakes one of them. Each goroutine that waits in this package takes one descriptor
// meanwhile: see RLIMIT_NOFILE. The descriptors are kept for the next calls.
//
// Each call that may wait has a context. When it ends, the call stops at once, and
// returns the context's error. Then nothing has moved, and nothing will. If an element was
// handed over at the same time, the call succeeds instead: the kernel decides, in one step,
// which of the two was first. So no element is lost. When the context has ended before the
// call, nothing is tried.
//
// # Memory model
//
// It is that of Go's channels, in all processes. The race detector knows it, too.
//
// # Errors
//
// A send on a closed channel returns an error that is [ErrClosed] and syscall.EPIPE to
// errors.Is. It does not panic: another process may close a channel at any time. A receive
// at the end of the stream returns io.EOF itself. After [End.Close], calls on this end
// return an error that is os.ErrClosed. All other errors have the errno of the call:
// errors.Is(err, syscall.EDQUOT), for example, when the user's channels would hold more
// memory than the administrator allows.
//
// # Names
//
// [Create] makes a channel with a name, in a directory of a mounted kchan filesystem, by
// custom below /run/kchan. [Open], [OpenSend] and [OpenRecv] open one. What is queued
// there outlives the processes that use it, but no reboot.
//
// # Leases
//
// With [RecvOnly.Lease] an element stays the channel's until it is acknowledged. If the
// process dies before, the element goes back, and another one gets it.
package kchan
