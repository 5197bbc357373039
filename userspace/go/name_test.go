// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestNames(t *testing.T) {
	ctx := soon(t)
	path := filepath.Join(names, "jobs")
	defer os.Remove(path)
	old := syscall.Umask(077)
	c, err := Create[uint64](Name{Path: path, Perm: 0664, Capacity: 4})
	syscall.Umask(old)
	must(t, err)
	st, err := os.Stat(path)
	must(t, err)
	equal(t, st.Mode(), fs.ModeNamedPipe|0664)
	_, err = Create[uint64](Name{Path: path, Perm: 0600, Capacity: 4})
	mustBe(t, err, fs.ErrExist)
	entries, err := os.ReadDir(names)
	must(t, err)
	equal(t, len(entries), 1) // no name of before the set-up

	// What is queued outlives the ends.
	must(t, c.Send(ctx, 1))
	must(t, c.Close())
	tx, err := OpenSend[uint64](path)
	must(t, err)
	must(t, tx.Send(ctx, 2))
	must(t, tx.Close())
	rx, err := OpenRecv[uint64](path)
	must(t, err)
	for i := uint64(1); i <= 2; i++ {
		v, err := rx.Recv(ctx)
		must(t, err)
		equal(t, v, i)
	}
	both, err := Open[uint64](path)
	must(t, err)
	equal(t, both.Cap(), 4)
	go both.Send(ctx, 3)
	v, err := rx.Recv(ctx)
	must(t, err)
	equal(t, v, 3)
	must(t, both.Shutdown())
	_, err = rx.Recv(ctx)
	equal(t, err, io.EOF)
	must(t, both.Close())
	must(t, rx.Close())

	_, err = Open[uint32](path)
	mustBe(t, err, ErrType)
	_, err = Open[[]byte](path)
	mustBe(t, err, ErrType)
	_, err = Open[string](path)
	mustBe(t, err, ErrType)
}

func TestNamesErrors(t *testing.T) {
	_, err := Open[int](filepath.Join(names, "missing"))
	mustBe(t, err, fs.ErrNotExist)
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(fifo, 0600))
	_, err = OpenRecv[int](fifo)
	mustBe(t, err, syscall.ENOTTY)
	_, err = OpenRecv[int](names)
	if err == nil {
		t.Fatal("a directory is no channel")
	}
	_, err = Create[int](Name{Path: filepath.Join(t.TempDir(), "x"), Perm: 0600})
	mustBe(t, err, syscall.ENODEV)
	_, err = Create[int](Name{Path: filepath.Join(names, "no/x"), Perm: 0600})
	mustBe(t, err, fs.ErrNotExist)
	_, err = Create[int](Name{Path: filepath.Join(names, "x"), Perm: 0600 | fs.ModeSetuid})
	mustBe(t, err, syscall.EINVAL)
	_, err = Create[int](Name{Path: filepath.Join(names, "x"), Perm: 0600, Capacity: -1})
	mustBe(t, err, syscall.EINVAL)
	entries, err := os.ReadDir(names)
	must(t, err)
	equal(t, len(entries), 0)
}

func TestNoSendHold(t *testing.T) {
	ctx := soon(t)
	path := filepath.Join(names, "stream")
	defer os.Remove(path)
	c, err := Create(Name{Path: path, Perm: 0600, Capacity: 4, NoSendHold: true}, Bytes(100))
	must(t, err)
	rx, err := c.RecvOnly()
	must(t, err)
	defer rx.Close()
	must(t, c.Send(ctx, []byte("last")))
	must(t, c.Close())
	v, err := rx.Recv(ctx)
	must(t, err)
	equal(t, string(v), "last")
	_, err = rx.Recv(ctx)
	equal(t, err, io.EOF)
	_, err = OpenSend[[]byte](path)
	mustBe(t, err, syscall.ENXIO)
}

// Another user may not close the channel of a name.
func TestNamesOwner(t *testing.T) {
	path := filepath.Join(names, "other")
	defer os.Remove(path)
	c, err := Create[int](Name{Path: path, Perm: 0666, Capacity: 1})
	must(t, err)
	defer c.Close()
	must(t, os.Chown(path, 1000, 1000))
	out, err := childAs(1000+1, "owner").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
