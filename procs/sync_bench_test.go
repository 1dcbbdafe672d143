//go:build linux

package procs

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/shm"
)

type benchArgs struct {
	Orders  *Conn
	Lock    *Lock
	In, Out *Queue[int]
	Rings   *SharedMemory // see newRings
	Ask     *Event
	Answer  *Event
	Cond    *Condition
	Turn    *Value[int] // whose turn it is
}

// partner is a process that does something n times when it is told to.
type partner struct {
	b      *testing.B
	orders *Conn
}

func newPartner(b *testing.B, fn *Func[benchArgs, int], a benchArgs) *partner {
	b.Helper()
	ours, theirs, err := NewPipe(Duplex)
	if err != nil {
		b.Fatal(err)
	}
	a.Orders = theirs
	p := run(b, fn, a)
	theirs.Close()
	b.Cleanup(func() {
		ours.Close()
		join(b, p)
	})
	return &partner{b, ours}
}

// begin lets it do n.
func (p *partner) begin(n int) {
	if err := p.orders.Send(n); err != nil {
		p.b.Fatal(err)
	}
}

// end waits until it has done them.
func (p *partner) end() {
	var n int
	if err := p.orders.Recv(&n); err != nil {
		p.b.Fatal(err)
	}
}

// obey is the partner's side.
func obey(orders *Conn, do func(n int) error) (int, error) {
	for {
		var n int
		if orders.Recv(&n) != nil {
			return 0, nil // the other end is gone
		}
		if err := do(n); err != nil {
			return 0, err
		}
		if err := orders.Send(n); err != nil {
			return 0, err
		}
	}
}

// put and get are one end of a way between processes, a queue or a ring.
type (
	put func(int) error
	get func() (int, error)
)

func intoQueue(q *Queue[int]) put { return func(v int) error { return q.Put(context.Background(), v) } }
func fromQueue(q *Queue[int]) get { return func() (int, error) { return q.Get(context.Background()) } }

const (
	ringCapacity = 64 << 10
	ringOffset   = 128 << 10 // of the second ring
)

// newRings returns two rings, for one writer and one reader each, without
// locks.
func newRings(b *testing.B) *SharedMemory {
	b.Helper()
	m := closing(b, must(NewSharedMemory(256<<10))(b), nil)
	shm.InitRing(m.seg, 0, ringCapacity)
	shm.InitRing(m.seg, ringOffset, ringCapacity)
	return m
}

func intoRing(m *SharedMemory, offset int) (put, error) {
	w, err := shm.NewWriter(m.seg, offset)
	return func(v int) error {
		return w.Put(&shm.Wait{}, binary.NativeEndian.AppendUint64(make([]byte, 0, 8), uint64(v)))
	}, err
}

func fromRing(m *SharedMemory, offset int) (get, error) {
	r, err := shm.NewReader(m.seg, offset)
	return func() (int, error) {
		p, err := r.Get(&shm.Wait{})
		if err != nil {
			return 0, err
		}
		return int(binary.NativeEndian.Uint64(p)), nil
	}, err
}

