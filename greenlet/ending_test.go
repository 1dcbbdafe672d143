package greenlet

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// A mute is an error whose methods fail.
type mute struct{ fails func() }

func (m mute) Error() string { m.fails(); return "" }

func (m mute) Is(error) bool { m.fails(); return false }

func failing() { panic(errBoom) }

// endings are the ways in which a run function can end, and what becomes of
// them. An outcome is what the parent's Switch does: it returns a value or an
// error, panics or exits. A panic during a Goexit would end the program if
// nothing recovered it, so it is more than the exit; a Goexit during a panic
// makes the runtime forget the panic. Of python-greenlet: an exception in a
// finally clause while GreenletExit unwinds reaches the parent.
var endings = []struct {
	name string
	run  func() (int, error)
	want string
}{
	{"return", func() (int, error) { return 7, nil }, "value 7"},
	{"error", func() (int, error) { return 7, errBoom }, "error boom"},
	{"ErrExit", func() (int, error) { return 7, fmt.Errorf("wrapped: %w", ErrExit) }, "value 7"},
	{"error with a failing Is", func() (int, error) { return 7, mute{failing} }, "panic boom"},
	{"error whose Is exits", func() (int, error) { return 7, mute{runtime.Goexit} }, "exit"},
	{"panic", func() (int, error) { panic("oh") }, "panic oh"},
	{"panic with an error", func() (int, error) { panic(errBoom) }, "panic boom"},
	{"panic with a failing error", func() (int, error) { panic(mute{failing}) }, "panic greenlet.mute"},
	{"panic with nil", func() (int, error) { panic(nil) }, "panic " + new(runtime.PanicNilError).Error()},
	{"panic with ErrExit", func() (int, error) { panic(ErrExit) }, "panic " + ErrExit.Error()},
	{"panic while a panic unwinds", func() (int, error) {
		defer func() { panic("second") }()
		panic("first")
	}, "panic second"},
	{"Goexit", func() (int, error) { runtime.Goexit(); return 7, nil }, "exit"},
	{"Goexit after the return", func() (int, error) {
		defer runtime.Goexit()
		return 7, nil
	}, "exit"},
	{"Goexit twice", func() (int, error) {
		defer runtime.Goexit()
		runtime.Goexit()
		return 7, nil
	}, "exit"},
	{"panic while a Goexit unwinds", func() (int, error) {
		defer func() { panic("oh") }()
		runtime.Goexit()
		return 7, nil
	}, "panic oh"},
	{"panic with nil while a Goexit unwinds", func() (int, error) {
		defer func() { panic(nil) }()
		runtime.Goexit()
		return 7, nil
	}, "panic " + new(runtime.PanicNilError).Error()},
	{"panic, recovered, while a Goexit unwinds", func() (int, error) {
		defer func() { recover() }()
		defer func() { panic("oh") }()
		runtime.Goexit()
		return 7, nil
	}, "exit"},
	{"Goexit while a panic unwinds", func() (int, error) {
		defer runtime.Goexit()
		panic("oh")
	}, "exit"},
	{"Goexit after a recovered panic", func() (int, error) {
		defer func() { recover(); runtime.Goexit() }()
		panic("oh")
	}, "exit"},
	{"Goexit while a panic unwinds that a Goexit had begun", func() (int, error) {
		defer runtime.Goexit()
		defer func() { panic("oh") }()
		runtime.Goexit()
		return 7, nil
	}, "exit"},
}

// outcome calls f, tells what it did, and does the same.
func outcome(f func() (int, error), told func(string)) (v int, err error) {
	what := "exit"
	defer func() {
		p := recover()
		if p != nil {
			what = "panic " + said(p)
		}
		told(what)
		if p != nil {
			panic(p)
		}
	}()
	if v, err = f(); err != nil {
		what = "error " + said(err)
	} else {
		what = fmt.Sprint("value ", v)
	}
	return v, err
}

// said is the text of an error or a panic, or its type if it has none.
func said(v any) string {
	if p, ok := v.(*PanicError); ok {
		v = p.Value
	}
	if _, ok := v.(mute); ok {
		return fmt.Sprintf("%T", v)
	}
	return fmt.Sprint(v)
}

// Whatever a greenlet ends by, each ancestor hears of it once, in turn; the
// family goes on, and nothing is left.
func TestEndings(t *testing.T) {
	for _, e := range endings {
		for depth := range 5 { // the depth decides who is parked how
			t.Run(fmt.Sprint(e.name, "/", depth), func(t *testing.T) { testEnding(t, e.run, depth, e.want) })
		}
	}
	t.Run("panicnil", func(t *testing.T) {
		t.Setenv("GODEBUG", "panicnil=1")
		nothing := "panic " + new(runtime.PanicNilError).Error()
		for depth := range 5 {
			testEnding(t, func() (int, error) { panic(nil) }, depth, nothing)
		}
	})
}

