// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func leased[T any](t *testing.T, c Chan[T], limit time.Duration) *Lease[T] {
	t.Helper()
	l, err := c.Lease(soon(t), limit)
	must(t, err)
	return l
}

func TestLeaseAck(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 4)
	l, err := c.TryLease(0)
	must(t, err)
	equal(t, l, nil)
	for i := 0; i < 3; i++ {
		must(t, c.Send(ctx, 10+i))
	}
	l, err = c.TryLease(0)
	must(t, err)
	equal(t, l.Value, 10)
	equal(t, l.Number, 0)
	_, limited := l.Expiry()
	equal(t, limited, false)
	other := leased(t, c, 0)
	equal(t, other.Value, 11)
	info, err := c.Info()
	must(t, err)
	equal(t, info.Leased, 2)
	equal(t, info.Len, 1)
	must(t, l.Ack())
	mustBe(t, l.Ack(), ErrSettled)
	mustBe(t, l.Return(ReturnOptions{}), ErrSettled)
	mustBe(t, l.Extend(time.Second), ErrSettled)
	mustBe(t, l.Next(ctx), ErrSettled)
	must(t, l.Close())
	must(t, other.Close())
	v, err := c.Recv(ctx)
	must(t, err)
	equal(t, v, 11)
	info, err = c.Info()
	must(t, err)
	equal(t, info.Leased, 0)
}

func TestLeaseReturn(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 4)
	must(t, c.Send(ctx, 1))
	must(t, c.Send(ctx, 2))
	l := leased(t, c, 0)
	equal(t, l.Value, 1)
	must(t, l.Return(ReturnOptions{}))
	l = leased(t, c, 0)
	equal(t, l.Value, 1)
	equal(t, l.Returns, 1)
	must(t, l.Return(ReturnOptions{Uncounted: true}))
	l = leased(t, c, 0)
	equal(t, l.Value, 1)
	equal(t, l.Returns, 1)
	must(t, l.Return(ReturnOptions{Tail: true}))
	l = leased(t, c, 0)
	equal(t, l.Value, 2)
	must(t, l.Ack())
	l = leased(t, c, 0)
	equal(t, l.Value, 1)
	equal(t, l.Returns, 2)
	before := time.Now()
	must(t, l.Return(ReturnOptions{Delay: 50 * time.Millisecond}))
	info, err := c.Info()
	must(t, err)
	equal(t, info.Delayed, 1)
	l = leased(t, c, 0)
	equal(t, l.Value, 1)
	if after := time.Since(before); after < 50*time.Millisecond {
		t.Fatal("it has come back after", after)
	}
	mustBe(t, l.Return(ReturnOptions{Delay: -1}), syscall.EINVAL)
	must(t, l.Ack())
}

func TestLeaseLimit(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 4)
	_, err := c.Lease(ctx, -1)
	mustBe(t, err, syscall.EINVAL)
	must(t, c.Send(ctx, 1))
	l := leased(t, c, 30*time.Millisecond)
	at, limited := l.Expiry()
	equal(t, limited, true)
	if left := time.Until(at); left > 30*time.Millisecond {
		t.Fatal(left, "left")
	}
	// It comes back by itself.
	v, err := c.Recv(ctx)
	must(t, err)
	equal(t, v, 1)
	err = l.Ack()
	mustBe(t, err, ErrLeaseExpired)
	mustBe(t, err, syscall.ETIME)
	mustBe(t, l.Ack(), ErrSettled)

	must(t, c.Send(ctx, 2))
	l = leased(t, c, 50*time.Millisecond)
	must(t, l.Extend(time.Hour))
	time.Sleep(60 * time.Millisecond)
	must(t, l.Extend(0))
	_, limited = l.Expiry()
	equal(t, limited, false)
	must(t, l.Ack())

	must(t, c.Send(ctx, 3))
	l = leased(t, c, time.Hour)
	must(t, l.Extend(time.Nanosecond))
	until(t, func() bool { return c.Len() == 1 })
	mustBe(t, l.Next(ctx), ErrLeaseExpired)
	mustBe(t, l.Next(ctx), ErrSettled)
	must(t, l.Close())
}

