// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Where the tests have names.
const names = "/tmp/kchan-names"

func TestMain(m *testing.M) {
	if child := os.Getenv("KCHAN_TEST_CHILD"); child != "" {
		os.Exit(runChild(child))
	}
	if err := mountNames(); err != nil {
		println("no names here: " + err.Error())
		os.Exit(1)
	}
	status := m.Run()
	if err := syscall.Unmount(names, 0); err != nil {
		println("ends are left: " + err.Error())
		status = 1
	}
	os.Exit(status)
}

func mountNames() error {
	if err := os.MkdirAll(names, 0755); err != nil {
		return err
	}
	return syscall.Mount("kchan", names, "kchan", 0, "")
}

// soon is a context for what does not take long.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t *testing.T, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("error %v, not %v", err, wanted)
	}
}

func equal[T any](t *testing.T, seen, wanted T) {
	t.Helper()
	if any(seen) != any(wanted) {
		t.Fatalf("%v, not %v", seen, wanted)
	}
}

func made[T any](t *testing.T, capacity int, codec ...Codec[T]) Chan[T] {
	t.Helper()
	c, err := Make(capacity, codec...)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// until waits until something is so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	for begin := time.Now(); !so(); {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("it is never so")
		}
		time.Sleep(time.Millisecond)
	}
}

func untilReceivers(t *testing.T, e *End, n int) {
	t.Helper()
	until(t, func() bool {
		info, err := e.Info()
		must(t, err)
		return info.RecvWaiters == n
	})
}

func untilSenders(t *testing.T, e *End, n int) {
	t.Helper()
	until(t, func() bool {
		info, err := e.Info()
		must(t, err)
		return info.SendWaiters == n
	})
}

func TestBuffered(t *testing.T) {
	ctx := soon(t)
	c := made[int64](t, 3)
	for i := int64(1); i <= 3; i++ {
		must(t, c.Send(ctx, i))
	}
	equal(t, c.Len(), 3)
	equal(t, c.Cap(), 3)
	sent, err := c.TrySend(4)
	must(t, err)
	equal(t, sent, false)
	must(t, c.Shutdown())
	mustBe(t, c.Shutdown(), ErrClosed)
	for i := int64(1); i <= 3; i++ {
		v, err := c.Recv(ctx)
		must(t, err)
		equal(t, v, i)
	}
	_, err = c.Recv(ctx)
	equal(t, err, io.EOF)
	_, received, err := c.TryRecv()
	equal(t, err, io.EOF)
	equal(t, received, false)
	err = c.Send(ctx, 5)
	mustBe(t, err, ErrClosed)
	mustBe(t, err, syscall.EPIPE)
	if errors.Is(err, os.ErrClosed) || errors.Is(err, ErrLeaseExpired) {
		t.Fatal("it is another error, too")
	}
	equal(t, err.Error(), "kchan: send: broken pipe")
}

func TestRendezvous(t *testing.T) {
	ctx := soon(t)
	c := made[int32](t, 0)
	sent, err := c.TrySend(1)
	must(t, err)
	equal(t, sent, false)

	got := make(chan int32, 1)
	go func() {
		v, _ := c.Recv(ctx)
		got <- v
	}()
	untilReceivers(t, c.End, 1)
	sent, err = c.TrySend(2)
	must(t, err)
	equal(t, sent, true)
	equal(t, <-got, 2)

	done := make(chan error, 1)
	go func() { done <- c.Send(ctx, 3) }()
	untilSenders(t, c.End, 1)
	select {
	case <-done:
		t.Fatal("nobody has received it")
	default:
	}
	v, received, err := c.TryRecv()
	must(t, err)
	equal(t, received, true)
	equal(t, v, 3)
	must(t, <-done)
}

// Waiters are served in the order in which they came.
func TestOrder(t *testing.T) {
	ctx := soon(t)
	c := made[int](t, 0)
	var wg sync.WaitGroup
	for i := 0; i < 10; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			if v, err := c.Recv(ctx); err != nil || v != i {
				t.Errorf("receiver %d has %d, %v", i, v, err)
			}
		}(i)
		untilReceivers(t, c.End, i+1)
	}
	for i := 0; i < 10; i++ {
		must(t, c.Send(ctx, i))
	}
	wg.Wait()
}

