package main

import (
	"errors"
	"sync/atomic"
	"testing"
)

// Every task is called once, never more of them at once than there may be, and
// an error of one is returned when all have ended.
func TestEach(t *testing.T) {
	const n, limit = 500, 3
	broken := errors.New("broken")
	for name, each := range map[string]func(n, limit int, do func(i int) error) error{"conc": eachConc, "errgroup": eachErrgroup} {
		for _, fails := range []int{-1, 0, n - 1} {
			var calls [n]atomic.Int32
			var inside, most atomic.Int32
			err := each(n, limit, func(i int) error {
				now := inside.Add(1)
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				calls[i].Add(1)
				inside.Add(-1)
				if i == fails {
					return broken
				}
				return nil
			})
			if want := fails >= 0; errors.Is(err, broken) != want || err != nil != want {
				t.Errorf("%s: %v when task %d fails", name, err, fails)
			}
			if most.Load() > limit || inside.Load() != 0 {
				t.Errorf("%s: %d tasks at once, %d have not ended", name, most.Load(), inside.Load())
			}
			for i := range calls {
				if calls[i].Load() != 1 {
					t.Fatalf("%s: task %d was called %d times", name, i, calls[i].Load())
				}
			}
		}
	}
}

func TestFork(t *testing.T) {
	for name, fork := range map[string]func(n int, do func(i int)){"conc": forkConc, "errgroup": forkErrgroup} {
		for _, n := range []int{0, 1, 10} {
			calls := make([]atomic.Int32, n)
			fork(n, func(i int) { calls[i].Add(1) })
			for i := range calls {
				if calls[i].Load() != 1 {
					t.Errorf("%s of %d: task %d was called %d times", name, n, i, calls[i].Load())
				}
			}
		}
	}
}
