package greenlet

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// panics fails the test unless do panics with a text that contains want.
func panics(t *testing.T, want string, do func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if p := fmt.Sprint(recover()); !strings.Contains(p, want) {
			t.Errorf("panic %q, want %q", p, want)
		}
	}()
	do()
}

func TestMisusePanics(t *testing.T) {
	main := openFamily[int](t)
	panics(t, "greenlet: New without a parent", func() { New(nil, nothing) })
	panics(t, "greenlet: New without a run function", func() { New(main, nil) })
	panics(t, "greenlet: Throw of a nil error", func() { main.Throw(nil) })
	panics(t, "greenlet: SetParent to nil", func() { New(main, nothing).SetParent(nil) })
	panics(t, "greenlet: SetContext to nil", func() { main.SetContext(nil) }) //lint:ignore SA1012 it must panic
	panics(t, "greenlet: Close outside the main greenlet", func() {
		New(main, func(*Greenlet[int], int) (int, error) { return 0, main.Close() }).Switch(0)
	})
}

// TestForeignGoroutine: in a debug build every use by a wrong goroutine panics.
func TestForeignGoroutine(t *testing.T) {
	if !debug {
		t.Skip("needs -tags greenletdebug")
	}
	main := openFamily[int](t)
	g := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
	g.Switch(0)
	done := make(chan bool)
	go func() {
		defer close(done)
		other := Main[int]()
		defer other.Close()
		for _, use := range []func(){
			func() { g.Switch(0) },
			func() { main.Switch(0) },
			func() { g.Throw(errSome) },
			func() { New(main, nothing) },
			func() { g.SetParent(main) },
			func() { g.SetContext(with(1)) },
			func() { main.SetTrace(nil) },
			func() { main.Collect() },
			func() { main.Close() },
			func() { New(other, func(*Greenlet[int], int) (int, error) { return g.Switch(0) }).Switch(0) },
		} {
			panics(t, "uses a family that runs on goroutine", use)
		}
	}()
	<-done
	must(t, g, 0, 0)
}

// TestThreadLock: a family works under runtime.LockOSThread; in a debug build,
// locking in between panics where the runtime would end the program.
func TestThreadLock(t *testing.T) {
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		testSimple(t)
		main := Main[int]()
		defer main.Close()
		run := func(*Greenlet[int], int) (int, error) { return main.Switch(0) }
		g := New(main, run)
		must(t, g, 0, 0)
		if debug {
			runtime.UnlockOSThread()
			panics(t, "locked to thread: false, but true", func() { g.Switch(0) })
			runtime.LockOSThread()
		}
		must(t, g, 0, 0)
		exits := New(main, func(*Greenlet[int], int) (int, error) { runtime.Goexit(); return 0, nil })
		child := New(main, func(*Greenlet[int], int) (int, error) { defer main.Switch(1); return exits.Switch(0) })
		exits.SetParent(child)
		must(t, child, 0, 1)
	}()
	<-done
	main := openFamily[int](t)
	g := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
	must(t, g, 0, 0)
	if debug {
		runtime.LockOSThread()
		panics(t, "locked to thread: true, but false", func() { g.Switch(0) })
		panics(t, "locked to thread: true, but false", func() { g.Throw(ErrExit) })
		runtime.UnlockOSThread()
	}
	must(t, g, 0, 0)
}
