// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// An End is an end of a channel, whatever its elements are. A [Chan], a [SendOnly] and a
// [RecvOnly] have its methods.
//
// The end is an open file of its own, with O_NONBLOCK. It is not registered with the
// netpoller: an end in an epoll set would be woken by each element that passes.
type End struct {
	fd      int
	id      uint64
	message bool
	// Of an element. In message mode another process may still change it.
	size atomic.Uint32
	// endClosed, and endUsed for each call that uses the descriptor.
	state atomic.Int64

	mu    sync.Mutex
	waits map[*call]struct{} // that wait on this end; nil after Close

	race raceState
}

const (
	endClosed = 1
	endUsed   = 2
)

// newEnd takes over fd, also if it fails.
func newEnd(fd int) (*End, error) {
	e := &End{fd: fd, waits: make(map[*call]struct{})}
	info, err := e.Info()
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	e.id = info.ID
	e.message = info.Message
	e.size.Store(uint32(info.ElemSize))
	e.race.init(e.id)
	runtime.SetFinalizer(e, (*End).Close)
	return e, nil
}

// hold keeps the descriptor open until release. It is false after Close.
//
// Nobody holds an end any more once endClosed is set. So exactly one makes the state
// endClosed and nothing else: Close, or the last release after it. That one closes the
// descriptor.
func (e *End) hold() bool {
	for {
		s := e.state.Load()
		if s&endClosed != 0 {
			return false
		}
		if e.state.CompareAndSwap(s, s+endUsed) {
			return true
		}
	}
}

func (e *End) release() {
	if e.state.Add(-endUsed) == endClosed {
		syscall.Close(e.fd)
	}
}

// use calls f with the descriptor.
func (e *End) use(op string, f func(fd int) error) error {
	if e == nil {
		return &Error{op, os.ErrInvalid}
	}
	if !e.hold() {
		return &Error{op, os.ErrClosed}
	}
	defer e.release()
	return f(e.fd)
}

// Close gives up this end. Goroutines that wait on it stop waiting, with an error that is
// os.ErrClosed. Other ends are not affected. But when this was the channel's last end that
// can send, the channel closes: its receivers get what is queued, then io.EOF. When it was
// the last one that can receive, what is queued is lost, and a send fails with [ErrClosed].
func (e *End) Close() error {
	if e == nil {
		return &Error{"close", os.ErrInvalid}
	}
	for {
		s := e.state.Load()
		if s&endClosed != 0 {
			return &Error{"close", os.ErrClosed}
		}
		if e.state.CompareAndSwap(s, s|endClosed) {
			if s == 0 {
				syscall.Close(e.fd)
			}
			break
		}
	}
	runtime.SetFinalizer(e, nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.waits {
		c.interrupt()
	}
	e.waits = nil
	return nil
}

// join makes Close interrupt a call, until leave. After Close, it interrupts it at once.
func (e *End) join(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waits == nil {
		c.interrupt()
		return
	}
	e.waits[c] = struct{}{}
}

func (e *End) leave(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waits, c)
}

// Info is what a channel is and holds, at one instant.
type Info struct {
	ID          uint64 // the channel's number, while the module is loaded
	Instance    uint64 // a random number of this load of the module
	Message     bool   // elements are messages
	Fixed       bool   // the channel was used, and cannot be set up any more
	Closed      bool   // nobody can send any more
	Send, Recv  bool   // what this end can do
	Mapped      bool   // a process moves elements without system calls
	Broken      bool   // that process has destroyed the buffer
	Named       bool   // the channel has a name
	SendHold    bool   // the name keeps the channel open
	ElemSize    int    // bytes of an element; of messages, the most
	Capacity    int    // elements that the buffer holds
	Len         int    // elements that are queued
	SendEnds    int    // ends that can send, and the name, if it counts as one
	RecvEnds    int    // ends that can receive, and the name, if there is one
	SendWaiters int    // that wait to send
	RecvWaiters int    // that wait to receive
	InFlight    int    // elements that were handed out, and may still come back
	MapPID      int    // the process that has mapped the channel, or 0
	Leased      int    // elements under lease
	Delayed     int    // elements that were returned, and wait for the end of their delay
	Taken       uint64 // elements that were handed out at least once
	Settled     uint64 // all elements with a lower number will not come back
	Dropped     uint64 // elements that nobody was left to receive
	Returns     uint64 // how often an element came back, as Lease.Returns counts it
}

