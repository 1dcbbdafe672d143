package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func isWaitHere(f runtime.Frame) bool { return strings.HasSuffix(f.Function, ".waitHere") }

func TestPoolLimits(t *testing.T) {
	run(t, func(h *Hub) {
		p := NewPool(h, 3)
		most, now := 0, 0
		work := func() error {
			now++
			most = max(most, now)
			defer func() { now-- }()
			return h.Sleep(time.Millisecond)
		}
		for range 10 {
			_, err := p.Spawn(work)
			must(t, err)
			if p.Len() > 3 {
				t.Errorf("%d in a pool of 3", p.Len())
			}
		}
		must(t, p.Join())
		for range 3 {
			_, err := p.TrySpawn(work)
			must(t, err)
		}
		if !p.Full() || p.Free() != 0 {
			t.Error("not full")
		}
		if _, err := p.TrySpawn(work); err != ErrFull {
			t.Errorf("TrySpawn: %v", err)
		}
		must(t, p.WaitAvailable())
		must(t, p.Join())
		if most != 3 || p.Free() != 3 {
			t.Errorf("at most %d, %d free", most, p.Free())
		}
		g := h.Spawn(func() error { return h.Sleep(time.Hour) })
		must(t, p.Add(g))
		if p.Free() != 2 || !p.Has(g) {
			t.Error("Add")
		}
		must(t, p.Kill())
		if p.Free() != 3 || !g.Dead() {
			t.Error("Kill")
		}
	})
}

func TestGroup(t *testing.T) {
	run(t, func(h *Hub) {
		p := NewGroup(h, h.Spawn(func() error { return h.Sleep(time.Hour) }))
		kept := p.Spawn(func() error { return h.Sleep(time.Millisecond) })
		p.Discard(kept)
		if p.Len() != 1 || p.Has(kept) {
			t.Error("Discard")
		}
		if err := p.JoinTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		must(t, p.Kill())
		must(t, p.Join())
		must(t, kept.Get())
	})
}

func TestMapApplyImap(t *testing.T) {
	run(t, func(h *Hub) {
		items := []int{5, 1, 4, 2, 3}
		square := func(v int) (int, error) {
			for range 10 * v { // turns, not time: the order is certain
				if err := h.Yield(); err != nil {
					return 0, err
				}
			}
			return v * v, nil
		}
		inOrder, byTime := []int{25, 1, 16, 4, 9}, []int{1, 4, 9, 16, 25}
		for name, s := range map[string]Spawner{"group": NewGroup(h), "pool": NewPool(h, 5)} {
			got, err := Map(s, items, square)
			if err != nil || !slices.Equal(got, inOrder) {
				t.Errorf("%s: Map: %v, %v", name, got, err)
			}
			for _, ahead := range []int{0, 1, 5} {
				if got, err := collect(Imap(s, slices.Values(items), ahead, square)); err != nil || !slices.Equal(got, inOrder) {
					t.Errorf("%s: Imap: %v, %v", name, got, err)
				}
			}
			if got, err := collect(ImapUnordered(s, slices.Values(items), 0, square)); err != nil || !slices.Equal(got, byTime) {
				t.Errorf("%s: ImapUnordered: %v, %v", name, got, err)
			}
			got, err = collect(ImapUnordered(s, slices.Values(items), 1, square))
			if slices.Sort(got); err != nil || !slices.Equal(got, byTime) {
				t.Errorf("%s: ImapUnordered, 1 ahead: %v, %v", name, got, err)
			}
			if v, err := Apply(s, func() (string, error) { return "x", nil }); v != "x" || err != nil {
				t.Errorf("%s: Apply: %v, %v", name, v, err)
			}
			_, err = Map(s, items, func(v int) (int, error) {
				if v == 4 {
					return 0, errBoom
				}
				return v, nil
			})
			if err != errBoom {
				t.Errorf("%s: Map: %v", name, err)
			}
		}
	})
}

func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Leaving the loop kills the calls that are not done and stops the feed.
func TestImapLeftEarly(t *testing.T) {
	run(t, func(h *Hub) {
		for name, imap := range map[string]func(Spawner, iter.Seq[int], int, func(int) (int, error)) iter.Seq2[int, error]{
			"ordered": Imap[int, int], "unordered": ImapUnordered[int, int],
		} {
			drawn := 0
			endless := func(yield func(int) bool) {
				for yield(drawn) {
					drawn++
				}
			}
			for v, err := range imap(NewGroup(h), endless, 4, func(v int) (int, error) {
				if v > 2 {
					return v, h.Sleep(time.Hour)
				}
				return v, h.Yield()
			}) {
				must(t, err)
				if v == 2 {
					break
				}
			}
			must(t, h.Sleep(time.Millisecond))
			if h.Len() != 0 || drawn > 20 {
				t.Errorf("%s: %d left, %d drawn", name, h.Len(), drawn)
			}
		}
	})
}

