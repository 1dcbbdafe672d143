package interleave

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// counter is a thread that adds to the state n times.
func counter(n int) []Step[int] {
	steps := make([]Step[int], n)
	for i := range steps {
		steps[i] = func(s *int) int {
			*s++
			if i == n-1 {
				return End
			}
			return i + 1
		}
	}
	return steps
}

// Every position is visited once, whatever order leads there.
func TestExplore(t *testing.T) {
	for _, c := range []struct{ a, b, states int }{{1, 1, 4}, {2, 1, 6}, {3, 2, 12}, {5, 7, 48}} { // (a+1) * (b+1)
		ends := 0
		states, err := Explore(0, [][]Step[int]{counter(c.a), counter(c.b)}, func(s int) error {
			ends++
			if s != c.a+c.b {
				return fmt.Errorf("counted to %d", s)
			}
			return nil
		})
		if states != c.states || ends != 1 || err != nil {
			t.Errorf("%+v: %d states, %d ends, %v", c, states, ends, err)
		}
	}
	if states, err := Explore(0, [][]Step[int]{counter(2)}, nil); states != 3 || err != nil {
		t.Error("without a check:", states, err)
	}
	if states, err := Explore(0, [][]Step[int]{counter(1), counter(1), counter(1), counter(1)}, nil); states != 16 || err != nil {
		t.Error("four threads:", states, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("five threads")
		}
	}()
	Explore(0, make([][]Step[int], 5), nil)
}

// An error tells the steps that lead to it, and those only.
func TestExploreTellsTheWay(t *testing.T) {
	odd := errors.New("odd")
	// The first thread ends at once, or adds if the second has.
	late := []Step[int]{func(s *int) int {
		if *s == 10 {
			*s++
		}
		return End
	}}
	ten := []Step[int]{func(s *int) int { *s = 10; return 1 }, func(s *int) int { return End }}
	_, err := Explore(0, [][]Step[int]{late, ten}, func(s int) error {
		if s%2 != 0 {
			return odd
		}
		return nil
	})
	if !errors.Is(err, odd) {
		t.Fatal(err)
	}
	want := "odd, after\nthread 1 step 0: 10\nthread 0 step 0: 11\nthread 1 step 1: 11"
	if err.Error() != want {
		t.Errorf("%q, not %q", err, want)
	}
	// One waits for what the other never does.
	waits := []Step[int]{func(s *int) int {
		if *s < 3 {
			return Blocked
		}
		return End
	}}
	states, err := Explore(0, [][]Step[int]{counter(2), waits}, nil)
	want = "nobody can go on at steps [-1 0], after\nthread 0 step 0: 1\nthread 0 step 1: 2"
	if err == nil || err.Error() != want || states != 3 {
		t.Errorf("%v after %d states, not %q", err, states, want)
	}
	// Blocked for a while is no fault.
	if _, err := Explore(0, [][]Step[int]{counter(3), waits}, nil); err != nil {
		t.Error(err)
	}
	if _, err := Explore(0, [][]Step[int]{waits}, nil); err == nil || strings.Count(err.Error(), "thread") != 0 {
		t.Error(err)
	}
}
