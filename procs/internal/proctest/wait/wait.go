// Package wait has what tests wait with. It imports nothing of ours, so that
// the tests of every package can use it; package proctest has the rest.
package wait

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen, on the slowest of
// machines.
const Patience = 2 * time.Minute

// Settle is long enough for a goroutine to fall asleep. If it is not, the test
// sees less, and does not fail.
const Settle = 30 * time.Millisecond

// Until waits for something that another goroutine or process does.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: ", what)
		}
	}
}

// Begin runs f in a goroutine, and closes the channel at its end.
func Begin(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return done
}

// Ends fails the test if what must end does not.
func Ends(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(Patience):
		t.Fatal("it does not end: ", what)
	}
}

// HeedHangup lets the children of the tests be told of SIGHUP also below nohup:
// a child inherits what is ignored, but not what is caught.
func HeedHangup() { signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) }
