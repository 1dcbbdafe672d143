package hub

import (
	"testing"

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
