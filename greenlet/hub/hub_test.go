package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestYieldOrder(t *testing.T) {
	var got []string
	run(t, func(h *Hub) {
		var gs []*Greenlet
		for i := range 3 {
			gs = append(gs, h.Spawn(func() error {
				for k := range 3 {
					got = append(got, fmt.Sprint(i, k))
					if err := h.Yield(); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		must(t, h.JoinAll(gs...))
	})
	want := []string{"00", "10", "20", "01", "11", "21", "02", "12", "22"}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("order %v, want %v", got, want)
	}
}

func TestRunToCompletionDoesNotSwitch(t *testing.T) {
	run(t, func(h *Hub) {
		n := 0
		for range 100 {
			h.Spawn(func() error { n++; return nil })
		}
		before := h.Switches()
		must(t, h.Yield())
		if n != 100 {
			t.Errorf("%d of 100 ran", n)
		}
		if s := h.Switches() - before; s != 2 {
			t.Errorf("%d switches for 100 greenlets that never block, want 2", s)
		}
	})
}

func TestSleepOrder(t *testing.T) {
	var got, want []*Greenlet
	run(t, func(h *Hub) {
		for _, ms := range []int{50, 10, 30, 1, 20, 40} {
			want = append(want, h.Spawn(func() error {
				err := h.Sleep(time.Duration(ms) * time.Millisecond)
				got = append(got, h.Current())
				return err
			}))
		}
		must(t, h.Yield()) // now all sleep, or did
		when := func(g *Greenlet) int64 {
			for _, e := range h.timers.s {
				if e.t == &g.timer && !e.stale() {
					return e.when.ns
				}
			}
			return 0
		}
		slices.SortStableFunc(want, func(a, b *Greenlet) int { return cmp.Compare(when(a), when(b)) })
		want = slices.Concat(got, want[len(got):])
		must(t, h.JoinAll(want...))
	})
	if !slices.Equal(got, want) || len(got) != 6 {
		t.Fatalf("woken in order %v, want %v", got, want)
	}
}

func TestEqualDeadlinesFireInOrder(t *testing.T) {
	var got []int
	run(t, func(h *Hub) {
		when := h.now().after(5 * time.Millisecond)
		for i := range 100 {
			tm := &timer{fn: func() { got = append(got, i) }}
			h.timers.arm(tm, when)
		}
		must(t, h.Sleep(10*time.Millisecond))
	})
	if !slices.IsSorted(got) || len(got) != 100 {
		t.Fatalf("fired in order %v", got)
	}
}

func TestDeadlock(t *testing.T) {
	err := Run(func(h *Hub) error {
		q := NewQueue[int](h, 1)
		h.Spawn(func() error { _, err := q.Get(); return err }).SetName("getter")
		_, err := q.Get()
		return err
	})
	var d *DeadlockError
	if !errors.Is(err, ErrDeadlock) || !errors.As(err, &d) {
		t.Fatalf("got %v", err)
	}
	if d.Total != 2 || !strings.Contains(err.Error(), "getter") || !strings.Contains(err.Error(), "would block forever") {
		t.Fatalf("unclear: %v", err)
	}
}

func TestIgnoredDeadlockIsReturned(t *testing.T) {
	err := Run(func(h *Hub) error {
		h.JoinAll(h.Spawn(func() error { return NewSemaphore(h, 0).Acquire() }))
		return nil
	})
	if !errors.Is(err, ErrDeadlock) {
		t.Fatalf("got %v", err)
	}
}

func TestMainReturnsOthersAreKilled(t *testing.T) {
	var got []string
	run(t, func(h *Hub) {
		block := NewSemaphore(h, 0)
		for i := range 3 {
			h.Spawn(func() error {
				defer func() { got = append(got, fmt.Sprintf("deferred %d", i)) }()
				err := block.Acquire()
				got = append(got, fmt.Sprintf("%d %v", i, errors.Is(err, ErrExit)))
				return err
			})
		}
		h.Spawn(func() error { return h.Sleep(time.Hour) })
		must(t, h.Yield())
		h.Spawn(func() error { got = append(got, "never"); return nil })
		h.SpawnLater(time.Hour, func() error { got = append(got, "never"); return nil })
	})
	want := []string{"0 true", "deferred 0", "1 true", "deferred 1", "2 true", "deferred 2"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestStubbornGreenletIsUnwound(t *testing.T) {
	deferred := false
	run(t, func(h *Hub) {
		h.Spawn(func() error {
			defer func() { deferred = true }()
			for {
				h.Sleep(time.Millisecond) // ignores the error
			}
		})
		h.Spawn(func() error {
			for {
				h.Yield() // likewise
			}
		})
		must(t, h.Yield())
	})
	if !deferred {
		t.Fatal("its deferred function did not run")
	}
}

func TestPanicIsTheGreenletsError(t *testing.T) {
	var told []string
	err := Config{OnError: func(g *Greenlet, err error) {
		told = append(told, fmt.Sprint(g.Name(), " ", err.(*PanicError).Value))
	}}.Run(func(h *Hub) error {
		g := h.Spawn(func() error { panic("oops") }).SetName("bad")
		err := g.Get()
		var p *PanicError
		if !errors.As(err, &p) || p.Value != "oops" || !strings.Contains(string(p.Stack), "TestPanicIsTheGreenletsError") {
			t.Errorf("got %v", err)
		}
		if g.Successful() {
			t.Error("successful")
		}
		return nil
	})
	must(t, err)
	if !slices.Equal(told, []string{"bad oops"}) {
		t.Fatalf("told %q", told)
	}
}

func TestPanicOfMainPassesAndCleansUp(t *testing.T) {
	killed := false
	func() {
		defer func() {
			if v := recover(); v != "main" {
				t.Errorf("recovered %v", v)
			}
		}()
		Run(func(h *Hub) error {
			h.Spawn(func() error {
				killed = errors.Is(h.Sleep(time.Hour), ErrExit)
				return nil
			})
			h.Yield()
			panic("main")
		})
	}()
	if !killed {
		t.Fatal("the sleeper was not killed")
	}
}

func TestGoexitOfGreenletEndsMain(t *testing.T) {
	done := make(chan []string)
	go func() {
		var got []string
		defer func() { done <- got }()
		Run(func(h *Hub) error {
			defer func() { got = append(got, "main unwound") }()
			h.Spawn(func() error {
				err := h.Sleep(time.Hour)
				got = append(got, err.Error())
				return err
			})
			g := h.Spawn(func() error {
				h.Yield()
				runtime.Goexit()
				return nil
			})
			g.Join()
			got = append(got, "main went on")
			return nil
		})
	}()
	got := <-done
	if want := []string{"main unwound", ErrExit.Error()}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestPost(t *testing.T) {
	var kept *Hub
	run(t, func(h *Hub) {
		kept = h
		s := NewSemaphore(h, 0)
		defer h.Hold()()
		go func() {
			for range 100 {
				if err := h.Post(s.Release); err != nil {
					t.Error(err)
				}
			}
		}()
		for range 100 {
			must(t, s.Acquire())
		}
	})
	if err := kept.Post(func() {}); err != ErrClosed {
		t.Fatalf("Post to a closed hub: %v", err)
	}
}

// A Hold counts until it is released, once: after that, waiting for nothing is
// a deadlock again.
func TestHoldReleased(t *testing.T) {
	err := Run(func(h *Hub) error {
		e := NewEvent(h)
		a, b := h.Hold(), h.Hold()
		a()
		a()
		time.AfterFunc(20*time.Millisecond, func() { h.Post(e.Set) })
		must(t, e.Wait()) // b holds
		b()
		e.Clear()
		hung := time.AfterFunc(20*time.Second, func() { h.Post(e.Set) })
		defer hung.Stop()
		return e.Wait()
	})
	if !errors.Is(err, ErrDeadlock) {
		t.Errorf("%v instead of a deadlock", err)
	}
}

func TestCallbackMustNotBlock(t *testing.T) {
	var told []any
	must(t, Config{OnError: func(g *Greenlet, err error) {
		if g != nil {
			t.Errorf("told of %v", g)
		}
		told = append(told, err.(*PanicError).Value)
	}}.Run(func(h *Hub) error {
		h.Post(func() { h.Sleep(time.Second) })
		h.Post(func() { h.Yield() })
		return h.Sleep(time.Millisecond)
	}))
	if len(told) != 2 || told[0] != "hub: blocking call in a callback" {
		t.Fatalf("told %v", told)
	}
}

// Timers fire in time although greenlets are always ready and run long.
func TestTimersAmongHogs(t *testing.T) {
	run(t, func(h *Hub) {
		turns, stop := 0, false
		for range 50 {
			h.Spawn(func() error {
				for !stop {
					turns++
					for start := time.Now(); time.Since(start) < time.Millisecond; {
					}
					if err := h.Yield(); err != nil {
						return err
					}
				}
				return nil
			})
		}
		// A turn takes a millisecond or more, so a sleep of two must end after
		// three turns or so, not after 64.
		for range 5 {
			before := turns
			must(t, h.Sleep(2*time.Millisecond))
			if n := turns - before; n > 8 {
				t.Errorf("woken after %d turns", n)
			}
		}
		stop = true
	})
}

// A greenlet that yields to nobody, and greenlets that end and start others
// without a switch, must not keep timers from firing.
func TestTimersWithoutSwitches(t *testing.T) {
	run(t, func(h *Hub) {
		done := false
		h.SpawnLater(time.Millisecond, func() error { done = true; return nil })
		for end := time.Now().Add(30 * time.Second); !done; {
			if must(t, h.Yield()); time.Now().After(end) {
				t.Fatal("a lone yielder keeps the timer from firing")
			}
		}
		done = false
		h.SpawnLater(time.Millisecond, func() error { done = true; return nil })
		end := time.Now().Add(30 * time.Second)
		var again func() error
		again = func() error {
			if time.Now().After(end) {
				t.Error("a chain of greenlets keeps the timer from firing")
			} else if !done {
				h.Spawn(again)
			}
			return nil
		}
		h.Spawn(again)
		must(t, h.WaitQuiet())
		if !done {
			t.Error("not fired")
		}
	})
}

// Greenlets that always have events leave every other turn to those that only
// yield.
func TestEventsDoNotStarveYielders(t *testing.T) {
	run(t, func(h *Hub) {
		sleeps, yields := 0, 0
		var sleepers []*Greenlet
		for range 200 {
			sleepers = append(sleepers, h.Spawn(func() error {
				for {
					if err := h.Sleep(1); err != nil { // due at the next look
						return err
					}
					sleeps++
				}
			}))
		}
		g := h.Spawn(func() error {
			for yields < 100 {
				yields++
				if err := h.Yield(); err != nil {
					return err
				}
			}
			return nil
		})
		must(t, g.Get())
		must(t, h.KillAll(sleepers...))
		if sleeps == 0 || yields != 100 {
			t.Errorf("%d sleeps, %d yields", sleeps, yields)
		}
	})
}

func TestRunOnLockedThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run(t, func(h *Hub) {
		var gs []*Greenlet
		for range 10 {
			gs = append(gs, h.Spawn(func() error {
				if err := h.Yield(); err != nil {
					return err
				}
				_, err := Await(h, func(context.Context) (int, error) { return 0, nil })
				return err
			}))
		}
		must(t, h.GetAll(gs...))
	})
}
