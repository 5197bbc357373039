// SPDX-License-Identifier: LGPL-2.1-or-later

// Squares sends numbers to workers that are other processes, written in C, and adds up the
// squares that they send back. The channels are passed to the workers. With a directory of
// names, they have names there: then the workers open these.
//
// usage: squares WORKER [DIRECTORY]
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"kchan"
)

const workers = 3

type ends struct {
	jobs    kchan.SendOnly[int64]
	results kchan.RecvOnly[int64]
	started []*exec.Cmd
	open    *kchan.End // keeps the results open until the last worker has ended
}

// passed makes channels that only the workers have besides.
func passed(worker string) (*ends, error) {
	jobsTx, jobsRx, err := kchan.Pair[int64](8)
	if err != nil {
		return nil, err
	}
	defer jobsRx.Close()
	resultsTx, resultsRx, err := kchan.Pair[int64](8)
	if err != nil {
		return nil, err
	}
	e := &ends{jobs: jobsTx, results: resultsRx, open: resultsTx.End}
	for i := 0; i < workers; i++ {
		cmd := exec.Command(worker)
		release, err := kchan.Pass(cmd, map[string]*kchan.End{
			"jobs":    jobsRx.End,
			"results": resultsTx.End,
		})
		if err != nil {
			return nil, err
		}
		err = e.start(cmd)
		release()
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

// named makes channels that anybody of this user can use.
func named(worker, directory string) (*ends, error) {
	jobs := filepath.Join(directory, "jobs")
	results := filepath.Join(directory, "results")
	j, err := kchan.Create[int64](kchan.Name{Path: jobs, Perm: 0600, Capacity: 8})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	// It ends with the last one that sends.
	r, err := kchan.Create[int64](kchan.Name{Path: results, Perm: 0600, Capacity: 8,
		NoSendHold: true})
	if err != nil {
		return nil, err
	}
	e := &ends{open: r.End}
	if e.jobs, err = j.SendOnly(); err != nil {
		return nil, err
	}
	if e.results, err = r.RecvOnly(); err != nil {
		return nil, err
	}
	for i := 0; i < workers; i++ {
		if err = e.start(exec.Command(worker, jobs, results)); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *ends) start(cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	e.started = append(e.started, cmd)
	return cmd.Start()
}

func run() error {
	var e *ends
	var err error

	ctx := context.Background()
	if len(os.Args) > 2 {
		e, err = named(os.Args[1], os.Args[2])
	} else {
		e, err = passed(os.Args[1])
	}
	if err != nil {
		return err
	}
	go func() {
		defer e.jobs.Shutdown()
		for i := int64(1); i <= 1000; i++ {
			if e.jobs.Send(ctx, i) != nil {
				return
			}
		}
	}()
	ended := make(chan error, workers)
	go func() {
		for _, each := range e.started {
			ended <- each.Wait()
		}
		e.open.Close()
	}()
	sum := int64(0)
	err = e.results.Each(ctx, func(v int64) error {
		sum += v
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Println(sum)
	for range e.started {
		if err = <-ended; err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: squares WORKER [DIRECTORY]")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "squares:", err)
		os.Exit(1)
	}
}
