package run

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// What a runner call takes besides the measured time: set-up and tear-down of a
// pass, twice, and the start of a process.
func TestOverhead(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		took time.Duration
		out  Output
		want time.Duration
	}{
		{100 * ms, Output{Passes: 2, Timed: 50 * ms}, 50 * ms},
		{100 * ms, Output{Passes: 4, Timed: 50 * ms}, 27 * ms},
		{100 * ms, Output{Passes: 1, Timed: 50 * ms}, 96 * ms},
		{100 * ms, Output{Timed: 50 * ms}, 39 * ms}, // of 20 ms: 4 passes and 26 ms are assumed
		{50 * ms, Output{Passes: 2, Timed: 50 * ms}, 4 * ms},
		{55 * ms, Output{Passes: 2, Timed: 50 * ms}, 5 * ms},
		{0, Output{Passes: 2, Timed: 50 * ms}, 4 * ms},
	} {
		if got := overhead(tt.took, tt.out, 20*ms); got != tt.want {
			t.Errorf("%v for %d passes of %v: %v, want %v", tt.took, tt.out.Passes, tt.out.Timed, got, tt.want)
		}
	}
}

// budgetRun is a run of three blocks in its eighth millisecond, with cases of
// these lengths of an op, of 1000 ops and 5 ms of overhead; the last is out.
func budgetRun(budget, benchtime time.Duration, ops ...time.Duration) (*Run, *notes) {
	clock, told := &fakeClock{time.Unix(1_000_000_000, 0)}, new(notes)
	r := &Run{Now: clock.Now, began: clock.now.Add(-8 * time.Millisecond), Observe: told}
	r.Count, r.Benchtime, r.Budget, r.Repeats = 3, benchtime, budget, 2
	for i, op := range append(ops, time.Hour) {
		r.cases = append(r.cases, &caseState{n: 1000, op: op, overhead: 5 * time.Millisecond, excluded: i == len(ops)})
	}
	return r, told
}

// A budget shortens the bench time to what is left for measuring, a tenth of
// warm-up included, and no further than to 2 ms.
func TestFit(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	for _, tt := range []struct {
		budget, benchtime time.Duration
		ops               []time.Duration
		want              time.Duration // bench time
		n                 int
		note              string
	}{
		{0, 20 * ms, []time.Duration{us, us}, 20 * ms, 1000, ""},
		{time.Hour, 20 * ms, []time.Duration{us, us}, 20 * ms, 1000, ""},
		{170 * ms, 20 * ms, []time.Duration{us, us}, 20 * ms, 1000, ""}, // 3 blocks of 2 * (22 + 5) ms, and the 8 ms spent
		{104 * ms, 20 * ms, []time.Duration{us, us}, 10 * ms, 500, "bench time cut from 20ms to 10ms per result, to stay within the budget of 104ms"},
		{111481481, 20 * ms, []time.Duration{us, us}, 11133557, 556, "bench time cut from 20ms to 11.1ms per result, to stay within the budget of 111.481481ms"},
		{1, 20 * ms, []time.Duration{us, us}, 2 * ms, 100, "bench time cut from 20ms to 2ms per result, to stay within the budget of 1ns"},
		{1, 2 * ms, []time.Duration{us, us}, 2 * ms, 1000, ""},
		{1, 1500 * us, []time.Duration{us, us}, 1500 * us, 1000, ""},
		{1, 4000 * ms, []time.Duration{us, us}, 2 * ms, 1, "bench time cut from 4s to 2ms per result, to stay within the budget of 1ns"},
		{1, 20 * ms, nil, 20 * ms, 1000, ""},
		// One case has an op of two bench times: 3 * (22 + 44) ms.
		{8*ms + 30*ms + 198*ms, 20 * ms, []time.Duration{us, 40 * ms}, 20 * ms, 1000, ""},
		{8*ms + 30*ms + 99*ms, 20 * ms, []time.Duration{us, 40 * ms}, 10 * ms, 500, "bench time cut from 20ms to 10ms per result, to stay within the budget of 137ms"},
	} {
		r, told := budgetRun(tt.budget, tt.benchtime, tt.ops...)
		r.fit()
		var texts []string
		if tt.note != "" {
			texts = []string{tt.note}
		}
		if got := r.cases[0].n; r.Benchtime != tt.want || got < tt.n || got > tt.n+1 && tt.n != 1 || tt.n == 1 && got != 1 || !slices.Equal(told.texts, texts) {
			t.Errorf("a budget of %v for %v: bench time %v, %d ops, notes %q; want %v, %d, %q",
				tt.budget, tt.ops, r.Benchtime, got, told.texts, tt.want, tt.n, texts)
		}
	}
}

