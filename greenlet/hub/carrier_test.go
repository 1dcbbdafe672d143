package hub

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// grows reports whether the stack on which f is called had to grow for it: it
// is another one then.
func grows(f func()) bool {
	var here byte
	before := uintptr(unsafe.Pointer(&here))
	f()
	return uintptr(unsafe.Pointer(&here)) != before
}

// deep needs more stack than a new coroutine has.
//
//go:noinline
func deep() {
	var frame [1500]byte
	sink(&frame)
}

//go:noinline
func sink(frame *[1500]byte) { frame[0]++ }

// TestStackOfWaiting: whoever waits needs no larger stack than the smallest,
// for that is most of its memory, and of the time it takes to start. There are
// many, because now and then one looks outside on its own stack, or makes the
// heap of timers larger, and that may be too much for it.
func TestStackOfWaiting(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes frames larger")
	}
	if os.Getenv("HUB_STACKS") == "" { // the runtime would learn from other tests
		child := exec.Command(os.Args[0], "-test.run=^TestStackOfWaiting$", "-test.v")
		child.Env = append(os.Environ(), "HUB_STACKS=1", "GODEBUG=adaptivestackstart=0")
		if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, w := range []struct {
		name string
		wait func(h *Hub, e *Event) error
	}{
		{"Sleep", func(h *Hub, _ *Event) error { return h.Sleep(20 * time.Millisecond) }},
		{"Yield", func(h *Hub, _ *Event) error { return h.Yield() }},
		{"Event.Wait", func(_ *Hub, e *Event) error { return e.Wait() }},
		{"Event.WaitTimeout", func(_ *Hub, e *Event) error { return e.WaitTimeout(time.Hour) }},
	} {
		run(t, func(h *Hub) {
			const n = 200
			e := NewEvent(h)
			gs := make([]*Greenlet, n)
			grew := 0
			for i := range gs {
				gs[i] = h.Spawn(func() (err error) {
					if grows(func() { err = w.wait(h, e) }) {
						grew++
					}
					return err
				})
			}
			must(t, h.Yield())
			e.Set()
			must(t, h.GetAll(gs...))
			if grew > n/2 {
				t.Errorf("%s: the stacks of %d of %d grew", w.name, grew, n)
			}
		})
	}
	run(t, func(h *Hub) {
		must(t, h.Spawn(func() error {
			if !grows(deep) {
				t.Error("a large frame did not make the stack grow: this test shows nothing")
			}
			return nil
		}).Get())
	})
}
