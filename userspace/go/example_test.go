// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kchan"
)

func Example() {
	ctx := context.Background()
	tx, rx, err := kchan.Pair[int64](4)
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		defer tx.Close()
		for i := int64(1); i <= 3; i++ {
			if tx.Send(ctx, i*i) != nil {
				return
			}
		}
	}()
	err = rx.Each(ctx, func(v int64) error {
		fmt.Println(v)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1
	// 4
	// 9
	// <nil>
}

func ExampleSelect() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	jobs, _ := kchan.Make[int32](1)
	results, _ := kchan.Make[int32](0)
	jobs.Send(ctx, 7)

	var job int32
	i, err := kchan.Select(ctx, jobs.RecvCase(&job), results.SendCase(1))
	switch i {
	case 0: // err is io.EOF at the end of the stream
		fmt.Println("a job:", job, err)
	case 1: // err is ErrClosed if nobody will receive it
		fmt.Println("a result was sent", err)
	default: // the context's error, for example
		fmt.Println(err)
	}
	// Output: a job: 7 <nil>
}

func ExampleTrySelect() {
	jobs, _ := kchan.Make[int32](1)
	var job int32
	i, err := kchan.TrySelect(jobs.RecvCase(&job))
	fmt.Println(i, err)
	// Output: -1 <nil>
}

func ExampleMessages() {
	ctx := context.Background()
	lines, _ := kchan.Make(2, kchan.Bytes(80))
	lines.Send(ctx, []byte("one message"))
	lines.Send(ctx, []byte("and another"))
	lines.Shutdown()
	for it := lines.Iter(ctx); it.Next(); {
		fmt.Printf("%s\n", it.Value())
	}
	// Output:
	// one message
	// and another
}

func ExampleJSON() {
	type request struct {
		Path string
		Tags []string
	}
	ctx := context.Background()
	c, _ := kchan.Make(1, kchan.JSON[request](4096))
	c.Send(ctx, request{"/home", []string{"a", "b"}})
	r, err := c.Recv(ctx)
	fmt.Println(r, err)
	// Output: {/home [a b]} <nil>
}

func ExampleRecvOnly_lease() {
	ctx := context.Background()
	jobs, _ := kchan.Make[int32](4)
	jobs.SendAll(ctx, []int32{1, 2})
	jobs.Shutdown()

	l, err := jobs.Lease(ctx, time.Minute)
	for err == nil {
		if l.Value == 1 && l.Returns == 0 {
			fmt.Println("failed:", l.Value)
			l.Return(kchan.ReturnOptions{Tail: true})
			l, err = jobs.Lease(ctx, time.Minute)
			continue
		}
		fmt.Println("done:", l.Value)
		err = l.Next(ctx)
	}
	fmt.Println(err)
	// Output:
	// failed: 1
	// done: 2
	// done: 1
	// EOF
}

func ExampleCreate() {
	ctx := context.Background()
	const path = "/tmp/kchan-names/example" // by custom below /run/kchan
	jobs, err := kchan.Create[int64](kchan.Name{Path: path, Perm: 0o660, Capacity: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(path)
	jobs.Send(ctx, 42)
	jobs.Close()

	// In another process, at any time:
	rx, err := kchan.OpenRecv[int64](path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rx.Close()
	fmt.Println(rx.Recv(ctx))
	// Output: 42 <nil>
}

func ExampleErrClosed() {
	c, _ := kchan.Make[int64](1)
	c.Shutdown()
	err := c.Send(context.Background(), 1)
	fmt.Println(errors.Is(err, kchan.ErrClosed), err)
	// Output: true kchan: send: broken pipe
}
