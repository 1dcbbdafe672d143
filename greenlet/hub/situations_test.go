package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Situations that users of comparable systems reported, and others of the same
// kinds.

// within runs f as the main greenlet of a hub and fails unless Run ends.
func within(t *testing.T, f func(h *Hub)) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { done <- err }()
		err = Run(func(h *Hub) error { f(h); return nil })
	}()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("Run hangs\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// A taker that is killed but has had no turn since (eventlet#495, asyncio#201).
func TestChannelPutPassesOverAKilledTaker(t *testing.T) {
	run(t, func(h *Hub) {
		c, got := NewChannel[int](h), 0
		first := h.Spawn(func() error { _, err := c.Get(); return err })
		second := h.Spawn(func() (err error) { got, err = c.Get(); return err })
		must(t, h.Yield())
		must(t, first.KillWith(ErrExit, 0))
		if c.Len() != -1 {
			t.Errorf("Len %d with one who waits", c.Len())
		}
		must(t, c.TryPut(1))
		must(t, second.Get())
		if got != 1 {
			t.Errorf("the second taker got %d", got)
		}
		// The other way round: a giver that is killed keeps its value.
		giver := h.Spawn(func() error { return c.Put(2) })
		must(t, h.Yield())
		must(t, giver.KillWith(ErrExit, 0))
		if v, err := c.TryGet(); err != ErrEmpty {
			t.Errorf("got %d, %v from a Put that returned %v", v, err, giver.Err())
		}
	})
}

func TestChannelTakerOutOfTimeInTheSameLook(t *testing.T) {
	run(t, func(h *Hub) {
		lost := 0
		for range 50 {
			c := NewChannel[int](h)
			var put error
			taker := h.Spawn(func() error { _, err := c.GetTimeout(time.Millisecond); return err })
			h.SpawnLater(time.Millisecond, func() error { put = c.TryPut(1); return nil })
			must(t, h.Yield())
			time.Sleep(2 * time.Millisecond) // both come due
			got := taker.Get()
			must(t, h.Sleep(time.Millisecond))
			if put == nil && got == ErrEmpty {
				lost++
			}
		}
		if lost > 0 {
			t.Error(lost, "of 50 values lost")
		}
	})
}

// The same kind: what a woken greenlet has is not to be seen as free.
func TestWhatIsHandedOverIsTaken(t *testing.T) {
	run(t, func(h *Hub) {
		l := NewRLock(h)
		must(t, l.Acquire())
		next := h.Spawn(func() error {
			if err := l.Acquire(); err != nil {
				return err
			}
			defer l.Release()
			return h.Yield()
		})
		must(t, h.Yield())
		l.Release()
		if !l.Locked() || l.Owned() || l.TryAcquire() {
			t.Error("the lock that was handed over looks free")
		}
		must(t, next.Get())
		if l.Locked() {
			t.Error("not given back")
		}

		q := NewQueue[int](h, 1)
		got := h.Spawn(func() error { _, err := q.Get(); return err })
		must(t, h.Yield())
		must(t, q.TryPut(1))
		if q.Len() != 0 || !q.Empty() || q.Full() {
			t.Error("the item that was handed over looks there")
		}
		must(t, q.TryPut(2)) // there is room
		must(t, got.Get())
		// A LIFO getter gets what it was woken for, not what came later.
		s, first := NewLifoQueue[int](h, 0), 0
		g := h.Spawn(func() (err error) { first, err = s.Get(); return err })
		must(t, h.Yield())
		must(t, s.Put(1))
		must(t, s.Put(2))
		must(t, g.Get())
		if first != 1 {
			t.Errorf("woken for 1, got %d", first)
		}
	})
}

// The place of two who add the same greenlet, and of one that is dead at once.
func TestPoolPlacesAreNotLost(t *testing.T) {
	run(t, func(h *Hub) {
		p := NewPool(h, 2)
		stop := NewEvent(h)
		a, err := p.Spawn(stop.Wait)
		must(t, err)
		b, err := p.Spawn(stop.Wait)
		must(t, err)
		c := h.Spawn(func() error { return h.Sleep(time.Hour) })
		adders := []*Greenlet{h.Spawn(func() error { return p.Add(c) }), h.Spawn(func() error { return p.Add(c) })}
		must(t, h.Yield())
		stop.Set()
		must(t, h.JoinAll(append(adders, a, b)...))
		if p.Free() != 1 || p.Len() != 1 {
			t.Errorf("%d free, %d in the pool, with one of two places taken", p.Free(), p.Len())
		}
		must(t, c.KillWith(ErrExit, 0))
		must(t, c.Join())
		if p.Free() != 2 {
			t.Errorf("%d free", p.Free())
		}
		// Whoever only asks for room takes none.
		asks := h.Spawn(p.WaitAvailable)
		for range 2 {
			if _, err := p.TrySpawn(func() error { return nil }); err != nil {
				t.Error(err)
			}
		}
		must(t, asks.Get())
	})
}

// A greenlet dies, or a call on a goroutine ends, by Goexit: t.FailNow does it
// (pond#135).
func TestGoexitElsewhereIsAnError(t *testing.T) {
	within(t, func(h *Hub) {
		exit := func() (int, error) { runtime.Goexit(); return 1, nil }
		if v, err := Await(h, func(context.Context) (int, error) { return exit() }); v != 0 || err != ErrGoexit {
			t.Errorf("Await: %d, %v", v, err)
		}
		p := NewThreadPool(h, 1)
		for range 3 { // the one place comes back
			if v, err := Apply(p, exit); v != 0 || err != ErrGoexit {
				t.Errorf("Apply: %d, %v", v, err)
			}
		}
		if _, err := MapAsync(p, []int{1, 2}, func(int) (int, error) { return exit() }).Get(); err != ErrGoexit {
			t.Errorf("MapAsync: %v", err)
		}
		if err := p.Spawn(func() error { return nil }).Get(); err != nil {
			t.Error(err)
		}
	})
	// A deferred function that panics meanwhile: that is the error.
	within(t, func(h *Hub) {
		_, err := Await(h, func(context.Context) (int, error) {
			defer func() { panic("late") }()
			runtime.Goexit()
			return 0, nil
		})
		var p *PanicError
		if !errors.As(err, &p) || p.Value != "late" || p.Greenlet != "awaited call" {
			t.Errorf("got %v", err)
		}
	})
}

func TestGoexitOfAShard(t *testing.T) {
	err := RunSharded(2, func(h *Hub, shard int) error {
		if shard == 1 {
			runtime.Goexit()
		}
		return h.Sleep(time.Minute)
	})
	if !errors.Is(err, ErrGoexit) || errors.Is(err, ErrExit) {
		t.Errorf("got %v", err)
	}
}

func TestPanicOfAShardReachesTheCaller(t *testing.T) {
	cleaned := false
	defer func() {
		p, ok := recover().(*PanicError)
		if !ok || p.Value != "shard" || p.Greenlet != "main of hub 1" || !cleaned {
			t.Errorf("%v, the other's cleanup %v", p, cleaned)
		}
	}()
	RunSharded(2, func(h *Hub, shard int) error {
		if shard == 1 {
			panic("shard")
		}
		defer func() { cleaned = true }()
		return h.Sleep(time.Minute)
	})
}

func TestShardsErrors(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	err := RunSharded(2, func(h *Hub, shard int) error {
		if shard == 0 {
			return one
		}
		h.Sleep(time.Minute) // killed
		return two
	})
	if !errors.Is(err, one) || !errors.Is(err, two) {
		t.Errorf("two shards that fail: %v", err)
	}
	err = RunSharded(2, func(h *Hub, shard int) error {
		if shard == 0 {
			return fmt.Errorf("its own: %w", ErrExit)
		}
		return h.Sleep(time.Minute)
	})
	if err == nil || err.Error() != "its own: "+ErrExit.Error() {
		t.Errorf("the first to fail, with ErrExit: %v", err)
	}
}

// A callback that exits takes no innocent greenlet down: only main ends.
func TestGoexitOfACallback(t *testing.T) {
	var got []string
	done := make(chan bool)
	go func() {
		defer close(done)
		Run(func(h *Hub) error {
			defer func() { got = append(got, "main unwound") }()
			ready := h.Spawn(func() error {
				err := h.Yield()
				got = append(got, fmt.Sprint("ready: ", err))
				return err
			})
			innocent := h.Spawn(func() error { // the loop runs on its stack
				h.Post(func() { runtime.Goexit() })
				h.Post(func() { got = append(got, "posted after") })
				err := h.Sleep(time.Hour)
				got = append(got, fmt.Sprint("innocent: ", err))
				return err
			})
			h.JoinAll(ready, innocent)
			got = append(got, "main went on")
			return nil
		})
		got = append(got, "Run returned")
	}()
	<-done
	slices.Sort(got)
	want := []string{"innocent: " + ErrExit.Error(), "main unwound", "posted after", "ready: " + ErrExit.Error()}
	if !slices.Equal(got, want) {
		if want[3] = "ready: <nil>"; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	}
}

// One that exits while the hub closes does not keep the hub from closing.
func TestGoexitWhileTheHubCloses(t *testing.T) {
	before := openFiles()
	var got []string
	done := make(chan bool)
	go func() {
		defer close(done)
		Run(func(h *Hub) error {
			l, err := h.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			_ = l
			for range 3 {
				h.Spawn(func() error {
					defer runtime.Goexit()
					return h.Sleep(time.Hour)
				})
			}
			h.Spawn(func() error {
				got = append(got, fmt.Sprint(h.Sleep(time.Hour)))
				return nil
			})
			return h.Yield()
		})
		got = append(got, "Run returned") // and not: its caller exits too
	}()
	<-done
	if !slices.Equal(got, []string{ErrExit.Error()}) {
		t.Errorf("got %q", got)
	}
	if after := openFiles(); before != 0 && after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func openFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// A greenlet that recovers from everything ends with the hub (gevent#1553),
// also one that blocks in its deferred functions, or panics there.
func TestGreenletThatRecoversEndsWithTheHub(t *testing.T) {
	deferred, blocked := 0, 0
	within(t, func(h *Hub) {
		forever := func() error {
			defer func() { deferred++ }()
			defer func() {
				for {
					blocked++
					h.Sleep(time.Second)
				}
			}()
			for {
				func() {
					defer func() { recover() }()
					h.Sleep(time.Second)
				}()
			}
		}
		a, b := h.Spawn(forever), h.Spawn(forever)
		c := h.Spawn(func() error {
			defer func() { panic("in a deferred function") }()
			for {
				h.Yield()
			}
		})
		h.config.OnError = func(g *Greenlet, err error) {
			p, _ := err.(*PanicError)
			if g != c || p == nil || p.Value != "in a deferred function" {
				t.Errorf("told of %v, %v", g, err)
			}
			deferred++
		}
		h.Context()
		must(t, h.Yield())
		t.Cleanup(func() {
			if !a.Dead() || !b.Dead() || !c.Dead() || !errors.Is(a.Err(), ErrExit) {
				t.Errorf("%v, %v, %v; %v", a, b, c, a.Err())
			}
		})
	})
	if deferred != 3 || blocked == 0 {
		t.Errorf("%d deferred functions ran, %d calls in one that blocks", deferred, blocked)
	}
}

// An awaited call asks its hub while the hub ends (home-assistant#45795).
func TestPostWhileTheHubEnds(t *testing.T) {
	answered, called := 0, 0
	ask := func(h *Hub) {
		time.Sleep(20 * time.Millisecond)
		answer := make(chan int, 1)
		if h.Post(func() { answer <- h.Len() }) == nil {
			<-answer
		}
		answered++
	}
	within(t, func(h *Hub) {
		h.Spawn(func() error {
			return awaitCall(h, func() { ask(h) })
		})
		p := NewThreadPool(h, 1)
		p.Spawn(func() error { called++; return nil })
		must(t, h.Yield()) // both have begun
	})
	if answered != 1 || called != 1 {
		t.Errorf("%d answers, %d calls", answered, called)
	}
	// From main's own deferred function, and a chain of posts has an end.
	posts := 0
	within(t, func(h *Hub) {
		var again func()
		again = func() { posts++; h.Post(again) }
		must(t, h.Post(again))
		h.Spawn(func() error { return awaitCall(h, func() { ask(h) }) })
		must(t, h.Yield())
	})
	if posts == 0 {
		t.Error("never called")
	}
}

// awaitCall is Await for a function without a result.
func awaitCall(h *Hub, f func()) error {
	_, err := Await(h, func(context.Context) (int, error) { f(); return 0, nil })
	return err
}

// The longest Duration is for ever, and the year 2400 is not today (uvloop#259,
// curio#377), also in a hub that has run for a while.
func TestDurationsNearTheLargest(t *testing.T) {
	for _, age := range []time.Duration{0, time.Hour, 200 * 365 * 24 * time.Hour} {
		run(t, func(h *Hub) {
			h.epoch = h.epoch.Add(-age)
			for _, ever := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 - time.Hour} {
				e := NewEvent(h)
				g := h.Spawn(e.Wait)
				sem, l, p := NewSemaphore(h, 0), NewRLock(h), NewPool(h, 1)
				must(t, h.GetAll(h.Spawn(l.Acquire)))
				_, err := p.Spawn(e.Wait)
				must(t, err)
				j := NewJoinableQueue[int](h, 1)
				must(t, j.Put(1))
				survivor := stubborn(h, e) // made here: its Yield would take the limit
				for what, f := range map[string]func() error{
					"Sleep":          func() error { return h.Sleep(ever) },
					"Event":          func() error { return e.WaitTimeout(ever) },
					"AsyncResult":    func() error { _, err := NewAsyncResult[int](h).GetTimeout(ever); return err },
					"JoinTimeout":    func() error { return g.JoinTimeout(ever) },
					"JoinAllTimeout": func() error { return h.JoinAllTimeout(ever, g) },
					"KillAllWith": func() error {
						return h.KillAllWith(errBoom, ever, h.SpawnLater(ever, nothing), h.Spawn(e.Wait), survivor)
					},
					"WaitTimeout":      func() error { _, err := WaitTimeout(h, ever, 1, e); return err },
					"StartTimeout":     func() error { defer h.StartTimeout(ever).Cancel(); return h.Sleep(time.Minute) },
					"WithTimeout":      func() error { return h.WithTimeout(ever, e.Wait) },
					"SpawnLater":       func() error { return h.SpawnLater(ever, nothing).Join() },
					"Semaphore":        func() error { return sem.AcquireTimeout(ever) },
					"RLock":            func() error { return l.AcquireTimeout(ever) },
					"Pool":             func() error { _, err := p.SpawnTimeout(ever, nothing); return err },
					"Group":            func() error { return p.JoinTimeout(ever) },
					"Queue.Put":        func() error { return j.PutTimeout(2, ever) },
					"Queue.Get":        func() error { _, err := NewQueue[int](h, 0).GetTimeout(ever); return err },
					"Queue.Peek":       func() error { _, err := NewQueue[int](h, 0).PeekTimeout(ever); return err },
					"JoinableQueue":    func() error { return j.JoinTimeout(ever) },
					"Channel.Put":      func() error { return NewChannel[int](h).PutTimeout(1, ever) },
					"Channel.Get":      func() error { _, err := NewChannel[int](h).GetTimeout(ever); return err },
					"a distant Accept": func() error { return acceptUntil(h, time.Now().Add(math.MaxInt64)) },
					"in the year 2400": func() error { return acceptUntil(h, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)) },
				} {
					limit := h.StartTimeout(2 * time.Millisecond)
					if err := f(); !errors.Is(err, limit) {
						t.Errorf("%s of %v in a hub %v old: %v", what, ever, age, err)
					}
					limit.Cancel()
				}
				e.Set()
			}
		})
	}
}

