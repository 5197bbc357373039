// SPDX-License-Identifier: LGPL-2.1-or-later

//go:build mips

package kchan

import "unsafe"

// A pointer is 64 bits of an argument.
type pointer struct {
	high uint32
	p    unsafe.Pointer
}
