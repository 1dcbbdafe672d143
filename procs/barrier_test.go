//go:build linux

package procs

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"switchyard/procs/internal/proctest/wait"
)

type barrierArgs struct {
	Barrier *Barrier
	Rounds  int
	Passed  *Semaphore
}

var testBarrierRounds = Register("test.barrier.rounds", func(ctx context.Context, a barrierArgs) (int, error) {
	for range a.Rounds {
		if _, err := a.Barrier.Wait(ctx); err != nil {
			return 0, err
		}
		if a.Passed != nil {
			a.Passed.Release()
		}
	}
	return 0, nil
})

// parties runs n goroutines and waits for them.
func parties(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// No party is ever a round ahead of another, over processes and goroutines;
// each place is given once.
func TestBarrierRounds(t *testing.T) {
	const local, rounds = 3, 500
	b := closing(t, must(NewBarrier(local+1, nil))(t), nil)
	p := run(t, testBarrierRounds, barrierArgs{Barrier: b, Rounds: 2 * rounds})
	var entered atomic.Int64
	parties(local, func(int) {
		for r := range rounds {
			entered.Add(1)
			if _, err := b.Wait(soon(t)); err != nil {
				t.Error(err)
				return
			}
			if got := entered.Load(); got != int64(local*(r+1)) {
				t.Errorf("round %d passed when %d had entered", r, got)
			}
			if _, err := b.Wait(soon(t)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	join(t, p)
	if b.Waiting() != 0 || b.Broken() || b.Parties() != local+1 {
		t.Error(b.Waiting(), b.Broken(), b.Parties())
	}
}

func TestBarrierWaitReturn(t *testing.T) {
	b := closing(t, must(NewBarrier(5, nil))(t), nil)
	var places [5]atomic.Int32
	parties(5, func(int) {
		i, err := b.Wait(soon(t))
		if err != nil {
			t.Error(err)
			return
		}
		places[i].Add(1)
	})
	for i := range places {
		if n := places[i].Load(); n != 1 {
			t.Errorf("place %d was given %d times", i, n)
		}
	}
}

func TestBarrierAction(t *testing.T) {
	runs := 0
	b := closing(t, must(NewBarrier(3, func() error { runs++; return nil }))(t), nil)
	parties(3, func(int) {
		for range 10 {
			if _, err := b.Wait(soon(t)); err != nil {
				t.Error(err)
			}
		}
	})
	if runs != 10 {
		t.Errorf("%d runs of the action in 10 rounds", runs)
	}
	failure := errors.New("failure")
	b.OnPass(func() error { return failure })
	var failed atomic.Int32
	parties(3, func(int) {
		_, err := b.Wait(soon(t))
		if !errors.Is(err, ErrBrokenBarrier) {
			t.Error(err)
		}
		if errors.Is(err, failure) {
			failed.Add(1)
		}
	})
	if failed.Load() != 1 || !b.Broken() {
		t.Error(failed.Load(), b.Broken())
	}
	b.Reset()
	b.OnPass(func() error { panic("oh") })
	var panicked atomic.Int32
	parties(3, func(int) {
		defer func() {
			if recover() != nil {
				panicked.Add(1)
			}
		}()
		if _, err := b.Wait(soon(t)); !errors.Is(err, ErrBrokenBarrier) {
			t.Error(err)
		}
	})
	if panicked.Load() != 1 {
		t.Error("the panic of the action did not reach its party")
	}
}

// Everyone who waits is told, here and in other processes, and everyone who
// comes later.
func TestBarrierAbort(t *testing.T) {
	b := closing(t, must(NewBarrier(5, nil))(t), nil)
	var ps []*Process
	for range 2 {
		p := NewProcess(testBarrierRounds, barrierArgs{Barrier: b, Rounds: 1}, ProcessConfig{Stderr: io.Discard})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ps = append(ps, p)
	}
	errs := make(chan error)
	for range 2 {
		go func() { _, err := b.Wait(soon(t)); errs <- err }()
	}
	eventually(t, "four wait", func() bool { return b.Waiting() == 4 })
	b.Abort()
	for range 2 {
		if err := <-errs; err != ErrBrokenBarrier {
			t.Error(err)
		}
	}
	if _, err := b.Wait(soon(t)); err != ErrBrokenBarrier || !b.Broken() {
		t.Error(err)
	}
	for _, p := range ps {
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.ExitCode(); code != 1 {
			t.Errorf("the child did not see the abort: exit code %d", code)
		}
	}
}

func TestBarrierReset(t *testing.T) {
	b := closing(t, must(NewBarrier(3, nil))(t), nil)
	errs := make(chan error)
	for range 2 {
		go func() { _, err := b.Wait(soon(t)); errs <- err }()
	}
	eventually(t, "two wait", func() bool { return b.Waiting() == 2 })
	b.Reset()
	for range 2 {
		if err := <-errs; err != ErrBrokenBarrier {
			t.Error(err)
		}
	}
	if b.Broken() || b.Waiting() != 0 {
		t.Error("broken after Reset")
	}
	parties(3, func(int) {
		if _, err := b.Wait(soon(t)); err != nil {
			t.Error(err)
		}
	})
	b.Abort()
	b.Reset()
	parties(3, func(int) {
		if _, err := b.Wait(soon(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestBarrierTimeout(t *testing.T) {
	b := closing(t, must(NewBarrier(3, nil))(t), nil)
	errs := make(chan error)
	go func() { _, err := b.Wait(soon(t)); errs <- err }()
	eventually(t, "one waits", func() bool { return b.Waiting() == 1 })
	if _, err := b.WaitTimeout(shortly); !errors.Is(err, ErrBrokenBarrier) || !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	if err := <-errs; err != ErrBrokenBarrier {
		t.Error(err)
	}
	b.Reset()
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if _, err := b.Wait(ctx); !errors.Is(err, ErrBrokenBarrier) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestBarrierOfOne(t *testing.T) {
	b := closing(t, must(NewBarrier(1, nil))(t), nil)
	for range 3 {
		if i, err := b.Wait(soon(t)); i != 0 || err != nil {
			t.Error(i, err)
		}
	}
	for _, parties := range []int{-1, 0, maxParties + 1} {
		if _, err := NewBarrier(parties, nil); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("a barrier for %d: %v", parties, err)
		}
	}
}

func TestBarrierPartyKilled(t *testing.T) {
	b := closing(t, must(NewBarrier(3, nil))(t), nil)
	p := run(t, testBarrierRounds, barrierArgs{Barrier: b, Rounds: 1})
	eventually(t, "the child waits", func() bool { return b.Waiting() == 1 })
	errs := make(chan error)
	go func() { _, err := b.Wait(soon(t)); errs <- err }()
	slay(t, p)
	if err := <-errs; err != ErrBrokenBarrier {
		t.Error(err)
	}
}

func TestBarrierPartyKilledInAction(t *testing.T) {
	b := closing(t, must(NewBarrier(2, nil))(t), nil)
	busy := closing(t, must(NewEvent())(t), nil)
	errs := make(chan error)
	go func() { _, err := b.Wait(soon(t)); errs <- err }()
	eventually(t, "one waits", func() bool { return b.Waiting() == 1 })
	p := run(t, testBarrierAction, barrierActionArgs{b, busy})
	if err := busy.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	slay(t, p)
	if err := <-errs; err != ErrBrokenBarrier {
		t.Error(err)
	}
	b.Reset()
	parties(2, func(int) {
		if _, err := b.Wait(soon(t)); err != nil {
			t.Error(err)
		}
	})
}

type barrierActionArgs struct {
	Barrier *Barrier
	Busy    *Event
}

var testBarrierAction = Register("test.barrier.action", func(ctx context.Context, a barrierActionArgs) (int, error) {
	a.Barrier.OnPass(func() error { a.Busy.Set(); return hang() })
	_, err := a.Barrier.Wait(ctx)
	return 0, err
})

// An action that ends its goroutine breaks the barrier, for others at once, and
// leaves no lock held (riverqueue/river#806 is of the same kind).
func TestBarrierActionGoexit(t *testing.T) {
	b := closing(t, must(NewBarrier(2, func() error { runtime.Goexit(); return nil }))(t), nil)
	got := make(chan error, 2)
	for range 2 {
		go func() {
			err := errors.New("did not return")
			defer func() { got <- err }()
			_, err = b.Wait(soon(t))
		}()
	}
	var broken int
	for range 2 {
		if err := <-got; err == ErrBrokenBarrier {
			broken++
		}
	}
	if broken != 1 || !b.Broken() {
		t.Errorf("%d were told of the broken barrier", broken)
	}
	if err := b.Reset(); err != nil || b.Broken() {
		t.Error(err)
	}
}

// More wait than there are parties, and one sleeps through thousands of rounds:
// it is told how its own one ended.
func TestBarrierSleptThroughRounds(t *testing.T) {
	b := closing(t, must(NewBarrier(2, nil))(t), nil)
	// join joins a round as Wait does, and returns what the waiter does when it
	// wakes at last.
	join := func() (wake func() error) {
		now, joined, err := b.arrive()
		if !joined || err != nil {
			t.Fatal(now, joined, err)
		}
		return func() error {
			wait := waitUntil(wait.Patience)
			if err := b.sleep(&wait, round(now)); err != nil {
				return err
			}
			if b.wasReset(round(now)) {
				return ErrBrokenBarrier
			}
			return nil
		}
	}
	ctx := soon(t)
	pass := func() {
		t.Helper()
		if _, err := b.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	reset := func() {
		t.Helper()
		if err := b.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	passed := join()
	pass()
	wasReset := join()
	reset()
	later := join()
	pass()
	check := func(when string) {
		t.Helper()
		if err := passed(); err != nil {
			t.Errorf("%s: a round that passed: %v", when, err)
		}
		if err := wasReset(); err != ErrBrokenBarrier {
			t.Errorf("%s: a round that was reset: %v", when, err)
		}
		if err := later(); err != nil {
			t.Errorf("%s: a later round that passed: %v", when, err)
		}
	}
	check("at once")
	for i := 3; i < 5000; i++ { // a table of the last rounds is overwritten
		if i%16 == 0 {
			reset()
		} else {
			join()
			pass()
		}
	}
	check("after 5000 rounds")
	for range 2 * keptResets {
		reset()
	}
	if err := wasReset(); err != ErrBrokenBarrier {
		t.Error("a reset that is forgotten:", err)
	}
	last := join()
	pass()
	if err := last(); err != nil {
		t.Error("after many resets:", err)
	}
}

// Who dies in the midst of Reset, with the mutex, leaves the round as it was.
func TestBarrierDeathInReset(t *testing.T) {
	for _, noted := range []uint64{0, 1} { // the place alone is written, or it counts, too
		b := closing(t, must(NewBarrier(1, nil))(t), nil)
		if err := b.Reset(); err != nil {
			t.Fatal(err)
		}
		s := b.state
		s.reset[s.resets%keptResets] = 1
		s.resets += noted
		for r := range uint64(4) {
			if _, err := b.Wait(soon(t)); err != nil {
				t.Fatal(err)
			}
			if got := b.wasReset(r); got != (r == 0) {
				t.Errorf("round %d was reset: %v", r, got)
			}
		}
	}
}

// Who does not pass gets no place: the index is 0 whatever the error.
func TestBarrierIndexOfNobody(t *testing.T) {
	b := closing(t, must(NewBarrier(2, nil))(t), nil)
	for range 2 { // the second finds it broken
		if i, err := b.WaitTimeout(0); i != 0 || !errors.Is(err, ErrBrokenBarrier) {
			t.Error(i, err)
		}
	}
	if b.Waiting() != 0 {
		t.Error(b.Waiting(), "wait at a broken barrier")
	}
	if err := b.Reset(); err != nil || b.Broken() || b.Waiting() != 0 || b.Parties() != 2 {
		t.Error(err, b.Broken(), b.Waiting(), b.Parties())
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if i, err := b.Wait(over); i != 0 || !errors.Is(err, ErrBrokenBarrier) || !errors.Is(err, context.Canceled) {
		t.Error(i, err)
	}
}
