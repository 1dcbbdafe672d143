//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var testMul = RegisterStar("test.mul", func(_ context.Context, a, b int) (int, error) { return a * b, nil })

// upTo returns 0, 1, ... n-1.
func upTo(n int) []int {
	xs := make([]int, n)
	for i := range xs {
		xs[i] = i
	}
	return xs
}

func squaresUpTo(n int) []int {
	xs := upTo(n)
	for i := range xs {
		xs[i] *= xs[i]
	}
	return xs
}

func TestPoolMapAsync(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 4})
	for _, n := range []int{0, 1, 10, 1000} {
		for _, chunk := range []int{0, 1, 20} {
			vs, err := MapAsync(p, testSquare, upTo(n), Chunk(chunk)).Get(soon(t))
			if !slices.Equal(vs, squaresUpTo(n)) || err != nil {
				t.Error(n, chunk, vs, err)
			}
		}
	}
}

func TestPoolStarmapChunks(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 4})
	for _, n := range []int{0, 10, 100} {
		var args []Args[int, int]
		var want []int
		for i := range n {
			args = append(args, Args[int, int]{i, n - 1 - i})
			want = append(want, i*(n-1-i))
		}
		for _, opts := range [][]Option{nil, {Chunk(20)}} {
			if vs, err := Starmap(soon(t), p, testMul, args, opts...); !slices.Equal(vs, want) || err != nil {
				t.Error(n, vs, err)
			}
			if vs, err := StarmapAsync(p, testMul, args, opts...).Get(soon(t)); !slices.Equal(vs, want) || err != nil {
				t.Error(n, vs, err)
			}
		}
	}
	vs, err := Starmap(soon(t), p, testStar, []Args[int, string]{{1, "a"}, {2, "b"}}) // of different types
	if err != nil || !slices.Equal(vs, []string{"1a", "2b"}) {
		t.Fatal(vs, err)
	}
}

// Callbacks have been called, once, when somebody who waited gets the result.
func TestPoolMapCallbacks(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var results [][]int
	var failures []error
	opts := []Option{OnResult(func(vs []int) { results = append(results, vs) }), OnError(func(err error) { failures = append(failures, err) })}
	for i := range 100 {
		results, failures = nil, nil
		if err := MapAsync(p, testHalf, []int{2, 4}, opts...).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
		if len(results) != 1 || !slices.Equal(results[0], []int{1, 2}) || failures != nil {
			t.Fatal(i, results, failures)
		}
		r := MapAsync(p, testHalf, []int{2, 3}, opts...)
		<-r.C()
		if len(results) != 1 || len(failures) != 1 || !errors.Is(failures[0], os.ErrPermission) {
			t.Fatal(i, results, failures)
		}
		results, failures = nil, nil
		if _, err := MapAsync(p, testHalf, nil, opts...).Get(soon(t)); err != nil || len(results) != 1 || len(results[0]) != 0 || failures != nil {
			t.Fatal(i, err, results, failures)
		}
	}
	p.Close()
	results, failures = nil, nil
	if _, err := MapAsync(p, testHalf, []int{2}, opts...).Get(soon(t)); err == nil || len(failures) != 1 || failures[0] != err || results != nil {
		t.Fatal(err, results, failures)
	}
}

// Elements that cannot be sent fail the map, and hang nobody.
func TestPoolMapUnencodable(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	pids := p.PIDs()
	bad := slices.Repeat([]crosser{{Mode: "error encoding parent"}}, 10)
	for _, chunk := range []int{0, 1, 3, 10} {
		if _, err := Map(soon(t), p, testCross, bad, Chunk(chunk)); !errors.Is(err, ErrEncode) || !errors.Is(err, os.ErrInvalid) {
			t.Error(chunk, err)
		}
	}
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
	if !slices.Equal(p.PIDs(), pids) {
		t.Error("workers were replaced")
	}
}

