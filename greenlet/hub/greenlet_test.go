package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var errBoom = errors.New("boom")

func TestKill(t *testing.T) {
	run(t, func(h *Hub) {
		var seen error
		g := h.Spawn(func() error { seen = h.Sleep(time.Hour); return seen })
		must(t, h.Yield())
		must(t, g.Kill())
		if !g.Dead() || !errors.Is(seen, ErrExit) || !errors.Is(g.Err(), ErrExit) || !g.Successful() {
			t.Errorf("%v: saw %v", g, seen)
		}
		must(t, g.Kill()) // a dead one: nothing happens

		ran := false
		g = h.Spawn(func() error { ran = true; return nil })
		must(t, g.Kill())
		must(t, h.Yield())
		if ran || !g.Dead() || g.Started() || !errors.Is(g.Err(), ErrExit) {
			t.Errorf("killed before it started: ran %v, %v", ran, g)
		}

		g = h.SpawnLater(time.Millisecond, func() error { ran = true; return nil })
		must(t, g.KillWith(errBoom, -1))
		must(t, h.Sleep(3*time.Millisecond))
		if ran || g.Err() != errBoom {
			t.Errorf("killed before its time: ran %v, %v", ran, g.Err())
		}

		g = h.Spawn(func() error { return h.Current().Kill() })
		if err := g.Get(); !errors.Is(err, ErrExit) {
			t.Errorf("killed itself: %v", err)
		}

		rounds := 0
		g = h.Spawn(func() error { // survives the first kill
			for {
				if err := h.Sleep(time.Hour); err != nil {
					if rounds++; rounds == 2 {
						return nil
					}
				}
			}
		})
		must(t, h.Yield())
		if err := g.KillWith(ErrExit, time.Millisecond); err != ErrTimeout {
			t.Errorf("stubborn: %v", err)
		}
		must(t, g.KillWith(ErrExit, 0))
		must(t, g.Join())
		if rounds != 2 || g.Err() != nil {
			t.Errorf("%d rounds, %v", rounds, g.Err())
		}
	})
}

func TestKillAllInOrder(t *testing.T) {
	var got []int
	run(t, func(h *Hub) {
		var gs []*Greenlet
		for i := range 5 {
			gs = append(gs, h.Spawn(func() error {
				err := h.Sleep(time.Hour)
				got = append(got, i)
				return err
			}))
		}
		must(t, h.Yield())
		must(t, h.KillAll(gs...))
		if h.Len() != 0 {
			t.Errorf("%d live", h.Len())
		}
	})
	if !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Fatalf("died in order %v", got)
	}
}

func TestSpawnLater(t *testing.T) {
	var got []string
	run(t, func(h *Hub) {
		b := h.SpawnLater(time.Hour, func() error { got = append(got, "b"); return nil })
		a := h.SpawnLater(5*time.Millisecond, func() error { got = append(got, "a"); return nil })
		if a.Started() || a.Ready() || a.Err() != ErrNotReady {
			t.Error("started at once")
		}
		must(t, a.Get())
		h.timers.arm(&b.timer, h.now())
		must(t, b.Get())
	})
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("got %v", got)
	}
}

func TestOutcomes(t *testing.T) {
	run(t, func(h *Hub) {
		ok := Spawn(h, func() (int, error) { return 42, h.Yield() })
		bad := Spawn(h, func() (int, error) { return 0, errBoom })
		if ok.Value() != 0 || ok.Ready() {
			t.Error("a value before the end")
		}
		if v, err := ok.Get(); v != 42 || err != nil || !ok.Successful() || ok.Value() != 42 {
			t.Errorf("%v, %v", v, err)
		}
		if _, err := bad.Get(); err != errBoom || bad.Successful() {
			t.Errorf("%v", err)
		}
		if err := h.GetAll(ok.Greenlet, bad.Greenlet); err != errBoom {
			t.Errorf("GetAll: %v", err)
		}
		must(t, h.JoinAll(ok.Greenlet, bad.Greenlet))
		long := h.Spawn(func() error { return h.Sleep(time.Hour) })
		if err := long.JoinTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("JoinTimeout: %v", err)
		}
		if err := h.JoinAllTimeout(time.Millisecond, ok.Greenlet, long); err != ErrTimeout {
			t.Errorf("JoinAllTimeout: %v", err)
		}
	})
}