func nothing() error { return nil }

// stubborn returns a greenlet that survives a kill, until e is set.
func stubborn(h *Hub, e *Event) *Greenlet {
	g := h.Spawn(func() error { e.Wait(); return e.Wait() })
	h.Yield()
	return g
}

func acceptUntil(h *Hub, end time.Time) error {
	l, err := h.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	l.SetDeadline(end)
	_, err = l.Accept()
	return err
}

// A limit in a hub that has run for a while takes its time, no more and no
// less.
func TestLimitsInAnOldHub(t *testing.T) {
	run(t, func(h *Hub) {
		h.epoch = h.epoch.Add(-time.Hour)
		e := NewEvent(h)
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		for what, f := range map[string]func() error{
			"Event": func() error { return e.WaitTimeout(20 * time.Millisecond) },
			"JoinAllTimeout": func() error {
				return h.JoinAllTimeout(20*time.Millisecond, h.Spawn(e.Wait), h.Spawn(e.Wait))
			},
			"WaitTimeout": func() error { _, err := WaitTimeout(h, 20*time.Millisecond, 0, e); return err },
			"WithTimeout": func() error { return h.WithTimeout(20*time.Millisecond, e.Wait) },
			"Accept": func() error {
				l.SetDeadline(time.Now().Add(20 * time.Millisecond))
				_, err := l.Accept()
				return err
			},
		} {
			begun := time.Now()
			err := f()
			var timeout interface{ Timeout() bool }
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%s: %v", what, err)
			}
			if d := time.Since(begun); d < 20*time.Millisecond || d > 30*time.Second {
				t.Errorf("%s took %v", what, d)
			}
		}
	})
}

