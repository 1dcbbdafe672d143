package workload

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// The kit is what the workloads share: set-up and tear-down, never anything
// timed. Every measurement has the same edges, whatever the model: the units
// are started and have arrived at a barrier before the clock starts, they stay
// until it has stopped and the memory has been read, and what they have to tell
// travels after that.

// A launcher runs fn(0) to fn(n-1), each in a unit of its model, and returns
// at once. The models that Go's scheduler runs differ in nothing else, so that
// they share their bodies. free ends what the launcher keeps; it is called once
// all units have returned.
type launcher func(n int, fn func(i int)) (free func(), err error)

// goroutines launches plain goroutines.
func goroutines(n int, fn func(i int)) (free func(), err error) {
	for i := range n {
		go fn(i)
	}
	return func() {}, nil
}

// pooled launches goroutines of a pool of ants, which has room for all of them.
func pooled(n int, fn func(i int)) (free func(), err error) {
	pool, err := ants.NewPool(n)
	if err != nil {
		return nil, err
	}
	_, err = pooledIn(pool)(n, fn)
	return func() { release(pool) }, err
}

// pooledIn launches goroutines of a pool that is there, and stays.
func pooledIn(pool *ants.Pool) launcher {
	return func(n int, fn func(i int)) (free func(), err error) {
		for i := range n {
			if err := pool.Submit(func() { fn(i) }); err != nil {
				return nil, err
			}
		}
		return func() {}, nil
	}
}

// threads launches goroutines that are locked to a thread each.
func threads(n int, fn func(i int)) (free func(), err error) {
	return goroutines(n, func(i int) { runtime.LockOSThread(); fn(i) })
}

// launched is a body that the models of Go's scheduler share, in one of them.
func launched(shared func(b *bench.B, launch launcher) (uint64, error), launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) { return shared(b, launch) }
}

// byModel returns the implementations of a workload in which goroutines, ants
// and threads differ in how a unit is launched and in nothing else. There is
// no serial one where one task cannot do it alone, and none for greenlets where
// it is not for them.
func byModel(serial, greenlet bench.Func, shared func(b *bench.B, launch launcher) (uint64, error), process bench.Func) map[bench.Model]bench.Func {
	impls := map[bench.Model]bench.Func{
		Serial:    serial,
		Greenlet:  greenlet,
		Goroutine: launched(shared, goroutines),
		Ants:      launched(shared, pooled),
		Thread:    launched(shared, threads),
		Process:   process,
	}
	maps.DeleteFunc(impls, func(_ bench.Model, f bench.Func) bool { return f == nil })
	return impls
}

// release ends a pool of ants and waits until its workers are gone.
func release(pool *ants.Pool) { _ = pool.ReleaseTimeout(joinTimeout) }

// A team is a number of units that wait at a barrier. [race] and [relay] are
// all that most workloads need; one whose caller takes part calls the steps by
// itself.
type team struct {
	start, home             chan struct{}
	arrived, worked, parked sync.WaitGroup
	free                    func()
}

// gather launches n units and waits until all of them are at the barrier. Each
// calls work once the barrier opens, and then stays until dismiss.
func gather(b *bench.B, launch launcher, n int, work func(i int)) (*team, error) {
	t := &team{start: make(chan struct{}), home: make(chan struct{})}
	t.arrived.Add(n)
	t.worked.Add(n)
	t.parked.Add(n)
	free, err := launch(n, func(i int) {
		defer t.parked.Done()
		t.arrived.Done()
		<-t.start
		work(i)
		t.worked.Done()
		<-t.home
	})
	if err != nil {
		return nil, err
	}
	t.free = free
	t.arrived.Wait()
	b.Units(n)
	return t, nil
}

// open lets the units go to work.
func (t *team) open() { close(t.start) }

// wait returns when all units have done their work; they are still there.
func (t *team) wait() { t.worked.Wait() }

// dismiss lets the units end, and waits for it.
func (t *team) dismiss() {
	close(t.home)
	t.parked.Wait()
	t.free()
}

// A work is what unit i does; what it has done it enters in u.
type work = func(i int, u *bench.Unit) error

// alone times one task that does all the work.
func alone(b *bench.B, do func(u *bench.Unit) error) (answer uint64, err error) {
	u := b.Unit(b.N)
	b.Start()
	err = do(u)
	b.Stop()
	return b.Answer(), err
}

// nothing is what a task does for others that is alone, and cannot fail in.
func nothing() error { return nil }

// A stripe is a unit's share of N ops where each is another one: every Step-th,
// from First on.
type stripe struct{ First, Step, N int }

// each does the ops of a stripe.
func (s stripe) each(op func(i int) error) error {
	for i := s.First; i < s.N; i += s.Step {
		if err := op(i); err != nil {
			return err
		}
	}
	return nil
}

// timed returns op with what u notes of it: its latency, and that it was done.
func timed(u *bench.Unit, op func(i int) error) func(i int) error {
	return func(i int) error {
		t := u.Begin(u.Ops)
		if err := op(i); err != nil {
			return err
		}
		u.End(t)
		u.Ops++
		return nil
	}
}

// race times n units from the barrier to the end of the last one's work. The
// answer is the sum of theirs.
func race(b *bench.B, launch launcher, n int, do work) (answer uint64, err error) {
	return contest(b, launch, n, do, b.Start, b.Stop)
}

// relay is for units that wait for each other, so that one of them sees the
// beginning and the end: unit 0 starts the timer when each has had a turn, and
// stops it.
func relay(b *bench.B, launch launcher, n int, do work) (answer uint64, err error) {
	return contest(b, launch, n, do, func() {}, func() {})
}

