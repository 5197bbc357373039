// SPDX-License-Identifier: GPL-2.0-only

// What Go's own channels, goroutines, contexts and timers cost: the subject "go" of the
// works of the benchmark beside it, whose names and lines of figures these are.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// An element is as large as the benchmark's.
type elem [64]byte

// The run time looks after itself more often when a program has just begun: with few
// operations that is much of what one sees.
// A multiple of what is filled or sent at a time.
var operations = flag.Int("n", 20480, "how many operations")

// Each work gives the time that the operations take.
type run func(n int) time.Duration

func timed(work func()) time.Duration {
	begin := time.Now()
	work()
	return time.Since(begin)
}

func pairOf[T any]() run {
	return func(n int) time.Duration {
		c := make(chan T, 16)
		var e T
		return timed(func() {
			for i := 0; i < n; i++ {
				c <- e
				e = <-c
			}
		})
	}
}

func streamOf[T any](capacity int) run {
	return func(n int) time.Duration {
		c := make(chan T, capacity)
		return timed(func() {
			go func() {
				var e T
				for i := 0; i < n; i++ {
					c <- e
				}
			}()
			for i := 0; i < n; i++ {
				<-c
			}
		})
	}
}

func pingPong(size int) run {
	return func(n int) time.Duration {
		there, back := make(chan elem, size), make(chan elem, size)
		return timed(func() {
			go func() {
				for i := 0; i < n; i++ {
					back <- <-there
				}
			}()
			for i := 0; i < n; i++ {
				there <- elem{}
				<-back
			}
		})
	}
}

func batch(at int) run {
	return func(n int) time.Duration {
		c := make(chan elem, 64)
		return timed(func() {
			for i := 0; i < n; i += at {
				for j := 0; j < at; j++ {
					c <- elem{}
				}
				for j := 0; j < at; j++ {
					<-c
				}
			}
		})
	}
}

func many(senders, receivers int) run {
	return func(n int) time.Duration {
		c := make(chan elem, 64)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		start := func(nr int, act func()) {
			for i := 0; i < nr; i++ {
				wg.Add(1)
				go func() {
					<-begin
					for j := 0; j < n/nr; j++ {
						act()
					}
					wg.Done()
				}()
			}
		}
		start(senders, func() { c <- elem{} })
		start(receivers, func() { <-c })
		return timed(func() {
			close(begin)
			wg.Wait()
		})
	}
}

// settle lets all others run until they wait.
func settle() {
	time.Sleep(100 * time.Millisecond)
}

func parked(receivers int) run {
	return func(n int) time.Duration {
		c := make(chan elem, 64)
		all := make(chan struct{})
		missing := n
		var lock sync.Mutex
		for i := 0; i < receivers; i++ {
			go func() {
				for range c {
					lock.Lock()
					missing--
					if missing == 0 {
						close(all)
					}
					lock.Unlock()
				}
			}()
		}
		settle()
		defer close(c)
		return timed(func() {
			for i := 0; i < n; i++ {
				c <- elem{}
			}
			<-all
		})
	}
}

// A select has as many cases as its text. It is filled as the benchmark does.
func ready(nr int, receive func(c []chan elem)) run {
	return func(n int) time.Duration {
		var sum time.Duration
		c := make([]chan elem, nr)
		for i := range c {
			c[i] = make(chan elem, 256)
		}
		for full := 0; n > 0; full = (full + 1) % nr {
			for i := 0; i < 256; i++ {
				c[full] <- elem{}
			}
			sum += timed(func() {
				for i := 0; i < 256; i++ {
					receive(c)
				}
			})
			n -= 256
		}
		return sum
	}
}

func none(nr int, try func(c []chan elem)) run {
	return func(n int) time.Duration {
		c := make([]chan elem, nr)
		for i := range c {
			c[i] = make(chan elem, 1)
		}
		return timed(func() {
			for i := 0; i < n; i++ {
				try(c)
			}
		})
	}
}

func select2(c []chan elem) {
	select {
	case <-c[0]:
	case <-c[1]:
	}
}

func select4(c []chan elem) {
	select {
	case <-c[0]:
	case <-c[1]:
	case <-c[2]:
	case <-c[3]:
	}
}

func select8(c []chan elem) {
	select {
	case <-c[0]:
	case <-c[1]:
	case <-c[2]:
	case <-c[3]:
	case <-c[4]:
	case <-c[5]:
	case <-c[6]:
	case <-c[7]:
	}
}

func try2(c []chan elem) {
	select {
	case <-c[0]:
	case <-c[1]:
	default:
	}
}

func try8(c []chan elem) {
	select {
	case <-c[0]:
	case <-c[1]:
	case <-c[2]:
	case <-c[3]:
	case <-c[4]:
	case <-c[5]:
	case <-c[6]:
	case <-c[7]:
	default:
	}
}

func repeated(once func()) run {
	return func(n int) time.Duration {
		return timed(func() {
			for i := 0; i < n; i++ {
				once()
			}
		})
	}
}

func start(at int) run {
	return func(n int) time.Duration {
		var wg sync.WaitGroup
		return timed(func() {
			for i := 0; i < n; i += at {
				for j := 0; j < at; j++ {
					wg.Add(1)
					go wg.Done()
				}
				wg.Wait()
			}
		})
	}
}