func TestInstants(t *testing.T) {
	at := func(ns int64) instant { return instant{ns} }
	for _, c := range []struct {
		from instant
		d    time.Duration
		want instant
	}{
		{at(5), 3, at(8)}, {at(5), 0, at(5)}, {at(5), -3, at(5)}, {at(0), math.MaxInt64, never},
		{at(1), math.MaxInt64 - 1, never}, {at(1), math.MaxInt64 - 2, at(math.MaxInt64 - 1)},
		{at(1), math.MaxInt64, never}, {never, 1, never}, {never, 0, never}, {at(7), math.MinInt64, at(7)},
	} {
		if got := c.from.after(c.d); got != c.want {
			t.Errorf("%v after %v: %v, want %v", c.d, c.from, got, c.want)
		}
	}
	for _, c := range []struct {
		from, to instant
		want     time.Duration
	}{
		{at(5), at(8), 3}, {at(5), at(5), 0}, {at(8), at(5), 0}, {at(9), never, math.MaxInt64}, {never, never, math.MaxInt64},
	} {
		if got := c.from.until(c.to); got != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	h := &Hub{epoch: time.Now()}
	if h.at(time.Time{}) != at(1) || h.at(h.epoch) != at(1) || h.at(h.epoch.Add(7)) != at(7) || h.at(time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)) != never {
		t.Error("the instant of a time")
	}
	if h.end(-1) != never || h.left(never) >= 0 || h.left(at(0)) != 0 || h.over(instant{}) || !h.over(at(1)) || h.over(never) {
		t.Error("ends")
	}
}