func contest(b *bench.B, launch launcher, n int, do work, start, stop func()) (answer uint64, err error) {
	members, errs := units(b, n), make([]error, n)
	t, err := gather(b, launch, n, func(i int) { errs[i] = do(i, members[i]) })
	if err != nil {
		return 0, err
	}
	start()
	t.open()
	t.wait()
	stop()
	t.dismiss()
	return b.Answer(), errors.Join(errs...)
}

// units returns n units that share b.N ops.
func units(b *bench.B, n int) []*bench.Unit {
	all := make([]*bench.Unit, n)
	for i := range all {
		all[i] = b.Unit(b.Share(i, n))
	}
	return all
}

// raceGreenlets is race for n greenlets of a hub. makeWork is called in it, to
// make what they share; the first error of a work ends the race.
func raceGreenlets(b *bench.B, n int, makeWork func(h *hub.Hub) work) (answer uint64, err error) {
	return contestGreenlets(b, n, makeWork, b.Start, b.Stop)
}

// relayGreenlets is relay for n greenlets of a hub.
func relayGreenlets(b *bench.B, n int, makeWork func(h *hub.Hub) work) (answer uint64, err error) {
	return contestGreenlets(b, n, makeWork, func() {}, func() {})
}

func contestGreenlets(b *bench.B, n int, makeWork func(h *hub.Hub) work, begin, end func()) (answer uint64, err error) {
	members := units(b, n)
	err = hub.Run(func(h *hub.Hub) error {
		do := makeWork(h)
		start, worked, home := hub.NewEvent(h), hub.NewEvent(h), hub.NewEvent(h)
		arrived, left := 0, n
		var failed error
		greenlets := make([]*hub.Greenlet, n)
		for i := range greenlets {
			greenlets[i] = h.Spawn(func() error {
				arrived++
				if err := start.Wait(); err != nil {
					return err
				}
				err := do(i, members[i])
				if left--; left == 0 || err != nil {
					failed = cmp.Or(failed, err)
					worked.Set()
				}
				return cmp.Or(err, home.Wait())
			})
		}
		if err := h.Yield(); err != nil { // all of them come to the barrier
			return err
		}
		if arrived != n {
			return fmt.Errorf("%d of %d greenlets came to the barrier", arrived, n)
		}
		b.Units(n)
		before := h.Switches()
		begin()
		start.Set()
		err := worked.Wait()
		end()
		b.Suspended(int(h.Switches() - before))
		if err := cmp.Or(err, failed); err != nil {
			return err
		}
		home.Set()
		return h.GetAll(greenlets...)
	})
	return b.Answer(), err
}

// runHub calls do on a hub, and counts how often it switches.
func runHub(b *bench.B, do func(h *hub.Hub) error) error {
	return hub.Run(func(h *hub.Hub) error {
		err := do(h)
		b.Suspended(int(h.Switches()))
		return err
	})
}

// concurrent returns the ledger of a model's units; for one task that does all
// the work by itself it is without what units have.
func concurrent(b *bench.B, want bench.Ledger) bench.Ledger {
	if b.Model == Serial {
		want.Units, want.Each, want.Suspensions, want.Together = 0, 0, 0, 0
	}
	return want
}

// frameBytes is how much stack one call of onFrame touches.
const frameBytes = 1 << 10

// onStack calls fn when it has touched so many bytes of its stack, which stay
// in use meanwhile.
func onStack(bytes int, fn func() error) error {
	if bytes <= 0 {
		return fn()
	}
	return onFrame(bytes, fn)
}

// onFrame is the part of onStack that has a frame.
//
//go:noinline
func onFrame(bytes int, fn func() error) error {
	var frame [frameBytes]byte
	touch(&frame, byte(bytes/frameBytes))
	err := onStack(bytes-frameBytes, fn)
	if frame[frameBytes-1] != byte(bytes/frameBytes) {
		panic("workload: a stack was overwritten")
	}
	return err
}

//go:noinline
func touch(frame *[frameBytes]byte, v byte) {
	for i := range frame {
		frame[i] = v
	}
}

// addOne is the least that a task can do.
//
//go:noinline
func addOne(v uint64) uint64 { return v + 1 }

// stepsPerMicrosecond makes a task's nominal length: a processor of 2025 does
// about this many steps in a microsecond. It is fixed, so that a task is the
// same work in every model and on every machine.
const stepsPerMicrosecond = 900

// step is one of a generator of random numbers: which number comes out of many
// tells how many they were.
func step(x uint64) uint64 { return x*6364136223846793005 + 1442695040888963407 }

// steps does n dependent multiplications; no compiler can shorten the loop.
//
//go:noinline
func steps(n int) uint64 {
	x := uint64(1)
	for range n {
		x = step(x)
	}
	return x
}

// words makes the content of file, or body, number i.
func words(content []byte, i int) []byte {
	for k := 0; k < len(content); k += 8 {
		binary.LittleEndian.PutUint64(content[k:], uint64(i+1)+uint64(k))
	}
	return content
}

// sumWords adds up the words of eight bytes of a content.
func sumWords(content []byte) (sum uint64) {
	for ; len(content) >= 8; content = content[8:] {
		sum += binary.LittleEndian.Uint64(content)
	}
	return sum
}

// quickest is less time than n steps take on any processor: a multiplication
// and an addition that wait for each other are four cycles, here of 0.1 ns.
func quickest(n int) time.Duration { return time.Duration(n) * 4 / 10 }
