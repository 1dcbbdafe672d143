package run

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// A replay is the machine of a kept run, as far as its results tell: what it
// measures is what one of them was, and what it calibrates is as far off as the
// calibrating pass of that run was, in one case or another.
type replay struct {
	clock *fakeClock
	rand  *rand.Rand
	of    map[string]replayed
	off   []float64                 // length of an op as calibrated over that of the results
	speed func(name string) float64 // how much longer an op takes, nil is 1
}

type replayed struct {
	benchlog.CalibratedCase
	ops []float64 // lengths in the blocks, in ns
}

func (e *replay) Run(ctx context.Context, in Invocation) (Output, error) {
	c := e.of[in.Case.String()]
	op := c.ops[e.rand.IntN(len(c.ops))]
	if e.speed != nil {
		op *= e.speed(c.Case)
	}
	n, passes := in.N, 1
	if n == 0 {
		op *= e.off[e.rand.IntN(len(e.off))]
		n, passes = max(int(float64(in.Benchtime)/op), 1), 4
		n = (n + c.Batch - 1) / c.Batch * c.Batch
	}
	elapsed := time.Duration(op * float64(n))
	e.clock.now = e.clock.now.Add(startUp + c.Overhead*time.Duration(passes)/2 + elapsed*11/10)
	out := Output{Line: fmt.Sprintf("Benchmark%s\t%d\t%f ns/op", in.Case, n, op), N: n, Op: time.Duration(op), Elapsed: elapsed}
	if in.N == 0 {
		out.Passes, out.Timed, out.Batch = passes, elapsed*13/10, c.Batch
	}
	return out, ctx.Err()
}

// newest returns the newest kept run of the default plan.
func newest(t *testing.T) (like *benchlog.Like, file *benchlog.File) {
	kept, err := filepath.Glob("../../results/*/*/" + benchlog.BenchFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range kept {
		l, f, err := LikeOf(filepath.Dir(name))
		if err == nil && f.Header.Budget == 4*time.Minute && len(f.Header.Lanes) == 1 && (like == nil || l.Started.After(like.Started.Time)) {
			like, file = l, f
		}
	}
	if like == nil {
		t.Fatalf("of the runs %q none was for four minutes", kept)
	}
	return like, file
}

// equalN repeats the calibrating pass of a kept run five times, and returns in
// which share of the cases all have the same N.
func equalN(t *testing.T, like *benchlog.Like, speed func(string) float64) float64 {
	kept, file := newest(t)
	lengths := make(map[string][]float64)
	for _, r := range file.Results {
		if ns, ok := r.Get("ns/op"); ok {
			lengths[r.Name] = append(lengths[r.Name], ns)
		}
	}
	e := &replay{of: make(map[string]replayed), speed: speed}
	for _, c := range kept.Cases {
		if ops := lengths[c.Case]; len(ops) > 0 {
			e.of[c.Case] = replayed{c, ops}
			e.off = append(e.off, float64(c.Timed)/float64(c.N)/median(ops))
		}
	}
	all := make(map[string]map[int]bool)
	for seed := range uint64(5) {
		e.clock, e.rand = &fakeClock{e0}, rand.New(rand.NewPCG(seed, 7))
		r := &Run{
			Config: Config{Declared: file.Models, Workloads: file.Workloads, Like: like, Header: file.Header},
			Exec:   e, Now: e.clock.Now, Canary: func() time.Duration { return time.Millisecond }, Watch: quiet,
		}
		r.Refine = 0
		var err error
		if r.Log, err = CreateLog(t.TempDir(), r.Plan(e0), nil); err != nil {
			t.Fatal(err)
		}
		r.defaults()
		r.began, r.asked = r.Now(), r.Benchtime
		if err := r.prepare(); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.cases {
			s.excluded = e.of[s.Case.String()].ops == nil
		}
		if err := r.calibrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Log.Close()
		for _, s := range r.cases {
			if !s.excluded {
				if all[s.Case.String()] == nil {
					all[s.Case.String()] = make(map[int]bool)
				}
				all[s.Case.String()][s.N] = true
			}
		}
	}
	equal := 0
	for _, ns := range all {
		equal += count(len(ns) == 1)
	}
	return float64(equal) / float64(len(all))
}

// Runs repeated on one machine have the same N in at least 95 % of the cases,
// with that of a kept run to go by; and in nearly as many where every op takes
// another time than on the machine of that run, as a rule 1.6 times as much or
// as little. Without one they have not: lengths of ops differ too much from
// call to call.
func TestRepeatedRunsHaveTheSameN(t *testing.T) {
	like, _ := newest(t)
	other := func(name string) float64 {
		h := uint64(14695981039346656037)
		for _, b := range []byte(name) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		return math.Exp(0.5 * rand.New(rand.NewPCG(h, 1)).NormFloat64())
	}
	for _, tt := range []struct {
		name        string
		like        *benchlog.Like
		speed       func(string) float64
		least, most float64
	}{
		{"like a kept run", like, nil, 0.95, 1},
		{"on another machine", like, other, 0.9, 1},
		{"by itself", nil, nil, 0, 0.9},
	} {
		got := equalN(t, tt.like, tt.speed)
		t.Logf("%s: N is equal in %.1f %% of the cases", tt.name, 100*got)
		if got < tt.least || got > tt.most {
			t.Errorf("%s: N is equal in %.1f %% of the cases, want %.0f to %.0f %%", tt.name, 100*got, 100*tt.least, 100*tt.most)
		}
	}
}