func TestLinks(t *testing.T) {
	var got []string
	run(t, func(h *Hub) {
		note := func(what string) func(*Greenlet) {
			return func(g *Greenlet) { got = append(got, fmt.Sprint(what, " ", g.Name(), " ", g.Err())) }
		}
		good := h.Spawn(func() error { return nil }).SetName("good")
		bad := h.Spawn(func() error { return errBoom }).SetName("bad")
		for _, g := range []*Greenlet{good, bad} {
			g.Link(note("end"))
			g.LinkValue(note("value"))
			g.LinkError(note("error"))
			g.Link(note("never")).Unlink()
		}
		must(t, h.JoinAll(good, bad))
		must(t, h.Yield())
		good.Link(note("late"))
		must(t, h.Yield())
	})
	want := []string{"end good <nil>", "value good <nil>", "end bad boom", "error bad boom", "late good <nil>"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestTimeouts(t *testing.T) {
	run(t, func(h *Hub) {
		err := h.WithTimeout(time.Millisecond, func() error { return h.Sleep(time.Hour) })
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("%v", err)
		}
		must(t, h.WithTimeout(time.Hour, func() error { return h.Yield() }))

		// The outer limit passes through the inner one, and they can be told
		// apart.
		outer := h.StartTimeout(time.Millisecond)
		inner := h.StartTimeout(time.Hour)
		err = h.Sleep(time.Hour)
		if !errors.Is(err, outer) || errors.Is(err, inner) || !outer.Expired() || !inner.Pending() {
			t.Errorf("%v", err)
		}
		inner.Cancel()
		outer.Cancel()

		// One that expires unnoticed is forgotten when cancelled.
		tm := h.StartTimeout(0)
		for !tm.Expired() {
			h.look()
		}
		tm.Cancel()
		must(t, h.Sleep(time.Millisecond))

		v, err := WithTimeoutValue(h, time.Millisecond, "instead", func() (string, error) {
			return "", h.Sleep(time.Hour)
		})
		if v != "instead" || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		// A limit ends no greenlet but its own.
		other := h.Spawn(func() error { return h.Sleep(5 * time.Millisecond) })
		if err := h.WithTimeout(time.Millisecond, other.Join); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v", err)
		}
		must(t, other.Get())
		if tm := h.timers; tm.armed != 0 || len(tm.s) != 0 {
			t.Errorf("%d timers left, of %d", tm.armed, len(tm.s))
		}
	})
}

func TestIdle(t *testing.T) {
	var got []string
	run(t, func(h *Hub) {
		idle := h.Spawn(func() error { err := h.Idle(); got = append(got, "idle"); return err })
		busy := h.Spawn(func() error {
			for range 200 {
				if err := h.Yield(); err != nil {
					return err
				}
			}
			got = append(got, "busy")
			return nil
		})
		must(t, h.JoinAll(idle, busy))
	})
	if !slices.Equal(got, []string{"busy", "idle"}) {
		t.Fatalf("got %v", got)
	}
}

func TestWaitAndIwait(t *testing.T) {
	run(t, func(h *Hub) {
		after := func(ms int) *Greenlet {
			return h.Spawn(func() error { return h.Sleep(time.Duration(ms) * time.Millisecond) }).SetName(fmt.Sprint(ms))
		}
		var got, gs []*Greenlet
		var gates []*Event
		for range 3 {
			gate := NewEvent(h)
			gates = append(gates, gate)
			gs = append(gs, h.Spawn(gate.Wait))
		}
		h.Spawn(func() error {
			for _, i := range []int{1, 2, 0} {
				gates[i].Set()
				if err := h.Yield(); err != nil {
					return err
				}
			}
			return nil
		})
		for g, err := range Iwait(h, gs...) {
			must(t, err)
			got = append(got, g)
		}
		if !slices.Equal(got, []*Greenlet{gs[1], gs[2], gs[0]}) {
			t.Errorf("iwait: %v", got)
		}
		a, b := after(10), after(3600_000)
		first, err := Wait(h, 1, a, b)
		if err != nil || len(first) != 1 || first[0] != a {
			t.Errorf("wait: %v, %v", first, err)
		}
		if _, err := WaitTimeout(h, time.Millisecond, 0, b); err != ErrTimeout {
			t.Errorf("wait: %v", err)
		}
		ev, res, sem := NewEvent(h), NewAsyncResult[int](h), NewSemaphore(h, 0)
		h.Spawn(func() error {
			sem.Release()
			if err := h.Yield(); err != nil {
				return err
			}
			res.Set(1)
			if err := h.Yield(); err != nil {
				return err
			}
			ev.Set()
			return nil
		})
		order, err := Wait[Waitable](h, 0, ev, res, sem)
		if err != nil || !slices.Equal(order, []Waitable{sem, res, ev}) {
			t.Errorf("mixed: %v, %v", order, err)
		}
		must(t, b.Kill())
		c := NewEvent(h)
		h.Spawn(c.Wait)
		d := after(5)
		must(t, h.WaitQuiet())
		if !d.Dead() || h.Len() != 1 {
			t.Errorf("quiet too early: %v, %d live", d, h.Len())
		}
		c.Set()
	})
}

