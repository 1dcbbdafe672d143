package greenlet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestClose ends greenlets in the order in which they were started, runs their
// deferred functions, and leaves no goroutine.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	main := Main[int]()
	var order []int
	for i := range 1000 {
		g := New(main, func(*Greenlet[int], int) (int, error) {
			defer func() { order = append(order, i) }()
			_, err := main.Switch(0)
			if err != ErrExit {
				t.Errorf("greenlet %d got %v", i, err)
			}
			return 0, err
		})
		if i%10 != 3 {
			g.Switch(0)
		}
	}
	if err := main.Close(); err != nil {
		t.Fatal(err)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before\n%s", n, before, stacks())
	}
	if len(order) != 900 {
		t.Errorf("%d greenlets ended, want 900", len(order))
	}
	for i := 1; i < len(order); i++ {
		if order[i] <= order[i-1] {
			t.Fatalf("greenlet %d ended after %d", order[i], order[i-1])
		}
	}
	if err := main.Close(); err != nil {
		t.Error("second Close:", err)
	}
}

// TestCloseNested closes greenlets that are each other's parents.
func TestCloseNested(t *testing.T) {
	main := Main[int]()
	depth, ended := 0, 0
	var nest func(self *Greenlet[int], _ int) (int, error)
	nest = func(self *Greenlet[int], _ int) (int, error) {
		defer func() { ended++ }()
		if depth++; depth == 100 {
			return main.Switch(0)
		}
		return New(self, nest).Switch(0)
	}
	New(main, nest).Switch(0)
	if err := main.Close(); err != nil || ended != 100 {
		t.Errorf("%d ended, %v", ended, err)
	}
}

// TestCloseErrors: Close returns what the greenlets died of, panics too.
func TestCloseErrors(t *testing.T) {
	main := Main[int]()
	for i := range 4 {
		New(main, func(*Greenlet[int], int) (int, error) {
			_, err := main.Switch(0)
			switch i {
			case 0:
				return 0, errSome
			case 1:
				panic(errBoom)
			case 2:
				runtime.Goexit()
			}
			return 0, fmt.Errorf("wrapped: %w", err)
		}).Switch(0)
	}
	err := main.Close()
	var p *PanicError
	if !errors.Is(err, errSome) || !errors.Is(err, errBoom) || errors.Is(err, ErrExit) || !errors.As(err, &p) {
		t.Error(err)
	}
}

// TestCloseStubborn: a greenlet that will not end is ended.
func TestCloseStubborn(t *testing.T) {
	main := Main[int]()
	refused, unwound := 0, 0
	New(main, func(*Greenlet[int], int) (int, error) {
		defer func() {
			unwound++
			for range 1000 { // the unwinding switches too
				if _, err := main.Switch(0); err == ErrClosed {
					unwound++
				}
			}
		}()
		for {
			if _, err := main.Switch(0); err == ErrClosed {
				refused++
			}
		}
	}).Switch(0)
	if err := main.Close(); err != nil {
		t.Error(err)
	}
	if refused != patience || unwound != 1+patience {
		t.Errorf("%d switches refused, %d in unwinding; want %d, %d", refused, unwound-1, patience, patience)
	}
}

// TestClosedFamily: after Close everything but switching still answers.
func TestClosedFamily(t *testing.T) {
	main := Main[int]()
	g := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
	pending := New(main, nothing)
	g.Switch(0)
	main.Close()
	late := New(main, nothing)
	for _, g := range []*Greenlet[int]{main, g, pending, late} {
		if _, err := g.Switch(0); err != ErrClosed {
			t.Errorf("Switch to %v: %v", g, err)
		}
		if _, err := g.Throw(errSome); err != ErrClosed {
			t.Errorf("Throw to %v: %v", g, err)
		}
		g.SetContext(with(1))
		g.SetName("x")
	}
	if main.Current() != main || main.SetTrace(func(Event[int]) {}) != nil || main.Trace() == nil {
		t.Error("Current or the trace function is wrong")
	}
	if late.Parent() != main || late.SetParent(pending) != nil || late.Started() {
		t.Error("a late greenlet is wrong")
	}
	if main.Collect() != 0 {
		t.Error("Collect found something")
	}
}

func TestRun(t *testing.T) {
	var ended []string
	parked := func(main *Greenlet[int], what string) {
		New(main, func(*Greenlet[int], int) (int, error) {
			defer func() { ended = append(ended, what) }()
			_, err := main.Switch(0)
			if what == "fails" {
				err = errBoom
			}
			return 0, err
		}).Switch(0)
	}
	if err := Run(func(main *Greenlet[int]) error { parked(main, "nil"); return nil }); err != nil {
		t.Error(err)
	}
	err := Run(func(main *Greenlet[int]) error { parked(main, "fails"); return errSome })
	if !errors.Is(err, errSome) || !errors.Is(err, errBoom) {
		t.Error(err)
	}
	func() {
		defer func() {
			if p := recover(); p != "out" {
				t.Errorf("recovered %v", p)
			}
		}()
		Run(func(main *Greenlet[int]) error { parked(main, "panics"); panic("out") })
	}()
	done := make(chan bool)
	go func() {
		defer close(done)
		Run(func(main *Greenlet[int]) error { parked(main, "exits"); runtime.Goexit(); return nil })
	}()
	<-done
	same(t, ended, "nil", "fails", "panics", "exits")
}

// leave is the child of TestExitWithActive: it ends with greenlets suspended.
func leave() {
	ready := make(chan bool)
	for range 3 {
		go func() {
			main := Main[int]()
			for range 10 {
				New(main, func(self *Greenlet[int], _ int) (int, error) {
					inner := New(self, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
					return inner.Switch(0)
				}).Switch(0)
			}
			ready <- true
		}()
	}
	for range 3 {
		<-ready
	}
	fmt.Println("left")
}

// TestExitWithActive: a program may end without closing its families.
func TestExitWithActive(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVar+"=leave")
	out, err := child.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "left" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestCloseReparented: a greenlet that is being closed may change parents, its
// own or others', and Close still ends.
func TestCloseReparented(t *testing.T) {
	for _, how := range []string{"return", "error", "panic", "exit"} {
		main := Main[int]()
		ran := false
		unstarted := New(main, func(*Greenlet[int], int) (int, error) { ran = true; return 0, nil })
		above := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
		below := New(above, func(self *Greenlet[int], _ int) (int, error) {
			main.Switch(0)
			if err := above.SetParent(self); err != nil { // self is main's child for now
				t.Error(err)
			}
			return 0, nil
		})
		last := New(main, func(self *Greenlet[int], _ int) (int, error) {
			main.Switch(0)
			if err := self.SetParent(unstarted); err != nil {
				t.Error(err)
			}
			switch how {
			case "error":
				return 0, errSome
			case "panic":
				panic(errSome)
			case "exit":
				runtime.Goexit()
			}
			return 0, nil
		})
		for _, g := range []*Greenlet[int]{below, above, last} {
			g.Switch(0)
		}
		err := main.Close()
		if bad := how == "error" || how == "panic"; errors.Is(err, errSome) != bad {
			t.Errorf("%s: %v", how, err)
		}
		if ran || !unstarted.Dead() || !above.Dead() || !below.Dead() || !last.Dead() {
			t.Errorf("%s: ran %t, %v, %v, %v, %v", how, ran, unstarted, above, below, last)
		}
		if below.Parent() != main || above.Parent() != below {
			t.Errorf("%s: parents %v, %v", how, below.Parent(), above.Parent())
		}
	}
}
