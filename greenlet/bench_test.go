package greenlet

import (
	"iter"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
)

// against runs b.N ops of subject and as many of floor, in alternating chunks,
// so that a change of the machine's speed meets both. It reports the subject's
// time per op, and the median of the chunks' ratios as x-floor.
func against(b *testing.B, unit string, subject, floor func(n int)) {
	const chunks = 21
	per := max(b.N/chunks, 1)
	b.ReportAllocs()
	subject(1)
	floor(1)
	var total time.Duration
	var n int
	var ratios []float64
	b.ResetTimer()
	for left := b.N; left > 0; left -= per {
		k := min(per, left)
		b.StopTimer()
		start := time.Now()
		floor(k)
		base := time.Since(start)
		b.StartTimer()
		start = time.Now()
		subject(k)
		took := time.Since(start)
		total += took
		n += k
		if k == per {
			ratios = append(ratios, float64(took)/float64(base))
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op") // it would count the clock's readings too
	b.ReportMetric(float64(total.Nanoseconds())/float64(n), unit)
	b.ReportMetric(ratios[len(ratios)/2], "x-floor")
}

// halfNexts returns the floor of a switch: a function that does n coroutine
// switches by n/2 calls of iter.Pull's next.
func halfNexts() (floor func(n int), stop func()) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	return func(n int) {
		for range (n + 1) / 2 {
			next()
		}
	}, stop
}

// BenchmarkIterPull is the floor itself: one coroutine switch of the runtime.
func BenchmarkIterPull(b *testing.B) {
	one, stop := halfNexts()
	defer stop()
	two, stop := halfNexts()
	defer stop()
	against(b, "ns/switch", one, two)
}

func BenchmarkSwitch(b *testing.B) {
	b.Run("peer", benchmarkPeer)
	b.Run("parent", benchmarkParent)
	b.Run("ring=1000", benchmarkRing)
}

// benchmarkPeer: two greenlets, neither the other's parent, switch to each
// other.
func benchmarkPeer(b *testing.B) {
	main := Main[int]()
	defer main.Close()
	var p, q *Greenlet[int]
	p = New(main, func(_ *Greenlet[int], n int) (int, error) {
		for {
			for range (n + 1) / 2 {
				q.Switch(n)
			}
			var err error
			if n, err = main.Switch(n); err != nil {
				return 0, err
			}
		}
	})
	q = New(main, func(_ *Greenlet[int], v int) (_ int, err error) {
		for err == nil {
			v, err = p.Switch(v)
		}
		return 0, err
	})
	floor, stop := halfNexts()
	defer stop()
	against(b, "ns/switch", func(n int) { p.Switch(n) }, floor)
}

// benchmarkParent: a parent and its child, as a generator.
func benchmarkParent(b *testing.B) {
	main := Main[int]()
	defer main.Close()
	child := New(main, func(_ *Greenlet[int], v int) (_ int, err error) {
		for err == nil {
			v, err = main.Switch(v)
		}
		return 0, err
	})
	floor, stop := halfNexts()
	defer stop()
	against(b, "ns/switch", func(n int) {
		for range (n + 1) / 2 {
			child.Switch(n)
		}
	}, floor)
}

// benchmarkRing: a token travels round a thousand greenlets. The floor has a
// thousand coroutines too, resumed in turn; but since every second of its
// switches leads back to the one caller, which stays in the processor's cache,
// while every switch of the ring leads to a greenlet that does not, x-floor is
// larger here than in the others.
func benchmarkRing(b *testing.B) {
	const size = 1000
	main := Main[int]()
	defer main.Close()
	ring := make([]*Greenlet[int], size)
	for i := range ring {
		ring[i] = New(main, func(_ *Greenlet[int], left int) (int, error) {
			next := ring[(i+1)%size]
			var err error
			for err == nil {
				if left <= 0 {
					left, err = main.Switch(0)
				} else {
					left, err = next.Switch(left - 1)
				}
			}
			return 0, err
		})
	}
	nexts := make([]func() (int, bool), size)
	for i := range nexts {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for yield(i) {
			}
		})
		defer stop()
		nexts[i] = next
	}
	floor := func(n int) {
		for i := range (n + 1) / 2 {
			nexts[i%size]()
		}
	}
	ring[0].Switch(size)
	floor(2 * size)
	against(b, "ns/switch", func(n int) { ring[0].Switch(n) }, floor)
}

// BenchmarkSpawn creates a greenlet, runs it and sees it finish. The floor does
// the same with a bare iter.Pull.
func BenchmarkSpawn(b *testing.B) {
	main := Main[int]()
	defer main.Close()
	subject := func(n int) {
		for i := range n {
			New(main, func(_ *Greenlet[int], v int) (int, error) { return v, nil }).Switch(i)
		}
	}
	floor := func(n int) {
		for i := range n {
			next, _ := iter.Pull(func(yield func(int) bool) { sink = i })
			next()
		}
	}
	against(b, "ns/op", subject, floor)
}

// BenchmarkPark starts so many greenlets, all suspended at once, and ends them;
// one op is all of that. The floor does the same with bare iter.Pulls.
func BenchmarkPark(b *testing.B) {
	for _, size := range []int{10, 100, 1000, 10_000} {
		if raceEnabled && size > 1000 {
			continue // the race detector allows 8128 goroutines
		}
		b.Run("n="+strconv.Itoa(size), func(b *testing.B) {
			main := Main[int]()
			defer main.Close()
			subject := func(n int) {
				gs := make([]*Greenlet[int], size)
				for range n {
					for i := range gs {
						gs[i] = New(main, func(_ *Greenlet[int], v int) (int, error) { return main.Switch(v) })
						gs[i].Switch(i)
					}
					for i, g := range gs {
						if v, err := g.Switch(i); v != i || err != nil || !g.Dead() {
							b.Fatal(v, err)
						}
					}
				}
			}
			floor := func(n int) {
				nexts := make([]func() (int, bool), size)
				for range n {
					for i := range nexts {
						nexts[i], _ = iter.Pull(func(yield func(int) bool) { yield(i) })
						nexts[i]()
					}
					for _, next := range nexts {
						if _, ok := next(); ok {
							b.Fatal("goes on")
						}
					}
				}
			}
			against(b, "ns/op", subject, floor)
		})
	}
}

var sink int

// BenchmarkChannelPingPong is what goroutines do instead: a round trip over
// unbuffered channels, on one processor. The floor is two coroutine switches.
func BenchmarkChannelPingPong(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	defer close(ping)
	floor, stop := halfNexts()
	defer stop()
	against(b, "ns/op", func(n int) {
		for range n {
			ping <- n
			<-pong
		}
	}, func(n int) { floor(2 * n) })
}
