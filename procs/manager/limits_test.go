//go:build linux

package manager

import (
	"math"
	"testing"

	"switchyard/procs"
)

// What is made with a number is made at its limits, and not beyond.
func TestLimitsOfNew(t *testing.T) {
	semaphore := func(m *Manager, n int) (*Semaphore, error) { return NewSemaphore(m, n) }
	bounded := func(m *Manager, n int) (*Semaphore, error) {
		b, err := NewBoundedSemaphore(m, n)
		if err != nil {
			return nil, err
		}
		return &b.Semaphore, nil
	}
	managers(t, func(t *testing.T, m *Manager) {
		before := must(m.Stats())(t).Objects
		for _, c := range []struct {
			what string
			err  error
			want string
		}{
			{"NewSemaphore", failed(semaphore(m, -1)), "manager: semaphore with -1 permits"},
			{"NewSemaphore", failed(semaphore(m, math.MinInt)), "manager: semaphore with -9223372036854775808 permits"},
			{"NewSemaphore", failed(semaphore(m, math.MaxInt32+1)), "manager: semaphore with 2147483648 permits"},
			{"NewBoundedSemaphore", failed(bounded(m, 0)), "manager: semaphore with 0 permits"},
			{"NewBoundedSemaphore", failed(bounded(m, -1)), "manager: semaphore with -1 permits"},
			{"NewBoundedSemaphore", failed(bounded(m, math.MaxInt)), "manager: semaphore with 9223372036854775807 permits"},
			{"NewBarrier", failed(NewBarrier(m, 0)), "manager: barrier for 0 parties"},
			{"NewBarrier", failed(NewBarrier(m, -3)), "manager: barrier for -3 parties"},
			{"NewQueue", failed(NewQueue[int](m, -1)), "manager: queue of size -1"},
			{"NewJoinableQueue", failed(NewJoinableQueue[int](m, math.MinInt)), "manager: queue of size -9223372036854775808"},
		} {
			if c.err == nil || c.err.Error() != c.want {
				t.Errorf("%s: %v, not %q", c.what, c.err, c.want)
			}
		}
		if n := must(m.Stats())(t).Objects; n != before {
			t.Errorf("the refused ones left %d objects", n-before)
		}
		for _, n := range []int{0, 1, math.MaxInt32} {
			if v := must(must(semaphore(m, n))(t).Value())(t); v != n {
				t.Errorf("a semaphore with %d permits has %d", n, v)
			}
		}
		if i, err := must(NewBarrier(m, 1))(t).Wait(soon(t)); i != 0 || err != nil {
			t.Error("a barrier for one: ", i, err)
		}
	})
}

// failed is for calls of which only the error is of interest.
func failed[T any](_ *T, err error) error { return err }

// A release of too many permits, also of so many that their sum is no int, is
// refused and releases none.
func TestSemaphoreReleaseTooMany(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		s, b := must(NewSemaphore(m, 4))(t), must(NewBoundedSemaphore(m, 4))(t)
		if err := b.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			n      int
			s, b   string
			sv, bv int
		}{
			{math.MinInt, "manager: release of -9223372036854775808 permits", "manager: release of -9223372036854775808 permits", 4, 3},
			{-1, "manager: release of -1 permits", "manager: release of -1 permits", 4, 3},
			{0, "manager: release of 0 permits", "manager: release of 0 permits", 4, 3},
			{math.MaxInt, tooMany, procs.ErrNotHeld.Error(), 4, 3},
			{math.MaxInt32 - 3, tooMany, procs.ErrNotHeld.Error(), 4, 3},
			{1, "", "", 5, 4},
			{math.MaxInt32 - 5, "", procs.ErrNotHeld.Error(), math.MaxInt32, 4},
			{1, tooMany, procs.ErrNotHeld.Error(), math.MaxInt32, 4},
		} {
			if err := s.ReleaseN(c.n); text(err) != c.s || must(s.Value())(t) != c.sv {
				t.Errorf("%d of a semaphore: %v, %d", c.n, err, must(s.Value())(t))
			}
			if err := b.ReleaseN(c.n); text(err) != c.b || must(b.Value())(t) != c.bv {
				t.Errorf("%d of a bounded one: %v, %d", c.n, err, must(b.Value())(t))
			}
		}
	})
}

const tooMany = "manager: semaphore with more than 2147483647 permits"

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Elements of lists and arrays at both ends, counted from either, and beyond.
func TestLimitsOfIndexes(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		l, a := must(NewList(m, 10, 11, 12))(t), must(NewArray(m, []int{10, 11, 12}))(t)
		for i, want := range map[int]int{-3: 10, -1: 12, 0: 10, 2: 12, -4: -1, 3: -1, math.MinInt: -1, math.MaxInt: -1} {
			for what, f := range map[string]struct {
				get func(int) (int, error)
				set func(int, int) error
			}{"list": {l.Get, l.Set}, "array": {a.Get, a.Set}} {
				v, err := f.get(i)
				if want < 0 && err != ErrIndex || want >= 0 && (v != want || err != nil) {
					t.Errorf("get %d of a %s: %d, %v", i, what, v, err)
				}
				if err := f.set(i, want); want < 0 && err != ErrIndex || want >= 0 && err != nil {
					t.Errorf("set %d of a %s: %v", i, what, err)
				}
			}
			if want < 0 {
				if _, err := l.Pop(i); err != ErrIndex {
					t.Errorf("pop %d: %v", i, err)
				}
				if _, err := ArrayAdd(a, i, 1); err != ErrIndex {
					t.Errorf("add to %d: %v", i, err)
				}
			}
		}
		for i, n := range map[int]int{0: 4, 1: 3, 3: 1, 4: 0, -1: 2, -4: 1} {
			if err := a.SetSlice(i, make([]int, n)); err != ErrIndex {
				t.Errorf("%d elements at %d: %v", n, i, err)
			}
		}
		if err := a.SetSlice(3, nil); err != nil {
			t.Error(err)
		}
		all := must(a.All())(t)
		if len(all) != 3 || all[0] != 10 || all[2] != 12 {
			t.Error("the array was changed: ", all)
		}
	})
}
