package greenlet

import "testing"

func nothing(*Greenlet[int], int) (int, error) { return 0, nil }

func TestMainHasNoParent(t *testing.T) {
	main := openFamily[int](t)
	if main.Parent() != nil {
		t.Error(main.Parent())
	}
	if g := New(main, nothing); g.Parent() != main {
		t.Error(g.Parent())
	}
}

func TestSetParentErrors(t *testing.T) {
	main, other := openFamily[int](t), openFamily[int](t)
	g1, g2, g3 := New(main, nothing), New(main, nothing), New(main, nothing)
	for _, step := range []struct {
		what      string
		g, parent *Greenlet[int]
		want      error
	}{
		{"g1 below g2", g1, g2, nil},
		{"g2 below g3", g2, g3, nil},
		{"deep cycle", g3, g1, ErrCycle},
		{"itself", g1, g1, ErrCycle},
		{"main", main, main, ErrMain},
		{"main below g1", main, g1, ErrMain},
		{"foreign", g1, other, ErrForeign},
		{"foreign, not started", g1, New(other, nothing), ErrForeign},
		{"back", g1, main, nil},
	} {
		if err := step.g.SetParent(step.parent); err != step.want {
			t.Errorf("%s: %v, want %v", step.what, err, step.want)
		}
	}
	if g1.Parent() != main || g2.Parent() != g3 || g3.Parent() != main {
		t.Error("parents differ from what was set")
	}
}

// TestUnstartedParent is started by its child's result, and dies of its error.
func TestUnstartedParent(t *testing.T) {
	main := openFamily[int](t)
	ran := 0
	parent := New(main, func(_ *Greenlet[int], v int) (int, error) { ran++; return v + 24, nil })
	child := New(parent, func(*Greenlet[int], int) (int, error) { return 42, nil })
	must(t, child, 0, 66)

	parent = New(main, func(_ *Greenlet[int], v int) (int, error) { ran++; return v, errSome })
	child = New(parent, func(*Greenlet[int], int) (int, error) { return 42, nil })
	mustErr(t, child, 0, errSome)

	parent = New(main, func(_ *Greenlet[int], v int) (int, error) { ran++; return v, nil })
	child = New(parent, func(*Greenlet[int], int) (int, error) { return 42, errBoom })
	mustErr(t, child, 0, errBoom)
	if ran != 2 || !parent.Dead() || !parent.Started() {
		t.Errorf("%d parents ran; the last is %v", ran, parent)
	}
}

// TestDeadReparented: switching to a dead greenlet is switching to its present
// parent.
func TestDeadReparented(t *testing.T) {
	main := openFamily[int](t)
	var seen []int
	see := func(_ *Greenlet[int], v int) (int, error) { seen = append(seen, v); return v, nil }
	parent, child := New(main, see), New(main, see)
	must(t, child, 42, 42)
	if err := child.SetParent(parent); err != nil {
		t.Fatal(err)
	}
	must(t, child, 24, 24)
	same(t, seen, 42, 24)
}