func TestPoolEmpty(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	for _, chunk := range []int{0, 1, 5} {
		for _, xs := range [][]int{nil, {}} {
			if vs, err := Map(soon(t), p, testSquare, xs, Chunk(chunk)); len(vs) != 0 || err != nil {
				t.Error(vs, err)
			}
			if vs, err := MapAsync(p, testSquare, xs, Chunk(chunk)).Get(soon(t)); len(vs) != 0 || err != nil {
				t.Error(vs, err)
			}
			for v, err := range Imap(soon(t), p, testSquare, slices.Values(xs), Chunk(chunk)) {
				t.Error(v, err)
			}
			for v, err := range ImapUnordered(soon(t), p, testSquare, slices.Values(xs), Chunk(chunk)) {
				t.Error(v, err)
			}
		}
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Error(err)
	}
}

type imapFunc func(context.Context, *Pool, *Func[int, int], iter.Seq[int], ...Option) iter.Seq2[int, error]

// eachImap tests Imap and ImapUnordered alike; the results of the latter are
// put in order first.
func eachImap(t *testing.T, test func(t *testing.T, p *Pool, imap imapFunc, ordered bool)) {
	for name, imap := range map[string]imapFunc{"Imap": Imap[int, int], "ImapUnordered": ImapUnordered[int, int]} {
		t.Run(name, func(t *testing.T) { test(t, newPool(t, PoolConfig{Workers: 4}), imap, name == "Imap") })
	}
}

func TestPoolImapAll(t *testing.T) {
	eachImap(t, func(t *testing.T, p *Pool, imap imapFunc, ordered bool) {
		for _, c := range []struct{ n, chunk int }{{10, 0}, {10, 1}, {10, 20}, {1000, 100}, {1000, 7}} {
			var got []int
			next, stop := iter.Pull2(imap(soon(t), p, testSquare, slices.Values(upTo(c.n)), Chunk(c.chunk)))
			for range c.n {
				v, err, ok := next()
				if !ok || err != nil {
					t.Fatal(c, v, err, ok)
				}
				got = append(got, v)
			}
			if v, err, ok := next(); ok {
				t.Error("more results than elements:", v, err)
			}
			stop()
			if !ordered {
				slices.Sort(got)
			}
			if !slices.Equal(got, squaresUpTo(c.n)) {
				t.Error(c, got)
			}
		}
	})
}

// errWhen is what sequences panic with.
var errWhen = errors.New("somebody said when")

// panicAt returns 0, 1, ... n-1, but panics instead of the number when.
func panicAt(n, when int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if i == when {
				panic(errWhen)
			}
			if !yield(i) {
				return
			}
		}
	}
}

// A sequence that panics does so in the loop over the results, when all have
// come that belong to what it gave before, as far as whole chunks. The panic is
// not mistaken for one in a worker.
func TestPoolImapIteratorPanics(t *testing.T) {
	eachImap(t, func(t *testing.T, p *Pool, imap imapFunc, ordered bool) {
		for _, c := range []struct{ n, when, chunk, want int }{{1, 0, 1, 0}, {1, 0, 1, 0}, {10, 3, 1, 3}, {20, 7, 2, 6}, {20, 7, 4, 4}, {9000, 8999, 10, 8990}} {
			var got []int
			func() {
				defer func() {
					if v := recover(); v != error(errWhen) {
						t.Error(c, "panicked with", v)
					}
				}()
				for v, err := range imap(soon(t), p, testSquare, panicAt(c.n, c.when), Chunk(c.chunk)) {
					if err != nil {
						t.Fatal(c, err)
					}
					got = append(got, v)
				}
				t.Error(c, "no panic")
			}()
			if !ordered {
				slices.Sort(got)
			}
			if !slices.Equal(got, squaresUpTo(c.want)) {
				t.Error(c, got)
			}
		}
		if v, err := Apply(soon(t), p, testSquare, 5); v != 25 || err != nil {
			t.Fatal(v, err)
		}
	})
}

// An element that fails yields its error in its place, and the loop goes on.
func TestPoolImapErrors(t *testing.T) {
	eachImap(t, func(t *testing.T, p *Pool, imap imapFunc, ordered bool) {
		var got []int
		failed := 0
		for v, err := range imap(soon(t), p, testHalf, slices.Values([]int{2, 3, 4, 5, 6})) {
			switch {
			case err == nil:
				got = append(got, v)
			case errors.Is(err, os.ErrPermission):
				failed++
				got = append(got, -1)
			default:
				t.Error(err)
			}
		}
		want := []int{1, -1, 2, -1, 3}
		if !ordered {
			slices.Sort(got)
			slices.Sort(want)
		}
		if failed != 2 || !slices.Equal(got, want) {
			t.Error(failed, got)
		}
	})
}

