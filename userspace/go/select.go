// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"io"
	"syscall"
)

// A Case is a branch of a [Select]. SendCase and RecvCase make one. The zero value is never
// ready.
type Case struct {
	end  *End
	op   uint32
	data []byte             // to send
	room int                // bytes of an element that is received; in message mode 0
	take func([]byte) error // what was received
	err  error              // the element to send has no form
}

// size is how many bytes a receive may get.
func (k *Case) size() int {
	switch {
	case k.op == opSend || k.end == nil:
		return 0
	case k.end.message:
		return int(k.end.size.Load())
	}
	return k.room
}

func (k *Case) name() string {
	if k.op == opSend {
		return "send"
	}
	return "receive"
}

// SendCase is the case that sends v: case c <- v.
func (s sender[T]) SendCase(v T) Case {
	if s.send == nil {
		return Case{}
	}
	data, err := s.as.encode(&v)
	return Case{end: s.send, op: opSend, data: data, err: err}
}

// RecvCase is the case that receives into *v: case *v = <-c. If another case commits, *v
// stays as it is.
func (r receiver[T]) RecvCase(v *T) Case {
	if r.recv == nil {
		return Case{}
	}
	return Case{
		end:  r.recv,
		op:   opRecv,
		room: r.as.size,
		take: func(data []byte) error { return r.as.decode(data, v) },
	}
}

// Select waits until one of the cases is ready, and does exactly this one. If several are
// ready, each is as likely as any other one. There may be 64 cases.
//
// It returns the number of the case, from 0 on, and the error of that case: io.EOF for a
// receive at the end of the stream, [ErrClosed] for a send that nobody will receive, nil
// when the element has moved. If the number is -1, no case was done: the error is that of
// the context, or tells why a call failed. Without cases, Select waits for the context.
func Select(ctx context.Context, cases ...Case) (int, error) {
	return do(ctx, cases, tries|waits)
}

// TrySelect does a case that is ready. If none is ready it returns -1 and nil: it is a
// select with a default clause. Then there was an instant at which none was ready.
func TrySelect(cases ...Case) (int, error) {
	return do(context.Background(), cases, tries)
}

// What a call does.
const (
	tries = 1 << iota // it looks whether a case is ready
	waits             // it waits for one
)

func do(ctx context.Context, cases []Case, how int) (int, error) {
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	live := false
	for i := range cases {
		if err := cases[i].err; err != nil {
			return -1, err
		}
		if e := cases[i].end; e != nil {
			live = true
			e.race.begin()
		}
	}
	if !live {
		if how&waits == 0 {
			return -1, nil
		}
		<-ctx.Done()
		return -1, ctx.Err()
	}
	for {
		c := newCall()
		o, err := c.run(ctx, cases, how)
		if err != nil || o.index < 0 {
			return -1, err
		}
		k := &cases[o.index]
		k.end.race.end()
		if o.status == syscall.EMSGSIZE && k.end.grew() {
			c.done()
			how |= tries
			continue
		}
		err = k.finish(o)
		c.done()
		return o.index, err
	}
}

// run does one of the cases. If it fails, or none is ready, the call is given up. Else its
// room has what was received.
func (c *call) run(ctx context.Context, cases []Case, how int) (outcome, error) {
	on, err := hold(cases)
	if err != nil {
		c.done()
		return outcome{}, err
	}
	c.prepare(cases)
	if how&tries != 0 {
		o, errno := c.try(on)
		if errno != syscall.EAGAIN || how&waits == 0 {
			release(cases)
			if errno == 0 {
				return o, nil
			}
			c.done()
			if errno == syscall.EAGAIN {
				return outcome{index: -1}, nil
			}
			return outcome{}, failed("select", errno)
		}
	}
	err = c.arm(on, 0, 0)
	release(cases)
	if err != nil {
		c.done()
		return outcome{}, err
	}
	if err = c.await(ctx, cases); err != nil {
		c.give(err)
		return outcome{}, err
	}
	return c.committed(), nil
}

// give gives up a call whose await has failed. Where the kernel has not said that nothing
// is armed, its descriptor goes.
func (c *call) give(err error) {
	if e, ok := err.(*Error); ok {
		if _, ok := e.Err.(syscall.Errno); ok {
			c.discard()
			return
		}
	}
	c.done()
}

// finish takes what a case has come to.
func (k *Case) finish(o outcome) error {
	switch {
	case o.status == syscall.EPIPE && k.op == opRecv:
		return io.EOF
	case o.status != 0:
		return failed(k.name(), o.status)
	case k.op == opRecv:
		return k.take(o.data)
	}
	return nil
}

// grew looks whether the channel's messages may be larger than they were when this end was
// made: a channel that nobody has used yet can be set up again.
func (e *End) grew() bool {
	before := e.size.Load()
	info, err := e.Info()
	if err != nil || uint32(info.ElemSize) <= before {
		return false
	}
	e.size.Store(uint32(info.ElemSize))
	return true
}
