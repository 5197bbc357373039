// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A call is a select with its cases: also a send or a receive that has to wait, which has
// one case. It waits in the kernel, as an armed select: a descriptor that is readable once
// a case has committed. Only this descriptor is registered with the netpoller.
type call struct {
	file *os.File // nil until it has to wait for the first time
	raw  syscall.RawConn
	args []caseArg
	room []byte // for a commit, and behind it the element that was received
	// Whoever set it has also set a deadline in the past.
	woken atomic.Bool
}

// What a select's case has come to.
type outcome struct {
	index  int
	status syscall.Errno
	data   []byte // what was received, in the call's room
}

// Calls are kept for those that come next, since a descriptor takes time to make.
const (
	keptCalls = 64
	keptRoom  = 64 << 10
)

var idle struct {
	sync.Mutex
	calls []*call
}

func newCall() *call {
	idle.Lock()
	defer idle.Unlock()
	if n := len(idle.calls); n > 0 {
		c := idle.calls[n-1]
		idle.calls[n-1] = nil // a lease that nobody refers to has to go
		idle.calls = idle.calls[:n-1]
		return c
	}
	return new(call)
}

// done is for a call with nothing armed.
func (c *call) done() {
	for i := range c.args {
		c.args[i] = caseArg{} // keeps no memory of the caller
	}
	if cap(c.room) > keptRoom {
		c.room = nil
	}
	idle.Lock()
	kept := len(idle.calls) < keptCalls
	if kept {
		idle.calls = append(idle.calls, c)
	}
	idle.Unlock()
	if !kept {
		c.discard()
	}
}

// discard is for a call that may be armed still.
func (c *call) discard() {
	if c.file != nil {
		c.file.Close()
	}
}

// reserve makes room for a commit, and an element of n bytes.
func (c *call) reserve(n int) []byte {
	n += commitSize
	if cap(c.room) < n {
		c.room = make([]byte, n)
	}
	c.room = c.room[:n]
	return c.room[commitSize:]
}

// prepare makes the arguments. The ends are held, as fds says; a case without one is never
// ready.
//
// All receives have the same room. One of them commits, and copies last, since one thread
// does all this.
func (c *call) prepare(cases []Case) {
	size := 0
	for i := range cases {
		if n := cases[i].size(); n > size {
			size = n
		}
	}
	room := address(c.reserve(size))
	c.args = c.args[:0]
	for i := range cases {
		k := &cases[i]
		arg := caseArg{fd: -1, op: k.op}
		if k.end != nil {
			arg.fd = int32(k.end.fd)
		}
		if k.op == opSend {
			arg.addr.p, arg.len = address(k.data), uint32(len(k.data))
		} else {
			arg.addr.p, arg.len = room, uint32(k.size())
		}
		c.args = append(c.args, arg)
	}
}

// hold holds the ends of all cases. It returns one of them, or nil if there is none.
func hold(cases []Case) (*End, error) {
	var one *End

	for i := range cases {
		e := cases[i].end
		if e == nil {
			continue
		}
		if !e.hold() {
			release(cases[:i])
			return nil, &Error{cases[i].name(), os.ErrClosed}
		}
		one = e
	}
	return one, nil
}

func release(cases []Case) {
	for i := range cases {
		if e := cases[i].end; e != nil {
			e.release()
		}
	}
}

// try commits a case that is ready. It does not wait: EAGAIN.
func (c *call) try(on *End) (outcome, syscall.Errno) {
	a := selectArg{
		cases:    pointer{p: unsafe.Pointer(&c.args[0])},
		nrCases:  uint32(len(c.args)),
		caseSize: uint32(unsafe.Sizeof(caseArg{})),
		flags:    selectNonblock,
	}
	if _, errno := ioctl(on.fd, iocSelect, unsafe.Pointer(&a)); errno != 0 {
		return outcome{}, errno
	}
	return c.outcome(a.index, a.status, a.len), 0
}