func TestPair(t *testing.T) {
	ctx := soon(t)
	tx, rx, err := Pair[uint16](4)
	must(t, err)
	other, err := tx.SendOnly()
	must(t, err)
	must(t, tx.Send(ctx, 1))
	must(t, tx.Close())
	must(t, other.Send(ctx, 2))
	must(t, other.Close())
	for i := uint16(1); i <= 2; i++ {
		v, err := rx.Recv(ctx)
		must(t, err)
		equal(t, v, i)
	}
	_, err = rx.Recv(ctx)
	equal(t, err, io.EOF)
	must(t, rx.Close())

	tx, rx, err = Pair[uint16](4)
	must(t, err)
	must(t, rx.Close())
	mustBe(t, tx.Send(ctx, 1), ErrClosed)
	must(t, tx.Close())
}

// A receiver that waits is told of the end.
func TestEndWhileWaiting(t *testing.T) {
	ctx := soon(t)
	for _, capacity := range []int{0, 1} {
		tx, rx, err := Pair[uint8](capacity)
		must(t, err)
		done := make(chan error, 1)
		go func() {
			_, err := rx.Recv(ctx)
			done <- err
		}()
		untilReceivers(t, rx.End, 1)
		must(t, tx.Close())
		equal(t, <-done, io.EOF)
		must(t, rx.Close())
	}
}

// The zero value is a nil channel.
func TestZero(t *testing.T) {
	var c Chan[int]
	var m Messages

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Recv(ctx)
	equal(t, err, context.DeadlineExceeded)
	equal(t, c.Send(ctx, 1), context.DeadlineExceeded)
	sent, err := c.TrySend(1)
	must(t, err)
	equal(t, sent, false)
	_, received, err := m.TryRecv()
	must(t, err)
	equal(t, received, false)
	mustBe(t, c.Close(), os.ErrInvalid)
	mustBe(t, c.Shutdown(), os.ErrInvalid)
	equal(t, c.Len()+c.Cap(), 0)
	_, err = c.SendOnly()
	mustBe(t, err, os.ErrInvalid)
	_, err = m.File()
	mustBe(t, err, os.ErrInvalid)
	_, err = c.SendAll(ctx, []int{1})
	equal(t, err, context.DeadlineExceeded)
	_, err = c.Lease(ctx, 0)
	equal(t, err, context.DeadlineExceeded)
	var v int
	i, err := TrySelect(c.SendCase(1), c.RecvCase(&v), Case{})
	must(t, err)
	equal(t, i, -1)
}

type sample struct {
	A uint8
	B uint32
	C [3]int16
	_ [2]byte
	D float64
}

func TestMemory(t *testing.T) {
	ctx := soon(t)
	c := made[sample](t, 2)
	in := sample{1, 2, [3]int16{3, -4, 5}, [2]byte{}, 0.5}
	must(t, c.Send(ctx, in))
	must(t, c.Send(ctx, in))
	out, err := c.Recv(ctx)
	must(t, err)
	equal(t, out, in)

	f, err := c.File()
	must(t, err)
	defer f.Close()
	raw := make([]byte, 100)
	n, err := f.Read(raw)
	must(t, err)
	equal(t, n, int(unsafe.Sizeof(in)))
	equal(t, raw[0], 1)
	if binary.LittleEndian.Uint32(raw[4:]) != 2 && binary.BigEndian.Uint32(raw[4:]) != 2 {
		t.Fatal("no 2 where C has it")
	}
}

func TestNeedsCodec(t *testing.T) {
	check := func(err error) {
		t.Helper()
		mustBe(t, err, ErrType)
	}
	_, err := Make[string](1)
	check(err)
	_, err = Make[*int](1)
	check(err)
	_, err = Make[map[int]int](1)
	check(err)
	_, err = Make[[]int](1)
	check(err)
	_, err = Make[[2]struct{ A []byte }](1)
	check(err)
	equal(t, strings.Contains(err.Error(), "field A"), true)
	_, err = Make[any](1)
	check(err)
	_, err = Make[error](1)
	check(err)
	_, err = Make(1, Bytes(10), Bytes(10))
	equal(t, err != nil, true)
}

func TestSizeZero(t *testing.T) {
	ctx := soon(t)
	c := made[struct{}](t, 2)
	must(t, c.Send(ctx, struct{}{}))
	sent, err := c.TrySend(struct{}{})
	must(t, err)
	equal(t, sent, true)
	sent, err = c.TrySend(struct{}{})
	must(t, err)
	equal(t, sent, false)
	equal(t, c.Len(), 2)
	n, err := c.RecvSome(ctx, make([]struct{}, 10))
	must(t, err)
	equal(t, n, 2)
	go func() {
		c.SendAll(ctx, make([]struct{}, 10))
		c.Shutdown()
	}()
	n = 0
	must(t, c.Each(ctx, func(struct{}) error {
		n++
		return nil
	}))
	equal(t, n, 10)
}

