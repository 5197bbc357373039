// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// A Lease is an element that was received, and is still the channel's. If it is not
// acknowledged, it goes back: when the lease is closed or returned, when its limit comes,
// when this process dies, or when nobody refers to the lease any more. So an element may
// be worked on more than once, but it is not lost.
//
//	job, err := jobs.Lease(ctx, time.Minute)
//	for err == nil {
//		if work(job.Value) != nil {
//			job.Return(kchan.ReturnOptions{Delay: time.Second})
//			job, err = jobs.Lease(ctx, time.Minute)
//			continue
//		}
//		err = job.Next(ctx)
//	}
//
// While an element is under lease, its channel is not at the end of its stream. So who
// holds a lease and waits for the next element of a closed channel waits for itself.
type Lease[T any] struct {
	Value   T
	Number  uint64 // the element's number in its channel; it keeps it when it comes back
	Returns int    // how often it has come back

	mu     sync.Mutex
	call   *call // nil once the lease has ended
	from   receiver[T]
	limit  time.Duration
	expiry time.Time
}

// Lease waits for an element, as Recv does, and keeps it under lease. With a limit that is
// not 0, the lease ends by itself after this time, and the element goes back. Time in
// which the machine is suspended does not count.
//
// If the codec cannot decode the element, the lease is returned with the error, so that the
// element can be acknowledged or returned.
func (r receiver[T]) Lease(ctx context.Context, limit time.Duration) (*Lease[T], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.recv == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return r.lease(limit, func(c *call, cases []Case) (bool, error) {
		return true, c.await(ctx, cases)
	})
}

// TryLease is as Lease, without waiting. If there is no element, the lease is nil, and so
// is the error.
func (r receiver[T]) TryLease(limit time.Duration) (*Lease[T], error) {
	if r.recv == nil {
		return nil, nil
	}
	return r.lease(limit, func(c *call, cases []Case) (bool, error) {
		switch _, errno := c.control(iocDisarm, nil); errno {
		case 0:
			return false, nil
		case syscall.EALREADY:
			return true, c.collect()
		default:
			return false, failed("disarm", errno)
		}
	})
}

// lease makes a lease of what an armed receive brings. With wait, one looks whether that
// has committed.
func (r receiver[T]) lease(limit time.Duration, wait func(*call, []Case) (bool, error)) (*Lease[T], error) {
	if limit < 0 {
		return nil, failed("lease", syscall.EINVAL)
	}
	l := &Lease[T]{from: r, limit: limit}
	for {
		var dummy T
		cases := []Case{r.RecvCase(&dummy)}
		r.recv.race.begin()
		on, err := hold(cases)
		if err != nil {
			return nil, err
		}
		c := newCall()
		c.prepare(cases)
		err = c.arm(on, armLease, limit)
		release(cases)
		if err != nil {
			c.done()
			return nil, err
		}
		ready, err := wait(c, cases)
		if err != nil {
			c.give(err)
			return nil, err
		}
		if !ready {
			c.done()
			return nil, nil
		}
		l.call = c
		again, err := l.take()
		if again {
			continue
		}
		if l.call == nil {
			return nil, err
		}
		return l, err
	}
}

// take makes the lease of what its call's room has. If that is no element, the lease ends.
// It is to be tried again when the channel's messages have become larger.
func (l *Lease[T]) take() (again bool, err error) {
	o := l.call.committed()
	l.from.recv.race.end()
	if o.status != 0 {
		l.call.done()
		l.call = nil
		switch {
		case o.status == syscall.EPIPE:
			return false, io.EOF
		case o.status == syscall.EMSGSIZE && l.from.recv.grew():
			return true, nil
		}
		return false, failed("receive", o.status)
	}
	k := l.call.commit()
	l.Number, l.Returns = k.number, int(k.returns)
	l.expiry = time.Time{}
	if k.limit != 0 {
		l.expiry = timeOf(k.limit)
	}
	var fresh T
	l.Value = fresh
	return false, l.from.as.decode(o.data, &l.Value)
}

// Expiry tells when the lease ends by itself, if it has a limit.
func (l *Lease[T]) Expiry() (at time.Time, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expiry, !l.expiry.IsZero()
}

// Ack acknowledges the element: it is received for good. It fails with [ErrLeaseExpired]
// when the limit has come before, and with [ErrSettled] when the lease has ended already.
func (l *Lease[T]) Ack() error {
	var a ackArg
	return l.settle("ack", iocAck, unsafe.Pointer(&a))
}

// ReturnOptions says how an element goes back.
type ReturnOptions struct {
	Tail      bool          // behind all that is queued, not to its place
	Uncounted bool          // Returns of its next lease does not count this
	Delay     time.Duration // nobody can receive it before
}

