// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

// A Name is what [Create] makes.
type Name struct {
	Path     string
	Perm     fs.FileMode // who may use it, as of a file; the umask does not change it
	Capacity int

	// NoSendHold lets the channel close with its last end that can send. Else its name
	// keeps it open until Shutdown.
	NoSendHold bool
}

// Create makes a channel with a name. The name appears once the channel is set up. It stays
// until it is removed, with [os.Remove].
//
// It fails with fs.ErrExist if there is such a file, with syscall.ENODEV if the directory
// is not one for names, and with fs.ErrPermission if this user may not make files there.
func Create[T any](name Name, codec ...Codec[T]) (Chan[T], error) {
	const op = "create"

	l, err := layoutOf(codec)
	if err != nil {
		return Chan[T]{}, err
	}
	if name.Perm&^fs.ModePerm != 0 {
		return Chan[T]{}, failed(op, syscall.EINVAL)
	}
	if !isNames(filepath.Dir(name.Path), &err) {
		return Chan[T]{}, &Error{op, orElse(err, syscall.ENODEV)}
	}
	var flags uint32
	if name.NoSendHold {
		flags = setupNoSendHold
	}
	temporary, err := makeTemporary(name.Path)
	if err != nil {
		return Chan[T]{}, &Error{op, err}
	}
	e, err := setUp(temporary, name, l.setup(name.Capacity, flags))
	if err != nil {
		syscall.Unlink(temporary)
		return Chan[T]{}, err
	}
	return chanOf(e, l), nil
}

// makeTemporary makes a name in the directory of path, for as long as its channel is being
// set up. Nobody else may use it.
func makeTemporary(path string) (string, error) {
	for {
		name := filepath.Join(filepath.Dir(path),
			fmt.Sprintf(".kchan-%d-%x", os.Getpid(), rand.Uint32()))
		err := syscall.Mkfifo(name, 0600)
		// Another process may have this number, in a container.
		if err != syscall.EEXIST {
			return name, err
		}
	}
}

// setUp gives the channel its own name last, because from then on others use it. A link
// would be the simple way to do this where nothing is replaced, but names have none.
func setUp(temporary string, name Name, setup setupArg) (*End, error) {
	const op = "create"

	fd, err := openFile(temporary, syscall.O_RDWR)
	if err != nil {
		return nil, &Error{op, err}
	}
	if _, errno := ioctl(fd, iocSetup, unsafe.Pointer(&setup)); errno != 0 {
		syscall.Close(fd)
		return nil, failed(op, errno)
	}
	if err = syscall.Fchmod(fd, uint32(name.Perm)); err == nil {
		err = renameNew(temporary, name.Path)
	}
	if err != nil {
		syscall.Close(fd)
		return nil, &Error{op, err}
	}
	return newEnd(fd)
}

// renameNew replaces nothing.
func renameNew(from, to string) error {
	const atFdcwd, noReplace = -100, 1

	at := atFdcwd
	old, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	made, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(sysRenameat2, uintptr(at), uintptr(unsafe.Pointer(old)),
		uintptr(at), uintptr(unsafe.Pointer(made)), noReplace, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Open opens the name of a channel, to send and to receive. It does not wait.
//
// It fails with fs.ErrNotExist and fs.ErrPermission as any open does, with syscall.ENOTTY
// when the file is not the name of a channel, with [ErrType] when the channel has other
// elements than T, and with syscall.ENXIO when nobody is left in one of the directions, and
// nobody will be.
func Open[T any](path string, codec ...Codec[T]) (Chan[T], error) {
	e, l, err := openName(path, syscall.O_RDWR, codec)
	if err != nil {
		return Chan[T]{}, err
	}
	return chanOf(e, l), nil
}

// OpenSend is as [Open], only to send.
func OpenSend[T any](path string, codec ...Codec[T]) (SendOnly[T], error) {
	e, l, err := openName(path, syscall.O_WRONLY, codec)
	if err != nil {
		return SendOnly[T]{}, err
	}
	return sendOnlyOf(e, l), nil
}

// OpenRecv is as [Open], only to receive.
func OpenRecv[T any](path string, codec ...Codec[T]) (RecvOnly[T], error) {
	e, l, err := openName(path, syscall.O_RDONLY, codec)
	if err != nil {
		return RecvOnly[T]{}, err
	}
	return recvOnlyOf(e, l), nil
}

func openName[T any](path string, flags int, codec []Codec[T]) (*End, *layout[T], error) {
	const op = "open"

	l, err := layoutOf(codec)
	if err != nil {
		return nil, nil, err
	}
	// To open another kind of file may have an effect.
	if !isNames(path, &err) {
		return nil, nil, &Error{op, orElse(err, syscall.ENOTTY)}
	}
	fd, err := openFile(path, flags)
	if err != nil {
		return nil, nil, &Error{op, err}
	}
	e, err := newEnd(fd)
	if err != nil {
		return nil, nil, err
	}
	if !l.fits(e.message, int(e.size.Load())) {
		e.Close()
		return nil, nil, &Error{op, ErrType}
	}
	return e, l, nil
}

// isNames tells whether a file is in a filesystem of names.
func isNames(path string, err *error) bool {
	var st syscall.Statfs_t

	*err = syscall.Statfs(path, &st)
	return *err == nil && uint32(st.Type) == superMagic
}

func orElse(err error, errno syscall.Errno) error {
	if err != nil {
		return err
	}
	return errno
}
