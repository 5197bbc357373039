// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"math/rand"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestContextBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := made[int](t, 1)
	equal(t, c.Send(ctx, 1), context.Canceled)
	equal(t, c.Len(), 0)
	must(t, c.Send(context.Background(), 1))
	_, err := c.Recv(ctx)
	equal(t, err, context.Canceled)
	_, err = c.RecvSome(ctx, make([]int, 1))
	equal(t, err, context.Canceled)
	_, err = c.SendAll(ctx, make([]int, 1))
	equal(t, err, context.Canceled)
	i, err := Select(ctx, c.SendCase(1))
	equal(t, err, context.Canceled)
	equal(t, i, -1)
	_, err = c.Lease(ctx, 0)
	equal(t, err, context.Canceled)
	equal(t, c.Len(), 1)
}

func TestContextEnds(t *testing.T) {
	c := made[int](t, 0)
	for _, deadline := range []bool{false, true} {
		for _, send := range []bool{false, true} {
			ctx, cancel := context.WithCancel(context.Background())
			wanted := context.Canceled
			if deadline {
				ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
				wanted = context.DeadlineExceeded
			}
			done := make(chan error, 1)
			go func() {
				if send {
					done <- c.Send(ctx, 1)
					return
				}
				_, err := c.Recv(ctx)
				done <- err
			}()
			if !deadline {
				until(t, func() bool {
					info, _ := c.Info()
					return info.SendWaiters+info.RecvWaiters > 0
				})
				cancel()
			}
			equal(t, <-done, wanted)
			cancel()
		}
	}
	info, err := c.Info()
	must(t, err)
	equal(t, info.SendWaiters+info.RecvWaiters, 0)
}

// An element that is handed over while the context ends: the receiver has it. The hook
// makes it come between the end of the wait and the look at the kernel.
func TestHandOverAtCancel(t *testing.T) {
	defer func() { beforeDisarm = nil }()
	c := made[int](t, 0)
	ctx, cancel := context.WithCancel(context.Background())
	beforeDisarm = func() {
		sent, err := c.TrySend(7)
		must(t, err)
		equal(t, sent, true)
	}
	go func() {
		untilReceivers(t, c.End, 1)
		cancel()
	}()
	v, err := c.Recv(ctx)
	must(t, err)
	equal(t, v, 7)

	// The same for a send, and for a close of the end.
	ctx, cancel = context.WithCancel(context.Background())
	beforeDisarm = func() {
		v, received, err := c.TryRecv()
		must(t, err)
		equal(t, received, true)
		equal(t, v, 8)
	}
	go func() {
		untilSenders(t, c.End, 1)
		cancel()
	}()
	must(t, c.Send(ctx, 8))

	rx, err := c.RecvOnly()
	must(t, err)
	beforeDisarm = func() {
		sent, err := c.TrySend(9)
		must(t, err)
		equal(t, sent, true)
	}
	go func() {
		untilReceivers(t, c.End, 1)
		rx.Close()
	}()
	v, err = rx.Recv(context.Background())
	must(t, err)
	equal(t, v, 9)
}

// What was sent is received exactly once, whenever contexts end.
func TestNothingLost(t *testing.T) {
	const workers, each = 4, 200
	for _, capacity := range []int{0, 3} {
		c := made[uint32](t, capacity)
		var wg, sending sync.WaitGroup
		var seen [workers * each]atomic.Int32
		short := func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(),
				time.Duration(rand.Intn(400))*time.Microsecond)
		}
		for w := 0; w < workers; w++ {
			wg.Add(1)
			sending.Add(1)
			go func(w int) {
				defer sending.Done()
				for i := 0; i < each; {
					ctx, cancel := short()
					if c.Send(ctx, uint32(w*each+i)) == nil {
						i++
					}
					cancel()
				}
			}(w)
			go func() {
				defer wg.Done()
				for {
					ctx, cancel := short()
					v, err := c.Recv(ctx)
					cancel()
					if err == io.EOF {
						return
					}
					if err == nil {
						seen[v].Add(1)
					}
				}
			}()
		}
		sending.Wait()
		must(t, c.Shutdown())
		wg.Wait()
		for i := range seen {
			if n := seen[i].Load(); n != 1 {
				t.Fatalf("element %d came %d times", i, n)
			}
		}
	}
}

func TestCloseWhileWaiting(t *testing.T) {
	c := made[int](t, 0)
	rx, err := c.RecvOnly()
	must(t, err)
	done := make(chan error, 3)
	for i := 0; i < 2; i++ {
		go func() {
			_, err := rx.Recv(context.Background())
			done <- err
		}()
	}
	go func() {
		var v int
		_, err := Select(context.Background(), rx.RecvCase(&v), Case{})
		done <- err
	}()
	untilReceivers(t, c.End, 3)
	must(t, rx.Close())
	for i := 0; i < 3; i++ {
		mustBe(t, <-done, os.ErrClosed)
	}
	mustBe(t, rx.Close(), os.ErrClosed)
	_, err = rx.Recv(context.Background())
	mustBe(t, err, os.ErrClosed)
	_, err = rx.Info()
	mustBe(t, err, os.ErrClosed)
	var v int
	_, err = TrySelect(rx.RecvCase(&v))
	mustBe(t, err, os.ErrClosed)
	_, err = rx.Lease(context.Background(), 0)
	mustBe(t, err, os.ErrClosed)
	// The calls that were interrupted can be used again.
	ctx := soon(t)
	go c.Send(ctx, 5)
	v, err = c.Recv(ctx)
	must(t, err)
	equal(t, v, 5)
}

