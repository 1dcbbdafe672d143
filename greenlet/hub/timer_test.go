package hub

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// Timers that are armed, armed anew and disarmed at random fire when they are
// due, in order, and their heap stays in proportion to those armed.
func TestTimersAtRandom(t *testing.T) {
	type armed struct {
		i    int
		when instant
		seq  int
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	h, now, seq := new(Hub), instant{1}, 0
	var fired, want []armed
	timers := make([]timer, 300)
	for i := range timers {
		timers[i].fn = func() { fired = append(fired, armed{i: i}) }
	}
	forget := func(i int) { want = slices.DeleteFunc(want, func(a armed) bool { return a.i == i }) }
	for step := range 20_000 {
		i := rnd.IntN(1 + step*len(timers)/20_000) // more and more of them
		switch rnd.IntN(10) {
		case 0:
			now = now.after(time.Duration(rnd.IntN(30)))
			h.expire(now)
			slices.SortFunc(want, func(a, b armed) int { return cmp.Or(cmp.Compare(a.when.ns, b.when.ns), a.seq-b.seq) })
			for _, f := range fired {
				if len(want) == 0 || want[0].i != f.i || now.before(want[0].when) {
					t.Fatalf("step %d: %d fired at %v, want %v", step, f.i, now, want)
				}
				want = want[1:]
			}
			if fired = nil; len(want) > 0 && !now.before(want[0].when) {
				t.Fatalf("step %d: at %v %v has not fired", step, now, want[0])
			}
		case 1, 2, 3, 4:
			h.timers.disarm(&timers[i])
			forget(i)
		case 5:
			h.timers.arm(&timers[i], never)
			forget(i)
		default:
			a := armed{i, now.after(time.Duration(rnd.IntN(100))), seq}
			seq++
			h.timers.arm(&timers[i], a.when)
			forget(i)
			want = append(want, a)
		}
		if n := h.timers.armed; n != len(want) || len(h.timers.s) > 2*n {
			t.Fatalf("step %d: %d armed, want %d, in a heap of %d", step, n, len(want), len(h.timers.s))
		}
		if first := h.timers.first(); (first == nil) != (len(want) == 0) || first != nil && first.stale() {
			t.Fatalf("step %d: first is %v of %v", step, first, want)
		}
	}
}

// What a limit that is over or a killed sleeper leaves in the heap keeps no
// hub awake, is not counted, and goes.
func TestStaleTimers(t *testing.T) {
	run(t, func(h *Hub) {
		rest := h.Spawn(func() error { return h.Sleep(time.Hour) })
		gs := make([]*Greenlet, 1000)
		for i := range gs {
			gs[i] = h.Spawn(func() error { return h.Sleep(time.Hour - time.Duration(i)*time.Second) })
		}
		must(t, h.Yield())
		if n := h.RunInfo().Timers; n != 1001 {
			t.Errorf("%d timers, want 1001", n)
		}
		must(t, h.KillAll(gs...))
		if n, s := h.RunInfo().Timers, len(h.timers.s); n != 1 || s > 2 {
			t.Errorf("%d timers, want 1, in a heap of %d", n, s)
		}
		for range 100 {
			must(t, h.WithTimeout(time.Minute, h.Yield))
		}
		if n, s := h.RunInfo().Timers, len(h.timers.s); n != 1 || s > 2 {
			t.Errorf("%d timers, want 1, in a heap of %d", n, s)
		}
		must(t, rest.Kill())
		if n := len(h.timers.s); n != 0 {
			t.Errorf("%d entries left", n)
		}
	})
}

// A greenlet that its timer has started, or woken, is not late where something
// else wakes it.
func TestLateOnce(t *testing.T) {
	run(t, func(h *Hub) {
		e := NewEvent(h)
		later := h.SpawnLater(time.Millisecond, func() error { return e.WaitTimeout(time.Hour) })
		slept := h.Spawn(func() error {
			if err := e.WaitTimeout(time.Millisecond); err != ErrTimeout {
				t.Errorf("%v, want %v", err, ErrTimeout)
			}
			return e.WaitTimeout(time.Hour)
		})
		must(t, h.Sleep(20*time.Millisecond))
		e.Set()
		must(t, h.GetAll(later, slept))
	})
}

// What a parked greenlet takes beside its stack, in size classes of the
// allocator.
func TestGreenletSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 && unsafe.Sizeof(Greenlet{}) > 176 {
		t.Errorf("%d bytes, more than 176", unsafe.Sizeof(Greenlet{}))
	}
}