// testLongError fails with a message that does not fit into the shared memory.
var testLongError = Register("test.longerror", func(ctx context.Context, x errorCount) (int, error) {
	if err := x.Done.Update(ctx, func(n *int64) { *n++ }); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%d %s", x.I, strings.Repeat("x", 1<<20))
})

type errorCount struct {
	I    int
	Done *Value[int64]
}

// Elements fail, with messages of a megabyte: the others are done nevertheless,
// and the pool can be closed and joined.
func TestPoolMapNoFailFast(t *testing.T) {
	done := must(NewValue(int64(0)))(t)
	defer done.Close()
	p := newPool(t, PoolConfig{Workers: 2})
	const n = 6
	var xs []errorCount
	for i := range n {
		xs = append(xs, errorCount{i, done})
	}
	var callbacks atomic.Int32
	r := MapAsync(p, testLongError, xs, Chunk(1), OnError(func(error) { callbacks.Add(1) }))
	_, err := r.Get(soon(t))
	if !errors.As(err, new(*RemoteError)) {
		t.Fatalf("%.100v", err)
	}
	if ok, err := r.Successful(); ok || err != nil {
		t.Error(ok, err)
	}
	if v, err := done.Get(); v != n || err != nil {
		t.Errorf("%d of %d elements were done (%v)", v, n, err)
	}
	if callbacks.Load() != 1 {
		t.Error(callbacks.Load())
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// testRefuse fails for negative numbers, and says which.
var testRefuse = Register("test.refuse", func(_ context.Context, x int) (int, error) {
	if x < 0 {
		return 0, fmt.Errorf("refused %d", x)
	}
	return x, nil
})

// Of several elements that fail, the first error to arrive is the Map's, and
// neither a later one nor a later success takes its place.
func TestMapFirstError(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1}) // so that they arrive in order
	xs := []int{0, 1, -2, 3, 4, -5, 6, -7}
	for _, chunk := range []int{1, 2, 3, 8} {
		for name, do := range map[string]func() error{
			"Map":       func() error { _, err := Map(soon(t), p, testRefuse, xs, Chunk(chunk)); return err },
			"MapAsync":  func() error { _, err := MapAsync(p, testRefuse, xs, Chunk(chunk)).Get(soon(t)); return err },
			"MapAsync2": func() error { _, err := MapAsync(p, testRefuse, xs[1:], Chunk(chunk)).Get(soon(t)); return err },
		} {
			want := 2
			if name == "MapAsync2" {
				want = 1
			}
			err := do()
			remote, ok := errors.AsType[*RemoteError](err)
			if !ok || remote.Index != want || !strings.Contains(err.Error(), "refused -2") {
				t.Errorf("%s in chunks of %d: %v", name, chunk, err)
			}
		}
	}
}

// testMallocs is how many objects the worker has allocated, and their bytes.
var testMallocs = Register("test.mallocs", func(context.Context, int) ([2]uint64, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return [2]uint64{m.Mallocs, m.TotalAlloc}, nil
})

// A task costs its worker three small objects: its context, argument and
// result; and the pool none. Each page of fresh memory is a fault, and those of
// many workers add up.
func TestTaskAllocates(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	const n = 4000 // no more than one worker may have: its entries are the only thing that grows
	squares := func() {
		if vs, err := Map(soon(t), p, testSquare, upTo(n), Chunk(1)); err != nil || vs[n-1] != (n-1)*(n-1) {
			t.Fatal(err)
		}
	}
	mallocs := func() (worker [2]uint64, here uint64) {
		worker, err := Apply(soon(t), p, testMallocs, 0)
		if err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return worker, m.Mallocs
	}
	squares() // what stays is made
	before, hereBefore := mallocs()
	squares()
	after, here := mallocs()
	objects, bytes := float64(after[0]-before[0])/n, float64(after[1]-before[1])/n
	if objects > 3.1 || bytes > 80 { // 64 with the race detector
		t.Errorf("a task allocates %.2f objects, %.1f bytes, in its worker", objects, bytes)
	}
	if own := float64(here-hereBefore) / n; own > 0.1 {
		t.Errorf("a task allocates %.2f objects in the pool", own)
	}
}
