// SPDX-License-Identifier: GPL-2.0-only

// What Go's own channels and goroutines cost, in the units of the benchmark beside
// it: tests/bench/run-go runs it where a Go compiler is at hand.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// An element is as large as the benchmark's.
type elem [64]byte

// The run time looks after itself more often when a program has just begun: with
// few operations that is much of what one sees.
const operations = 200000

const blocked = 10000

func pair(n int) {
	c := make(chan elem, 16)
	for i := 0; i < n; i++ {
		c <- elem{}
		<-c
	}
}

func pingPong(n, size int) {
	there, back := make(chan elem, size), make(chan elem, size)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
	}()
	for i := 0; i < n; i++ {
		there <- elem{}
		<-back
	}
}

func stream(n int) {
	c := make(chan elem, 64)
	go func() {
		for i := 0; i < n; i++ {
			c <- elem{}
		}
	}()
	for i := 0; i < n; i++ {
		<-c
	}
}

func start(n int) {
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go wg.Done()
		wg.Wait()
	}
}

func lock(n int) {
	var m sync.Mutex
	for i := 0; i < n; i++ {
		m.Lock()
		//lint:ignore SA2001 to lock and unlock is what is measured
		m.Unlock()
	}
}

func took(work func(n int), n int) float64 {
	begin := time.Now()
	work(n)
	return float64(time.Since(begin))
}

// available is MemAvailable, in KiB.
func available() (kib int) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); err == nil {
			return kib
		}
	}
	return 0
}

func memory() {
	c := make(chan elem)
	before := available()
	for i := 0; i < blocked; i++ {
		go func() { <-c }()
	}
	// They run, and wait, when main does; one of them may still be about to.
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
	fmt.Printf("memory of each of %d that wait: %.1f KiB\n", blocked,
		float64(before-available())/blocked)
	close(c)
}

func main() {
	n := flag.Int("n", operations, "how many operations, then twice as many")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	fmt.Println(runtime.Version())
	for _, work := range []struct {
		name string
		run  func(n int)
	}{
		{"pair", pair},
		{"ping-pong", func(n int) { pingPong(n, 1) }},
		{"rendezvous", func(n int) { pingPong(n, 0) }},
		{"stream", stream},
		{"go", start},
		{"mutex", lock},
	} {
		var cost float64
		// The second of two counts.
		for i := 0; i < 2; i++ {
			once := took(work.run, *n)
			cost = (took(work.run, 2**n) - once) / float64(*n)
		}
		fmt.Printf("%s: %.0f\n", work.name, cost)
	}
	memory()
}
