//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"switchyard/procs/internal/bridge"
)

// within calls f, which must not hang.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-soon(t).Done():
		t.Fatalf("%s hangs", what)
	}
}

// inACallback calls f in a callback of a pool, and then ends the pool.
func inACallback(t *testing.T, f func(p *Pool)) {
	t.Helper()
	p := newPool(t, PoolConfig{Workers: 2})
	done := make(chan struct{})
	r := ApplyAsync(p, testSquare, 3, OnResult(func(int) { defer close(done); f(p) }))
	within(t, "the callback", func() { <-done })
	if v, err := r.Get(soon(t)); v != 9 || err != nil {
		t.Error(v, err)
	}
	if v, err := Apply(soon(t), p, testSquare, 4); v != 16 || err != nil {
		t.Error(v, err)
	}
	within(t, "Terminate", p.Terminate)
}

// A callback cannot have a result of its own pool; but what it waits for ends
// with its context, and the pool goes on (python/cpython#87129).
func TestWaitsEndInCallback(t *testing.T) {
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for what, wait := range map[string]func(p *Pool) error{
		"Apply": func(p *Pool) error { _, err := Apply(short(), p, testSquare, 4); return err },
		"Apply of a task that hangs": func(p *Pool) error {
			_, err := Apply(short(), p, testHang, 4)
			return err
		},
		"Map":    func(p *Pool) error { _, err := Map(short(), p, testSquare, []int{1, 2, 3}); return err },
		"Get":    func(p *Pool) error { _, err := ApplyAsync(p, testSquare, 4).Get(short()); return err },
		"Result": func(p *Pool) error { _, err := Submit(&Executor{pool: p}, testSquare, 4).Result(short()); return err },
		"WaitFutures": func(p *Pool) error {
			_, _, err := WaitFutures(short(), []*Future[int]{&ApplyAsync(p, testSquare, 4).f}, AllCompleted)
			return err
		},
		"Wait": func(p *Pool) error { _, err := Wait(short(), ApplyAsync(p, testSquare, 4)); return err },
		"Imap": func(p *Pool) (err error) {
			for _, err = range Imap(short(), p, testSquare, slices.Values([]int{1, 2, 3})) {
			}
			return err
		},
		"ImapUnordered": func(p *Pool) (err error) {
			for _, err = range ImapUnordered(short(), p, testSquare, slices.Values([]int{1, 2, 3})) {
			}
			return err
		},
		"ExecutorMap": func(p *Pool) (err error) {
			for _, err = range ExecutorMap(short(), &Executor{pool: p}, testSquare, []int{1, 2, 3}) {
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			inACallback(t, func(p *Pool) {
				if err := wait(p); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		})
	}
}

// What a callback must not wait for says so, or does not wait.
func TestEndInCallback(t *testing.T) {
	for what, end := range map[string]func(p *Pool){
		"Terminate":          func(p *Pool) { p.Terminate() },
		"Shutdown":           func(p *Pool) { (&Executor{pool: p}).Shutdown(true, true) },
		"Executor.Terminate": func(p *Pool) { (&Executor{pool: p}).Terminate() },
		"Join": func(p *Pool) {
			p.Close()
			if p.Join(context.Background()) == nil {
				t.Error("joined")
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 2})
			done := make(chan struct{})
			ApplyAsync(p, testSquare, 3, OnResult(func(int) { defer close(done); end(p) }))
			within(t, "the callback", func() { <-done })
			if err := p.Join(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// While a callback keeps the pool from taking results, nobody waits longer
// than the context, the grace and a moment.
func TestWaitsEndBesideCallback(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Grace: time.Millisecond})
	gate, inside := make(chan struct{}), make(chan struct{})
	defer close(gate)
	ApplyAsync(p, testSquare, 3, OnResult(func(int) { close(inside); <-gate }))
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	within(t, "Apply", func() {
		if _, err := Apply(ctx, p, testSquare, 4); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	within(t, "Map", func() {
		if _, err := Map(ctx, p, testSquare, []int{1, 2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	within(t, "a loop", func() {
		for range Imap(ctx, p, testSquare, slices.Values([]int{1, 2})) {
		}
	})
}

// A pool that takes no more ends the loop, though the sequence is endless,
// after all results of the tasks that it took.
func TestImapOfClosedPool(t *testing.T) {
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	for what, c := range map[string]struct {
		end  func(p *Pool)
		want error
	}{
		"closed":     {func(p *Pool) { p.Close() }, ErrClosed},
		"terminated": {func(p *Pool) { p.Terminate() }, ErrClosed},
		"broken": {func(p *Pool) {
			p.mu.Lock()
			p.breakDown(errors.New("for the test"))
			p.mu.Unlock()
			p.parker.Wake()
		}, ErrBroken},
	} {
		t.Run(what, func(t *testing.T) {
			eachImap(t, func(t *testing.T, p *Pool, imap imapFunc, ordered bool) {
				n, failed, most := 0, 0, p.ahead()
				var last error
				for v, err := range imap(soon(t), p, testSquare, endless) {
					if last = err; n == 10 {
						c.end(p)
					}
					if n++; err != nil {
						failed++
					} else if ordered && v != (n-1)*(n-1) {
						t.Fatal(n, v)
					}
					if n > 10*most {
						t.Fatal("it goes on")
					}
				}
				if !errors.Is(last, c.want) || what == "closed" && (failed != 1 || n != most+11) {
					t.Errorf("%d results, %d of them errors, the last is %v", n, failed, last)
				}
			})
		})
	}
}

// Nothing is taken from the sequence once the context is done, whatever
// results are there.
func TestImapAfterTheEnd(t *testing.T) {
	eachImap(t, func(t *testing.T, p *Pool, imap imapFunc, _ bool) {
		ctx, cancel := context.WithCancel(soon(t))
		defer cancel()
		var taken, errs int
		over := false
		xs := func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
				if taken++; over {
					t.Error("one more was taken")
					return
				}
			}
		}
		for _, err := range imap(ctx, p, testSquare, xs) {
			switch {
			case err != nil:
				if errs++; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			case over:
				t.Error("one more was yielded")
			default:
				eventually(t, "more are ready", func() bool { return !p.hasLoad() })
				over = true
				cancel()
			}
		}
		if errs != 1 || taken == 0 {
			t.Error(errs, "errors,", taken, "taken")
		}
	})
}

// hasLoad reports whether any worker has a task.
func (p *Pool) hasLoad() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hasWork() || slices.ContainsFunc(p.workers, func(w *worker) bool { return w.load > 0 })
}

// No beat comes after the end, though both had come when it was looked for.
func TestHeartbeatAfterTheEnd(t *testing.T) {
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		beats := 0
		err := Heartbeat(ctx, time.Millisecond, func(n int, _ time.Duration) {
			if beats++; beats == 2 {
				cancel()
				time.Sleep(2 * time.Millisecond) // the timer will have fired, too
			}
		})
		if beats != 2 || err != context.Canceled {
			t.Fatal(beats, err)
		}
	}
}

// noteBackend notes what is asked of it.
type noteBackend struct{ calls []string }

func (c *noteBackend) Submit(bridge.Task) error { return nil }
func (c *noteBackend) Size() int                { return 1 }
func (c *noteBackend) Stop()                    { c.calls = append(c.calls, "stop") }
func (c *noteBackend) Shutdown(wait, cancelFutures bool) {
	c.calls = append(c.calls, fmt.Sprintf("shutdown %v %v", wait, cancelFutures))
}

// Terminate takes back what waits before it stops what runs: else a worker
// whose task heeds the end would begin the next one.
func TestExecutorTerminateBeginsNothing(t *testing.T) {
	c := new(noteBackend)
	(&Executor{backend: c}).Terminate()
	if want := []string{"shutdown false true", "stop", "shutdown true true"}; !slices.Equal(c.calls, want) {
		t.Error(c.calls)
	}
}
