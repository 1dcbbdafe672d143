package hub

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/greenlet"
)

// peerSwitches makes two greenlets switch to each other n times in all.
func peerSwitches(n int) {
	main := greenlet.Main[struct{}]()
	defer main.Close()
	var a, b *greenlet.Greenlet[struct{}]
	left := n
	loop := func(other **greenlet.Greenlet[struct{}]) func(*greenlet.Greenlet[struct{}], struct{}) (struct{}, error) {
		return func(*greenlet.Greenlet[struct{}], struct{}) (struct{}, error) {
			for left > 0 {
				left--
				(*other).Switch(struct{}{})
			}
			return struct{}{}, nil
		}
	}
	a = greenlet.New(main, loop(&b))
	b = greenlet.New(main, loop(&a))
	a.Switch(struct{}{})
}

// BenchmarkHubYield yields between two greenlets; one op is one yield. The
// metric x-peer is its cost over that of a bare greenlet switch, measured
// in the same run.
func BenchmarkHubYield(b *testing.B) {
	b.ReportAllocs()
	run(b, func(h *Hub) {
		half := func() error {
			for range b.N / 2 {
				if err := h.Yield(); err != nil {
					return err
				}
			}
			return nil
		}
		g := h.Spawn(half)
		k := h.Spawn(half)
		before := h.Switches()
		b.ResetTimer()
		must(b, h.JoinAll(g, k))
		b.StopTimer()
		if n := h.Switches() - before; n < uint64(b.N)-1 {
			b.Fatalf("%d switches for %d yields", n, b.N)
		}
	})
	yield := b.Elapsed()
	b.StartTimer()
	peerSwitches(b.N)
	b.StopTimer()
	peer := b.Elapsed() - yield
	b.ReportMetric(float64(yield.Nanoseconds())/float64(b.N), "ns/switch")
	b.ReportMetric(float64(peer.Nanoseconds())/float64(b.N), "peer-ns/switch")
	b.ReportMetric(float64(yield)/float64(peer), "x-peer")
}

// BenchmarkHubWatched is BenchmarkHubYield under a watchdog: what it costs.
func BenchmarkHubWatched(b *testing.B) {
	must(b, Config{Watchdog: WatchdogConfig{Threshold: time.Minute}}.Run(func(h *Hub) error {
		half := func() error {
			for range b.N / 2 {
				if err := h.Yield(); err != nil {
					return err
				}
			}
			return nil
		}
		b.ResetTimer()
		return h.JoinAll(h.Spawn(half), h.Spawn(half))
	}))
}

// BenchmarkHubQueue passes b.N items from one greenlet to another through a
// queue of ten.
func BenchmarkHubQueue(b *testing.B) {
	b.ReportAllocs()
	run(b, func(h *Hub) {
		q := NewQueue[int](h, 10)
		p := h.Spawn(func() error {
			for i := range b.N {
				if err := q.Put(i); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range b.N {
			if v, err := q.Get(); v != i || err != nil {
				b.Fatal(v, err)
			}
		}
		must(b, p.Get())
	})
}

// BenchmarkHubSleep has n greenlets sleep a millisecond to five each, all at
// once; one op is one sleep.
func BenchmarkHubSleep(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			run(b, func(h *Hub) {
				gs := make([]*Greenlet, n)
				start := NewEvent(h)
				for i := range gs {
					rounds := b.N / n
					if i < b.N%n {
						rounds++
					}
					d := time.Millisecond + time.Duration(i%1000)*4*time.Microsecond
					gs[i] = h.Spawn(func() error {
						if err := start.Wait(); err != nil {
							return err
						}
						for range rounds {
							if err := h.Sleep(d); err != nil {
								return err
							}
						}
						return nil
					})
				}
				must(b, h.Yield())
				b.ResetTimer()
				cpu := cpuTime()
				start.Set()
				must(b, h.JoinAll(gs...))
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
			})
		})
	}
}

// BenchmarkHubSpawn spawns and joins, a hundred at a time; one op is one
// greenlet. blocks is with one Yield in each, so that each needs a coroutine.
func BenchmarkHubSpawn(b *testing.B) {
	for _, blocks := range []bool{false, true} {
		b.Run(fmt.Sprintf("blocks=%v", blocks), func(b *testing.B) {
			b.ReportAllocs()
			run(b, func(h *Hub) {
				gs := make([]*Greenlet, 100)
				n := 0
				for i := 0; i < b.N; i += len(gs) {
					for k := range gs {
						gs[k] = h.Spawn(func() error {
							n++
							if blocks {
								return h.Yield()
							}
							return nil
						})
					}
					must(b, h.JoinAll(gs...))
				}
				if n < b.N {
					b.Fatalf("%d of %d ran", n, b.N)
				}
			})
		})
	}
}

// BenchmarkHubSleepers parks a million greenlets on one hub, all asleep at
// once, and wakes them; one op is one of them.
func BenchmarkHubSleepers(b *testing.B) {
	if raceEnabled {
		b.Skip("the race detector allows 8128 goroutines")
	}
	if free := availableBytes(); free < 8<<30 {
		b.Skipf("needs 8 GiB of memory, %d MiB are free", free>>20)
	}
	const n = 1_000_000
	most := int64(0) // later rounds use the memory of the first again
	for range b.N {
		before := residentBytes()
		run(b, func(h *Hub) {
			woken, asleep := 0, 0
			gs := make([]*Greenlet, n)
			begun := time.Now()
			for i := range gs {
				gs[i] = h.Spawn(func() error {
					asleep++
					err := h.Sleep(time.Hour - time.Duration(i)*time.Microsecond)
					if errors.Is(err, ErrExit) {
						woken++
					}
					return err
				})
			}
			must(b, h.Yield())
			parked := time.Since(begun)
			if asleep != n || h.Len() != n {
				b.Fatalf("%d asleep, %d live", asleep, h.Len())
			}
			b.ReportMetric(float64(parked.Nanoseconds())/n, "park-ns/op")
			most = max(most, residentBytes()-before)
			b.ReportMetric(float64(most)/n, "B/greenlet")
			begun = time.Now()
			must(b, h.KillAll(gs...))
			if woken != n {
				b.Fatalf("%d woken", woken)
			}
			b.ReportMetric(float64(time.Since(begun).Nanoseconds())/n, "wake-ns/op")
		})
	}
}

// availableBytes is the memory the machine could give us.
func availableBytes() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := strings.Cut(string(b), "MemAvailable:")
	var kib int64
	fmt.Sscan(after, &kib)
	return kib << 10
}

// residentBytes is the memory the process occupies now, seen from outside.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