func TestAwait(t *testing.T) {
	run(t, func(h *Hub) {
		// The hub goes on while others work for it.
		var inside, most atomic.Int32
		var gs []*Greenlet
		all := make(chan struct{})
		for i := range 4 {
			gs = append(gs, h.Spawn(func() error {
				v, err := Await(h, func(context.Context) (int, error) {
					if most.Store(inside.Add(1)); most.Load() == 4 {
						close(all)
					}
					<-all // only if all four run at once does anyone go on
					return i, nil
				})
				if v != i {
					t.Errorf("%d instead of %d", v, i)
				}
				return err
			}))
		}
		must(t, h.GetAll(gs...))

		_, err := Await(h, func(context.Context) (int, error) { panic("elsewhere") })
		var p *PanicError
		if !errors.As(err, &p) || p.Value != "elsewhere" {
			t.Errorf("%v", err)
		}

		var ended atomic.Bool
		g := h.Spawn(func() error {
			_, err := Await(h, func(ctx context.Context) (int, error) {
				<-ctx.Done() // told when nobody waits any more
				ended.Store(true)
				return 0, nil
			})
			return err
		})
		must(t, h.Yield())
		must(t, g.Kill())
		if !errors.Is(g.Err(), ErrExit) {
			t.Errorf("%v", g.Err())
		}
		for !ended.Load() {
			must(t, h.Sleep(time.Millisecond))
		}
	})
}

func TestThreadPool(t *testing.T) {
	run(t, func(h *Hub) {
		p := NewThreadPool(h, 2)
		var now, most atomic.Int32
		got, err := Map(p, []int{1, 2, 3, 4, 5, 6}, func(v int) (int, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			return v * 10, nil
		})
		if err != nil || !slices.Equal(got, []int{10, 20, 30, 40, 50, 60}) {
			t.Errorf("%v, %v", got, err)
		}
		if m := most.Load(); m > 2 {
			t.Errorf("%d at once", m)
		}
		if err := p.Spawn(func() error { return errBoom }).Get(); err != errBoom {
			t.Errorf("%v", err)
		}
		if err := p.Spawn(func() error { panic("x") }).Get(); err == nil {
			t.Error("no error from a panic")
		}
		must(t, p.Join())
	})
}

func TestWithContext(t *testing.T) {
	run(t, func(h *Hub) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Millisecond, cancel)
		err := h.WithContext(ctx, NewSemaphore(h, 0).Acquire) // no deadlock: ctx will end
		if err != context.Canceled {
			t.Errorf("%v", err)
		}
		if err := h.WithContext(ctx, func() error { return nil }); err != context.Canceled {
			t.Errorf("%v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		must(t, h.WithContext(ctx, h.Yield))
		cancel()
		must(t, h.Sleep(time.Millisecond)) // its end does not come late
	})
}

func TestSignal(t *testing.T) {
	run(t, func(h *Hub) {
		got := NewQueue[os.Signal](h, 0)
		s := h.Signal(func(sig os.Signal) { got.Put(sig) }, syscall.SIGINT)
		self, err := os.FindProcess(os.Getpid())
		must(t, err)
		defer self.Release()
		for range 3 {
			if err := self.Signal(syscall.SIGINT); err != nil {
				t.Skip(err)
			}
			if sig, err := got.Get(); sig != syscall.SIGINT || err != nil {
				t.Fatalf("%v, %v", sig, err)
			}
		}
		s.Cancel()
		s.Cancel()
		if _, err := got.Get(); !errors.Is(err, ErrDeadlock) {
			t.Errorf("after Cancel: %v", err)
		}
		h.deadly = nil
		h.Signal(func(os.Signal) {}, syscall.SIGINT) // left to the hub
	})
}

func TestSharded(t *testing.T) {
	var sum atomic.Int64
	must(t, RunSharded(4, func(h *Hub, i int) error {
		sum.Add(int64(i))
		return h.Sleep(time.Millisecond)
	}))
	if sum.Load() != 6 {
		t.Fatalf("sum %d", sum.Load())
	}
	var killed atomic.Int32
	err := RunSharded(3, func(h *Hub, i int) error {
		if i == 1 {
			return fmt.Errorf("shard %d: %w", i, errBoom)
		}
		err := h.Sleep(time.Hour)
		if errors.Is(err, ErrExit) {
			killed.Add(1)
		}
		return err
	})
	if !errors.Is(err, errBoom) || errors.Is(err, ErrExit) || killed.Load() != 2 {
		t.Fatalf("%v, %d killed", err, killed.Load())
	}
}