// Info tells what the channel is and holds.
func (e *End) Info() (Info, error) {
	var a infoArg
	err := e.use("info", func(fd int) error {
		_, errno := ioctl(fd, iocInfo, unsafe.Pointer(&a))
		return failed("info", errno)
	})
	if err != nil {
		return Info{}, err
	}
	return Info{
		ID:          a.id,
		Instance:    a.instance,
		Message:     a.flags&infoMessage != 0,
		Fixed:       a.flags&infoFixed != 0,
		Closed:      a.flags&infoClosed != 0,
		Send:        a.flags&infoSend != 0,
		Recv:        a.flags&infoRecv != 0,
		Mapped:      a.flags&infoMapped != 0,
		Broken:      a.flags&infoBroken != 0,
		Named:       a.flags&infoNamed != 0,
		SendHold:    a.flags&infoSendHold != 0,
		ElemSize:    int(a.elemSize),
		Capacity:    int(a.capacity),
		Len:         int(a.len),
		SendEnds:    int(a.sendEnds),
		RecvEnds:    int(a.recvEnds),
		SendWaiters: int(a.sendWaiters),
		RecvWaiters: int(a.recvWaiters),
		InFlight:    int(a.inFlight),
		MapPID:      int(a.mapPid),
		Leased:      int(a.leased),
		Delayed:     int(a.delayed),
		Taken:       a.taken,
		Settled:     a.settled,
		Dropped:     a.dropped,
		Returns:     a.returns,
	}, nil
}

// Len tells how many elements are queued: Go's len(c). Of no channel, and after Close, it
// is 0.
func (e *End) Len() int {
	info, _ := e.Info()
	return info.Len
}

// Cap tells how many elements the buffer holds: Go's cap(c). Of no channel, and after
// Close, it is 0.
func (e *End) Cap() int {
	info, _ := e.Info()
	return info.Capacity
}

// Resize changes the capacity. No element is lost. It fails with syscall.EBUSY if what is
// queued does not fit, and with syscall.EBADF if this end does not both send and receive.
// Of a channel with a name, only the name's owner may do this: syscall.EPERM.
func (e *End) Resize(capacity int) error {
	n, errno := size32(capacity)
	if errno != 0 {
		return failed("resize", errno)
	}
	a := resizeArg{capacity: n}
	return e.use("resize", func(fd int) error {
		_, errno := ioctl(fd, iocResize, unsafe.Pointer(&a))
		return failed("resize", errno)
	})
}

// File makes another end, with the directions of this one, as a file: for example to pass
// it to a child, in [os/exec.Cmd]'s ExtraFiles. It has no O_NONBLOCK, and is closed on
// exec. As any end, it keeps the channel open: close it once the child has it.
func (e *End) File() (f *os.File, err error) {
	err = e.use("file", func(fd int) error {
		var info infoArg
		if _, errno := ioctl(fd, iocInfo, unsafe.Pointer(&info)); errno != 0 {
			return failed("file", errno)
		}
		var flags uint32
		if info.flags&infoSend != 0 {
			flags |= endSend
		}
		if info.flags&infoRecv != 0 {
			flags |= endRecv
		}
		n, errno := furtherEnd(fd, flags)
		if errno == 0 {
			f = os.NewFile(uintptr(n), "kchan")
		}
		return failed("file", errno)
	})
	return f, err
}

// SyscallConn gives access to the descriptor, for ioctls and the like. It does not wait:
// Read and Write call their function once.
func (e *End) SyscallConn() (syscall.RawConn, error) {
	if e == nil {
		return nil, &Error{"syscallconn", os.ErrInvalid}
	}
	return rawConn{e}, nil
}

type rawConn struct{ e *End }

func (c rawConn) Control(f func(fd uintptr)) error {
	return c.e.use("control", func(fd int) error {
		f(uintptr(fd))
		return nil
	})
}

func (c rawConn) Read(f func(fd uintptr) bool) error {
	return c.Control(func(fd uintptr) { f(fd) })
}

func (c rawConn) Write(f func(fd uintptr) bool) error { return c.Read(f) }

// shutdown closes the channel for all.
func (e *End) shutdown() error {
	return e.use("shutdown", func(fd int) error {
		e.race.begin()
		_, errno := ioctl(fd, iocClose, nil)
		return failed("shutdown", errno)
	})
}

// another makes another end, of these directions.
func (e *End) another(op string, flags uint32) (made *End, err error) {
	err = e.use(op, func(fd int) error {
		n, errno := furtherEnd(fd, flags|endNonblock)
		if errno != 0 {
			return failed(op, errno)
		}
		made, err = newEnd(n)
		return err
	})
	return made, err
}

func furtherEnd(fd int, flags uint32) (int, syscall.Errno) {
	a := endArg{flags: flags | endCloexec}
	return ioctl(fd, iocEnd, unsafe.Pointer(&a))
}

// size32 is EINVAL for what the kernel's 32 bits do not hold.
func size32(n int) (uint32, syscall.Errno) {
	if n < 0 || int64(n) > 1<<32-1 {
		return 0, syscall.EINVAL
	}
	return uint32(n), 0
}