// A block is run again if the budget holds it and those after it, and has some
// to spare.
func TestTimeFor(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	for _, tt := range []struct {
		budget time.Duration
		ops    []time.Duration
		n      int
		want   bool
	}{
		{0, []time.Duration{us, us}, 1000, true},
		{1, []time.Duration{us, us}, 1, false},
		{8*ms + 54*ms, []time.Duration{us, us}, 1, false},
		{8*ms + 54*ms + 1, []time.Duration{us, us}, 1, true},
		{8*ms + 108*ms, []time.Duration{us, us}, 2, false},
		{8*ms + 108*ms + 1, []time.Duration{us, us}, 2, true},
		{8*ms + 76*ms, []time.Duration{us, 40 * ms}, 1, false}, // an op of 40 ms
		{8*ms + 76*ms + 1, []time.Duration{us, 40 * ms}, 1, true},
	} {
		r, _ := budgetRun(tt.budget, 20*ms, tt.ops...)
		if got := r.timeFor(tt.n); got != tt.want {
			t.Errorf("a budget of %v, %d blocks of %v: %v, want %v", tt.budget, tt.n, tt.ops, got, tt.want)
		}
	}
}

// What comes after a block.
func TestAfterBlock(t *testing.T) {
	const ms = time.Millisecond
	at := func(block, attempt int) benchlog.BlockStart {
		return benchlog.BlockStart{Block: block, Attempt: attempt}
	}
	for name, tt := range map[string]struct {
		of        benchlog.BlockStart
		disturbed bool
		repeated  int
		budget    time.Duration
		want      benchlog.BlockStart
	}{
		"quiet":                   {at(2, 1), false, 0, 0, at(3, 1)},
		"quiet at last":           {at(2, 3), false, 2, 0, at(3, 1)},
		"disturbed":               {at(2, 1), true, 0, 0, at(2, 2)},
		"disturbed again":         {at(2, 2), true, 1, 0, at(2, 3)},
		"disturbed too often":     {at(2, 3), true, 2, 0, at(3, 1)},
		"no time for two blocks":  {at(2, 1), true, 0, 8*ms + 108*ms, at(3, 1)},
		"just time for two":       {at(2, 1), true, 0, 8*ms + 108*ms + 1, at(2, 2)},
		"no time for the last":    {at(3, 1), true, 0, 8*ms + 54*ms, at(4, 1)},
		"just time for the last":  {at(3, 1), true, 0, 8*ms + 54*ms + 1, at(3, 2)},
		"no time for all of them": {at(1, 1), true, 0, 8*ms + 162*ms, at(2, 1)},
	} {
		r, told := budgetRun(tt.budget, 20*ms, 1, 1)
		r.stats.Repeated = tt.repeated
		got := r.after(benchlog.BlockNote{BlockStart: tt.of, Disturbed: tt.disturbed})
		var texts []string
		repeated := tt.repeated
		if tt.want.Attempt > 1 {
			repeated++
			texts = []string{fmt.Sprintf("block %d was disturbed by something else on the machine; it is run again", tt.of.Block)}
		}
		if got != tt.want || r.stats.Repeated != repeated || !slices.Equal(told.texts, texts) {
			t.Errorf("%s: %+v, %d repeated, notes %q; want %+v, %d, %q", name, got, r.stats.Repeated, told.texts, tt.want, repeated, texts)
		}
	}
}

// A block that is just as slow, or has lost just as much time, as is allowed is
// not disturbed.
func TestRunJustQuiet(t *testing.T) {
	for want, tt := range []struct {
		canary time.Duration
		steal  float64
	}{{1250 * time.Microsecond, benchlog.StealDisturbs}, {1251 * time.Microsecond, 0}} {
		r, _ := newRun(t, t.TempDir())
		began := 0
		r.Canary = func() time.Duration {
			if began++; began == 3 {
				return tt.canary
			}
			return time.Millisecond
		}
		r.Steal = func() func() float64 { return func() float64 { return tt.steal } }
		if stats, err := r.Do(t.Context()); err != nil || stats.Repeated != want {
			t.Errorf("a canary of %v and %v %% stolen: stats %+v, %v, want %d repeats", tt.canary, tt.steal, stats, err, want)
		}
	}
}

