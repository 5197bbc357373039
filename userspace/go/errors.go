// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"errors"
	"syscall"
)

var (
	// ErrClosed tells that nobody can receive what is sent: the channel is closed, or no
	// end is left that can receive. It also tells Shutdown that the channel is closed
	// already.
	ErrClosed = errors.New("kchan: the channel is closed")

	// ErrLeaseExpired tells that the limit of a lease has come. The element has gone
	// back, and another receiver may have it.
	ErrLeaseExpired = errors.New("kchan: the lease has expired")

	// ErrType tells that the elements of a channel are not of the type asked for: their
	// size differs, or one of both has messages and the other one has not.
	ErrType = errors.New("kchan: the channel has elements of another type")

	// ErrSettled tells that a lease was acknowledged or returned before.
	ErrSettled = errors.New("kchan: the lease has ended")
)

// An Error is a call that failed, and why. The reason is a [syscall.Errno] in most cases.
type Error struct {
	Op  string // what failed: "send", "receive", "open" and so on
	Err error  // why
}

// Error returns both as a text.
func (e *Error) Error() string { return "kchan: " + e.Op + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Is says which error of this package a reason stands for.
func (e *Error) Is(target error) bool {
	switch e.Err {
	case syscall.EPIPE, syscall.EALREADY:
		return target == ErrClosed
	case syscall.ETIME:
		return target == ErrLeaseExpired
	}
	return false
}

// failed makes an error of an errno. Of 0 it makes nil.
func failed(op string, errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return &Error{op, errno}
}

// isDecode tells whether an element was received, but could not be decoded.
func isDecode(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Op == "decode"
}