// A limit of zero skips the waiting and nothing else.
func TestPollingWithALimitOfZero(t *testing.T) {
	run(t, func(h *Hub) {
		g := h.Spawn(nothing)
		must(t, g.Join())
		if ready, err := WaitTimeout(h, 0, 0, g); len(ready) != 1 || err != nil {
			t.Errorf("a dead greenlet is not ready: %v, %v", ready, err)
		}
		one, none := NewSemaphore(h, 1), NewSemaphore(h, 0)
		if ready, err := WaitTimeout(h, 0, 0, none, one); err != ErrTimeout || !slices.Equal(ready, []*Semaphore{one}) {
			t.Errorf("one of two ready: %v, %v", ready, err)
		}
		must(t, h.JoinAllTimeout(0, h.Spawn(nothing))) // it has its turn

		q, c, e := NewQueue[int](h, 1), NewChannel[int](h), NewEvent(h)
		l, r := NewRLock(h), NewAsyncResult[int](h)
		must(t, h.GetAll(h.Spawn(l.Acquire)))
		for what, poll := range map[string]struct {
			f    func() error
			want error
		}{
			"Queue.Get":   {func() error { _, err := q.GetTimeout(0); return err }, ErrEmpty},
			"Queue.Peek":  {func() error { _, err := q.PeekTimeout(0); return err }, ErrEmpty},
			"Channel.Get": {func() error { _, err := c.GetTimeout(0); return err }, ErrEmpty},
			"Channel.Put": {func() error { return c.PutTimeout(1, 0) }, ErrFull},
			"Event":       {func() error { return e.WaitTimeout(0) }, ErrTimeout},
			"Semaphore":   {func() error { return none.AcquireTimeout(0) }, ErrTimeout},
			"RLock":       {func() error { return l.AcquireTimeout(0) }, ErrTimeout},
			"AsyncResult": {func() error { _, err := r.GetTimeout(0); return err }, ErrTimeout},
		} {
			turns := 0
			other := h.Spawn(func() error { turns++; return nil })
			if err := poll.f(); err != poll.want || turns != 1 {
				t.Errorf("%s: %v, the other had %d turns", what, err, turns)
			}
			must(t, other.Join())
		}
		// The other's turn may bring what is polled for.
		h.Spawn(func() error { e.Set(); r.Set(3); none.Release(); return q.Put(7) })
		if v, err := q.GetTimeout(0); v != 7 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
		h.Spawn(func() error { return c.TryPut(8) })
		if v, err := c.GetTimeout(0); v != 8 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
		// What happens outside is seen, also while others keep the hub busy.
		busy := h.Spawn(func() error {
			for {
				if err := h.Yield(); err != nil {
					return err
				}
			}
		})
		p := h.Command("true")
		must(t, p.Start())
		for end := time.Now().Add(time.Minute); p.WaitTimeout(0) == ErrTimeout; {
			if time.Now().After(end) {
				t.Fatal("`true` never ends")
			}
		}
		must(t, busy.Kill())
		// In a callback nobody else can have a turn.
		told := make(chan error, 1)
		must(t, h.Post(func() { _, err := q.GetTimeout(0); told <- err }))
		must(t, h.Sleep(time.Millisecond))
		if err := <-told; err != ErrEmpty {
			t.Errorf("in a callback: %v", err)
		}
	})
}

