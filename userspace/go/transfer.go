// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"os"
	"syscall"
)

// Send sends an element: c <- v. It waits until there is room for it, or, without a buffer,
// until a receiver has it. If it fails, the element was not sent. It fails with
// [ErrClosed] when the channel is closed, or nobody is left who can receive.
func (s sender[T]) Send(ctx context.Context, v T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k := s.SendCase(v)
	if sent, err := k.trySend(); sent || err != nil {
		return err
	}
	_, err := do(ctx, []Case{k}, waits)
	return err
}

// TrySend sends an element if that can be done without waiting, and tells whether it has.
func (s sender[T]) TrySend(v T) (bool, error) {
	k := s.SendCase(v)
	return k.trySend()
}

// Recv receives an element: v, ok := <-c. It waits until there is one. At the end of the
// stream, when the channel is closed and nothing is left in it, it returns io.EOF.
func (r receiver[T]) Recv(ctx context.Context) (T, error) {
	var v T

	err := r.RecvInto(ctx, &v)
	return v, err
}

// RecvInto is as Recv, into a variable. Of a message, it reuses the variable's memory, if
// the codec does so: [Bytes] does.
//
// An element that the codec cannot decode is gone; the error says why.
func (r receiver[T]) RecvInto(ctx context.Context, v *T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	received, err := r.tryRecv(v)
	if received || err != nil {
		return err
	}
	_, err = do(ctx, []Case{r.RecvCase(v)}, waits)
	return err
}

// TryRecv receives an element if that can be done without waiting, and tells whether it
// has.
func (r receiver[T]) TryRecv() (v T, received bool, err error) {
	received, err = r.tryRecv(&v)
	return v, received, err
}

// trySend sends by write, which is the quickest way. But it moves no elements of size 0.
func (k *Case) trySend() (bool, error) {
	switch {
	case k.err != nil:
		return false, k.err
	case k.end == nil:
		return false, nil
	case len(k.data) == 0 && !k.end.message:
		i, err := do(context.Background(), []Case{*k}, tries)
		return i == 0 && err == nil, err
	}
	n, err := k.end.tryWrite(k.data)
	return n > 0, err
}

// tryRecv is as trySend, by read.
func (r receiver[T]) tryRecv(v *T) (bool, error) {
	if r.recv == nil {
		return false, nil
	}
	if r.as.codec != nil {
		return r.tryMessage(v)
	}
	if r.as.size == 0 {
		i, err := do(context.Background(), []Case{r.RecvCase(v)}, tries)
		return i == 0 && err == nil, err
	}
	n, err := r.recv.tryRead(memory(v))
	return n > 0, err
}

func (r receiver[T]) tryMessage(v *T) (bool, error) {
	c := newCall()
	defer c.done()
	for {
		room := c.reserve(int(r.recv.size.Load()))
		n, err := r.recv.tryRead(room)
		switch {
		case n > 0:
			return true, r.as.decode(room[:n], v)
		case err == nil:
			return false, nil
		}
		if e, ok := err.(*Error); !ok || e.Err != syscall.EMSGSIZE || !r.recv.grew() {
			return false, err
		}
	}
}

// tryWrite sends whole elements. It is 0 and nil if it would wait.
func (e *End) tryWrite(data []byte) (int, error) {
	if !e.hold() {
		return 0, &Error{"send", os.ErrClosed}
	}
	e.race.begin()
	n, errno := writeFd(e.fd, address(data), len(data))
	e.release()
	switch errno {
	case 0:
		e.race.end()
		return n, nil
	case syscall.EAGAIN:
		return 0, nil
	}
	return 0, failed("send", errno)
}

// tryRead receives whole elements. It is 0 and nil if it would wait.
func (e *End) tryRead(room []byte) (int, error) {
	if !e.hold() {
		return 0, &Error{"receive", os.ErrClosed}
	}
	e.race.begin()
	n, errno := readFd(e.fd, address(room), len(room))
	e.release()
	switch {
	case errno == syscall.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, failed("receive", errno)
	}
	e.race.end()
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
