// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// child is this program, as another process: see runChild.
func child(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "KCHAN_TEST_CHILD="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

func childAs(user uint32, what string) *exec.Cmd {
	cmd := child(what)
	cmd.Stderr = nil
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: user, Gid: user},
	}
	return cmd
}

// runChild is what a child does. Its status is 0 if all is well.
func runChild(what string) int {
	var err error

	switch what {
	case "square":
		err = square()
	case "lease":
		err = leaseAndWait()
	case "owner":
		err = notOwner()
	}
	if err != nil {
		println(what + ": " + err.Error())
		return 1
	}
	return 0
}

func inherited() (rx RecvOnly[int64], tx SendOnly[int64], err error) {
	f, err := Inherited("jobs")
	if err != nil {
		return
	}
	if rx, err = RecvFromFile[int64](f); err != nil {
		return
	}
	if f, err = Inherited("results"); err != nil {
		return
	}
	tx, err = SendFromFile[int64](f)
	return
}

func square() error {
	ctx := context.Background()
	rx, tx, err := inherited()
	if err != nil {
		return err
	}
	return rx.Each(ctx, func(v int64) error { return tx.Send(ctx, v*v) })
}

// leaseAndWait takes a lease, tells so, and is killed.
func leaseAndWait() error {
	ctx := context.Background()
	rx, tx, err := inherited()
	if err != nil {
		return err
	}
	l, err := rx.Lease(ctx, 0)
	if err != nil {
		return err
	}
	if err = tx.Send(ctx, l.Value); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
}

func notOwner() error {
	c, err := Open[int](filepath.Join(names, "other"))
	if err != nil {
		return err
	}
	if err = c.Shutdown(); !errors.Is(err, fs.ErrPermission) {
		return errors.New("it may close the channel")
	}
	return c.Send(context.Background(), 1)
}

func start(t *testing.T, cmd *exec.Cmd, jobs, results *End) {
	t.Helper()
	release, err := Pass(cmd, map[string]*End{"jobs": jobs, "results": results})
	must(t, err)
	must(t, cmd.Start())
	release()
}

// work sends what a worker squares.
func work(t *testing.T, workers ...*exec.Cmd) {
	t.Helper()
	ctx := soon(t)
	jobsTx, jobsRx, err := Pair[int64](4)
	must(t, err)
	resultsTx, resultsRx, err := Pair[int64](4)
	must(t, err)
	for _, each := range workers {
		start(t, each, jobsRx.End, resultsTx.End)
	}
	must(t, jobsRx.Close())
	must(t, resultsTx.Close())
	go func() {
		defer jobsTx.Close()
		for i := int64(1); i <= 100; i++ {
			jobsTx.Send(ctx, i)
		}
	}()
	sum := int64(0)
	must(t, resultsRx.Each(ctx, func(v int64) error {
		sum += v
		return nil
	}))
	equal(t, sum, 338350)
	must(t, resultsRx.Close())
	for _, each := range workers {
		must(t, each.Wait())
	}
}

func TestProcesses(t *testing.T) {
	// Ends that this process was given are not the child's.
	t.Setenv(endsVariable, "0:jobs")
	work(t, child("square"), child("square"))
}

// A process in C, with libkchan, beside one in Go.
func TestC(t *testing.T) {
	worker, err := exec.LookPath("gosquare")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(worker)
	cmd.Stderr = os.Stderr
	work(t, cmd, child("square"))
}

func TestPassErrors(t *testing.T) {
	c := made[int](t, 1)
	_, err := Pass(exec.Command("x"), map[string]*End{"a,b": c.End})
	mustBe(t, err, syscall.EINVAL)
	_, err = Pass(exec.Command("x"), map[string]*End{"": c.End})
	mustBe(t, err, syscall.EINVAL)
	before := descriptors(t)
	release, err := Pass(exec.Command("x"), map[string]*End{"a": c.End, "b": nil})
	mustBe(t, err, os.ErrInvalid)
	release()
	equal(t, descriptors(t), before)
	_, err = Inherited("nothing")
	mustBe(t, err, fs.ErrNotExist)
}

// What a killed process had under lease comes back.
func TestLeaseOfKilled(t *testing.T) {
	ctx := soon(t)
	jobs := made[int64](t, 4)
	results := made[int64](t, 4)
	must(t, jobs.Send(ctx, 1))
	must(t, jobs.Send(ctx, 2))
	rx, err := jobs.RecvOnly()
	must(t, err)
	cmd := child("lease")
	start(t, cmd, rx.End, results.End)
	must(t, rx.Close())
	v, err := results.Recv(ctx)
	must(t, err)
	equal(t, v, 1)
	equal(t, jobs.Len(), 1)
	must(t, cmd.Process.Kill())
	cmd.Wait()
	l, err := jobs.Lease(ctx, 0)
	must(t, err)
	equal(t, l.Value, 1)
	equal(t, l.Returns, 1)
	must(t, jobs.Shutdown())
	must(t, l.Next(ctx))
	equal(t, l.Value, 2)
	equal(t, l.Next(ctx), io.EOF)
}