// The reason for waking is settled when it is woken: a Timeout that another
// cancels then, and an error that looks like the wait's own limit.
func TestReasonForWakingIsNotGuessed(t *testing.T) {
	run(t, func(h *Hub) {
		e := NewEvent(h)
		var limit *Timeout
		g := h.Spawn(func() error {
			limit = h.StartTimeout(time.Hour)
			return e.Wait() // without a limit of its own
		})
		must(t, h.Yield())
		limit.timer.fn()
		limit.Cancel()
		if err := g.Get(); err != limit {
			t.Errorf("a wait without limit returned %v", err)
		}
		s := h.Spawn(func() error { return h.Sleep(time.Hour) })
		must(t, h.Yield())
		must(t, s.KillWith(ErrTimeout, -1))
		if s.Err() != ErrTimeout {
			t.Errorf("a Sleep that was ended early returned %v", s.Err())
		}
		q := NewQueue[int](h, 1)
		s = h.Spawn(func() error { _, err := q.Get(); return err })
		must(t, h.Yield())
		must(t, s.KillWith(ErrTimeout, -1))
		if s.Err() != ErrTimeout {
			t.Errorf("a Get that was killed returned %v", s.Err())
		}
	})
}

// The user's order of a PriorityQueue, in the midst of a Put.
func TestPriorityQueueOrderThatFails(t *testing.T) {
	run(t, func(h *Hub) {
		var less func(a, b int) bool
		q := NewPriorityQueue(h, 0, func(a, b int) bool { return less(a, b) })
		good := func(a, b int) bool { return a < b }
		less = good
		for _, v := range []int{3, 1, 2} {
			must(t, q.Put(v))
		}
		for _, bad := range []struct {
			less func(a, b int) bool
			want string
		}{
			{func(a, b int) bool { panic("no order") }, "no order"},
			{func(a, b int) bool { h.Yield(); return a < b }, "hub: Yield in a callback"},
			{func(a, b int) bool { q.TryPut(9); return a < b }, "hub: a PriorityQueue used by its own order"},
		} {
			less = bad.less
			for _, f := range []func(){func() { q.Put(0) }, func() { q.Get() }} {
				func() {
					defer func() {
						if v := recover(); v != bad.want {
							t.Errorf("panic %v, want %s", v, bad.want)
						}
					}()
					f()
				}()
			}
			if h.Current() != h.Main() || q.Len() != 3 {
				t.Fatalf("%v runs, %d items", h.Current(), q.Len())
			}
		}
		less = good
		for want := range 3 {
			if v, err := q.Get(); v != want+1 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		}
	})
}

