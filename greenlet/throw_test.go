package greenlet

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// stepper waits for main once, records the error it gets, and dies of it, or of
// errSome.
func stepper(seen *[]error) func(*Greenlet[int], int) (int, error) {
	return func(self *Greenlet[int], _ int) (int, error) {
		_, err := self.Main().Switch(0)
		if err != nil {
			*seen = append(*seen, err)
			return 0, err
		}
		return 0, errSome
	}
}

// TestErrorGoesToParent: what a greenlet dies of, its parent's Switch returns.
func TestErrorGoesToParent(t *testing.T) {
	main := openFamily[int](t)
	var seen []error
	g1, g2 := New(main, stepper(&seen)), New(main, stepper(&seen))
	g1.Switch(0)
	g2.Switch(0)
	g2.SetParent(g1)
	mustErr(t, g2, 0, errSome)
	same(t, seen, errSome)
	must(t, g2, 0, 0) // both dead: main
	must(t, g2, 25, 25)
	same(t, seen, errSome)
}

func TestSendError(t *testing.T) {
	main := openFamily[int](t)
	var seen []error
	g := New(main, stepper(&seen))
	g.Switch(0)
	crasher := New(g, func(*Greenlet[int], int) (int, error) { return 0, errBoom })
	mustErr(t, crasher, 0, errBoom)
	same(t, seen, errBoom)
}

func TestThrow(t *testing.T) {
	main := openFamily[string](t)
	run := func(*Greenlet[string], string) (string, error) {
		_, err := main.Switch("ready")
		if err != errBoom {
			return "wrong", err
		}
		_, err = main.Switch("caught")
		return "end", err
	}
	g := New(main, run)
	must(t, g, "", "ready")
	if v, err := g.Throw(errBoom); v != "caught" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	must(t, g, "", "end")
}

// TestExit: ErrExit ends a greenlet quietly, and also passes a dead one
// quietly.
func TestExit(t *testing.T) {
	main := openFamily[string](t)
	g := New(main, func(*Greenlet[string], string) (string, error) {
		_, err := main.Switch("ready")
		return "bye", fmt.Errorf("told to go: %w", err)
	})
	must(t, g, "", "ready")
	if v, err := g.Throw(ErrExit); v != "bye" || err != nil || !g.Dead() {
		t.Errorf("%q, %v, dead %t", v, err, g.Dead())
	}
	if v, err := g.Throw(ErrExit); v != "" || err != nil {
		t.Errorf("dead: %q, %v", v, err)
	}
	if _, err := g.Throw(errSome); err != errSome {
		t.Errorf("dead: %v", err)
	}
}

func TestThrowGoesToOriginalParent(t *testing.T) {
	main := openFamily[string](t)
	catch := func(*Greenlet[string], string) (string, error) {
		if _, err := main.Switch("ready"); err == errBoom {
			return "caught", nil
		}
		return "not caught", nil
	}
	wait := func(*Greenlet[string], string) (string, error) { return main.Switch("waiting") }
	for _, started := range []struct{ parent, child bool }{{}, {true, false}, {true, true}} {
		g1 := New(main, catch)
		g2 := New(g1, wait)
		if started.parent {
			must(t, g1, "", "ready")
		}
		if started.child {
			must(t, g2, "", "waiting")
		}
		v, err := g2.Throw(errBoom)
		if started.parent && (v != "caught" || err != nil) || !started.parent && err != errBoom {
			t.Errorf("%+v: %q, %v", started, v, err)
		}
		if !g1.Dead() || !g2.Dead() {
			t.Errorf("%+v: dead %t, %t", started, g1.Dead(), g2.Dead())
		}
	}
}

// explode is somewhere in the stack of a panic.
//
//go:noinline
func explode() { panic(errBoom) }

// TestPanic: a panic goes up from parent to parent, with its stack.
func TestPanic(t *testing.T) {
	main := openFamily[int](t)
	inner := New(main, func(*Greenlet[int], int) (int, error) { explode(); return 0, nil })
	inner.SetName("inner")
	middle := New(main, func(*Greenlet[int], int) (int, error) { return inner.Switch(0) })
	inner.SetParent(middle)
	func() {
		defer func() {
			p, ok := recover().(*PanicError)
			if !ok || p.Value != errBoom || !errors.Is(p, errBoom) {
				t.Fatalf("recovered %v", p)
			}
			if !strings.Contains(string(p.Stack), "explode") {
				t.Errorf("the stack lacks the function that panicked:\n%s", p.Stack)
			}
			if s := p.Error(); !strings.Contains(s, `panic in greenlet "inner" (current): boom`) || !strings.Contains(s, "explode") {
				t.Errorf("Error: %s", s)
			}
		}()
		middle.Switch(0)
		t.Error("no panic")
	}()
	if !inner.Dead() || !middle.Dead() {
		t.Error("not dead")
	}
	if p := (&PanicError{Value: "text"}); p.Unwrap() != nil {
		t.Error("a text unwraps")
	}
}

// TestGoexit goes up from parent to parent too, and ends main's goroutine.
func TestGoexit(t *testing.T) {
	for depth := range 5 { // the depth decides who is parked how
		var unwound []int
		done := make(chan error, 1)
		go func() {
			main := Main[int]()
			defer func() { done <- main.Close() }()
			other := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
			other.Switch(0)
			g := New(main, func(*Greenlet[int], int) (int, error) { runtime.Goexit(); return 0, nil })
			for i := range depth {
				child := g
				g = New(main, func(*Greenlet[int], int) (int, error) {
					defer func() { unwound = append(unwound, i) }()
					return child.Switch(0)
				})
				child.SetParent(g)
			}
			g.Switch(0)
			t.Errorf("depth %d: main went on", depth)
		}()
		if err := <-done; err != nil {
			t.Errorf("depth %d: %v", depth, err)
		}
		for i, v := range unwound {
			if i != v {
				t.Errorf("depth %d: unwound %v", depth, unwound)
			}
		}
		if len(unwound) != depth {
			t.Errorf("depth %d: unwound %v", depth, unwound)
		}
	}
}
