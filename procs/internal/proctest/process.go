package proctest

import (
	"context"
	"sync/atomic"
	"testing"
)

// Process is a *procs.Process: the tests of package procs cannot import a
// package that imports it.
type Process interface {
	Start() error
	Kill() error
	Join(context.Context) error
	ExitCode() (code int, ok bool)
	Close() error
}

// Started starts a process, which is gone when the test has ended.
func Started[P Process](t testing.TB, p P) P {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); p.Join(context.Background()); p.Close() })
	return p
}

// Join waits for processes that must end well.
func Join[P Process](t testing.TB, ps ...P) {
	t.Helper()
	for _, p := range ps {
		if err := p.Join(Soon(t)); err != nil {
			t.Fatalf("%v: %v", p, err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			t.Fatalf("%v: exit code %d", p, code)
		}
	}
}

// Slay kills a process and waits for its end.
func Slay[P Process](t testing.TB, p P) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(Soon(t)); err != nil {
		t.Fatal(err)
	}
}

// After waits until a process has counted n more steps, or has ended. So a
// random n is a random moment in what it does, on a machine of any speed, where
// a random time may be over before it has begun.
func After[P Process](t testing.TB, p P, steps *int64, n int) {
	t.Helper()
	until := atomic.LoadInt64(steps) + int64(n)
	Eventually(t, "a process does something", func() bool {
		_, ended := p.ExitCode()
		return ended || atomic.LoadInt64(steps) >= until
	})
}
