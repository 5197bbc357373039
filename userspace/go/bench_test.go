// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"context"
	"os"
	"testing"
)

// Each operation is beside that of a pipe in the same program, and of a channel of Go.
// tests/go/package.sh runs them with GO_BENCH.

type element [64]byte

func BenchmarkSendRecv(b *testing.B) {
	ctx := context.Background()
	c, err := Make[element](1)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var v element
	for i := 0; i < b.N; i++ {
		if c.Send(ctx, v) != nil || c.RecvInto(ctx, &v) != nil {
			b.Fatal("it has failed")
		}
	}
}

func BenchmarkSendRecvPipe(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var v element
	for i := 0; i < b.N; i++ {
		w.Write(v[:])
		if n, _ := r.Read(v[:]); n != len(v) {
			b.Fatal(n)
		}
	}
}

func BenchmarkSendRecvGo(b *testing.B) {
	c := make(chan element, 1)
	var v element
	for i := 0; i < b.N; i++ {
		c <- v
		v = <-c
	}
}

// roundTrips has a goroutine that sends back what it gets.
func roundTrips(b *testing.B, send, recv, sendBack, recvThere func()) {
	n := b.N
	left := make(chan struct{})
	go func() {
		defer close(left)
		for i := 0; i < n; i++ {
			recvThere()
			sendBack()
		}
	}()
	b.ResetTimer()
	for i := 0; i < n; i++ {
		send()
		recv()
	}
	<-left
}

func BenchmarkRoundTrip(b *testing.B) {
	ctx := context.Background()
	there, err := Make[element](1)
	if err != nil {
		b.Fatal(err)
	}
	defer there.Close()
	back, err := Make[element](1)
	if err != nil {
		b.Fatal(err)
	}
	defer back.Close()
	var v, w element
	roundTrips(b, func() { there.Send(ctx, v) }, func() { back.RecvInto(ctx, &v) },
		func() { back.Send(ctx, w) }, func() { there.RecvInto(ctx, &w) })
}

func BenchmarkRoundTripPipe(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	r2, w2, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r2.Close()
	defer w2.Close()
	var v, u element
	roundTrips(b, func() { w.Write(v[:]) }, func() { r2.Read(v[:]) },
		func() { w2.Write(u[:]) }, func() { r.Read(u[:]) })
}

func BenchmarkRoundTripGo(b *testing.B) {
	there, back := make(chan element, 1), make(chan element, 1)
	var v, w element
	roundTrips(b, func() { there <- v }, func() { v = <-back },
		func() { back <- w }, func() { w = <-there })
}