// A greenlet that has exited says so, and prints nothing.
func TestGoexitIsNoPanic(t *testing.T) {
	var g *Greenlet
	told := 0
	done := make(chan bool)
	go func() {
		defer close(done)
		Config{OnError: func(*Greenlet, error) { told++ }}.Run(func(h *Hub) error {
			g = h.Spawn(func() error { runtime.Goexit(); return nil })
			return g.Join()
		})
	}()
	<-done
	if g.Err() != ErrGoexit || told != 0 || g.Successful() {
		t.Errorf("%v, told %d times", g.Err(), told)
	}
}

func TestDeadlockOfManyIsCounted(t *testing.T) {
	err := Run(func(h *Hub) error {
		s := NewSemaphore(h, 0)
		for range 20 {
			h.Spawn(s.Acquire)
		}
		return s.Acquire()
	})
	var d *DeadlockError
	if !errors.As(err, &d) || d.Total != 21 || len(d.Blocked) != 16 {
		t.Fatalf("got %v", err)
	}
	if text := err.Error(); !strings.HasSuffix(text, " and 5 more)") || !strings.HasPrefix(text, "hub: this operation would block forever (waiting: main (waiting), greenlet-1 (waiting), ") {
		t.Errorf("text %q", text)
	}
	d.Total = 16
	if strings.Contains(d.Error(), "more") {
		t.Errorf("text %q", d.Error())
	}
}