// What the run had used of its budget is the most that it has said.
func TestCheckpointSpent(t *testing.T) {
	start := func(d time.Duration) benchlog.BlockStart { return benchlog.BlockStart{Spent: d} }
	for want, f := range map[time.Duration]*benchlog.File{
		0: {},
		7: {Calibration: &benchlog.Calibration{Spent: 7}},
		9: {Calibration: &benchlog.Calibration{Spent: 7}, Blocks: []benchlog.BlockNote{{BlockStart: start(9)}, {BlockStart: start(8)}}},
		5: {Calibration: &benchlog.Calibration{Spent: 4}, Blocks: []benchlog.BlockNote{{BlockStart: start(3)}}, OpenBlock: start(5)},
		6: {Calibration: &benchlog.Calibration{Spent: 6}, Blocks: []benchlog.BlockNote{{BlockStart: start(3)}}, OpenBlock: start(5)},
	} {
		if got := (&Checkpoint{File: f}).spent(); got != want {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
	}
}

// steps keeps what an observer is told.
type steps struct {
	notes
	told [][2]int // done, total
	of   []string
}

func (s *steps) Step(done, total int, phase string, c benchlog.Case) {
	s.told = append(s.told, [2]int{done, total})
	s.of = append(s.of, phase+" "+c.String())
}

// An observer is told of every runner call before it, and how many there will
// be: fewer when a case has failed, more when a block is run again.
func TestRunSteps(t *testing.T) {
	r, exec := newRun(t, t.TempDir())
	seen := new(steps)
	r.Observe = seen
	exec.fail = func(in Invocation) error {
		if len(exec.calls) == 3 { // the third case, when it is calibrated
			return errors.New("no\nnot at all")
		}
		return nil
	}
	blocks := 0
	r.Steal = func() func() float64 {
		blocks++
		return func() float64 { return map[int]float64{2: 50}[blocks] }
	}
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want [][2]int
	var of []string
	for i, in := range exec.calls {
		total := 7 * 4
		if i >= 3 {
			total = 6 * 4
		}
		phase := "calibrate"
		if i >= 7 {
			block := 1 + (i-7)/6
			if block > 2 {
				total = 6 * 5
				block--
			}
			phase = fmt.Sprintf("block %d of 3", block)
		}
		want = append(want, [2]int{i, total})
		of = append(of, phase+" "+in.Case.String())
	}
	if len(exec.calls) != 7+4*6 || !slices.Equal(seen.told, want) || !slices.Equal(seen.of, of) {
		t.Errorf("told\n%v\n%q, want\n%v\n%q", seen.told, seen.of, want, of)
	}
	if texts := []string{exec.calls[2].Case.String() + " failed: no", "block 2 was disturbed by something else on the machine; it is run again"}; !slices.Equal(seen.texts, texts) {
		t.Errorf("notes %q, want %q", seen.texts, texts)
	}
}

// again goes on with what is in a directory.
func again(t *testing.T, dir string) (*Run, *fakeExec) {
	t.Helper()
	log, past, err := OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, exec := newRun(t, t.TempDir())
	r.Log.Close()
	r.Log, r.Checkpoint = log, past
	t.Cleanup(func() { log.Close() })
	return r, exec
}

// A run that is resumed when all is done has the numbers of the first time, and
// calls no runner.
func TestResumeFinished(t *testing.T) {
	dir := t.TempDir()
	r, exec := newRun(t, dir)
	exec.fail = func(in Invocation) error {
		switch in.Case.String() {
		case "B/model=goroutine-2":
			return errors.New("no")
		case "B/model=ants-2":
			return bench.Void("not here")
		}
		return nil
	}
	blocks := 0
	r.Steal = func() func() float64 {
		blocks++
		return func() float64 { return map[int]float64{1: 50}[blocks] }
	}
	first, err := r.Do(t.Context())
	if want := (Stats{Cases: 7, Results: 4 * 5, Failed: 1, Void: 1, Repeated: 1, Bench: 50 * time.Millisecond}); err != nil || first != want {
		t.Fatalf("stats %+v, %v, want %+v", first, err, want)
	}
	r.Log.Close()
	before := readBench(t, dir)
	next, exec2 := again(t, dir)
	if stats, err := next.Do(t.Context()); err != nil || stats != first || len(exec2.calls) > 0 {
		t.Errorf("stats %+v, %v, %d calls, want %+v", stats, err, len(exec2.calls), first)
	}
	if after := readBench(t, dir); after != before {
		t.Errorf("resuming changed\n%s\nto\n%s", before, after)
	}
}

// A run that goes on counts from where it was, knows the quietest moment of its
// first part, and has used what that had used of the budget.
func TestResumeGoesOn(t *testing.T) {
	for _, stopAt := range []int{7, 9, 14, 20} {
		dir := t.TempDir()
		r, exec := newRun(t, dir)
		r.Budget = time.Hour
		stop := errors.New("stop")
		exec.fail = func(Invocation) error {
			if len(exec.calls) > stopAt {
				panic(stop)
			}
			return nil
		}
		func() {
			defer func() { _ = recover() }() // as a kill would end it
			_, _ = r.Do(t.Context())
		}()
		r.Log.Close()
		next, exec2 := again(t, dir)
		next.Budget = time.Hour
		seen := new(steps)
		next.Observe = seen
		next.Canary = func() time.Duration { return 1200 * time.Microsecond }
		began := exec2.clock.now
		if _, err := next.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want [][2]int
		for i := range exec2.calls {
			want = append(want, [2]int{stopAt + i, 28})
		}
		if len(want) != 28-stopAt || !reflect.DeepEqual(seen.told, want) {
			t.Errorf("stopped before call %d: told %v, want %v", stopAt, seen.told, want)
		}
		// Blocks that were begun with the first part's canary have its base.
		base := time.Duration(1200) * time.Microsecond
		if stopAt >= 14 {
			base = time.Millisecond
		}
		if next.base != base {
			t.Errorf("stopped before call %d: base %v, want %v", stopAt, next.base, base)
		}
		// A calibrating call takes 65 ms here and is followed by a tenth of
		// warm-up; a measuring one 65 ms, and is taken for the same.
		first := exec.clock.now.Sub(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
		if got := began.Sub(next.began); got < first-first/5 || got > first+first/5 {
			t.Errorf("stopped before call %d: %v of the budget are used, want about %v", stopAt, got, first)
		}
	}
}
