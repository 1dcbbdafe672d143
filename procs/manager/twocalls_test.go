//go:build linux

package manager

import (
	"context"
	"errors"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
)

var testKillManager = procs.Register("test.manager.killmanager", func(_ context.Context, x int) (int, error) { return x, nil })

// Whatever a method makes of several calls: if the manager ends in between, or
// before, that is the error, and no answer is made up.
func TestManagerEndsBetweenCalls(t *testing.T) {
	for what, method := range map[string]func(t *testing.T, m *Manager, end func()) error{
		"Dict.Modify": func(t *testing.T, m *Manager, end func()) error {
			d := must(NewDict[string, int](m))(t)
			_, err := d.Modify("a", func(int, bool) (int, bool) { end(); return 1, true })
			return err
		},
		"Dict.Modify that removes": func(t *testing.T, m *Manager, end func()) error {
			d := must(NewDict[string, int](m))(t)
			_, err := d.Modify("a", func(int, bool) (int, bool) { end(); return 1, false })
			return err
		},
		"List.Modify": func(t *testing.T, m *Manager, end func()) error {
			return must(NewList(m, 1, 2))(t).Modify(func(vs []int) []int { end(); return vs })
		},
		"List.SortFunc": func(t *testing.T, m *Manager, end func()) error {
			return must(NewList(m, 2, 1))(t).SortFunc(func(a, b int) int { end(); return a - b })
		},
		"Value.Modify": func(t *testing.T, m *Manager, end func()) error {
			_, err := must(NewValue(m, 1))(t).Modify(func(n int) int { end(); return n + 1 })
			return err
		},
		"Condition.WaitFor": func(t *testing.T, m *Manager, end func()) error {
			c := must(NewCondition(m))(t)
			if err := c.Acquire(soon(t)); err != nil {
				t.Fatal(err)
			}
			return c.WaitFor(soon(t), func() bool { end(); return false })
		},
		"Queue.Full": func(t *testing.T, m *Manager, end func()) error {
			q := must(NewQueue[int](m, 1))(t)
			q.PutNowait(1)
			if full, err := q.Full(); !full || err != nil {
				t.Error(full, err)
			}
			end()
			full, err := q.Full()
			if full {
				t.Error("full")
			}
			return err
		},
		"Queue.Empty": func(t *testing.T, m *Manager, end func()) error {
			q := must(NewQueue[int](m, 1))(t)
			end()
			empty, err := q.Empty()
			if empty {
				t.Error("empty")
			}
			return err
		},
		"Map": func(t *testing.T, m *Manager, end func()) error {
			p := must(NewPool(m, procs.PoolConfig{Workers: 1}))(t)
			time.AfterFunc(50*time.Millisecond, end)
			for {
				if vs, err := Map(soon(t), p, testKillManager, make([]int, 2000)); err != nil || len(vs) != 2000 {
					return err
				}
			}
		},
		"NewList": func(t *testing.T, m *Manager, end func()) error {
			time.AfterFunc(20*time.Millisecond, end)
			for {
				l, err := NewList(m, 1, 2, 3)
				if err != nil {
					return err
				}
				l.Close()
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			m := testManager(t)
			if err := method(t, m, func() { m.Process().Kill(); <-m.Done() }); !errors.Is(err, ErrDied) {
				t.Error(err)
			}
		})
	}
}

// A list whose first elements cannot be encoded is not left behind.
func TestNewListLeavesNothing(t *testing.T) {
	m := testManager(t)
	before := must(m.Stats())(t).Objects
	if _, err := NewList[any](m, 1, func() {}); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	eventually(t, "the list is gone", func() bool { return must(m.Stats())(t).Objects == before })
}

// Full and Len of queues without a limit, and at it.
func TestQueueFull(t *testing.T) {
	m := testManager(t)
	for most, want := range map[int][]bool{0: {false, false, false}, 1: {false, true}, 2: {false, false, true}} {
		q := must(NewQueue[int](m, most))(t)
		for n, full := range want {
			if n > 0 {
				if err := q.PutNowait(n); err != nil {
					t.Fatal(err)
				}
			}
			if got := must(q.Full())(t); got != full || must(q.Len())(t) != n || must(q.Empty())(t) != (n == 0) {
				t.Errorf("%d of %d: full %v", n, most, got)
			}
		}
	}
}

// What a barrier says of a party that gave up: by its context, and by its
// limit.
func TestBarrierTexts(t *testing.T) {
	m := testManager(t)
	for _, c := range []struct {
		wait func(b *Barrier) error
		text string
		is   error
	}{
		{func(b *Barrier) error { _, err := b.WaitTimeout(time.Millisecond); return err },
			procs.ErrBrokenBarrier.Error() + ": " + procs.ErrTimeout.Error(), procs.ErrTimeout},
		{func(b *Barrier) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_, err := b.Wait(ctx)
			return err
		}, procs.ErrBrokenBarrier.Error() + ": context deadline exceeded", context.DeadlineExceeded},
		{func(b *Barrier) error { b.Abort(); _, err := b.WaitTimeout(wait.Patience); return err }, procs.ErrBrokenBarrier.Error(), procs.ErrBrokenBarrier},
	} {
		b := must(NewBarrier(m, 2))(t)
		err := c.wait(b)
		if err == nil || err.Error() != c.text || !errors.Is(err, c.is) || !errors.Is(err, procs.ErrBrokenBarrier) {
			t.Errorf("%v, not %q", err, c.text)
		}
	}
}