func TestWaitForASemaphoreWithOnePermit(t *testing.T) {
	run(t, func(h *Hub) {
		for n := range 3 {
			s := NewSemaphore(h, n)
			ready, err := WaitTimeout(h, 0, 1, s)
			if got := len(ready) == 1; got != (n > 0) || got != (err == nil) {
				t.Errorf("%d permits: ready %v, %v", n, got, err)
			}
		}
	})
}

// OnError and OnBlock are the user's too.
func TestHandlersThatFail(t *testing.T) {
	old := os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	os.Stderr = w
	err = Config{OnError: func(*Greenlet, error) { panic("worse") }}.Run(func(h *Hub) error {
		g := h.Spawn(func() error { panic("bad") })
		if err := g.Get(); err == nil {
			t.Error("no error")
		}
		return h.Sleep(time.Millisecond)
	})
	os.Stderr = old
	w.Close()
	text, _ := io.ReadAll(r)
	r.Close()
	must(t, err)
	if !strings.Contains(string(text), "bad") || !strings.Contains(string(text), "worse") {
		t.Errorf("printed %q", text)
	}

	told, panics := 0, 0
	var blocks atomic.Int32
	must(t, Config{
		OnError: func(*Greenlet, error) { panics++ },
		Watchdog: WatchdogConfig{Threshold: 5 * time.Millisecond, OnBlock: func(b Blocked) {
			if !b.Over {
				blocks.Add(1)
			}
			if told++; told == 1 {
				panic("watchdog")
			}
			runtime.Goexit()
		}},
	}.Run(func(h *Hub) error {
		for i := range int32(2) {
			for end := time.Now().Add(30 * time.Second); blocks.Load() <= i && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if err := h.Sleep(20 * time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}))
	if told < 3 || panics != 1 {
		t.Errorf("told %d times, %d panics", told, panics)
	}
}