// An end is closed while others use it.
func TestCloseRaces(t *testing.T) {
	for i := 0; i < 50; i++ {
		tx, rx, err := Pair[int](1)
		must(t, err)
		var wg sync.WaitGroup
		for j := 0; j < 3; j++ {
			wg.Add(2)
			go func() {
				defer wg.Done()
				for tx.Send(context.Background(), 1) == nil {
				}
			}()
			go func() {
				defer wg.Done()
				for {
					if _, err := rx.Recv(context.Background()); err != nil {
						return
					}
				}
			}()
		}
		time.Sleep(time.Duration(rand.Intn(500)) * time.Microsecond)
		must(t, rx.Close())
		must(t, tx.Close())
		wg.Wait()
	}
}

func threads(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/task")
	must(t, err)
	return len(entries)
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

// Goroutines that wait take no thread, and descriptors only while they wait.
func TestManyWait(t *testing.T) {
	const many = 300
	ctx := soon(t)
	c := made[int](t, 0)
	before := threads(t)
	var wg sync.WaitGroup
	for i := 0; i < many; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := c.Recv(ctx); err != nil {
				t.Error(err)
			}
		}()
	}
	untilReceivers(t, c.End, many)
	if n := threads(t); n > before+20 {
		t.Fatalf("%d threads before, %d when %d goroutines wait", before, n, many)
	}
	if n := descriptors(t); n < many {
		t.Fatalf("%d descriptors: is this how they wait?", n)
	}
	for i := 0; i < many; i++ {
		must(t, c.Send(ctx, i))
	}
	wg.Wait()
	if n := descriptors(t); n > keptCalls+50 {
		t.Fatalf("%d descriptors are left", n)
	}
}

// Whoever has received an element sees what its sender wrote before, in memory that both
// share: the race detector, if it is built in, must find nothing.
func TestHappensBefore(t *testing.T) {
	const rounds = 100
	ctx := soon(t)
	for _, capacity := range []int{0, 1} {
		var there, back [rounds]int
		ask, answer := made[int32](t, capacity), made[struct{}](t, capacity)
		go func() {
			for i := range there {
				there[i] = i
				ask.Send(ctx, int32(i))
				answer.Recv(ctx)
				back[i]++
			}
			ask.Shutdown()
		}()
		must(t, ask.Each(ctx, func(i int32) error {
			if there[i] != int(i) {
				t.Errorf("%d, not %d", there[i], i)
			}
			back[i] = there[i]
			return answer.Send(ctx, struct{}{})
		}))
		for i := range back {
			equal(t, back[i], i+1)
		}
	}
}

// With no descriptor left, a call that would wait fails, and nothing has moved.
func TestNoDescriptor(t *testing.T) {
	var old, few syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	c := made[int](t, 1)
	idle.Lock()
	calls := idle.calls
	idle.calls = nil
	idle.Unlock()
	for _, each := range calls {
		each.discard()
	}
	few = old
	few.Cur = 3
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	_, err := c.Recv(context.Background())
	mustBe(t, err, syscall.EMFILE)
	must(t, c.Send(context.Background(), 1))
	mustBe(t, c.Send(context.Background(), 2), syscall.EMFILE)
	equal(t, c.Len(), 1)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old))
	v, err := c.Recv(context.Background())
	must(t, err)
	equal(t, v, 1)
}

// An element wakes only who gets it: no end is in an epoll set.
func TestEndsAreNotPolled(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 1)
	go c.Send(ctx, 1)
	_, err := c.Recv(ctx)
	must(t, err)
	raw, err := c.SyscallConn()
	must(t, err)
	var end string
	must(t, raw.Control(func(fd uintptr) { end = "tfd:" + pad(int(fd)) }))
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	sets := 0
	for _, each := range entries {
		text, err := os.ReadFile("/proc/self/fdinfo/" + each.Name())
		if err != nil || !strings.Contains(string(text), "tfd:") {
			continue
		}
		sets++
		if strings.Contains(string(text), end) {
			t.Fatalf("an end is in an epoll set:\n%s", text)
		}
	}
	equal(t, sets, 1)
}

func pad(fd int) string {
	s := "        "
	digits := []byte{}
	for ; fd > 0; fd /= 10 {
		digits = append([]byte{byte('0' + fd%10)}, digits...)
	}
	return (s + string(digits) + " ")[len(digits):]
}
