// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"os"
	"syscall"
	"unsafe"
)

// A Chan is a channel of elements of type T: an end that sends and receives. It is Go's
// chan T.
type Chan[T any] struct {
	*End
	sender[T]
	receiver[T]
}

// A SendOnly is an end that only sends: Go's chan<- T.
type SendOnly[T any] struct {
	*End
	sender[T]
}

// A RecvOnly is an end that only receives: Go's <-chan T.
type RecvOnly[T any] struct {
	*End
	receiver[T]
}

// Messages is a channel of messages.
type Messages = Chan[[]byte]

// What sends, of a Chan and a SendOnly.
type sender[T any] struct {
	send *End
	as   *layout[T]
}

// What receives, of a Chan and a RecvOnly.
type receiver[T any] struct {
	recv *End
	as   *layout[T]
}

func chanOf[T any](e *End, l *layout[T]) Chan[T] {
	return Chan[T]{e, sender[T]{e, l}, receiver[T]{e, l}}
}

func sendOnlyOf[T any](e *End, l *layout[T]) SendOnly[T] {
	return SendOnly[T]{e, sender[T]{e, l}}
}

func recvOnlyOf[T any](e *End, l *layout[T]) RecvOnly[T] {
	return RecvOnly[T]{e, receiver[T]{e, l}}
}

// Make makes a channel: Go's make(chan T, capacity). If capacity is 0, it is a rendezvous:
// a send waits until a receiver has the element. A codec is needed unless T is of fixed
// size, or []byte.
//
// It fails with fs.ErrNotExist when the module is not loaded, and with syscall.EDQUOT when
// the user has more channels than the administrator allows.
func Make[T any](capacity int, codec ...Codec[T]) (Chan[T], error) {
	l, err := layoutOf(codec)
	if err != nil {
		return Chan[T]{}, err
	}
	e, err := makeEnd(l.setup(capacity, 0))
	if err != nil {
		return Chan[T]{}, err
	}
	return chanOf(e, l), nil
}

// Pair makes a channel, and gives one end to each side. So the channel closes when the
// first one is closed.
func Pair[T any](capacity int, codec ...Codec[T]) (SendOnly[T], RecvOnly[T], error) {
	var tx SendOnly[T]
	var rx RecvOnly[T]

	c, err := Make(capacity, codec...)
	if err != nil {
		return tx, rx, err
	}
	defer c.Close()
	if tx, err = c.SendOnly(); err != nil {
		return tx, rx, err
	}
	if rx, err = c.RecvOnly(); err != nil {
		tx.Close()
		return SendOnly[T]{}, rx, err
	}
	return tx, rx, nil
}

// SendOnly makes another end, which only sends.
func (s sender[T]) SendOnly() (SendOnly[T], error) {
	e, err := s.send.another("sendonly", endSend)
	if err != nil {
		return SendOnly[T]{}, err
	}
	return sendOnlyOf(e, s.as), nil
}

// RecvOnly makes another end, which only receives.
func (r receiver[T]) RecvOnly() (RecvOnly[T], error) {
	e, err := r.recv.another("recvonly", endRecv)
	if err != nil {
		return RecvOnly[T]{}, err
	}
	return recvOnlyOf(e, r.as), nil
}

// Shutdown closes the channel for all: Go's close(c). Nobody can send any more. Receivers
// get what is queued, then io.EOF. It fails with [ErrClosed] if the channel was closed
// before. Of a channel with a name, only the name's owner may do this: syscall.EPERM.
//
// It does not give up this end: see [End.Close].
func (s sender[T]) Shutdown() error { return s.send.shutdown() }

// FromFile makes a Chan of an end that another process has passed on, for example of
// os.NewFile(3, "jobs"). It gets an end of its own. On success f is closed.
//
// It fails with [ErrType] when the channel has other elements than T, with syscall.EBADF
// when f does not both send and receive, and with syscall.ENOTTY when it is no end of a
// channel. To use less of what f can do, see [SendFromFile] and [RecvFromFile].
func FromFile[T any](f *os.File, codec ...Codec[T]) (Chan[T], error) {
	e, l, err := fromFile(f, endSend|endRecv, codec)
	if err != nil {
		return Chan[T]{}, err
	}
	return chanOf(e, l), nil
}

// SendFromFile is as [FromFile], for an end that sends. The new end only sends.
func SendFromFile[T any](f *os.File, codec ...Codec[T]) (SendOnly[T], error) {
	e, l, err := fromFile(f, endSend, codec)
	if err != nil {
		return SendOnly[T]{}, err
	}
	return sendOnlyOf(e, l), nil
}

// RecvFromFile is as [FromFile], for an end that receives. The new end only receives.
func RecvFromFile[T any](f *os.File, codec ...Codec[T]) (RecvOnly[T], error) {
	e, l, err := fromFile(f, endRecv, codec)
	if err != nil {
		return RecvOnly[T]{}, err
	}
	return recvOnlyOf(e, l), nil
}

// fromFile makes an end of its own, since O_NONBLOCK would be seen by all who share the
// file of f. The channel is not touched if its elements are others.
func fromFile[T any](f *os.File, flags uint32, codec []Codec[T]) (*End, *layout[T], error) {
	const op = "fromfile"
	var errno syscall.Errno
	var n int

	l, err := layoutOf(codec)
	if err != nil {
		return nil, nil, err
	}
	// Unlike Fd, this leaves the mode of f as it is.
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, nil, &Error{op, err}
	}
	err = raw.Control(func(fd uintptr) {
		var info infoArg
		if _, errno = ioctl(int(fd), iocInfo, unsafe.Pointer(&info)); errno != 0 {
			return
		}
		if !l.fits(info.flags&infoMessage != 0, int(info.elemSize)) {
			return
		}
		n, errno = furtherEnd(int(fd), flags|endNonblock)
	})
	switch {
	case err != nil:
		return nil, nil, &Error{op, err}
	case errno != 0:
		return nil, nil, failed(op, errno)
	case n == 0:
		return nil, nil, &Error{op, ErrType}
	}
	e, err := newEnd(n)
	if err != nil {
		return nil, nil, err
	}
	f.Close()
	return e, l, nil
}

// fits tells whether elements of T travel through such a channel.
func (l *layout[T]) fits(message bool, size int) bool {
	if l.codec != nil {
		return message
	}
	return !message && size == l.size
}

// setup is for a channel of T. What the kernel's fields do not hold becomes too large.
func (l *layout[T]) setup(capacity int, flags uint32) setupArg {
	a := setupArg{flags: flags}
	if l.codec != nil {
		a.flags |= setupMessage
	}
	var errno syscall.Errno
	if a.elemSize, errno = size32(l.size); errno != 0 {
		a.elemSize = 1<<32 - 1
	}
	if a.capacity, errno = size32(capacity); errno != 0 {
		a.capacity = 1<<32 - 1
	}
	return a
}

func makeEnd(setup setupArg) (*End, error) {
	fd, err := openFile(devicePath, syscall.O_RDWR)
	if err != nil {
		return nil, &Error{"make", err}
	}
	if _, errno := ioctl(fd, iocSetup, unsafe.Pointer(&setup)); errno != 0 {
		syscall.Close(fd)
		return nil, failed("make", errno)
	}
	return newEnd(fd)
}

// openFile does not wait.
func openFile(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}
