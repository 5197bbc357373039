// SPDX-License-Identifier: LGPL-2.1-or-later

//go:build !(mips || mipsle || mips64 || mips64le || ppc64 || ppc64le)

package kchan

// The directions of an ioctl, in most kernels.
const (
	iocNone     = 0
	iocWrite    = 1
	iocRead     = 2
	iocDirShift = 30
)
