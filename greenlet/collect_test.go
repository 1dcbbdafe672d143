package greenlet

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"
)

// eventually collects garbage until done, or fails the test.
func eventually(t *testing.T, main *Greenlet[int], what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		if main != nil {
			main.Collect()
		}
		runtime.GC()
	}
}

// waits returns a run function that waits for main and records what it gets.
func waits(main *Greenlet[int], got *[]error) func(*Greenlet[int], int) (int, error) {
	return func(*Greenlet[int], int) (int, error) {
		_, err := main.Switch(0)
		*got = append(*got, err)
		return 0, err
	}
}

//go:noinline
func startOne(main *Greenlet[int], got *[]error) *Greenlet[int] {
	g := New(main, waits(main, got))
	g.Switch(0)
	return g
}

// TestKilledAsGarbage: a suspended greenlet that nobody refers to gets ErrExit,
// one that somebody refers to does not.
func TestKilledAsGarbage(t *testing.T) {
	before := runtime.NumGoroutine()
	main := openFamily[int](t)
	var lost, held []error
	kept := startOne(main, &held)
	for range 10 {
		startOne(main, &lost)
	}
	eventually(t, main, "ten greenlets are killed", func() bool { return len(lost) == 10 })
	for _, err := range lost {
		if err != ErrExit {
			t.Errorf("killed with %v", err)
		}
	}
	if len(held) != 0 {
		t.Error("the greenlet that is referred to was killed")
	}
	must(t, kept, 0, 0)
	main.Close()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestEndedBeforeItIsGarbage: a greenlet that had ended by itself when the
// collector found it was not killed, and is not counted.
func TestEndedBeforeItIsGarbage(t *testing.T) {
	main := openFamily[int](t)
	var got []error
	g := startOne(main, &got)
	main.Collect() // from now on the collector reports it
	must(t, g, 0, 0)
	g = nil
	eventually(t, nil, "it is garbage", main.family.orphaned.Load)
	if n := main.Collect(); n != 0 {
		t.Errorf("%d killed, but it had ended", n)
	}
	if len(got) != 1 || got[0] != nil {
		t.Errorf("it got %v", got)
	}
}

// TestKilledByStarting: starting greenlets is enough, nobody need call Collect.
func TestKilledByStarting(t *testing.T) {
	main := openFamily[int](t)
	var got []error
	eventually(t, nil, "a greenlet is killed", func() bool {
		startOne(main, &got)
		return len(got) > 0
	})
}

// TestDroppedElsewhere: the last reference may be dropped by another goroutine;
// the greenlet still ends on its own family's.
func TestDroppedElsewhere(t *testing.T) {
	main := openFamily[int](t)
	var got []error
	var shared atomic.Pointer[Greenlet[int]]
	shared.Store(startOne(main, &got))
	dropped := make(chan bool)
	go func() {
		shared.Store(nil)
		runtime.GC()
		close(dropped)
	}()
	<-dropped
	if len(got) != 0 {
		t.Error("killed by another goroutine")
	}
	eventually(t, main, "the greenlet is killed", func() bool { return len(got) == 1 })
}

// TestKilledThrowsOther: what a killed greenlet dies of reaches nobody but
// Close.
func TestKilledThrowsOther(t *testing.T) {
	main := Main[int]()
	ended := false
	for _, how := range []string{"error", "panic", "exit"} {
		ended = false
		func() {
			New(main, func(*Greenlet[int], int) (int, error) {
				defer func() { ended = true }()
				main.Switch(0)
				switch how {
				case "panic":
					panic(errBoom)
				case "exit":
					runtime.Goexit()
				}
				return 0, errSome
			}).Switch(0)
		}()
		eventually(t, main, how, func() bool { return ended })
	}
	if err := main.Close(); !errors.Is(err, errSome) || !errors.Is(err, errBoom) {
		t.Error(err)
	}
}

// TestParentWhenKilled: while it is killed, a greenlet's parent is whoever
// kills it; if it survives, it has its own again, and can be killed again.
func TestParentWhenKilled(t *testing.T) {
	main := openFamily[int](t)
	hub := New(main, nothing)
	var parents []*Greenlet[int]
	ended := false
	func() {
		New(hub, func(*Greenlet[int], int) (int, error) {
			main.Switch(0)
			parents = append(parents, main.Current().Parent())
			main.Switch(0) // survives
			parents = append(parents, main.Current().Parent())
			ended = true
			return 0, nil
		}).Switch(0)
	}()
	eventually(t, main, "first kill", func() bool { return len(parents) == 1 })
	for c := main.family.started; ; c = c.after {
		if c.parent != hub {
			t.Errorf("the parent is %v, not restored", c.parent)
		}
		if c.after == main.family.started {
			break
		}
	}
	eventually(t, main, "second kill", func() bool { return ended })
	same(t, parents, main, main)
	must(t, hub, 0, 0)
}

// TestCollectedWeakly: the memory of unstarted, dead and killed greenlets is
// freed.
func TestCollectedWeakly(t *testing.T) {
	main := openFamily[int](t)
	for _, c := range []struct {
		what string
		make func() *Greenlet[int]
	}{
		{"pending", func() *Greenlet[int] { return New(main, nothing) }},
		{"pending, refers to itself", func() *Greenlet[int] {
			var g *Greenlet[int]
			g = New(main, func(*Greenlet[int], int) (int, error) { return g.Switch(0) })
			return g
		}},
		{"dead", func() *Greenlet[int] { g := New(main, nothing); g.Switch(0); return g }},
		{"dead, refers to itself", func() *Greenlet[int] {
			var g *Greenlet[int]
			g = New(main, func(*Greenlet[int], int) (int, error) { return g.Switch(0) })
			g.Switch(0)
			return g
		}},
		{"suspended", func() *Greenlet[int] { return startOne(main, new([]error)) }},
	} {
		p := weak.Make(c.make())
		eventually(t, main, c.what, func() bool { return p.Value() == nil })
	}
}

// TestCollectInside: collecting within a greenlet, among suspended ones.
func TestCollectInside(t *testing.T) {
	main := openFamily[int](t)
	var got []error
	g := New(main, func(self *Greenlet[int], _ int) (int, error) {
		func() { New(self, waits(self, &got)).Switch(0) }()
		eventually(t, self, "killed by another than main", func() bool { return len(got) == 1 })
		return 5, nil
	})
	must(t, g, 0, 5)
}

// TestStackOfKilled: what only a killed greenlet's stack referred to is freed.
func TestStackOfKilled(t *testing.T) {
	main := openFamily[int](t)
	type cycle struct{ other *cycle }
	var freed atomic.Int32
	func() {
		New(main, func(*Greenlet[int], int) (int, error) {
			a, b := new(cycle), new(cycle)
			a.other, b.other = b, a
			runtime.AddCleanup(a, func(int) { freed.Add(1) }, 0)
			_, err := main.Switch(0)
			runtime.KeepAlive(b)
			return 0, err
		}).Switch(0)
	}()
	runtime.GC()
	if freed.Load() != 0 {
		t.Error("freed while the greenlet was alive")
	}
	eventually(t, main, "the stack is freed", func() bool { return freed.Load() == 1 })
}

// TestValueNotKept: the package keeps no value, error or greenlet after handing
// it over.
func TestValueNotKept(t *testing.T) {
	main := openFamily[*int](t)
	g := New(main, func(*Greenlet[*int], *int) (*int, error) {
		for {
			if _, err := main.Switch(nil); err != nil {
				return nil, nil
			}
		}
	})
	for _, plain := range []bool{true, false} {
		if !plain {
			main.SetTrace(func(Event[*int]) {})
		}
		p := weak.Make(func() *int { v := new(int); g.Switch(v); return v }())
		for deadline := time.Now().Add(30 * time.Second); p.Value() != nil; runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatal("the value is kept")
			}
		}
	}
	main.SetTrace(nil)
}

