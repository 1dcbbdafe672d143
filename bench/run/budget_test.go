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
// these lengths of an op, calibrated with 1000 of them, and 5 ms of overhead;
// the last is out.
func budgetRun(budget, benchtime time.Duration, ops ...time.Duration) (*Run, *notes) {
	clock, told := &fakeClock{time.Unix(1_000_000_000, 0)}, new(notes)
	r := &Run{Now: clock.Now, began: clock.now.Add(-8 * time.Millisecond), Observe: told, asked: benchtime, pace: 1, session: 1}
	r.Count, r.Benchtime, r.Budget, r.Repeats = 3, benchtime, budget, 2
	for i, op := range append(ops, time.Hour) {
		r.cases = append(r.cases, &caseState{
			Case:           benchlog.Case{Workload: fmt.Sprint("W", i)},
			CalibratedCase: benchlog.CalibratedCase{N: 1000, Op: op, Timed: 1000 * op, Batch: 1, Overhead: 5 * time.Millisecond},
			excluded:       i == len(ops),
		})
	}
	return r, told
}

// A budget shortens the bench time until the blocks leave some headroom, a
// tenth of warm-up and what is reserved included, and no further than to 2 ms.
func TestFit(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	two := []time.Duration{us, us}
	cut := func(to, budget string) []string {
		return []string{"bench time cut from 20ms to " + to + " per result, to stay within the budget of " + budget}
	}
	for name, tt := range map[string]struct {
		budget, benchtime time.Duration
		ops               []time.Duration
		like              bool
		sessions          int
		want              time.Duration // bench time
		n                 int           // of the first case
		notes             []string
	}{
		"no budget": {0, 20 * ms, two, false, 1, 20 * ms, 20000, nil},
		"enough":    {time.Hour, 20 * ms, two, false, 1, 20 * ms, 20000, nil},
		// Three blocks of 2 * (5 + 22) ms are 92 % of 176.1 ms, which with the
		// 8 ms spent are 97 % of 189.8 ms.
		"just enough":                          {190 * ms, 20 * ms, two, false, 1, 20 * ms, 20000, nil},
		"just not enough":                      {189 * ms, 20 * ms, two, false, 1, 10 * ms, 10000, cut("10ms", "189ms")},
		"an earlier run's N needs no headroom": {176 * ms, 20 * ms, two, true, 1, 20 * ms, 1000, nil},
		"a pause of a session":                 {5340 * ms, 20 * ms, two, false, 2, 10 * ms, 10000, cut("10ms", "5.34s")},
		"7 ms":                                 {100 * ms, 20 * ms, two, false, 1, 7 * ms, 5000, cut("7ms", "100ms")},
		"7 ms and less":                        {60 * ms, 20 * ms, two, false, 1, 3 * ms, 2000, cut("3ms", "60ms")},
		"one of two cases":                     {45 * ms, 20 * ms, []time.Duration{us, 400 * us}, false, 1, 7 * ms, 5000, cut("7ms", "45ms")},
		"two of three": {27 * ms, 20 * ms, []time.Duration{us}, false, 1, 2 * ms, 2000,
			append(cut("2ms", "27ms"), "the budget of 27ms holds about 2 of 3 results per case")},
		"no cases": {20 * ms, 20 * ms, nil, false, 1, 20 * ms, 1000, nil},
		// Ten ops of 40 ms each, whatever the bench time: 3 * (5 + 440) ms.
		"long ops":         {1700 * ms, 20 * ms, []time.Duration{us, 40 * ms}, false, 1, 20 * ms, 20000, nil},
		"long ops, less":   {1570 * ms, 20 * ms, []time.Duration{us, 40 * ms}, false, 1, 10 * ms, 10000, cut("10ms", "1.57s")},
		"shorter than any": {57 * ms, 1500 * us, two, false, 1, 1500 * us, 2000, nil},
	} {
		r, told := budgetRun(tt.budget, tt.benchtime, tt.ops...)
		r.Sessions = tt.sessions
		if tt.like {
			r.Like = &benchlog.Like{}
			r.Like.Benchtime = tt.benchtime
			for _, s := range r.cases {
				s.scale(20000)
				s.N, s.like.N = 1000, 1000 // as long as 20000 of the others
			}
		}
		err := r.fit()
		if got := r.cases[0].N; err != nil || r.Benchtime != tt.want || got != tt.n || !slices.Equal(told.texts, tt.notes) {
			t.Errorf("%s: bench time %v, %d ops, notes %q, %v; want %v, %d, %q", name, r.Benchtime, got, told.texts, err, tt.want, tt.n, tt.notes)
		}
	}
	// An earlier run had a shorter bench time than the budget holds now: much
	// shorter, or chosen, or a little.
	for name, tt := range map[string]struct {
		had    time.Duration
		chosen bool
		want   time.Duration
		n      int
	}{"much": {7 * ms, false, 20 * ms, 20000}, "chosen": {7 * ms, true, 7 * ms, 10_000}, "a little": {8 * ms, false, 8 * ms, 10_000}} {
		r, told := budgetRun(190*ms, tt.had, us, us)
		r.asked, r.Like = 20*ms, &benchlog.Like{Chosen: tt.chosen}
		r.Like.Benchtime = tt.had
		for _, s := range r.cases {
			s.scale(10_000)
			s.like = s.CalibratedCase
		}
		if err := r.fit(); err != nil || r.Benchtime != tt.want || r.cases[0].N != tt.n || len(told.texts) > 0 {
			t.Errorf("%s: bench time %v, %d ops, notes %q, %v; want %v, %d", name, r.Benchtime, r.cases[0].N, told.texts, err, tt.want, tt.n)
		}
	}
	// 7.2 ms a result: the budget does not hold one.
	r, _ := budgetRun(15*ms, 20*ms, us, us)
	if err := r.fit(); err == nil || err.Error() != "the budget of 15ms is too small for 3 cases with 3 results each: give it 1s, or take fewer workloads, models or results" {
		t.Errorf("a budget of 15 ms: %v", err)
	}
}