func TestEventAndAsyncResult(t *testing.T) {
	run(t, func(h *Hub) {
		e := NewEvent(h)
		woken := 0
		var gs []*Greenlet
		for range 5 {
			gs = append(gs, h.Spawn(func() error { err := e.Wait(); woken++; return err }))
		}
		must(t, h.Yield())
		if err := e.WaitTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		e.Set()
		e.Clear() // they were woken all the same
		must(t, h.GetAll(gs...))
		if woken != 5 || e.IsSet() {
			t.Errorf("%d woken", woken)
		}
		r := NewAsyncResult[string](h)
		if _, err := r.TryGet(); err != ErrNotReady {
			t.Errorf("%v", err)
		}
		g := h.Spawn(func() error {
			v, err := r.Get()
			if v != "value" {
				t.Errorf("got %q", v)
			}
			return err
		})
		must(t, h.Yield())
		r.Set("value")
		must(t, g.Get())
		r.SetError(errBoom)
		if _, err := r.Get(); err != errBoom || r.Successful() || !r.Ready() {
			t.Errorf("%v", err)
		}
	})
}

func TestRLock(t *testing.T) {
	run(t, func(h *Hub) {
		l := NewRLock(h)
		must(t, l.Acquire())
		must(t, l.Acquire())
		entered := false
		g := h.Spawn(func() error {
			if l.TryAcquire() || l.Owned() {
				t.Error("two owners")
			}
			return l.With(func() error { entered = true; return nil })
		})
		must(t, h.Yield())
		l.Release()
		must(t, h.Yield())
		if entered || !l.Locked() {
			t.Error("released too early")
		}
		l.Release()
		must(t, g.Get())
		if !entered || l.Locked() {
			t.Error("not released")
		}
		defer func() {
			if recover() == nil {
				t.Error("release of a free lock did not panic")
			}
		}()
		l.Release()
	})
}

func TestLocal(t *testing.T) {
	run(t, func(h *Hub) {
		made := 0
		l := NewLocal(h, func() int { made++; return 10 })
		l.Set(1)
		var gs []*Greenlet
		for i := range 3 {
			gs = append(gs, h.Spawn(func() error {
				if l.Get() != 10 {
					t.Errorf("inherited %d", l.Get())
				}
				l.Set(i)
				if err := h.Yield(); err != nil {
					return err
				}
				if l.Get() != i {
					t.Errorf("%d instead of %d", l.Get(), i)
				}
				return nil
			}))
		}
		must(t, h.GetAll(gs...))
		if l.Get() != 1 || made != 3 {
			t.Errorf("main has %d, made %d", l.Get(), made)
		}
		l.Delete()
		if l.Get() != 10 {
			t.Errorf("after Delete: %d", l.Get())
		}
	})
}