func TestMessages(t *testing.T) {
	ctx := soon(t)
	c := made[[]byte](t, 4)
	must(t, c.Send(ctx, []byte("one")))
	must(t, c.Send(ctx, []byte("and two")))
	mustBe(t, c.Send(ctx, nil), syscall.EINVAL)
	must(t, c.Send(ctx, make([]byte, DefaultMaxSize)))
	mustBe(t, c.Send(ctx, make([]byte, DefaultMaxSize+1)), syscall.EMSGSIZE)
	v, err := c.Recv(ctx)
	must(t, err)
	equal(t, string(v), "one")
	room := make([]byte, 0, 64)
	v = room
	must(t, c.RecvInto(ctx, &v))
	equal(t, string(v), "and two")
	equal(t, &v[0], &room[:1][0])
	v, err = c.Recv(ctx)
	must(t, err)
	equal(t, len(v), DefaultMaxSize)

	// By way of a select that waits.
	go c.Send(ctx, []byte("three"))
	i, err := Select(ctx, c.RecvCase(&v))
	must(t, err)
	equal(t, i, 0)
	equal(t, string(v), "three")

	large := made(t, 1, Bytes(1<<20))
	data := bytes.Repeat([]byte("kchan"), 1<<20/5)
	must(t, large.Send(ctx, data))
	v, err = large.Recv(ctx)
	must(t, err)
	equal(t, bytes.Equal(v, data), true)
	go large.Send(ctx, data)
	_, err = Select(ctx, large.RecvCase(&v))
	must(t, err)
	equal(t, bytes.Equal(v, data), true)
}

// Whoever made the channel sets it up, after this end has seen what it was.
func TestMessagesGrow(t *testing.T) {
	ctx := soon(t)
	for _, waiting := range []bool{false, true} {
		c := made(t, 1, Bytes(10))
		setup := setupArg{flags: setupMessage, elemSize: 1000, capacity: 1}
		must(t, c.use("setup", func(fd int) error {
			_, errno := ioctl(fd, iocSetup, unsafe.Pointer(&setup))
			return failed("setup", errno)
		}))
		if waiting {
			var v []byte
			must(t, c.Send(ctx, make([]byte, 1000)))
			_, err := Select(ctx, c.RecvCase(&v))
			must(t, err)
			equal(t, len(v), 1000)
			continue
		}
		must(t, c.Send(ctx, make([]byte, 1000)))
		v, err := c.Recv(ctx)
		must(t, err)
		equal(t, len(v), 1000)
	}
}

type job struct {
	Name  string
	Tries int
	Tags  []string `json:",omitempty"`
}

func TestJSON(t *testing.T) {
	ctx := soon(t)
	c := made(t, 4, JSON[job](0))
	must(t, c.Send(ctx, job{"a", 1, []string{"x"}}))
	must(t, c.Send(ctx, job{"b", 2, nil}))
	var v job
	must(t, c.RecvInto(ctx, &v))
	equal(t, v.Name+v.Tags[0], "ax")
	must(t, c.RecvInto(ctx, &v))
	equal(t, v.Name, "b")
	equal(t, len(v.Tags), 0)

	f, err := c.File()
	must(t, err)
	defer f.Close()
	for _, text := range []string{`{"Name":"c"}`, `no JSON`, `{"Name":"d"}`} {
		_, err = f.WriteString(text)
		must(t, err)
	}
	vs := make([]job, 5)
	n, err := c.RecvSome(ctx, vs)
	equal(t, n, 1)
	equal(t, isDecode(err), true)
	n, err = c.RecvSome(ctx, vs)
	must(t, err)
	equal(t, n, 1)
	equal(t, vs[0].Name, "d")

	type cyclic struct{ Self any }
	bad := made(t, 1, JSON[cyclic](0))
	err = bad.Send(ctx, cyclic{make(chan int)})
	equal(t, err != nil, true)
	_, err = Select(ctx, bad.SendCase(cyclic{make(chan int)}))
	equal(t, err != nil, true)
	equal(t, bad.Len(), 0)
}

