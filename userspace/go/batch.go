// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"unsafe"
)

// SendAll sends all elements, in their order, with few system calls. It returns how many
// were sent: all of them, unless it fails. Others may send in between. Messages are sent
// one by one.
func (s sender[T]) SendAll(ctx context.Context, vs []T) (int, error) {
	sent := 0
	for sent < len(vs) {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n, err := s.trySome(vs[sent:])
		sent += n
		if err != nil {
			return sent, err
		}
		if n > 0 {
			continue
		}
		if _, err = do(ctx, []Case{s.SendCase(vs[sent])}, waits); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// TrySendSome sends as many of the elements as can be sent without waiting, from the first
// one on, and returns how many these are.
func (s sender[T]) TrySendSome(vs []T) (int, error) {
	sent := 0
	for sent < len(vs) {
		n, err := s.trySome(vs[sent:])
		sent += n
		switch {
		case n == 0 && sent > 0:
			return sent, nil // the error comes with the next call
		case n == 0:
			return 0, err
		}
	}
	return sent, nil
}

// trySome sends elements of a list that is not empty.
func (s sender[T]) trySome(vs []T) (int, error) {
	if s.send == nil {
		return 0, nil
	}
	if s.as.codec == nil && s.as.size > 0 {
		n, err := s.send.tryWrite(listMemory(vs))
		return n / s.as.size, err
	}
	k := s.SendCase(vs[0])
	sent, err := k.trySend()
	if sent {
		return 1, nil
	}
	return 0, err
}

// RecvSome receives elements into vs: it waits for the first one, and takes all that are
// there and fit. It returns how many it has received; at the end of the stream 0 and
// io.EOF.
func (r receiver[T]) RecvSome(ctx context.Context, vs []T) (int, error) {
	if err := ctx.Err(); err != nil || len(vs) == 0 {
		return 0, err
	}
	n, err := r.TryRecvSome(vs)
	if n > 0 || err != nil {
		return n, err
	}
	if _, err = do(ctx, []Case{r.RecvCase(&vs[0])}, waits); err != nil {
		return 0, err
	}
	n, err = r.TryRecvSome(vs[1:])
	if isDecode(err) {
		return n + 1, err
	}
	return n + 1, nil // another error comes with the next call
}

// TryRecvSome receives the elements that are there and fit, without waiting.
//
// If the codec cannot decode an element, both this and RecvSome return how many elements
// came before it, and the error. That element is gone.
func (r receiver[T]) TryRecvSome(vs []T) (int, error) {
	if r.recv == nil || len(vs) == 0 {
		return 0, nil
	}
	if r.as.codec == nil && r.as.size > 0 {
		n, err := r.recv.tryRead(listMemory(vs))
		return n / r.as.size, err
	}
	for n := range vs {
		received, err := r.tryRecv(&vs[n])
		switch {
		case received && err == nil:
		case n == 0 || isDecode(err):
			return n, err
		default:
			return n, nil // the error comes with the next call
		}
	}
	return len(vs), nil
}

// listMemory is that of elements of fixed size.
func listMemory[T any](vs []T) []byte {
	size := int(unsafe.Sizeof(vs[0]))
	return unsafe.Slice((*byte)(unsafe.Pointer(&vs[0])), size*len(vs))
}