// A block is run again if the budget holds it and those after it, and has some
// to spare.
func TestTimeFor(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	two := []time.Duration{20 * us, 20 * us} // 2 * (5 + 22) ms a block
	for _, tt := range []struct {
		left time.Duration // 0 is no budget
		ops  []time.Duration
		pace float64
		n    int
		want bool
	}{
		{0, two, 1, 1000, true},
		{1, two, 1, 1, false},
		{54 * ms, two, 1, 1, false},
		{54*ms + 1, two, 1, 1, true},
		{108 * ms, two, 1, 2, false},
		{108*ms + 1, two, 1, 2, true},
		{76 * ms, []time.Duration{20 * us, 40 * us}, 1, 1, false},
		{76*ms + 1, []time.Duration{20 * us, 40 * us}, 1, 1, true},
		{76 * ms, two, 1.5, 1, false}, // the last block took half more than was thought
		{82 * ms, two, 1.5, 1, true},
	} {
		r, _ := budgetRun(withLeft(tt.left), 20*ms, tt.ops...)
		r.pace = tt.pace
		if got := r.timeFor(tt.n); got != tt.want {
			t.Errorf("%v left, %d blocks of %v: %v, want %v", tt.left, tt.n, tt.ops, got, tt.want)
		}
	}
}

// withLeft returns the budget of which so much is left in a budgetRun.
func withLeft(left time.Duration) time.Duration {
	if left == 0 {
		return 0
	}
	return time.Duration(float64(left+8*time.Millisecond)/(1-reserve)) + 1
}

