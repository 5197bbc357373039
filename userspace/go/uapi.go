// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

// The contract with the kernel module, as in its header kchan.h.

import (
	"syscall"
	"unsafe"
)

const (
	devicePath = "/dev/kchan"
	superMagic = 0x6b63686e
	maxCases   = 64
)

const (
	setupMessage    = 1 << 0
	setupNoSendHold = 1 << 1

	infoMessage  = 1 << 0
	infoFixed    = 1 << 1
	infoClosed   = 1 << 2
	infoSend     = 1 << 3
	infoRecv     = 1 << 4
	infoMapped   = 1 << 5
	infoBroken   = 1 << 6
	infoNamed    = 1 << 7
	infoSendHold = 1 << 8

	endSend     = 1 << 0
	endRecv     = 1 << 1
	endCloexec  = 1 << 2
	endNonblock = 1 << 3

	opSend = 0
	opRecv = 1

	selectNonblock = 1 << 0

	armCloexec  = 1 << 0
	armNonblock = 1 << 1
	armLease    = 1 << 2

	ackRearm = 1 << 0

	returnTail      = 1 << 0
	returnUncounted = 1 << 1
)

// Each argument of a call has the kernel's layout. A pointer there is 64 bits wide
// everywhere (see type pointer), and it is one that the garbage collector knows.

type setupArg struct {
	flags    uint32
	elemSize uint32
	capacity uint32
	reserved uint32
}

type resizeArg struct {
	flags    uint32
	capacity uint32
}

type infoArg struct {
	flags       uint32
	elemSize    uint32
	capacity    uint32
	len         uint32
	sendEnds    uint32
	recvEnds    uint32
	sendWaiters uint32
	recvWaiters uint32
	id          uint64
	inFlight    uint32
	mapPid      uint32
	leased      uint32
	delayed     uint32
	instance    uint64
	taken       uint64
	settled     uint64
	dropped     uint64
	returns     uint64
}

type endArg struct {
	flags    uint32
	reserved uint32
}

type caseArg struct {
	fd    int32
	op    uint32
	addr  pointer
	len   uint32
	flags uint32
}

type selectArg struct {
	cases    pointer
	nrCases  uint32
	caseSize uint32
	deadline uint64
	flags    uint32
	index    uint32
	status   uint32
	len      uint32
}

type armArg struct {
	cases      pointer
	nrCases    uint32
	caseSize   uint32
	flags      uint32
	commitSize uint32
	limit      uint64
}

type commit struct {
	size     uint32
	index    uint32
	status   uint32
	len      uint32
	number   uint64
	limit    uint64
	returns  uint32
	reserved uint32
}

const commitSize = int(unsafe.Sizeof(commit{}))

type ackArg struct {
	flags uint32
	len   uint32
	addr  pointer
}

type returnArg struct {
	flags    uint32
	reserved uint32
	delay    uint64
}

type extendArg struct {
	flags    uint32
	reserved uint32
	limit    uint64
}

const iocType = 0xc7

func iocOf(dir, nr, size uintptr) uintptr {
	return dir<<iocDirShift | size<<16 | iocType<<8 | nr
}

var (
	iocSetup  = iocOf(iocWrite, 0x00, unsafe.Sizeof(setupArg{}))
	iocResize = iocOf(iocWrite, 0x01, unsafe.Sizeof(resizeArg{}))
	iocInfo   = iocOf(iocRead, 0x02, unsafe.Sizeof(infoArg{}))
	iocClose  = iocOf(iocNone, 0x03, 0)
	iocSelect = iocOf(iocRead|iocWrite, 0x04, unsafe.Sizeof(selectArg{}))
	iocEnd    = iocOf(iocWrite, 0x05, unsafe.Sizeof(endArg{}))
	iocArm    = iocOf(iocWrite, 0x06, unsafe.Sizeof(armArg{}))
	iocDisarm = iocOf(iocNone, 0x07, 0)
	iocAck    = iocOf(iocWrite, 0x10, unsafe.Sizeof(ackArg{}))
	iocReturn = iocOf(iocWrite, 0x11, unsafe.Sizeof(returnArg{}))
	iocExtend = iocOf(iocWrite, 0x12, unsafe.Sizeof(extendArg{}))
)

// None of these calls waits, so one that a signal has interrupted is made again.

func ioctl(fd int, request uintptr, arg unsafe.Pointer) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func readFd(fd int, p unsafe.Pointer, n int) (int, syscall.Errno) {
	for {
		r, _, errno := syscall.Syscall(syscall.SYS_READ, uintptr(fd), uintptr(p), uintptr(n))
		if errno != syscall.EINTR {
			return int(r), errno
		}
	}
}

func writeFd(fd int, p unsafe.Pointer, n int) (int, syscall.Errno) {
	for {
		r, _, errno := syscall.Syscall(syscall.SYS_WRITE, uintptr(fd), uintptr(p), uintptr(n))
		if errno != syscall.EINTR {
			return int(r), errno
		}
	}
}