func TestBatches(t *testing.T) {
	ctx := soon(t)
	c := made[uint32](t, 8)
	all := make([]uint32, 1000)
	for i := range all {
		all[i] = uint32(i)
	}
	n, err := c.TrySendSome(all)
	must(t, err)
	equal(t, n, 8)
	done := make(chan error, 1)
	go func() {
		_, err := c.SendAll(ctx, all[8:])
		c.Shutdown()
		done <- err
	}()
	var got []uint32
	room := make([]uint32, 7)
	for {
		n, err := c.RecvSome(ctx, room)
		if err == io.EOF {
			break
		}
		must(t, err)
		got = append(got, room[:n]...)
	}
	must(t, <-done)
	equal(t, len(got), len(all))
	for i := range all {
		equal(t, got[i], all[i])
	}
	n, err = c.SendAll(ctx, all)
	mustBe(t, err, ErrClosed)
	equal(t, n, 0)
	n, err = c.SendAll(ctx, nil)
	must(t, err)
	equal(t, n, 0)

	// The error comes after what has moved.
	tx, rx, err := Pair[[]byte](8)
	must(t, err)
	n, err = tx.TrySendSome([][]byte{[]byte("a"), []byte("b"), nil})
	must(t, err)
	equal(t, n, 2)
	m := make([][]byte, 8)
	n, err = rx.RecvSome(ctx, m)
	must(t, err)
	equal(t, n, 2)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = rx.RecvSome(short, m)
	equal(t, err, context.DeadlineExceeded)
	must(t, tx.Close())
	must(t, rx.Close())
}

func TestIterate(t *testing.T) {
	ctx := soon(t)
	tx, rx, err := Pair[int](2)
	must(t, err)
	defer rx.Close()
	go func() {
		defer tx.Close()
		for i := 0; i < 10; i++ {
			tx.Send(ctx, i)
		}
	}()
	next := 0
	stop := errors.New("stop")
	equal(t, rx.Each(ctx, func(v int) error {
		equal(t, v, next)
		if next++; next == 5 {
			return stop
		}
		return nil
	}), stop)
	it := rx.Iter(ctx)
	for it.Next() {
		equal(t, it.Value(), next)
		next++
	}
	must(t, it.Err())
	equal(t, it.Next(), false)
	equal(t, next, 10)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	it = rx.Iter(ended)
	equal(t, it.Next(), false)
	equal(t, it.Err(), context.Canceled)
	equal(t, rx.Each(ended, nil), context.Canceled)
}

func TestFile(t *testing.T) {
	ctx := soon(t)
	c := made[int32](t, 4)
	f, err := c.File()
	must(t, err)
	flags := func(f *os.File) (got uintptr) {
		raw, err := f.SyscallConn()
		must(t, err)
		must(t, raw.Control(func(fd uintptr) {
			got, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		}))
		return got
	}
	equal(t, flags(f)&syscall.O_NONBLOCK, 0)

	_, err = FromFile[int64](f)
	mustBe(t, err, ErrType)
	_, err = FromFile[[]byte](f)
	mustBe(t, err, ErrType)
	kept, err := syscall.Dup(int(f.Fd()))
	must(t, err)
	shared := os.NewFile(uintptr(kept), "shared")
	defer shared.Close()
	tx, err := SendFromFile[int32](f)
	must(t, err)
	equal(t, flags(shared)&syscall.O_NONBLOCK, 0)
	_, err = f.Write([]byte{1})
	mustBe(t, err, os.ErrClosed)
	must(t, tx.Send(ctx, 7))
	v, err := c.Recv(ctx)
	must(t, err)
	equal(t, v, 7)

	f, err = tx.File()
	must(t, err)
	_, err = RecvFromFile[int32](f)
	mustBe(t, err, syscall.EBADF)
	_, err = FromFile[int32](f)
	mustBe(t, err, syscall.EBADF)
	_, err = f.Read(make([]byte, 4))
	mustBe(t, err, syscall.EBADF)
	must(t, f.Close())
	must(t, tx.Close())

	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer null.Close()
	_, err = FromFile[int32](null)
	mustBe(t, err, syscall.ENOTTY)

	raw, err := c.SyscallConn()
	must(t, err)
	calls := 0
	must(t, raw.Read(func(uintptr) bool {
		calls++
		return false
	}))
	equal(t, calls, 1)
}

func TestResize(t *testing.T) {
	ctx := soon(t)
	c := made[int32](t, 1)
	must(t, c.Send(ctx, 1))
	must(t, c.Resize(3))
	must(t, c.Send(ctx, 2))
	equal(t, c.Cap(), 3)
	mustBe(t, c.Resize(1), syscall.EBUSY)
	mustBe(t, c.Resize(-1), syscall.EINVAL)
	_, err := Make[int32](-1)
	mustBe(t, err, syscall.EINVAL)
	_, err = Make[int32](1 << 40)
	mustBe(t, err, syscall.EINVAL)
	info, err := c.Info()
	must(t, err)
	equal(t, info.Len, 2)
	equal(t, info.ElemSize, 4)
	equal(t, info.SendEnds, 1)
	equal(t, info.Send && info.Recv && info.Fixed && !info.Message, true)
}