// group does what golang.org/x/sync/errgroup does, which is no part of Go's own library.
type group struct {
	cancel func()
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func (g *group) run(f func() error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := f(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

func (g *group) wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}

func errgroup(at int) run {
	return func(n int) time.Duration {
		return timed(func() {
			for i := 0; i < n; i += at {
				var g group
				_, g.cancel = context.WithCancel(context.Background())
				for j := 0; j < at; j++ {
					g.run(func() error { return nil })
				}
				_ = g.wait()
			}
		})
	}
}

func lock() run {
	var m sync.Mutex
	return repeated(func() {
		m.Lock()
		//lint:ignore SA2001 to lock and unlock is what is measured
		m.Unlock()
	})
}

func reset() run {
	timer := time.NewTimer(time.Hour)
	later := time.Hour
	return repeated(func() {
		later += time.Millisecond
		timer.Reset(later)
	})
}

// free is the bytes that nobody uses, as the benchmark counts them.
func free() int {
	file, err := os.Open("/proc/zoneinfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	pages := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), " nr_free_pages %d", &n); err == nil {
			pages += n
		} else if _, err := fmt.Sscanf(lines.Text(), " count: %d", &n); err == nil {
			pages += n
		}
	}
	return pages * os.Getpagesize()
}

// The first half takes what is lost in rounding, as in the benchmark.
func memory(n int) int {
	c := make(chan elem)
	defer close(c)
	half := func() {
		for i := 0; i < n; i++ {
			go func() { <-c }()
		}
		settle()
	}
	half()
	before := free()
	half()
	return before - free()
}

type work struct {
	group, name, at string
	run             run
}

func sizes[T any](at string) []work {
	return []work{
		{"size", "size", at, pairOf[T]()},
		{"size", "size-rendezvous", at, streamOf[T](0)},
	}
}

func works() []work {
	all := []work{
		{"transfer", "pair", "", pairOf[elem]()},
		{"transfer", "ping-pong", "", pingPong(1)},
		{"transfer", "rendezvous", "", pingPong(0)},
		{"transfer", "stream", "", streamOf[elem](64)},
		{"select", "select-ready", "2", ready(2, select2)},
		{"select", "select-ready", "4", ready(4, select4)},
		{"select", "select-ready", "8", ready(8, select8)},
		{"select", "select-none", "2", none(2, try2)},
		{"select", "select-none", "8", none(8, try8)},
		{"idle", "make-close", "64", repeated(func() {
			c := make(chan elem, 64)
			c <- elem{}
			<-c
		})},
		{"go", "mutex", "", lock()},
		{"go", "context", "", repeated(func() {
			_, cancel := context.WithCancel(context.Background())
			cancel()
		})},
		{"go", "context-timeout", "", repeated(func() {
			_, cancel := context.WithTimeout(context.Background(), time.Hour)
			cancel()
		})},
		{"go", "context-done", "", repeated(func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			<-ctx.Done()
		})},
		{"go", "timer", "", repeated(func() { time.NewTimer(time.Hour).Stop() })},
		{"go", "timer-reset", "", reset()},
	}
	// An element of a channel is smaller than 64 KiB in Go.
	all = append(all, sizes[[1]byte]("1")...)
	all = append(all, sizes[[4]byte]("4")...)
	all = append(all, sizes[[16]byte]("16")...)
	all = append(all, sizes[[64]byte]("64")...)
	all = append(all, sizes[[256]byte]("256")...)
	all = append(all, sizes[[1 << 10]byte]("1024")...)
	all = append(all, sizes[[4 << 10]byte]("4096")...)
	all = append(all, sizes[[16 << 10]byte]("16384")...)
	for _, at := range []int{1, 2, 4, 8, 16, 32, 64} {
		all = append(all, work{"batch", "batch", fmt.Sprint(at), batch(at)})
	}
	for _, at := range []int{1, 10, 100, 1000, 10000} {
		all = append(all, work{"parked", "parked", fmt.Sprint(at), parked(at)})
	}
	for _, senders := range []int{1, 2, 4, 8} {
		for _, at := range []int{1, 2, 4, 8} {
			name := fmt.Sprintf("from-%d", senders)
			all = append(all, work{"many", name, fmt.Sprint(at), many(senders, at)})
		}
	}
	for _, at := range []int{1, 8, 64} {
		all = append(all, work{"go", "go", fmt.Sprint(at), start(at)},
			work{"go", "errgroup", fmt.Sprint(at), errgroup(at)})
	}
	return all
}

func main() {
	everywhere := flag.Bool("a", false, "on all CPUs; else on one")
	flag.Parse()
	if !*everywhere {
		runtime.GOMAXPROCS(1)
	}
	wanted := map[string]bool{}
	for _, name := range flag.Args() {
		wanted[name] = true
	}
	// First, while there is nothing of goroutines that have ended.
	if flag.NArg() == 0 || wanted["idle"] {
		const waiters = 4096
		fmt.Printf("idle,waiter,,go,%.1f,%d\n", float64(memory(waiters))/waiters, waiters)
	}
	n := *operations
	for _, work := range works() {
		if flag.NArg() > 0 && !wanted[work.group] {
			continue
		}
		// The second of two.
		work.run(n)
		cost := float64(work.run(n)) / float64(n)
		fmt.Printf("%s,%s,%s,go,%.1f,%d\n", work.group, work.name, work.at, cost, n)
	}
}
