//go:build linux

package procs_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"weak"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
)

// doneFutures returns futures that are done: cancelled, failed, and with a
// result.
func doneFutures() (cancelled, failed, good *procs.Future[int]) {
	cancelled, failed, good = procs.NewFuture[int](), procs.NewFuture[int](), procs.NewFuture[int]()
	cancelled.Cancel()
	failed.SetError(os.ErrExist)
	good.SetResult(42)
	return
}

// expired is a context whose time is over.
func expired() context.Context {
	over := make(chan struct{})
	close(over)
	return expiring{context.Background(), over}
}

type futures = []*procs.Future[int]

// wantWait waits, and checks what is done and what is not, in order.
func wantWait(t *testing.T, ctx context.Context, when procs.ReturnWhen, fs, wantDone, wantRest futures, want error) {
	t.Helper()
	done, rest, err := procs.WaitFutures(ctx, fs, when)
	if !slices.Equal(done, wantDone) || !slices.Equal(rest, wantRest) || !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("done %v, not done %v, %v", done, rest, err)
	}
}

func TestWaitFuturesFirstCompleted(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		cancelled, _, good := doneFutures()
		slow := procs.Submit(e, testAcquire, gate)
		quick := procs.Submit(e, procs.TestSquare, 3)
		wantWait(t, procs.Soon(t), procs.FirstCompleted, futures{slow, quick}, futures{quick}, futures{slow}, nil)
		wantWait(t, procs.Soon(t), procs.FirstCompleted, futures{cancelled, good, slow}, futures{cancelled, good}, futures{slow}, nil)
		open(t, gate, 1)
		wantWait(t, procs.Soon(t), procs.FirstCompleted, futures{slow}, futures{slow}, nil, nil)
	})
}

func TestWaitFuturesFirstError(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		cancelled, failed, good := doneFutures()
		slow := procs.Submit(e, testAcquire, gate)
		wantWait(t, procs.Soon(t), procs.FirstError, futures{failed, slow}, futures{failed}, futures{slow}, nil)
		// Neither a result nor a cancelled future ends it.
		wantWait(t, expired(), procs.FirstError, futures{cancelled, good, slow}, futures{cancelled, good}, futures{slow}, context.DeadlineExceeded)
		quick := procs.Submit(e, procs.TestSquare, 3)
		wantWait(t, procs.Soon(t), procs.FirstError, futures{quick}, futures{quick}, nil, nil)
		bad := procs.Submit(e, procs.TestHalf, 3)
		wantWait(t, procs.Soon(t), procs.FirstError, futures{quick, cancelled, bad, slow}, futures{quick, cancelled, bad}, futures{slow}, nil)
		open(t, gate, 1)
		wantWait(t, procs.Soon(t), procs.FirstError, futures{slow, good}, futures{slow, good}, nil, nil) // no error: all
	})
}

func TestWaitFuturesAllCompleted(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		cancelled, failed, good := doneFutures()
		bad, quick := procs.Submit(e, procs.TestHalf, 3), procs.Submit(e, procs.TestSquare, 3)
		all := futures{good, cancelled, failed, bad, quick}
		wantWait(t, procs.Soon(t), procs.AllCompleted, all, all, nil, nil)
		wantWait(t, procs.Soon(t), procs.AllCompleted, nil, nil, nil, nil)
		gate := newGate(t)
		slow := procs.Submit(e, testAcquire, gate)
		waited := make(chan struct{})
		go func() { // one that is given twice
			defer close(waited)
			wantWait(t, procs.Soon(t), procs.AllCompleted, futures{slow, slow}, futures{slow}, nil, nil)
		}()
		open(t, gate, 1)
		<-waited
	})
}

func TestWaitFuturesTimeout(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		cancelled, failed, good := doneFutures()
		slow := procs.Submit(e, testAcquire, gate)
		all := futures{cancelled, failed, slow, good}
		wantWait(t, expired(), procs.AllCompleted, all, futures{cancelled, failed, good}, futures{slow}, context.DeadlineExceeded)
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		wantWait(t, ctx, procs.AllCompleted, all, futures{cancelled, failed, good}, futures{slow}, context.Canceled)
		open(t, gate, 1)
		slow.Wait(procs.Soon(t))
		for range 100 { // nothing is missing: that is no error, however late
			wantWait(t, expired(), procs.AllCompleted, all, all, nil, nil)
		}
	})
}

// Many that end at the same time while they begin to be waited for.
func TestWaitFuturesRace(t *testing.T) {
	eachExecutor(t, 4, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		var fs futures
		for range 100 {
			fs = append(fs, procs.Submit(e, testAcquire, gate))
		}
		go gate.ReleaseN(len(fs))
		wantWait(t, procs.Soon(t), procs.AllCompleted, fs, fs, nil, nil)
	})
}

func TestAsCompleted(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		cancelled, failed, good := doneFutures()
		slow, quick := procs.Submit(e, testAcquire, gate), procs.Submit(e, procs.TestSquare, 3)
		var got futures
		for f, err := range procs.AsCompleted(procs.Soon(t), futures{slow, cancelled, quick, failed, good, slow, slow}) {
			if err != nil || !f.Done() {
				t.Fatal(f, err)
			}
			if got = append(got, f); len(got) == 4 { // all but the slow one
				open(t, gate, 1)
			}
		}
		if len(got) != 5 || got[4] != slow {
			t.Fatal(got)
		}
		for _, f := range (futures{cancelled, failed, good, quick}) {
			if !slices.Contains(got, f) {
				t.Error("missing:", f)
			}
		}
		for range procs.AsCompleted(procs.Soon(t), futures{}) {
			t.Error("of nothing")
		}
	})
}

// What is done comes before the error, however late it is.
func TestAsCompletedTimeout(t *testing.T) {
	cancelled, failed, good := doneFutures()
	pending, runs := procs.NewFuture[int](), procs.NewFuture[int]()
	runs.SetRunning()
	later, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 100 {
		for _, ctx := range []context.Context{expired(), later} {
			var got futures
			var last error
			for f, err := range procs.AsCompleted(ctx, futures{pending, cancelled, failed, runs, good}) {
				if got, last = append(got, f), err; len(got) == 3 {
					cancel()
				}
			}
			if !slices.Equal(got, futures{cancelled, failed, good, nil}) {
				t.Fatal(got)
			}
			if last.Error() != "procs: 2 (of 5) futures unfinished: "+ctx.Err().Error() || !errors.Is(last, ctx.Err()) {
				t.Fatal(last)
			}
		}
	}
	if pending.Done() || !runs.Running() {
		t.Error(pending, runs)
	}
}

// Futures that were yielded are not kept.
func TestAsCompletedKeepsNoFuture(t *testing.T) {
	fs := make(futures, 8)
	for i := range fs {
		fs[i] = procs.NewFuture[int]()
	}
	fs[0].SetResult(0)
	seen := 0
	for f, err := range procs.AsCompleted(procs.Soon(t), fs) {
		if err != nil {
			t.Fatal(err)
		}
		fs[slices.Index(fs, f)] = nil
		w := weak.Make(f)
		f = nil
		wait.Until(t, "the future is collected", func() bool { runtime.GC(); return w.Value() == nil })
		if seen++; seen < len(fs) {
			fs[seen].SetResult(seen)
		}
	}
	if seen != len(fs) {
		t.Error(seen)
	}
}