// Return gives the element back to the channel. It fails as Ack does.
func (l *Lease[T]) Return(how ReturnOptions) error {
	if how.Delay < 0 {
		return failed("return", syscall.EINVAL)
	}
	a := returnArg{delay: uint64(how.Delay)}
	if how.Tail {
		a.flags |= returnTail
	}
	if how.Uncounted {
		a.flags |= returnUncounted
	}
	return l.settle("return", iocReturn, unsafe.Pointer(&a))
}

// Close returns the element, unless the lease has ended. It is for defer.
func (l *Lease[T]) Close() error {
	err := l.Return(ReturnOptions{})
	if e, ok := err.(*Error); ok && (e.Err == ErrSettled || e.Err == syscall.ETIME) {
		return nil
	}
	return err
}

// settle ends the lease by an ioctl.
func (l *Lease[T]) settle(op string, request uintptr, arg unsafe.Pointer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.call == nil {
		return &Error{op, ErrSettled}
	}
	l.from.recv.race.begin()
	_, errno := l.call.control(request, arg)
	l.ended(errno)
	return failed(op, errno)
}

// ended gives up the call when an ioctl has ended the lease, or has told that its limit
// had come.
func (l *Lease[T]) ended(errno syscall.Errno) {
	switch errno {
	case syscall.ETIME:
		l.call.control(iocDisarm, nil)
	case 0:
	default:
		return
	}
	l.call.done()
	l.call = nil
}

// Extend lets the lease last this long from now on; 0 is for ever. It fails as Ack does.
func (l *Lease[T]) Extend(limit time.Duration) error {
	const op = "extend"

	if limit < 0 {
		return failed(op, syscall.EINVAL)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.call == nil {
		return &Error{op, ErrSettled}
	}
	a := extendArg{limit: uint64(limit)}
	now := time.Now()
	_, errno := l.call.control(iocExtend, unsafe.Pointer(&a))
	switch {
	case errno == syscall.ETIME:
		l.ended(errno)
	case errno == 0 && limit == 0:
		l.expiry = time.Time{}
	case errno == 0:
		l.expiry = now.Add(limit)
	}
	return failed(op, errno)
}

// Next acknowledges the element, and waits for the next one, which the lease has then, with
// the limit that [RecvOnly.Lease] was given. When elements are waiting, this is one system
// call.
//
// With [ErrLeaseExpired] and [ErrSettled] nothing was acknowledged. With any other error the
// element was, and the lease has ended: io.EOF at the end of the stream, or the context's
// error. Other methods of this lease wait meanwhile. If the context has ended before, Next
// only acknowledges.
func (l *Lease[T]) Next(ctx context.Context) error {
	const op = "ack"

	if err := ctx.Err(); err != nil {
		if failure := l.Ack(); failure != nil {
			return failure
		}
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.call == nil {
		return &Error{op, ErrSettled}
	}
	c := l.call
	a := ackArg{flags: ackRearm, len: uint32(len(c.room)), addr: pointer{p: address(c.room)}}
	l.from.recv.race.begin()
	n, errno := c.control(iocAck, unsafe.Pointer(&a))
	if errno != 0 {
		if errno == syscall.ETIME {
			l.ended(errno)
		}
		return failed(op, errno)
	}
	if n == 0 {
		if err := c.await(ctx, []Case{{end: l.from.recv, op: opRecv}}); err != nil {
			l.call = nil
			c.give(err)
			return err
		}
	}
	again, err := l.take()
	if !again {
		return err
	}
	next, err := l.from.Lease(ctx, l.limit)
	if next != nil {
		l.Value, l.Number, l.Returns = next.Value, next.Number, next.Returns
		l.call, l.expiry = next.call, next.expiry
	}
	return err
}

// pass sends elements on, each under lease until it was received there.
func (r receiver[T]) pass(ctx context.Context, out chan<- T) error {
	l, err := r.Lease(ctx, 0)
	for err == nil {
		select {
		case out <- l.Value:
			err = l.Next(ctx)
		case <-ctx.Done():
			if err = l.Return(ReturnOptions{Uncounted: true}); err == nil {
				err = ctx.Err()
			}
		}
	}
	if l != nil {
		l.Close()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// timeOf is a time on CLOCK_MONOTONIC, in nanoseconds.
func timeOf(at uint64) time.Time {
	const clockMonotonic = 1
	var now syscall.Timespec

	wall := time.Now()
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic,
		uintptr(unsafe.Pointer(&now)), 0)
	return wall.Add(time.Duration(int64(at) - now.Nano()))
}
