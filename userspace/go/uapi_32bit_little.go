// SPDX-License-Identifier: LGPL-2.1-or-later

//go:build 386 || arm || mipsle

package kchan

import "unsafe"

// A pointer is 64 bits of an argument.
type pointer struct {
	p    unsafe.Pointer
	high uint32
}