func (c *call) outcome(index, status, n uint32) outcome {
	o := outcome{index: int(index), status: syscall.Errno(status)}
	if c.args[index].op == opRecv && status == 0 {
		o.data = c.room[commitSize : commitSize+int(n)]
	}
	return o
}

// commit is what was read.
func (c *call) commit() *commit { return (*commit)(unsafe.Pointer(&c.room[0])) }

func (c *call) committed() outcome {
	k := c.commit()
	return c.outcome(k.index, k.status, k.len)
}

// control does an ioctl of the armed select.
func (c *call) control(request uintptr, arg unsafe.Pointer) (n int, errno syscall.Errno) {
	err := c.raw.Control(func(fd uintptr) {
		n, errno = ioctl(int(fd), request, arg)
	})
	if err != nil {
		errno = syscall.EBADF
	}
	return n, errno
}

// arm lets the cases take part from now on.
func (c *call) arm(on *End, flags uint32, limit time.Duration) error {
	a := armArg{
		cases:      pointer{p: unsafe.Pointer(&c.args[0])},
		nrCases:    uint32(len(c.args)),
		caseSize:   uint32(unsafe.Sizeof(caseArg{})),
		flags:      flags,
		commitSize: uint32(commitSize),
		limit:      uint64(limit),
	}
	if c.file != nil {
		_, errno := c.control(iocArm, unsafe.Pointer(&a))
		return failed("arm", errno)
	}
	a.flags |= armCloexec | armNonblock
	fd, errno := ioctl(on.fd, iocArm, unsafe.Pointer(&a))
	if errno != 0 {
		return failed("arm", errno)
	}
	return c.open(fd)
}

func (c *call) open(fd int) error {
	file := os.NewFile(uintptr(fd), "kchan-select")
	raw, err := file.SyscallConn()
	if err == nil {
		// It fails where the netpoller has not taken it.
		err = file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		file.Close()
		return &Error{"arm", err}
	}
	c.file, c.raw = file, raw
	return nil
}

// interrupt makes await return.
func (c *call) interrupt() {
	c.woken.Store(true)
	c.file.SetReadDeadline(time.Unix(1, 0))
}

// collect waits for the commit, in the netpoller, and reads it.
func (c *call) collect() error {
	var errno syscall.Errno

	err := c.raw.Read(func(fd uintptr) bool {
		_, errno = readFd(int(fd), address(c.room), len(c.room))
		return errno != syscall.EAGAIN
	})
	if err != nil {
		return err
	}
	return failed("select", errno)
}

// await waits until the armed select has committed. If it fails with the context's error,
// or because an end was closed, nothing is armed any more, and nothing has moved.
func (c *call) await(ctx context.Context, cases []Case) error {
	for i := range cases {
		if e := cases[i].end; e != nil {
			e.join(c)
		}
	}
	stop := c.watch(ctx)
	err := c.collect()
	stop()
	for i := range cases {
		if e := cases[i].end; e != nil {
			e.leave(c)
		}
	}
	// From here on nobody interrupts it.
	if !c.woken.Load() {
		return err
	}
	c.woken.Store(false)
	c.file.SetReadDeadline(time.Time{})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if beforeDisarm != nil {
		beforeDisarm()
	}
	// The kernel decides which came first. After a commit, there is something to read.
	switch _, errno := c.control(iocDisarm, nil); errno {
	case 0:
		if err = ctx.Err(); err == nil {
			err = &Error{"select", os.ErrClosed}
		}
		return err
	case syscall.EALREADY:
		return c.collect()
	default:
		return failed("disarm", errno)
	}
}

// For tests: what happens between the end of a context and the look at the kernel.
var beforeDisarm func()

// watch interrupts the call when the context ends, until stop.
func (c *call) watch(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	stopped := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-ctx.Done():
			c.interrupt()
		case <-stopped:
		}
	}()
	return func() {
		close(stopped)
		<-left
	}
}

// address is that of the first byte, or of some other one if there is none.
func address(b []byte) unsafe.Pointer {
	if cap(b) == 0 {
		return unsafe.Pointer(&nothing)
	}
	return unsafe.Pointer(&b[:1][0])
}

var nothing byte
