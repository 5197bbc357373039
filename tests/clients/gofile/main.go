// SPDX-License-Identifier: GPL-2.0-only

// Go's os.File over the name of a channel, without the package kchan: the runtime waits in
// its netpoller. TAP.
//
// usage: gofile NAME
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"time"
)

var name = os.Args[1]

func open() (rx, tx *os.File, err error) {
	if rx, err = os.Open(name); err != nil {
		return
	}
	tx, err = os.OpenFile(name, os.O_WRONLY, 0)
	return
}

func messages() error {
	rx, tx, err := open()
	if err != nil {
		return err
	}
	defer rx.Close()
	defer tx.Close()
	room := make([]byte, 4096)
	for _, text := range []string{"one", "and two"} {
		if _, err = tx.WriteString(text); err != nil {
			return err
		}
	}
	for _, text := range []string{"one", "and two"} {
		n, err := rx.Read(room)
		if err != nil || string(room[:n]) != text {
			return fmt.Errorf("%q, %v", room[:n], err)
		}
	}
	return nil
}

func deadline() error {
	rx, tx, err := open()
	if err != nil {
		return err
	}
	defer rx.Close()
	defer tx.Close()
	if err = rx.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		return err
	}
	_, err = rx.Read(make([]byte, 4096))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read: %v", err)
	}
	return nil
}

// closed ends a read that waits.
func closed() error {
	rx, tx, err := open()
	if err != nil {
		return err
	}
	defer tx.Close()
	done := make(chan error)
	go func() {
		_, err := rx.Read(make([]byte, 4096))
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	rx.Close()
	if err = <-done; !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("read: %v", err)
	}
	return nil
}

// threads shows that goroutines that wait take none.
func threads() error {
	const many = 100
	var files []*os.File
	var wg sync.WaitGroup

	for i := 0; i < many; i++ {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		files = append(files, f)
		wg.Add(1)
		go func() {
			defer wg.Done()
			f.Read(make([]byte, 4096))
		}()
	}
	time.Sleep(100 * time.Millisecond)
	tasks, err := os.ReadDir("/proc/self/task")
	for _, f := range files {
		f.Close()
	}
	wg.Wait()
	if err == nil && len(tasks) > many/2 {
		err = fmt.Errorf("%d threads", len(tasks))
	}
	return err
}

func lines() error {
	rx, tx, err := open()
	if err != nil {
		return err
	}
	defer rx.Close()
	go func() {
		defer tx.Close()
		for i := 0; i < 200; i++ {
			fmt.Fprintln(tx, i)
		}
	}()
	scanner := bufio.NewScanner(rx)
	for i := 0; i < 200; i++ {
		if !scanner.Scan() || scanner.Text() != fmt.Sprint(i) {
			return fmt.Errorf("line %d: %q, %v", i, scanner.Text(), scanner.Err())
		}
	}
	return nil
}

func children() error {
	rx, tx, err := open()
	if err != nil {
		return err
	}
	defer rx.Close()
	cmd := exec.Command("echo", "from a child")
	cmd.Stdout = tx
	err = cmd.Run()
	tx.Close()
	if err != nil {
		return err
	}
	room := make([]byte, 4096)
	n, err := rx.Read(room)
	if !bytes.Equal(room[:n], []byte("from a child\n")) {
		return fmt.Errorf("%q, %v", room[:n], err)
	}
	return nil
}

func create() error {
	_, err := os.Create(name + "-missing")
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("create: %v", err)
	}
	return nil
}

func main() {
	tests := []struct {
		what string
		test func() error
	}{
		{"read and write keep messages apart", messages},
		{"a deadline ends a read", deadline},
		{"Close ends a read that waits", closed},
		{"reads that wait take no threads", threads},
		{"a writer waits for room, a Scanner reads lines", lines},
		{"an end is a child's output", children},
		{"os.Create makes no name", create},
	}
	status := 0
	for i, each := range tests {
		if err := each.test(); err != nil {
			fmt.Printf("# %v\nnot ok %d - Go: %s\n", err, i+1, each.what)
			status = 1
			continue
		}
		fmt.Printf("ok %d - Go: %s\n", i+1, each.what)
	}
	fmt.Printf("1..%d\n", len(tests))
	os.Exit(status)
}