func testEnding(t *testing.T, run func() (int, error), depth int, want string) {
	var heard []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { recover() }()
		main := Main[int]()
		bystander := New(main, func(_ *Greenlet[int], v int) (int, error) {
			for {
				var err error
				if v, err = main.Switch(v + 1); err != nil {
					return 0, err
				}
			}
		})
		bystander.Switch(0)
		g := New(main, func(*Greenlet[int], int) (int, error) { return run() })
		family := []*Greenlet[int]{g}
		for range depth {
			child := g
			g = New(main, func(*Greenlet[int], int) (int, error) {
				return outcome(func() (int, error) { return child.Switch(0) }, func(what string) { heard = append(heard, what) })
			})
			child.SetParent(g)
			family = append(family, g)
		}
		outcome(func() (int, error) { return g.Switch(0) }, func(what string) {
			heard = append(heard, what)
			for i, g := range family {
				if !g.Dead() {
					t.Errorf("%d lives", i)
				}
			}
			if main.Current() != main {
				t.Errorf("%v runs", main.Current())
			}
			if v, err := bystander.Switch(1); v != 2 || err != nil {
				t.Error("the bystander:", v, err)
			}
			if v, err := New(main, func(_ *Greenlet[int], v int) (int, error) { return v, nil }).Switch(3); v != 3 || err != nil {
				t.Error("a new greenlet:", v, err)
			}
			if err := main.Close(); err != nil {
				t.Error(err)
			}
		})
	}()
	<-done
	if len(heard) != depth+1 {
		t.Errorf("heard %q", heard)
	}
	for _, what := range heard {
		if what != want {
			t.Errorf("heard %q, not %q", heard, want)
		}
	}
}

// Close returns what a greenlet panicked with, however it was made to end: by
// ErrExit, or by the Goexit of one that goes on regardless.
func TestPanicWhileCloseUnwinds(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		main := Main[int]()
		unwound := false
		New(main, func(*Greenlet[int], int) (int, error) {
			defer func() { unwound = true }()
			defer failing()
			_, err := main.Switch(0)
			for stubborn {
				main.Switch(0)
			}
			return 0, err
		}).Switch(0)
		var p *PanicError
		if err := main.Close(); !errors.As(err, &p) || p.Value != errBoom || !unwound {
			t.Errorf("stubborn %t: %v, unwound %t", stubborn, err, unwound)
		}
	}
}

// A thrown error whose method panics is the thrower's: whom it was thrown into
// has not ended.
func TestThrowFailingError(t *testing.T) {
	main := Main[int]()
	g := New(main, func(_ *Greenlet[int], v int) (int, error) { return v, nil })
	func() {
		defer func() {
			if p := recover(); p != errBoom {
				t.Error(p)
			}
		}()
		g.Throw(mute{failing})
	}()
	if g.Started() {
		t.Error("it is", g)
	}
	if v, err := g.Switch(5); v != 5 || err != nil {
		t.Error(v, err)
	}
	if err := main.Close(); err != nil {
		t.Error(err)
	}
}

// A fickle error is not ErrExit, and panics if it is asked again.
type fickle struct{ asked *int }

func (f fickle) Error() string { return "fickle" }

func (f fickle) Is(error) bool {
	if *f.asked++; *f.asked > 1 {
		panic(errBoom)
	}
	return false
}

// An error that passes several dead greenlets is asked once what it is: the
// second answer would come in the midst of the change.
func TestErrorAskedOnce(t *testing.T) {
	for _, way := range []string{"returned", "thrown"} {
		main := Main[int]()
		dead := main
		for range 3 {
			dead = New(dead, func(_ *Greenlet[int], v int) (int, error) { return v, nil })
			dead.Switch(0)
		}
		asked := 0
		var err error
		if way == "returned" {
			_, err = New(dead, func(*Greenlet[int], int) (int, error) { return 0, fickle{&asked} }).Switch(0)
		} else {
			_, err = dead.Throw(fickle{&asked})
		}
		if _, ok := err.(fickle); !ok || asked != 1 {
			t.Errorf("%s: %v, asked %d times", way, err, asked)
		}
		if err := main.Close(); err != nil {
			t.Errorf("%s: Close: %v", way, err)
		}
	}
}
