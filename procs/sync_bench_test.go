//go:build linux

package procs

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/procs/internal/shm"
)

type benchArgs struct {
	Lock     *Lock
	In, Out  *Queue[int]
	Here, Go *Event
	N        int
}

var (
	benchQueuePut = Register("bench.queue.put", func(_ context.Context, a benchArgs) (int, error) {
		ctx := context.Background()
		for i := range a.N {
			if err := a.Out.Put(ctx, i); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	benchQueueEcho = Register("bench.queue.echo", func(_ context.Context, a benchArgs) (int, error) {
		ctx := context.Background()
		for range a.N {
			v, err := a.In.Get(ctx)
			if err != nil {
				return 0, err
			}
			if err := a.Out.Put(ctx, v); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	benchRingPut = Register("bench.ring.put", func(_ context.Context, a ringArgs) (int, error) {
		w, err := shm.NewWriter(a.Memory.seg, 0)
		if err != nil {
			return 0, err
		}
		for range a.N {
			if err := w.Put(&shm.Wait{}, make([]byte, 8)); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	benchRingEcho = Register("bench.ring.echo", func(_ context.Context, a ringArgs) (int, error) {
		r, err := shm.NewReader(a.Memory.seg, 0)
		if err != nil {
			return 0, err
		}
		w, err := shm.NewWriter(a.Memory.seg, ringOffset)
		if err != nil {
			return 0, err
		}
		for range a.N {
			p, err := r.Get(&shm.Wait{})
			if err != nil {
				return 0, err
			}
			if err := w.Put(&shm.Wait{}, p); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	benchHandover = Register("bench.handover", func(_ context.Context, a handoverArgs) (int, error) {
		for {
			var m *SharedMemory
			if err := a.Conn.Recv(&m); err != nil {
				return 0, nil // the other end is gone
			}
			m.Bytes()[m.Size()-1]++
			if err := m.Close(); err != nil {
				return 0, err
			}
			if err := a.Conn.SendBytes(nil); err != nil {
				return 0, err
			}
		}
	})
	benchBytes = Register("bench.bytes", func(_ context.Context, a handoverArgs) (int, error) {
		for {
			if _, err := a.Conn.RecvBytes(0); err != nil {
				return 0, nil // the other end is gone
			}
			if err := a.Conn.SendBytes(nil); err != nil {
				return 0, err
			}
		}
	})
	benchLock = Register("bench.lock", func(ctx context.Context, a benchArgs) (int, error) {
		a.Here.Set()
		if err := a.Go.Wait(ctx); err != nil {
			return 0, err
		}
		return 0, lockLoop(a.Lock, a.N)
	})
)

type handoverArgs struct{ Conn *Conn }

func lockLoop(l *Lock, n int) error {
	ctx := context.Background()
	for range n {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		if err := l.Release(); err != nil {
			return err
		}
	}
	return nil
}

type ringArgs struct {
	Memory *SharedMemory
	N      int
}

const (
	ringCapacity = 64 << 10
	ringOffset   = 128 << 10 // of the second ring
)

// newRings returns the floor of a Queue: a ring each way, for one writer and one reader each, without locks.
func newRings(b *testing.B) (m *SharedMemory, w *shm.Writer, r *shm.Reader) {
	b.Helper()
	m = closing(b, must(NewSharedMemory(256<<10))(b), nil)
	shm.InitRing(m.seg, 0, ringCapacity)
	shm.InitRing(m.seg, ringOffset, ringCapacity)
	return m, must(shm.NewWriter(m.seg, 0))(b), must(shm.NewReader(m.seg, ringOffset))(b)
}

// BenchmarkQueueFloor is BenchmarkQueue with bare rings in the place of queues.
func BenchmarkQueueFloor(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		m, _, _ := newRings(b)
		r := must(shm.NewReader(m.seg, 0))(b)
		p := run(b, benchRingPut, ringArgs{m, b.N + 1})
		get := func() {
			if _, err := r.Get(&shm.Wait{}); err != nil {
				b.Fatal(err)
			}
		}
		get()
		b.ResetTimer()
		for range b.N {
			get()
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		join(b, p)
	})
	b.Run("roundtrip", func(b *testing.B) {
		m, w, r := newRings(b)
		p := run(b, benchRingEcho, ringArgs{m, b.N + 1})
		trip := func() {
			if err := w.Put(&shm.Wait{}, make([]byte, 8)); err != nil {
				b.Fatal(err)
			}
			if _, err := r.Get(&shm.Wait{}); err != nil {
				b.Fatal(err)
			}
		}
		trip()
		b.ResetTimer()
		for range b.N {
			trip()
		}
		b.StopTimer()
		join(b, p)
	})
}

// BenchmarkQueue: integers from one producer process to one consumer, and a round trip through two queues and another process. The
// floor is BenchmarkQueueFloor.
func BenchmarkQueue(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		q := closing(b, must(NewQueue[int](0))(b), nil)
		p := run(b, benchQueuePut, benchArgs{Out: q, N: b.N + 1})
		ctx := context.Background()
		if _, err := q.Get(ctx); err != nil { // the producer runs
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			if v, err := q.Get(ctx); v != i+1 || err != nil {
				b.Fatal(v, err)
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		join(b, p)
	})
	b.Run("roundtrip", func(b *testing.B) {
		in, out := closing(b, must(NewQueue[int](0))(b), nil), closing(b, must(NewQueue[int](0))(b), nil)
		p := run(b, benchQueueEcho, benchArgs{In: in, Out: out, N: b.N + 1})
		ctx := context.Background()
		trip := func() {
			if err := in.Put(ctx, 1); err != nil {
				b.Fatal(err)
			}
			if _, err := out.Get(ctx); err != nil {
				b.Fatal(err)
			}
		}
		trip()
		b.ResetTimer()
		for range b.N {
			trip()
		}
		b.StopTimer()
		join(b, p)
	})
}

// BenchmarkLock: one acquire and release, alone, and with another process doing the same. The floor is two atomic exchanges of a word.
func BenchmarkLock(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		var word atomic.Uint64
		for range b.N {
			if !word.CompareAndSwap(0, 1) || !word.CompareAndSwap(1, 0) {
				b.Fatal("not alone")
			}
		}
	})
	b.Run("uncontended", func(b *testing.B) {
		l := closing(b, must(NewLock())(b), nil)
		b.ReportAllocs()
		if err := lockLoop(l, b.N); err != nil {
			b.Fatal(err)
		}
	})
	// Each process does b.N: the time is that of one acquire and release of each.
	b.Run("contended", func(b *testing.B) {
		l := closing(b, must(NewLock())(b), nil)
		a := benchArgs{Lock: l, Here: closing(b, must(NewEvent())(b), nil), Go: closing(b, must(NewEvent())(b), nil), N: b.N}
		p := run(b, benchLock, a)
		if err := a.Here.WaitTimeout(30 * time.Second); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		a.Go.Set()
		if err := lockLoop(l, b.N); err != nil {
			b.Fatal(err)
		}
		join(b, p)
	})
}

// BenchmarkSharedMemory: a block goes through a pipe to another process, which maps it, writes its last byte, unmaps it and answers. The
// floor is the same with bytes instead of a block.
func BenchmarkSharedMemory(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		ours, theirs, err := NewPipe(Duplex)
		if err != nil {
			b.Fatal(err)
		}
		p := run(b, benchBytes, handoverArgs{theirs})
		theirs.Close()
		for range b.N {
			if err := ours.SendBytes(make([]byte, 8)); err != nil {
				b.Fatal(err)
			}
			if _, err := ours.RecvBytes(0); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		ours.Close()
		join(b, p)
	})
	// One pipe and one process for all sizes: where the scheduler has put the two matters more than any size.
	ours, theirs, err := NewPipe(Duplex)
	if err != nil {
		b.Fatal(err)
	}
	p := run(b, benchHandover, handoverArgs{theirs})
	theirs.Close()
	for _, size := range []int{64 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("handover/size=%d", size), func(b *testing.B) {
			m := closing(b, must(NewSharedMemory(size))(b), nil)
			trip := func() {
				if err := ours.Send(m); err != nil {
					b.Fatal(err)
				}
				if _, err := ours.RecvBytes(0); err != nil {
					b.Fatal(err)
				}
			}
			trip()
			b.ResetTimer()
			for range b.N {
				trip()
			}
			b.StopTimer()
			if got := m.Bytes()[size-1]; got != byte(b.N+1) {
				b.Errorf("the last byte is %d after %d hand-overs", got, b.N+1)
			}
		})
	}
	ours.Close()
	join(b, p)
}
