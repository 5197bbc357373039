// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
)

// Each receives elements, and calls f with each of them, until the end of the stream:
// for v := range c. It returns nil then. If f fails, or a receive does, Each returns that
// error.
func (r receiver[T]) Each(ctx context.Context, f func(v T) error) error {
	for {
		v, err := r.Recv(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err = f(v); err != nil {
			return err
		}
	}
}

// An Iter receives elements one by one.
//
//	it := c.Iter(ctx)
//	for it.Next() {
//		use(it.Value())
//	}
//	return it.Err()
type Iter[T any] struct {
	from receiver[T]
	ctx  context.Context
	v    T
	err  error
}

// Iter makes an iterator. It takes no element before Next asks for it.
func (r receiver[T]) Iter(ctx context.Context) *Iter[T] { return &Iter[T]{from: r, ctx: ctx} }

// Next waits for an element. It is false at the end of the stream, and when a receive
// fails.
func (it *Iter[T]) Next() bool {
	if it.err == nil {
		it.v, it.err = it.from.Recv(it.ctx)
	}
	return it.err == nil
}

// Value is the element that Next has received.
func (it *Iter[T]) Value() T { return it.v }

// Err tells why Next was false. At the end of the stream it is nil.
func (it *Iter[T]) Err() error {
	if it.err == io.EOF {
		return nil
	}
	return it.err
}

// GoChan passes the elements on to a channel of Go, for code that needs one. That channel
// is closed when the context ends, at the end of the stream, and when a receive fails. err
// waits for that, and tells which of these it was: nil is the end of the stream.
//
// The channel has no buffer, but it hoards one element: that which the next receiver will
// get has left the queue already, and no other process gets it meanwhile. So a slow
// receiver keeps one element from others. The element is under lease until it was
// received: when the context ends before, it goes back to its place in the queue, and when
// this process dies, too. A buffered channel between the two would hoard more, and lose
// it.
//
// End the context if the channel is not received from any more: else its goroutine stays.
func (r receiver[T]) GoChan(ctx context.Context) (c <-chan T, err func() error) {
	var why error

	out := make(chan T)
	left := make(chan struct{})
	go func() {
		defer close(left)
		defer close(out)
		why = r.pass(ctx, out)
	}()
	return out, func() error {
		<-left
		return why
	}
}