// What comes after the blocks so far.
func TestNextBlock(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	note := func(block, attempt int, canary, base int64, disturbed bool) benchlog.BlockNote {
		return benchlog.BlockNote{BlockStart: benchlog.BlockStart{Block: block, Attempt: attempt, Session: 1}, Canary: []int64{canary, canary}, CanaryBase: base, Disturbed: disturbed}
	}
	quiet := func(block, attempt int) benchlog.BlockNote { return note(block, attempt, 100, 100, false) }
	bad := func(block, attempt int) benchlog.BlockNote { return note(block, attempt, 200, 100, true) }
	slow := func(block int) benchlog.BlockNote { return note(block, 1, 200, 200, false) } // on a machine that has not been quiet yet
	all := func(notes ...benchlog.BlockNote) []benchlog.BlockNote { return notes }
	for name, tt := range map[string]struct {
		past     []benchlog.BlockNote
		repeated int
		left     time.Duration // 0 is no budget; a block takes 54 ms
		asked    time.Duration // bench time, which is 20 ms now
		block    int           // 0: no more
		attempt  int
	}{
		"nothing":                        {nil, 0, 0, 20 * ms, 1, 1},
		"quiet":                          {all(quiet(1, 1), quiet(2, 1)), 0, 0, 20 * ms, 3, 1},
		"all are quiet":                  {all(quiet(1, 1), quiet(2, 1), quiet(3, 1)), 0, 0, 20 * ms, 0, 0},
		"quiet at last":                  {all(bad(1, 1), bad(1, 2), quiet(1, 3)), 2, 0, 20 * ms, 2, 1},
		"disturbed":                      {all(quiet(1, 1), bad(2, 1)), 0, 0, 20 * ms, 2, 2},
		"disturbed again":                {all(bad(2, 1), bad(2, 2)), 1, 0, 20 * ms, 2, 3},
		"disturbed too often":            {all(bad(2, 1), bad(2, 2), bad(2, 3)), 2, 0, 20 * ms, 3, 1},
		"no time for two blocks":         {all(quiet(1, 1), bad(2, 1)), 0, 108 * ms, 20 * ms, 3, 1},
		"just time for two":              {all(quiet(1, 1), bad(2, 1)), 0, 108*ms + 1, 20 * ms, 2, 2},
		"no time for the last":           {all(quiet(1, 1), quiet(2, 1), bad(3, 1)), 0, 54 * ms, 20 * ms, 0, 0},
		"just time for the last":         {all(quiet(1, 1), quiet(2, 1), bad(3, 1)), 0, 54*ms + 1, 20 * ms, 3, 2},
		"the first, as is known now":     {all(slow(1), quiet(2, 1)), 0, 0, 20 * ms, 3, 1},
		"the first, in the end":          {all(slow(1), quiet(2, 1), quiet(3, 1)), 0, 0, 20 * ms, 1, 2},
		"two of them":                    {all(slow(1), slow(2), quiet(3, 1), quiet(1, 2)), 1, 0, 20 * ms, 2, 2},
		"two of them, one repeat":        {all(slow(1), slow(2), quiet(3, 1), quiet(1, 2)), 2, 0, 20 * ms, 0, 0},
		"the first, and no time":         {all(slow(1), quiet(2, 1), quiet(3, 1)), 0, 54 * ms, 20 * ms, 0, 0},
		"a cut, and time for one result": {all(quiet(1, 1), quiet(2, 1), quiet(3, 1)), 0, 27*ms + 1, 50 * ms, 4, 1},
		"a cut, and time for none":       {all(quiet(1, 1), quiet(2, 1), quiet(3, 1)), 0, 27*ms - 1000, 50 * ms, 0, 0},
		"a cut, and then some":           {all(quiet(1, 1), quiet(2, 1), quiet(3, 1), quiet(4, 1)), 0, time.Second, 50 * ms, 5, 1},
		"no cut":                         {all(quiet(1, 1), quiet(2, 1), quiet(3, 1)), 0, time.Second, 20 * ms, 0, 0},
		"nothing left in the midst":      {all(quiet(1, 1)), 0, 20 * ms, 20 * ms, 0, 0},
	} {
		r, told := budgetRun(withLeft(tt.left), 20*ms, 20*us, 20*us)
		r.past, r.stats.Repeated, r.asked = tt.past, tt.repeated, tt.asked
		at, more := r.next()
		if more != (tt.block > 0) || more && (at.Block != tt.block || at.Attempt != tt.attempt) {
			t.Errorf("%s: %+v, %v, want block %d, attempt %d", name, at, more, tt.block, tt.attempt)
		}
		var texts []string
		if tt.attempt > 1 {
			texts = []string{fmt.Sprintf("block %d was disturbed by something else on the machine; it is run again", tt.block)}
		}
		if r.stats.Repeated != tt.repeated+len(texts) || !slices.Equal(told.texts, texts) {
			t.Errorf("%s: %d repeated, notes %q", name, r.stats.Repeated, told.texts)
		}
	}
}

// A block that is just as slow, or has lost just as much time, as is allowed is
// not disturbed.
func TestRunJustQuiet(t *testing.T) {
	for want, tt := range []struct {
		canary time.Duration
		others float64
	}{{1250 * time.Microsecond, benchlog.OthersDisturb}, {1251 * time.Microsecond, 0}} {
		r, _ := newRun(t, t.TempDir())
		began := 0
		r.Canary = func() time.Duration {
			if began++; began == 3 {
				return tt.canary
			}
			return time.Millisecond
		}
		r.Watch = func() func() benchlog.Noise {
			return func() benchlog.Noise { return benchlog.Noise{Others: tt.others} }
		}
		if stats, err := r.Do(t.Context()); err != nil || stats.Repeated != want {
			t.Errorf("a canary of %v and %v %% used by others: stats %+v, %v, want %d repeats", tt.canary, tt.others, stats, err, want)
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
	r.Watch = noisy(map[int]float64{2: 50})
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
	r.Watch = noisy(map[int]float64{1: 50})
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