// putAll puts 0 to n-1, whenever it is told.
func putAll(orders *Conn, out put) (int, error) {
	return obey(orders, func(n int) error {
		for i := range n {
			if err := out(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// echoAll hands n on, whenever it is told.
func echoAll(orders *Conn, in get, out put) (int, error) {
	return obey(orders, func(n int) error {
		for range n {
			v, err := in()
			if err != nil {
				return err
			}
			if err := out(v); err != nil {
				return err
			}
		}
		return nil
	})
}

var (
	benchQueuePut = Register("bench.queue.put", func(_ context.Context, a benchArgs) (int, error) {
		return putAll(a.Orders, intoQueue(a.Out))
	})
	benchQueueEcho = Register("bench.queue.echo", func(_ context.Context, a benchArgs) (int, error) {
		return echoAll(a.Orders, fromQueue(a.In), intoQueue(a.Out))
	})
	benchRingPut = Register("bench.ring.put", func(_ context.Context, a benchArgs) (int, error) {
		out, err := intoRing(a.Rings, 0)
		if err != nil {
			return 0, err
		}
		return putAll(a.Orders, out)
	})
	benchRingEcho = Register("bench.ring.echo", func(_ context.Context, a benchArgs) (int, error) {
		in, err := fromRing(a.Rings, 0)
		if err != nil {
			return 0, err
		}
		out, err := intoRing(a.Rings, ringOffset)
		if err != nil {
			return 0, err
		}
		return echoAll(a.Orders, in, out)
	})
	benchLock = Register("bench.lock", func(_ context.Context, a benchArgs) (int, error) {
		return obey(a.Orders, func(n int) error { return lockLoop(a.Lock, n) })
	})
	benchEvent = Register("bench.event", func(_ context.Context, a benchArgs) (int, error) {
		return obey(a.Orders, func(n int) error {
			for range n {
				if err := takeEvent(a.Ask); err != nil {
					return err
				}
				if err := a.Answer.Set(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	benchCondition = Register("bench.condition", func(_ context.Context, a benchArgs) (int, error) {
		return obey(a.Orders, func(n int) error { return takeTurns(a, n, 1) })
	})
	benchHandover = Register("bench.handover", func(_ context.Context, c *Conn) (int, error) {
		for {
			var m *SharedMemory
			if err := c.Recv(&m); err != nil {
				return 0, nil // the other end is gone
			}
			m.Bytes()[m.Size()-1]++
			if err := m.Close(); err != nil {
				return 0, err
			}
			if err := c.SendBytes(nil); err != nil {
				return 0, err
			}
		}
	})
)

// benchThroughput takes what a partner puts.
func benchThroughput(b *testing.B, p *partner, in get) {
	b.ReportAllocs()
	proctest.Beside(b, osStream(b), 1000, func(n int) {
		p.begin(n)
		for i := range n {
			if v, err := in(); v != i || err != nil {
				b.Fatal(v, err)
			}
		}
		p.end()
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// benchRoundtrip puts and gets what a partner echoes.
func benchRoundtrip(b *testing.B, p *partner, out put, in get) {
	proctest.Beside(b, osEcho(b, 8), 1, func(n int) {
		p.begin(n)
		for i := range n {
			if err := out(i); err != nil {
				b.Fatal(err)
			}
			if v, err := in(); v != i || err != nil {
				b.Fatal(v, err)
			}
		}
		p.end()
	})
}

// BenchmarkQueueFloor is BenchmarkQueue with bare rings in the place of queues.
func BenchmarkQueueFloor(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		m := newRings(b)
		benchThroughput(b, newPartner(b, benchRingPut, benchArgs{Rings: m}), must(fromRing(m, 0))(b))
	})
	b.Run("roundtrip", func(b *testing.B) {
		m := newRings(b)
		p := newPartner(b, benchRingEcho, benchArgs{Rings: m})
		benchRoundtrip(b, p, must(intoRing(m, 0))(b), must(fromRing(m, ringOffset))(b))
	})
}

// BenchmarkQueue: integers from one producer process to one consumer, and a
// round trip through two queues and another process. x-ospipe: in units of the
// same through pipes of the operating system. A queue cannot be faster than the
// rings of BenchmarkQueueFloor.
func BenchmarkQueue(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		q := closing(b, must(NewQueue[int](0))(b), nil)
		benchThroughput(b, newPartner(b, benchQueuePut, benchArgs{Out: q}), fromQueue(q))
	})
	b.Run("roundtrip", func(b *testing.B) {
		in, out := closing(b, must(NewQueue[int](0))(b), nil), closing(b, must(NewQueue[int](0))(b), nil)
		benchRoundtrip(b, newPartner(b, benchQueueEcho, benchArgs{In: in, Out: out}), intoQueue(in), fromQueue(out))
	})
}

// BenchmarkQueueGrowth: integers from two producer processes to two consumers
// through a queue of 1000. x-pair is how many times as long one takes as from
// one to one.
func BenchmarkQueueGrowth(b *testing.B) {
	pairs := func(n int) func(items int) {
		q := closing(b, must(NewQueue[int](1000))(b), nil)
		done := closing(b, must(NewQueue[int](0))(b), nil)
		var asks []*Queue[int]
		for range n {
			for _, put := range []bool{true, false} {
				ask := closing(b, must(NewQueue[int](0))(b), nil)
				asks = append(asks, ask)
				p := NewProcess(benchQueueEnd, queueEnd{q, ask, done, put}, ProcessConfig{GOMAXPROCS: 1})
				proctest.Started(b, p)
				b.Cleanup(func() { ask.ShutDown(true); p.Join(context.Background()) })
			}
		}
		return func(items int) {
			for i, ask := range asks {
				if err := ask.PutNowait(items*(i/2+1)/n - items*(i/2)/n); err != nil {
					b.Fatal(err)
				}
			}
			for range asks {
				if _, err := done.Get(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			if q.Len() != 0 {
				b.Fatal(q.Len(), "are left")
			}
		}
	}
	two, one := pairs(2), pairs(1)
	two(2)
	proctest.Beside(b, proctest.Floor{Unit: "x-pair", Do: one}, 50000, two)
}

// A queueEnd puts, or gets, as many as it is asked for.
type queueEnd struct {
	Q, Ask, Done *Queue[int]
	Put          bool
}

var benchQueueEnd = Register("bench.queueend", func(ctx context.Context, a queueEnd) (int, error) {
	for {
		n, err := a.Ask.Get(ctx)
		if err != nil {
			return 0, nil // no more
		}
		for i := range n {
			if a.Put {
				err = a.Q.Put(ctx, i)
			} else {
				_, err = a.Q.Get(ctx)
			}
			if err != nil {
				return 0, err
			}
		}
		if err := a.Done.Put(ctx, n); err != nil {
			return 0, err
		}
	}
})

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

// BenchmarkLock: one acquire and release, alone, and with another process doing
// the same. The floor is two atomic exchanges of a word; x-mutex: in units of a
// sync.Mutex of this process, with another goroutine in the place of the other
// process.
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
		proctest.Beside(b, mutexHere(b, 1), 1000, func(n int) {
			if err := lockLoop(l, n); err != nil {
				b.Fatal(err)
			}
		})
	})
	// Each process does b.N: the time is that of one acquire and release of
	// each.
	b.Run("contended", func(b *testing.B) {
		l := closing(b, must(NewLock())(b), nil)
		p := newPartner(b, benchLock, benchArgs{Lock: l})
		proctest.Beside(b, mutexHere(b, 2), 10_000, func(n int) {
			p.begin(n)
			if err := lockLoop(l, n); err != nil {
				b.Fatal(err)
			}
			p.end()
		})
	})
}

// BenchmarkSemaphore: one acquire and release while permits last.
func BenchmarkSemaphore(b *testing.B) {
	b.Run("uncontended", func(b *testing.B) {
		s := closing(b, must(NewSemaphore(2))(b), nil)
		b.ReportAllocs()
		proctest.Beside(b, mutexHere(b, 1), 1000, func(n int) {
			for range n {
				if err := s.Acquire(context.Background()); err != nil {
					b.Fatal(err)
				}
				if err := s.Release(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// takeEvent waits for an event, and clears it for the next time.
func takeEvent(e *Event) error {
	if err := e.Wait(context.Background()); err != nil {
		return err
	}
	return e.Clear()
}

// BenchmarkEvent: handover is an event set, another process that waits for it
// and sets one in return, and the wait for that.
func BenchmarkEvent(b *testing.B) {
	b.Run("uncontended", func(b *testing.B) {
		e := closing(b, must(NewEvent())(b), nil)
		b.ReportAllocs()
		proctest.Beside(b, mutexHere(b, 1), 1000, func(n int) {
			for range n {
				if err := e.Set(); err != nil {
					b.Fatal(err)
				}
				if err := takeEvent(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("handover", func(b *testing.B) {
		a := benchArgs{Ask: closing(b, must(NewEvent())(b), nil), Answer: closing(b, must(NewEvent())(b), nil)}
		last := 0
		benchRoundtrip(b, newPartner(b, benchEvent, a), func(v int) error {
			last = v
			return a.Ask.Set()
		}, func() (int, error) { return last, takeEvent(a.Answer) })
	})
}

// takeTurns waits until it is the turn of us, 0 or 1, and gives it to the
// other, n times.
func takeTurns(a benchArgs, n, us int) error {
	for range n {
		if err := a.Cond.Acquire(context.Background()); err != nil {
			return err
		}
		if err := a.Cond.WaitFor(context.Background(), func() bool { return *a.Turn.Raw() == us }); err != nil {
			return err
		}
		*a.Turn.Raw() = 1 - us
		if err := a.Cond.Notify(1); err != nil {
			return err
		}
		if err := a.Cond.Release(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkCondition: handover is a turn taken and given to another process,
// which gives it back; uncontended is a notification of nobody, with the lock.
func BenchmarkCondition(b *testing.B) {
	b.Run("uncontended", func(b *testing.B) {
		c := closing(b, must(NewCondition(nil))(b), nil)
		b.ReportAllocs()
		proctest.Beside(b, mutexHere(b, 1), 1000, func(n int) {
			for range n {
				if err := c.Acquire(context.Background()); err != nil {
					b.Fatal(err)
				}
				if err := c.Notify(1); err != nil {
					b.Fatal(err)
				}
				if err := c.Release(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("handover", func(b *testing.B) {
		a := benchArgs{Cond: closing(b, must(NewCondition(nil))(b), nil), Turn: closing(b, must(NewValue(0))(b), nil)}
		p := newPartner(b, benchCondition, a)
		proctest.Beside(b, osEcho(b, 8), 1, func(n int) {
			p.begin(n)
			if err := takeTurns(a, n, 0); err != nil {
				b.Fatal(err)
			}
			p.end()
		})
	})
}

// BenchmarkJoinableQueue: one put, get and TaskDone, by one goroutine.
func BenchmarkJoinableQueue(b *testing.B) {
	q := closing(b, must(NewJoinableQueue[int](0))(b), nil)
	b.ReportAllocs()
	for i := range b.N {
		if err := q.Put(context.Background(), i); err != nil {
			b.Fatal(err)
		}
		if _, err := q.Get(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := q.TaskDone(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRLock is beside a Lock: what it costs to know whose the lock is.
// nested: acquired and released once more by its owner.
func BenchmarkRLock(b *testing.B) {
	plain := closing(b, must(NewLock())(b), nil)
	floor := proctest.Floor{Unit: "x-lock", Do: func(n int) {
		if err := lockLoop(plain, n); err != nil {
			b.Fatal(err)
		}
	}}
	l := closing(b, must(NewRLock())(b), nil)
	pairs := func(n int) {
		for range n {
			if err := l.Acquire(context.Background()); err != nil {
				b.Fatal(err)
			}
			if err := l.Release(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("uncontended", func(b *testing.B) { proctest.Beside(b, floor, 1000, pairs) })
	b.Run("nested", func(b *testing.B) {
		if err := l.Acquire(context.Background()); err != nil {
			b.Fatal(err)
		}
		defer l.Release()
		proctest.Beside(b, floor, 1000, pairs)
	})
}

// BenchmarkSharedMemory: a block goes through a pipe to another process, which
// maps it, writes its last byte, unmaps it and answers. The floor is the same
// with bytes instead of a block. x-64KiB: in units of the same with 64 KiB;
// that of 64 KiB itself tells how sure it is.
func BenchmarkSharedMemory(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		ours, theirs, err := NewPipe(Duplex)
		if err != nil {
			b.Fatal(err)
		}
		p := run(b, testEcho, theirs)
		theirs.Close()
		b.ResetTimer()
		for i := range b.N {
			if err := ours.SendBytes(binary.NativeEndian.AppendUint64(nil, uint64(i))); err != nil {
				b.Fatal(err)
			}
			if v, err := ours.RecvBytes(0); len(v) != 8 || binary.NativeEndian.Uint64(v) != uint64(i) || err != nil {
				b.Fatal(v, err)
			}
		}
		b.StopTimer()
		ours.Close()
		join(b, p)
	})
	// One pipe and one process for all sizes: where the scheduler has put the
	// two matters more than any size.
	ours, theirs, err := NewPipe(Duplex)
	if err != nil {
		b.Fatal(err)
	}
	p := run(b, benchHandover, theirs)
	theirs.Close()
	newTrips := func(b *testing.B, size int) func(n int) {
		m := closing(b, must(NewSharedMemory(size))(b), nil)
		done := 0
		return func(n int) {
			for range n {
				if err := ours.Send(m); err != nil {
					b.Fatal(err)
				}
				if _, err := ours.RecvBytes(0); err != nil {
					b.Fatal(err)
				}
			}
			if done += n; m.Bytes()[size-1] != byte(done) {
				b.Fatalf("the last byte is %d after %d hand-overs", m.Bytes()[size-1], done)
			}
		}
	}
	for _, size := range []int{64 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("handover/size=%d", size), func(b *testing.B) {
			trips := newTrips(b, size)
			trips(1) // the last page is there
			proctest.Beside(b, proctest.Floor{Unit: "x-64KiB", Do: newTrips(b, 64<<10)}, 1, trips)
		})
	}
	ours.Close()
	join(b, p)
}