func TestChannel(t *testing.T) {
	run(t, func(h *Hub) {
		c := NewChannel[int](h)
		if err := c.TryPut(1); err != ErrFull {
			t.Errorf("TryPut: %v", err)
		}
		if _, err := c.TryGet(); err != ErrEmpty {
			t.Errorf("TryGet: %v", err)
		}
		if err := c.PutTimeout(1, time.Millisecond); err != ErrFull {
			t.Errorf("PutTimeout: %v", err)
		}
		if _, err := c.GetTimeout(time.Millisecond); err != ErrEmpty {
			t.Errorf("GetTimeout: %v", err)
		}
		passed := 0
		p := h.Spawn(func() error {
			for i := range 10 {
				if err := c.Put(i); err != nil {
					return err
				}
				passed++
			}
			return nil
		})
		must(t, h.Yield())
		if passed != 0 || c.Len() != 1 {
			t.Error("Put did not wait")
		}
		for want := range 10 {
			if v, err := c.Get(); v != want || err != nil {
				t.Fatalf("%v, %v", v, err)
			}
		}
		must(t, p.Get())
		// A killed taker's value stays with the sender until the next takes it.
		g := h.Spawn(func() error { _, err := c.Get(); return err })
		must(t, h.Yield())
		must(t, g.Kill())
		s := h.Spawn(func() error { return c.Put(7) })
		must(t, h.Yield())
		if v, err := c.Get(); v != 7 || err != nil || s.Get() != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

func TestRunInfo(t *testing.T) {
	run(t, func(h *Hub) {
		block := NewSemaphore(h, 0)
		h.Spawn(func() error {
			h.Spawn(func() error { return waitHere(block) }).SetName("child")
			return h.Sleep(time.Hour)
		}).SetName("parent")
		h.Spawn(func() error { // ready, not parked, when asked
			for {
				if err := h.Yield(); err != nil {
					return err
				}
			}
		}).SetName("spinner")
		must(t, h.Yield())
		must(t, h.Yield())
		h.Spawn(func() error { return nil }).SetName("new")
		info := h.RunInfo()
		parent := info.Main.Children[0]
		if parent.Name != "parent" || parent.State != "waiting" || parent.Children[0].Name != "child" {
			t.Fatalf("tree:\n%v", info)
		}
		child := parent.Children[0]
		if !slices.ContainsFunc(child.Stack, isWaitHere) || slices.ContainsFunc(parent.Stack, isWaitHere) {
			t.Errorf("stacks:\n%v", info)
		}
		if s := info.Main.Children[1]; s.State != "ready" || len(s.Stack) == 0 {
			t.Errorf("spinner:\n%v", info)
		}
		if s := info.Main.Children[2]; s.State != "pending" || len(s.Stack) != 0 {
			t.Errorf("new:\n%v", info)
		}
		if info.Live != 4 || info.Timers != 1 {
			t.Errorf("counts:\n%v", info)
		}
		// From a callback, on the stack of whoever waits.
		must(t, h.Post(func() { info = h.RunInfo() }))
		must(t, h.Sleep(time.Millisecond))
		if s := info.Main.Stack; info.Main.State != "waiting" || len(s) == 0 {
			t.Errorf("from a callback:\n%v", info)
		}
		// Nobody noticed.
		block.Release()
		must(t, h.Yield())
	})
}

//go:noinline
func waitHere(s *Semaphore) error { return s.Acquire() }

func TestNames(t *testing.T) {
	run(t, func(h *Hub) {
		ran := false
		h.SpawnRaw(func() { ran = true })
		g := h.Spawn(func() error {
			if h.Current().ID() != 2 || h.Current() == h.Main() {
				t.Error("Current")
			}
			return nil
		})
		if g.Name() != "greenlet-2" || g.String() != "greenlet-2 (pending)" || g.Hub() != h {
			t.Errorf("%v", g)
		}
		if g.SetName("x"); g.Name() != "x" {
			t.Errorf("%v", g)
		}
		must(t, g.Get())
		if !ran || g.String() != "x (dead)" || h.Main().String() != "main (running)" || h.Current() != h.Main() {
			t.Errorf("%v, %v, raw ran: %v", g, h.Main(), ran)
		}
	})
}

// The stack of whoever waits begins with the call of the user's.
func TestStackBeginsWithTheCall(t *testing.T) {
	run(t, func(h *Hub) {
		e := NewEvent(h)
		gs := []*Greenlet{
			h.Spawn(func() error { return h.Sleep(time.Hour) }).SetName("Sleep"),
			h.Spawn(e.Wait).SetName("WaitTimeout"),
			h.Spawn(h.Idle).SetName("Idle"),
			h.Spawn(h.Yield).SetName("Yield"), // to who is not started
			h.Spawn(func() error { return errors.Join(h.Yield(), h.Yield()) }).SetName("Yield"),
		}
		must(t, h.Yield())
		for _, g := range h.RunInfo().Main.Children {
			if top := g.Stack[0].Function; !strings.HasSuffix(top, "."+g.Name) {
				t.Errorf("the stack of who called %s begins with %s", g.Name, top)
			}
		}
		must(t, h.KillAll(gs...))
	})
}