// The watchdog knows who runs from the first instruction of every turn, also of
// those that need no look outside.
func TestWatchdogKnowsEveryTurn(t *testing.T) {
	must(t, Config{Watchdog: WatchdogConfig{Threshold: time.Hour}}.Run(func(h *Hub) error {
		yields := func() error {
			for range 200 {
				if err := h.Yield(); err != nil {
					return err
				}
				if id := h.watch.id.Load(); id != h.cur.id {
					return fmt.Errorf("it takes greenlet %d for %d", h.cur.id, id)
				}
			}
			return nil
		}
		return h.GetAll(h.Spawn(yields), h.Spawn(yields))
	}))
}

func TestWatchdog(t *testing.T) {
	reports := make(chan Blocked, 100)
	must(t, Config{Watchdog: WatchdogConfig{
		Threshold: 20 * time.Millisecond,
		OnBlock:   func(b Blocked) { reports <- b },
	}}.Run(func(h *Hub) error {
		quiet := h.Spawn(func() error { return h.Sleep(50 * time.Millisecond) })
		if err := quiet.Get(); err != nil {
			return err
		}
		return h.Spawn(func() error { hog(reports); return nil }).SetName("hog").Get()
	}))
	close(reports)
	var first, last Blocked
	for b := range reports {
		if b.Name != "hog" {
			continue // a loaded machine may stop anybody
		}
		if first.Name == "" {
			first = b
		}
		last = b
	}
	if first.Over || first.For < 20*time.Millisecond || !strings.Contains(string(first.Stack), "hub.hog") {
		t.Errorf("first report: %+v\n%s", first, first.Stack)
	}
	if !last.Over || last.For < first.For {
		t.Errorf("last report: %v", last)
	}
}

// hog computes until the watchdog has seen it.
//
//go:noinline
func hog(reports chan Blocked) {
	for start := time.Now(); len(reports) == 0 && time.Since(start) < 30*time.Second; {
		runtime.Gosched()
	}
}

func TestMapAsyncAndThreadPoolKill(t *testing.T) {
	run(t, func(h *Hub) {
		double := func(v int) (int, error) { return 2 * v, h.Yield() }
		m := MapAsync(NewPool(h, 2), []int{1, 2, 3}, double)
		if m.Ready() {
			t.Error("ready at once")
		}
		if got, err := m.Get(); err != nil || !slices.Equal(got, []int{2, 4, 6}) {
			t.Errorf("%v, %v", got, err)
		}

		p := NewThreadPool(h, 1)
		release := make(chan struct{})
		running := make(chan struct{})
		a := p.Spawn(func() error { close(running); <-release; return nil })
		b := p.Spawn(func() error { return nil }) // waits for a's goroutine
		must(t, h.Yield())
		<-running
		if p.Len() != 2 || p.Size() != 1 {
			t.Errorf("%d of %d", p.Len(), p.Size())
		}
		must(t, p.Kill()) // nobody waits for a's goroutine any more
		if !errors.Is(a.Err(), ErrExit) || !errors.Is(b.Err(), ErrExit) || p.Len() != 0 {
			t.Errorf("%v, %v", a.Err(), b.Err())
		}
		close(release)
		// The permit comes back with the goroutine.
		must(t, p.Spawn(func() error { return nil }).Get())
	})
}

// The hub's context ends when its main function has returned.
func TestHubContext(t *testing.T) {
	var ctx context.Context
	run(t, func(h *Hub) {
		if ctx = h.Context(); ctx.Err() != nil {
			t.Error("ended at once")
		}
	})
	if ctx.Err() != context.Canceled {
		t.Errorf("%v", ctx.Err())
	}
}

// Items that end with a panic are not a shorter sequence: the results of those
// that came are followed by the error.
func TestImapItemsPanic(t *testing.T) {
	err := Config{OnError: func(*Greenlet, error) {}}.Run(func(h *Hub) error {
		for name, imap := range map[string]func(Spawner, iter.Seq[int], int, func(int) (int, error)) iter.Seq2[int, error]{
			"ordered": Imap[int, int], "unordered": ImapUnordered[int, int],
		} {
			for n := range 3 {
				items := func(yield func(int) bool) {
					for v := range n {
						if !yield(v) {
							return
						}
					}
					panic("no more items")
				}
				got, err := collect(imap(NewGroup(h), items, 1, func(v int) (int, error) { return v, nil }))
				var p *PanicError
				if len(got) != n || !errors.As(err, &p) || p.Value != "no more items" {
					t.Errorf("%s, %d items: %v, %v", name, n, got, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