func TestLeaseNext(t *testing.T) {
	ctx := soon(t)
	tx, rx, err := Pair[int](4)
	must(t, err)
	defer rx.Close()
	must(t, tx.Send(ctx, 0))
	must(t, tx.Send(ctx, 1))
	l, err := rx.Lease(ctx, time.Hour)
	must(t, err)
	must(t, l.Next(ctx)) // is there
	equal(t, l.Value, 1)
	equal(t, l.Number, 1)
	go func() {
		untilReceivers(t, tx.End, 1)
		tx.Send(ctx, 2)
	}()
	must(t, l.Next(ctx)) // is waited for
	equal(t, l.Value, 2)
	_, limited := l.Expiry()
	equal(t, limited, true)

	// The context ends: the element was acknowledged, and there is no lease.
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	equal(t, l.Next(short), context.DeadlineExceeded)
	mustBe(t, l.Ack(), ErrSettled)
	must(t, tx.Send(ctx, 3))
	l, err = rx.Lease(ctx, 0)
	must(t, err)
	equal(t, l.Value, 3)
	equal(t, l.Next(short), context.DeadlineExceeded)
	mustBe(t, l.Ack(), ErrSettled)
	equal(t, rx.Len(), 0)

	must(t, tx.Send(ctx, 4))
	l, err = rx.Lease(ctx, 0)
	must(t, err)
	must(t, tx.Close())
	equal(t, l.Next(ctx), io.EOF)
	_, err = rx.Lease(ctx, 0)
	equal(t, err, io.EOF)
	_, err = rx.TryLease(0)
	equal(t, err, io.EOF)
}

// While one holds a lease, another one that waits is not told of the end.
func TestLeaseHoldsEnd(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 4)
	must(t, c.Send(ctx, 1))
	l := leased(t, c, 0)
	must(t, c.Shutdown())
	_, received, err := c.TryRecv()
	must(t, err)
	equal(t, received, false)
	done := make(chan error, 1)
	go func() {
		_, err := c.Recv(ctx)
		done <- err
	}()
	untilReceivers(t, c.End, 1)
	must(t, l.Ack())
	equal(t, <-done, io.EOF)
}

// A lease that nobody refers to goes back.
func TestLeaseForgotten(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 4)
	must(t, c.Send(ctx, 1))
	leased(t, c, 0)
	until(t, func() bool {
		runtime.GC()
		return c.Len() == 1
	})
}

func TestLeaseMessages(t *testing.T) {
	ctx := soon(t)
	c := made(t, 4, JSON[job](100))
	f, err := c.File()
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("no JSON")
	must(t, err)
	must(t, c.Send(ctx, job{Name: "next"}))
	l, err := c.Lease(ctx, 0)
	equal(t, isDecode(err), true)
	must(t, l.Next(ctx))
	equal(t, l.Value.Name, "next")
	_, err = f.WriteString("no JSON")
	must(t, err)
	equal(t, isDecode(l.Next(ctx)), true)
	must(t, l.Ack())
	equal(t, c.Len(), 0)
}

func TestGoChan(t *testing.T) {
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	c := made[int](t, 10)
	for i := 0; i < 5; i++ {
		must(t, c.Send(ctx, i))
	}
	ch, wait := c.GoChan(ctx)
	equal(t, <-ch, 0)
	equal(t, <-ch, 1)
	// The next one is on its way, but not lost, and comes before the others.
	until(t, func() bool { return c.Len() == 2 })
	why := make(chan error, 1)
	go func() { why <- wait() }() // takes nothing
	time.Sleep(50 * time.Millisecond)
	equal(t, c.Len(), 2)
	cancel()
	equal(t, <-why, context.Canceled)
	l, err := c.Lease(soon(t), 0)
	must(t, err)
	equal(t, l.Value, 2)
	equal(t, l.Returns, 0)
	must(t, l.Close())

	must(t, c.Shutdown())
	ch, wait = c.GoChan(context.Background())
	next := 2
	for v := range ch {
		equal(t, v, next)
		next++
	}
	must(t, wait())
	equal(t, next, 5)
}
