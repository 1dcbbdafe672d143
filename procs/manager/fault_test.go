//go:build linux

package manager

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

type chaosArgs struct {
	Lock   *Lock
	Value  *Array[int]
	Queue  *Queue[int]
	Sem    *Semaphore
	Nested *Dict[string, *List[int]]
	Steps  *procs.RawValue[int64]
}

// testChaos does all kinds of things until it is killed, and counts them. Under
// the lock both elements of the array are equal.
var testChaos = procs.Register("test.manager.chaos", func(ctx context.Context, a *chaosArgs) (int, error) {
	step := func() { atomic.AddInt64(a.Steps.Raw(), 1) }
	for i := 0; ; i++ {
		err := a.Lock.Acquire(ctx)
		if err != nil && err != procs.ErrOwnerDied {
			return 0, err
		}
		step()
		vs, err := a.Value.All()
		if err != nil {
			return 0, err
		}
		a.Value.Set(0, vs[0]+1)
		step()
		a.Value.SetSlice(0, []int{vs[0] + 1, vs[0] + 1})
		if err := a.Lock.Release(); err != nil {
			return 0, err
		}
		step()
		if err := a.Sem.Acquire(ctx); err != nil && err != procs.ErrOwnerDied {
			return 0, err
		}
		if err := errors.Join(a.Queue.Put(ctx, i), a.Sem.Release()); err != nil {
			return 0, err
		}
		step()
		if _, err := a.Queue.Get(ctx); err != nil {
			return 0, err
		}
		step()
		m := &Manager{link: a.Lock.ref.link}
		l, err := NewList(m, i)
		if err != nil {
			return 0, err
		}
		step()
		if err := a.Nested.Set("l", l); err != nil {
			return 0, err
		}
		if i%2 == 0 {
			l.Close()
		}
		step()
	}
})

// Clients are killed at random moments, again and again. The manager and
// everyone else go on, and nothing is left of the dead.
func TestFaults(t *testing.T) {
	const kills = 25
	m := testManager(t)
	a := &chaosArgs{
		Lock: must(NewLock(m))(t), Value: must(NewArray(m, []int{0, 0}))(t), Queue: must(NewQueue[int](m, 100))(t),
		Sem: must(NewSemaphore(m, 2))(t), Nested: must(NewDict[string, *List[int]](m))(t),
	}
	var ps [2]*procs.Process
	var steps [2]*int64
	start := func(i int) {
		theirs := *a
		theirs.Steps = must(procs.NewRawValue(int64(0)))(t)
		t.Cleanup(func() { theirs.Steps.Close() })
		ps[i], steps[i] = run(t, testChaos, &theirs), theirs.Steps.Raw()
	}
	start(0)
	start(1)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range kills {
		proctest.After(t, ps[i%2], steps[i%2], random.IntN(200))
		slay(t, ps[i%2])
		if code, _ := ps[i%2].ExitCode(); code != -9 {
			t.Fatalf("exit code %d: it gave up by itself", code)
		}
		if err := a.Lock.Acquire(soon(t)); err != nil && err != procs.ErrOwnerDied {
			t.Fatal(err)
		}
		vs := must(a.Value.All())(t)
		if d := vs[0] - vs[1]; d != 0 && d != 1 { // killed between the two
			t.Fatal(vs)
		}
		if err := errors.Join(a.Value.SetSlice(0, []int{vs[0], vs[0]}), a.Lock.Release()); err != nil {
			t.Fatal(err)
		}
		start(i % 2)
	}
	for _, p := range ps {
		slay(t, p)
	}
	if v := must(a.Value.Get(0))(t); v == 0 {
		t.Fatal("nobody did anything")
	}
	eventually(t, "the dead are forgotten", func() bool { return must(m.Stats())(t).Clients == 1 })
	if err := a.Nested.Clear(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "their objects are gone", func() bool { return must(m.Stats())(t).Objects == 5 })
	for range 2 {
		if err := a.Sem.Acquire(soon(t)); err != nil && err != procs.ErrOwnerDied {
			t.Fatal(err)
		}
	}
	if ok, err := a.Sem.TryAcquire(); ok || err != nil {
		t.Fatal(ok, err)
	}
}
