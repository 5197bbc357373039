// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestSelectReady(t *testing.T) {
	ctx := soon(t)
	a := made[int](t, 1)
	b := made[[]byte](t, 1)
	full := made[int16](t, 1)
	must(t, full.Send(ctx, 1))

	n, m := -1, []byte("as before")
	i, err := TrySelect(a.RecvCase(&n), b.RecvCase(&m), full.SendCase(2))
	must(t, err)
	equal(t, i, -1)
	must(t, b.Send(ctx, []byte("message")))
	i, err = Select(ctx, a.RecvCase(&n), b.RecvCase(&m), full.SendCase(2))
	must(t, err)
	equal(t, i, 1)
	equal(t, string(m), "message")
	equal(t, n, -1)
	i, err = Select(ctx, a.SendCase(5), b.RecvCase(&m), full.SendCase(2))
	must(t, err)
	equal(t, i, 0)
	i, err = TrySelect(a.RecvCase(&n))
	must(t, err)
	equal(t, i, 0)
	equal(t, n, 5)

	must(t, a.Shutdown())
	i, err = Select(ctx, b.RecvCase(&m), a.RecvCase(&n))
	equal(t, i, 1)
	equal(t, err, io.EOF)
	equal(t, n, 5)
	i, err = Select(ctx, a.SendCase(1), full.SendCase(2))
	equal(t, i, 0)
	mustBe(t, err, ErrClosed)
	equal(t, string(m), "message")
}

func TestSelectWaits(t *testing.T) {
	ctx := soon(t)
	a, b, c := made[int](t, 0), made[int](t, 0), made[struct{}](t, 0)
	var n, m int
	var done chan int
	begin := func() {
		done = make(chan int, 1)
		go func() {
			i, err := Select(ctx, a.RecvCase(&n), Case{}, b.SendCase(6),
				c.RecvCase(&struct{}{}), a.RecvCase(&m))
			if err != nil {
				t.Error(err)
			}
			done <- i
		}()
		untilReceivers(t, a.End, 2)
	}
	begin()
	must(t, a.Send(ctx, 4))
	if i := <-done; i != 0 && i != 4 || n+m != 4 {
		t.Fatal(i, n, m)
	}
	begin()
	v, err := b.Recv(ctx)
	must(t, err)
	equal(t, v, 6)
	equal(t, <-done, 2)
	begin()
	must(t, c.Send(ctx, struct{}{}))
	equal(t, <-done, 3)
	closed := make(chan error, 1)
	go func() {
		_, err := Select(ctx, a.RecvCase(&n), b.SendCase(6))
		closed <- err
	}()
	untilReceivers(t, a.End, 1)
	must(t, b.Shutdown())
	mustBe(t, <-closed, ErrClosed)
	untilReceivers(t, a.End, 0)
}

func TestSelectBothSides(t *testing.T) {
	ctx := soon(t)
	a, b := made[int](t, 0), made[int](t, 0)
	const rounds = 200
	var wg sync.WaitGroup
	var sent, got int
	wg.Add(2)
	go func() {
		defer wg.Done()
		for i := 0; i < rounds; i++ {
			if _, err := Select(ctx, a.SendCase(i), b.SendCase(-i)); err != nil {
				t.Error(err)
				return
			}
			sent++
		}
	}()
	go func() {
		defer wg.Done()
		for i := 0; i < rounds; i++ {
			var v, w int
			n, err := Select(ctx, a.RecvCase(&v), b.RecvCase(&w))
			if err != nil || n == 0 && v != i || n == 1 && w != -i {
				t.Error(n, v, w, err)
				return
			}
			got++
		}
	}()
	wg.Wait()
	equal(t, sent, rounds)
	equal(t, got, rounds)
}

// Each ready case is as likely as any other.
func TestSelectFair(t *testing.T) {
	ctx := soon(t)
	a, b := made[int](t, 1000), made[int](t, 1000)
	count := [2]int{}
	for i := 0; i < 400; i++ {
		n, err := Select(ctx, a.SendCase(i), b.SendCase(i))
		must(t, err)
		count[n]++
	}
	// One in 10^15 is worse than this.
	if count[0] < 120 || count[1] < 120 {
		t.Fatal(count)
	}
}

func TestSelectLimits(t *testing.T) {
	c := made[int](t, 1)
	var v int
	cases := make([]Case, maxCases+1)
	for i := range cases {
		cases[i] = c.RecvCase(&v)
	}
	_, err := TrySelect(cases...)
	mustBe(t, err, syscall.E2BIG)
	i, err := TrySelect(cases[1:]...)
	must(t, err)
	equal(t, i, -1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	i, err = Select(ctx, cases[1:]...)
	equal(t, err, context.DeadlineExceeded)
	equal(t, i, -1)
	_, err = Select(ctx)
	equal(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = Select(ctx)
	equal(t, err, context.DeadlineExceeded)
	i, err = TrySelect()
	must(t, err)
	equal(t, i, -1)
}