// TestNoGrowth: families come and go without leaving anything.
func TestNoGrowth(t *testing.T) {
	before := runtime.NumGoroutine()
	round := func() {
		done := make(chan bool)
		go func() {
			defer close(done)
			main := Main[int]()
			defer main.Close()
			for range 100 {
				startOne(main, new([]error))
			}
		}()
		<-done
	}
	heap := func() uint64 {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for range 20 {
		round()
	}
	first := heap()
	for range 100 {
		round()
	}
	if last := heap(); last > first+first/2+1<<20 {
		t.Errorf("memory grew from %d to %d bytes", first, last)
	}
	settled(t, before)
}

// TestValueOfGarbage: a value arrives although its sender is garbage by then.
func TestValueOfGarbage(t *testing.T) {
	main := openFamily[int](t)
	ended := false
	start := func() int {
		worker := New(main, func(*Greenlet[int], int) (int, error) {
			defer func() { ended = true }()
			v, err := main.Switch(0)
			if err == nil {
				_, err = main.Switch(v)
			}
			return 0, err
		})
		worker.Switch(0)
		initiator := New(worker, func(*Greenlet[int], int) (int, error) { return 42, nil })
		v, err := initiator.Switch(0)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	if v := start(); v != 42 {
		t.Errorf("got %d, want 42", v)
	}
	eventually(t, main, "the worker is killed", func() bool { return ended })
}

// TestCloseWithGarbage: Close also ends greenlets that wait to be killed as
// garbage.
func TestCloseWithGarbage(t *testing.T) {
	before := runtime.NumGoroutine()
	main := Main[int]()
	var got []error
	startOne(main, &got)
	main.family.wean()
	eventually(t, nil, "the garbage is found", main.family.orphaned.Load)
	if err := main.Close(); err != nil || len(got) != 1 {
		t.Errorf("%d ended, %v", len(got), err)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestGarbageStress: families side by side drop greenlets in every state while
// the collector runs. Each greenlet ends exactly once.
func TestGarbageStress(t *testing.T) {
	rounds := 3000
	if raceEnabled || debug {
		rounds = 500
	}
	before := runtime.NumGoroutine()
	var started, ended atomic.Int64
	var wg sync.WaitGroup
	for family := range 4 {
		wg.Go(func() {
			main := Main[int]()
			rng := rand.New(rand.NewPCG(uint64(family), 3))
			held := make([]*Greenlet[int], 20)
			for round := range rounds {
				parent := main
				if p := held[rng.IntN(len(held))]; p != nil {
					parent = p
				}
				g := New(parent, func(*Greenlet[int], int) (int, error) {
					started.Add(1)
					defer ended.Add(1)
					for range rng.IntN(4) {
						if _, err := main.Switch(0); err != nil {
							return 0, err
						}
					}
					if rng.IntN(4) == 0 {
						main.Switch(0) // does not end when it is killed
					}
					return 0, nil
				})
				held[rng.IntN(len(held))] = g
				for range rng.IntN(3) {
					if g := held[rng.IntN(len(held))]; g != nil {
						g.Switch(0)
					}
				}
				if round%100 == 0 {
					runtime.GC()
				}
			}
			if err := main.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s, e := started.Load(), ended.Load(); s != e || s < int64(rounds) {
		t.Errorf("%d greenlets started, %d ended", s, e)
	}
	settled(t, before)
}

// TestKept: after Keep nobody need refer to a suspended greenlet: it is not
// killed, and ends by Close as the one that it is. Those made before still are.
func TestKept(t *testing.T) {
	before := runtime.NumGoroutine()
	main := openFamily[int](t)
	var lost, held []error
	for range 10 {
		startOne(main, &lost)
	}
	main.Keep()
	same := 0
	for range 2 * nursery {
		startOne(main, &held)
	}
	New(main, func(self *Greenlet[int], _ int) (int, error) {
		defer func() {
			if self.Current() == self {
				same++
			}
		}()
		return main.Switch(0)
	}).Switch(0)
	eventually(t, main, "those made before are killed", func() bool { return len(lost) == 10 })
	for range 3 {
		runtime.GC()
		if n := main.Collect(); n != 0 || len(held) != 0 {
			t.Fatalf("%d kept greenlets are killed, %v", n, held)
		}
	}
	if err := main.Close(); err != nil {
		t.Error(err)
	}
	if len(held) != 2*nursery || same != 1 {
		t.Errorf("Close ended %d of %d, and %d of 1 as itself", len(held), 2*nursery, same)
	}
	for _, err := range held {
		if err != ErrExit {
			t.Errorf("ended with %v", err)
		}
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestKeptEnds: one that is kept and ends is garbage as anything is.
func TestKeptEnds(t *testing.T) {
	main := openFamily[int](t)
	main.Keep()
	p := func() weak.Pointer[Greenlet[int]] {
		var got []error
		g := startOne(main, &got)
		must(t, g, 0, 0)
		return weak.Make(g)
	}()
	eventually(t, main, "its memory is free", func() bool { return p.Value() == nil })
}
