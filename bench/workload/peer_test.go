package workload

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"switchyard/bench"
)

// A runner of another module whose pool runs more tasks than may be there at
// once is found: here all of them start, and none ends before one was refused.
func TestEachLimit(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		refused := make(chan struct{})
		each := Each(func(n, _ int, do func(i int) error) error {
			errs := make([]error, n)
			var once sync.Once
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					if errs[i] = do(i); errs[i] != nil {
						once.Do(func() { close(refused) })
					}
				})
			}
			all.Wait()
			return errors.Join(errs...)
		})
		b := &bench.B{N: n + 1, Params: bench.Params(fmt.Sprintf("tasks=%d", n))}
		_, err := each.race(b, func(*bench.Unit) func(i int) error {
			return func(int) error { <-refused; return nil }
		})
		if err == nil || !strings.Contains(err.Error(), "are there at once") {
			t.Errorf("%d tasks where %d may run: %v", n+1, n, err)
		}
	}
}

// What is left out, done twice or lost is no result, whatever the pool says.
func TestEachMutants(t *testing.T) {
	inTurn := func(n, _ int, do func(i int) error) error {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	for name, tt := range map[string]struct {
		each Each
		want string
	}{
		"as it should be": {inTurn, ""},
		"one is left out": {func(n, limit int, do func(i int) error) error { return inTurn(n-1, limit, do) }, "wrong answer"},
		"one is done twice": {func(n, limit int, do func(i int) error) error {
			return errors.Join(do(0), inTurn(n, limit, do))
		}, "wrong answer"},
		"another in its place": {func(n, limit int, do func(i int) error) error {
			return inTurn(n, limit, func(i int) error { return do(max(i, 1)) })
		}, "wrong answer"},
		"it fails": {func(int, int, func(i int) error) error { return errors.New("no more goroutines") }, "no more goroutines"},
	} {
		w := *files
		w.Impls = map[bench.Model]bench.Func{Ants: Filing(tt.each)}
		c := bench.Case{Workload: w.Name, Params: "tasks=8/sync=never", Model: Ants, CPUs: 2}
		_, err := bench.Measure(&w, c, bench.Options{N: 20})
		if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
