//go:build linux

package shm

import (
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

var (
	ends  = wait.Ends
	begin = wait.Begin
	until = wait.Until
)

const settle = wait.Settle

// A parker that nobody has armed stays as it is; who has armed it is woken
// once, whether it sleeps already or is about to.
func TestParker(t *testing.T) {
	b := new(Parker)
	if b.Wake(); b.asleep.Load() != 0 {
		t.Error("woken: nobody")
	}
	b.Arm()
	if b.Disarm(); b.asleep.Load() != 0 {
		t.Error("armed still")
	}
	b.Arm()
	b.Wake()
	ends(t, "a sleep after the wake-up", begin(func() { b.Sleep(-1) }))
	for _, d := range []time.Duration{-1, time.Hour} {
		b.Arm()
		done := begin(func() { b.Sleep(d) })
		time.Sleep(settle)
		b.Wake()
		ends(t, "a sleep that is ended", done)
	}
	for _, d := range []time.Duration{0, 1, 20 * time.Millisecond} {
		took := time.Duration(-1)
		for range 10 { // a signal may end one early
			b.Arm()
			start := time.Now()
			ends(t, "a sleep with a limit", begin(func() { b.Sleep(d) }))
			took = max(took, time.Since(start))
		}
		if took < d {
			t.Errorf("%v instead of %v", took, d)
		}
		if b.asleep.Load() != 0 {
			t.Error("armed after the sleep")
		}
	}
}
