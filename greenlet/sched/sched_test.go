package sched

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/greenlet"
)

// bursts makes jobs A, B, C... that arrive and compute as given.
func bursts(times ...[2]Time) []Job {
	var jobs []Job
	for i, t := range times {
		jobs = append(jobs, Job{Name: string(rune('A' + i)), Arrival: t[0], Burst: t[1]})
	}
	return jobs
}

func simulate(t *testing.T, policy Policy, jobs []Job) *Result {
	t.Helper()
	r, err := Run(policy, jobs...)
	if err != nil {
		t.Fatalf("%v: %v", policy, err)
	}
	return r
}

func each(r *Result, of func(Stats) Time) []Time {
	var times []Time
	for _, s := range r.Jobs {
		times = append(times, of(s))
	}
	return times
}

func finish(s Stats) Time { return s.Done }

// TestSilberschatz: the examples of "Operating System Concepts", chapter "CPU
// scheduling".
func TestSilberschatz(t *testing.T) {
	for _, c := range []struct {
		what    string
		policy  Policy
		jobs    []Job
		waiting []Time
		gantt   string
	}{
		{"FCFS", FCFS(), bursts([2]Time{0, 24}, [2]Time{0, 3}, [2]Time{0, 3}),
			[]Time{0, 24, 27}, "0 A 24 B 27 C 30"},
		{"FCFS, short ones first", FCFS(), bursts([2]Time{0, 3}, [2]Time{0, 3}, [2]Time{0, 24}),
			[]Time{0, 3, 6}, "0 A 3 B 6 C 30"},
		{"SJF", SJF(), bursts([2]Time{0, 6}, [2]Time{0, 8}, [2]Time{0, 7}, [2]Time{0, 3}),
			[]Time{3, 16, 9, 0}, "0 D 3 A 9 C 16 B 24"},
		{"SRTF", SRTF(), bursts([2]Time{0, 8}, [2]Time{1, 4}, [2]Time{2, 9}, [2]Time{3, 5}),
			[]Time{9, 0, 15, 2}, "0 A 1 B 5 D 10 A 17 C 26"},
		{"SJF of the same", SJF(), bursts([2]Time{0, 8}, [2]Time{1, 4}, [2]Time{2, 9}, [2]Time{3, 5}),
			[]Time{0, 7, 15, 9}, "0 A 8 B 12 D 17 C 26"},
		{"round robin", RoundRobin(4), bursts([2]Time{0, 24}, [2]Time{0, 3}, [2]Time{0, 3}),
			[]Time{6, 4, 7}, "0 A 4 B 7 C 10 A 30"},
		{"round robin, quantum 20", RoundRobin(20), bursts([2]Time{0, 53}, [2]Time{0, 17}, [2]Time{0, 68}, [2]Time{0, 24}),
			[]Time{81, 20, 94, 97}, "0 A 20 B 37 C 57 D 77 A 97 C 117 D 121 A 134 C 162"},
	} {
		r := simulate(t, c.policy, c.jobs)
		if got := each(r, Stats.Waiting); !slices.Equal(got, c.waiting) || r.Gantt() != c.gantt {
			t.Errorf("%s: waiting %v, want %v; %s, want %s", c.what, got, c.waiting, r.Gantt(), c.gantt)
		}
	}
}

// TestStallings: the comparison of policies in "Operating Systems", chapter
// "Uniprocessor scheduling", by the times when the processes finish.
func TestStallings(t *testing.T) {
	jobs := bursts([2]Time{0, 3}, [2]Time{2, 6}, [2]Time{4, 4}, [2]Time{6, 5}, [2]Time{8, 2})
	for _, c := range []struct {
		policy     Policy
		finish     []Time
		turnaround float64
	}{
		{FCFS(), []Time{3, 9, 13, 18, 20}, 8.6},
		{RoundRobin(1), []Time{4, 18, 17, 20, 15}, 10.8},
		{RoundRobin(4), []Time{3, 17, 11, 20, 19}, 10},
		{SJF(), []Time{3, 9, 15, 20, 11}, 7.6},
		{SRTF(), []Time{3, 15, 8, 20, 10}, 7.2},
		{Feedback{Quanta: []Time{1, 1, 1, 1, 1, 1}, Patient: true, Considerate: true}.Policy(), []Time{4, 20, 16, 19, 11}, 10},
		{Feedback{Quanta: []Time{1, 2, 4, 8}, Patient: true, Considerate: true}.Policy(), []Time{4, 17, 18, 20, 14}, 10.6},
	} {
		r := simulate(t, c.policy, jobs)
		if got := each(r, finish); !slices.Equal(got, c.finish) || r.MeanTurnaround() != c.turnaround {
			t.Errorf("%v: done %v, want %v; turnaround %v, want %v; %s", c.policy, got, c.finish, r.MeanTurnaround(), c.turnaround, r.Gantt())
		}
	}
}

// TestTable: the documentation's table of the same jobs.
func TestTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	jobs := bursts([2]Time{0, 3}, [2]Time{2, 6}, [2]Time{4, 4}, [2]Time{6, 5}, [2]Time{8, 2})
	policies := map[string]Policy{
		"FCFS": FCFS(), "SJF": SJF(), "SRTF": SRTF(), "RR(1)": RoundRobin(1), "RR(4)": RoundRobin(4),
		"MLFQ[1 1 ...]": Feedback{Quanta: []Time{1, 1, 1, 1, 1, 1}, Patient: true, Considerate: true}.Policy(),
		"MLFQ[1 2 ...]": Feedback{Quanta: []Time{1, 2, 4, 8}, Patient: true, Considerate: true}.Policy(),
	}
	_, table, _ := strings.Cut(string(doc), "//	policy ")
	for _, line := range strings.Split(table, "\n")[1 : 1+len(policies)] {
		if len(line) < 20 {
			t.Fatalf("the line %q", line)
		}
		name := strings.TrimSpace(line[3:17])
		policy := policies[name]
		if policy == nil {
			t.Fatalf("no policy %q, or twice", name)
		}
		delete(policies, name)
		r := simulate(t, policy, jobs)
		want := strings.Trim(fmt.Sprint(each(r, finish)), "[]") + fmt.Sprintf(" %.2f %.2f %.2f", r.MeanTurnaround(), r.MeanResponse(), r.MeanWaiting())
		if got := strings.Join(strings.Fields(line[17:]), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestThreeEasyPieces: the examples of "Operating Systems: Three Easy Pieces",
// chapter "Scheduling: introduction".
func TestThreeEasyPieces(t *testing.T) {
	equal := bursts([2]Time{0, 10}, [2]Time{0, 10}, [2]Time{0, 10})
	long := bursts([2]Time{0, 100}, [2]Time{0, 10}, [2]Time{0, 10})
	late := bursts([2]Time{0, 100}, [2]Time{10, 10}, [2]Time{10, 10})
	five := bursts([2]Time{0, 5}, [2]Time{0, 5}, [2]Time{0, 5})
	for _, c := range []struct {
		what                 string
		policy               Policy
		jobs                 []Job
		turnaround, response float64
	}{
		{"equal jobs", FCFS(), equal, 20, 10},
		{"a long one first", FCFS(), long, 110, 70},
		{"the same, SJF", SJF(), long, 50, 10},
		{"late short ones, SJF", SJF(), late, 310.0 / 3, 190.0 / 3},
		{"late short ones, STCF", SRTF(), late, 50, 10.0 / 3},
		{"response, SJF", SJF(), five, 10, 5},
		{"response, round robin", RoundRobin(1), five, 14, 1},
	} {
		r := simulate(t, c.policy, c.jobs)
		if r.MeanTurnaround() != c.turnaround || r.MeanResponse() != c.response {
			t.Errorf("%s: turnaround %v, want %v; response %v, want %v", c.what, r.MeanTurnaround(), c.turnaround, r.MeanResponse(), c.response)
		}
	}
}

// io returns a function that computes and blocks in turn, n times.
func io(n int, compute, block Time) func(*Task) error {
	return func(t *Task) error {
		for i := range n {
			if err := t.Compute(compute); err != nil {
				return err
			}
			if i < n-1 {
				if err := t.Block(block); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// TestOverlap: while a job waits for its disk another computes (same chapter,
// "incorporating I/O").
func TestOverlap(t *testing.T) {
	jobs := []Job{{Name: "A", Run: io(5, 10, 10)}, {Name: "B", Burst: 60}}
	r := simulate(t, SRTF(), jobs)
	if want := "0 A 10 B 20 A 30 B 40 A 50 B 60 A 70 B 80 A 90 B 110"; r.Gantt() != want {
		t.Errorf("%s, want %s", r.Gantt(), want)
	}
	if a := r.Jobs[0]; a.CPU != 50 || a.Blocked != 40 || a.Waiting() != 0 || r.Busy() != 110 || r.Switches() != 9 {
		t.Errorf("%+v, busy %d, %d switches", a, r.Busy(), r.Switches())
	}
	r = simulate(t, FCFS(), jobs)
	if want := "0 A 10 B 70 A 80 | 90 A 100 | 110 A 120 | 130 A 140"; r.Gantt() != want {
		t.Errorf("%s, want %s", r.Gantt(), want)
	}
}

// TestFeedback: the examples of the same book's chapter "Multi-level feedback".
func TestFeedback(t *testing.T) {
	three := Feedback{Quanta: []Time{10, 10, 10}}
	// A short job arrives while a long one is at the bottom.
	r := simulate(t, three.Policy(), bursts([2]Time{0, 200}, [2]Time{100, 20}))
	if want := "0 A 100 B 120 A 220"; r.Gantt() != want {
		t.Errorf("short job: %s, want %s", r.Gantt(), want)
	}
	// An interactive job keeps its priority.
	jobs := []Job{{Name: "A", Burst: 90}, {Name: "B", Arrival: 50, Run: io(5, 1, 9)}}
	r = simulate(t, three.Policy(), jobs)
	if want := "0 A 50 B 51 A 60 B 61 A 70 B 71 A 80 B 81 A 90 B 91 A 95"; r.Gantt() != want {
		t.Errorf("interactive: %s, want %s", r.Gantt(), want)
	}
	// Short jobs that keep coming starve a long one, unless there is a boost.
	jobs = []Job{{Name: "A", Burst: 40}}
	for at := Time(30); at < 130; at += 10 {
		jobs = append(jobs, Job{Name: "B", Arrival: at, Burst: 10})
	}
	starved := simulate(t, three.Policy(), jobs)
	boosted := simulate(t, Feedback{Quanta: three.Quanta, Boost: 50}.Policy(), jobs)
	if s, b := starved.Jobs[0].Done, boosted.Jobs[0].Done; s != 140 || b != 70 {
		t.Errorf("A is done at %d without boost, %d with; want 140, 70; %s", s, b, boosted.Gantt())
	}
	// A job that gives the processor up just before its allotment ends gains
	// nothing.
	jobs = []Job{{Name: "A", Burst: 60}, {Name: "B", Run: io(6, 9, 1)}}
	r = simulate(t, Feedback{Quanta: []Time{10, 10, 10}}.Policy(), jobs)
	if a := r.Jobs[0]; a.Done > 110 {
		t.Errorf("A, gamed, is done at %d: %s", a.Done, r.Gantt())
	}
}

// TestAccounts: whatever the policy, no time is lost or used twice.
func TestAccounts(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var jobs []Job
		var cpu, blockedTime []Time
		for i := range 1 + rng.IntN(8) {
			plan := make([]Time, 1+rng.IntN(6)) // computes and blocks in turn
			c, b := Time(0), Time(0)
			for k := range plan {
				plan[k] = Time(rng.IntN(20))
				if k%2 == 0 {
					c += plan[k]
				} else {
					b += plan[k]
				}
			}
			cpu, blockedTime = append(cpu, c), append(blockedTime, b)
			jobs = append(jobs, Job{Name: fmt.Sprint(i), Arrival: Time(rng.IntN(30)), Run: func(t *Task) error {
				for k, d := range plan {
					do := t.Compute
					if k%2 == 1 {
						do = t.Block
					}
					if err := do(d); err != nil {
						return err
					}
				}
				return nil
			}})
		}
		for _, p := range []Policy{FCFS(), SJF(), SRTF(), RoundRobin(1), RoundRobin(7),
			Feedback{Quanta: []Time{1, 2, 4}}.Policy(),
			Feedback{Quanta: []Time{3, 5}, Boost: 11, Patient: true}.Policy(),
			Feedback{Quanta: []Time{2}, Considerate: true}.Policy()} {
			r := simulate(t, p, jobs)
			at, got := Time(0), map[string]Time{}
			for _, s := range r.Spans {
				if s.From < at || s.To <= s.From {
					t.Fatalf("seed %d, %v: spans overlap: %s", seed, p, r.Gantt())
				}
				at = s.To
				got[s.Name] += s.To - s.From
			}
			for i, s := range r.Jobs {
				if s.CPU != cpu[i] || got[s.Name] != cpu[i] || s.Blocked != blockedTime[i] || s.Waiting() < 0 || s.Err != nil {
					t.Fatalf("seed %d, %v: %+v; want %d of processor, %d blocked; %s", seed, p, s, cpu[i], blockedTime[i], r.Gantt())
				}
				if cpu[i] > 0 && (s.Response() < 0 || s.Response() > s.Waiting()+s.Blocked) {
					t.Fatalf("seed %d, %v: %+v: response", seed, p, s)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, j := range []Job{{Name: "early", Arrival: -1}, {Name: "negative", Burst: -1}} {
		if r, err := Run(FCFS(), j); r != nil || err == nil || !strings.Contains(err.Error(), j.Name) {
			t.Errorf("%v, %v", r, err)
		}
	}
	failed := errors.New("failed")
	r, err := Run(FCFS(),
		Job{Name: "bad", Run: func(t *Task) error { t.Compute(2); return failed }},
		Job{Name: "good", Burst: 3})
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), `"bad"`) || r.End != 5 || r.Jobs[0].Err != failed {
		t.Errorf("%v, %v", r, err)
	}
	unwound := 0
	endless := func(t *Task) error {
		defer func() { unwound++ }()
		for {
			if err := t.Compute(3); err != nil {
				return err
			}
		}
	}
	r, err = Simulator{Policy: RoundRobin(2), Limit: 100}.Run(
		Job{Name: "A", Run: endless}, Job{Name: "B", Run: endless}, Job{Name: "C", Arrival: 500, Burst: 1})
	if !errors.Is(err, ErrLimit) || r.End != 100 || unwound != 2 || r.Jobs[0].Turnaround() != Never ||
		r.Jobs[2].Response() != Never || r.Jobs[0].CPU+r.Jobs[1].CPU != 100 || r.MeanTurnaround() != 0 {
		t.Errorf("%v, %v, %d unwound", r, err, unwound)
	}
	if r, err = Run(SJF()); err != nil || r.End != 0 || len(r.Jobs) != 0 {
		t.Errorf("no jobs: %v, %v", r, err)
	}
	if r, err = Run(SJF(), Job{Arrival: 4}); err != nil || r.Jobs[0].Turnaround() != 0 || r.Jobs[0].Response() != Never {
		t.Errorf("nothing to do: %v, %v", r, err)
	}
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// forgetful loses every second task.
type forgetful struct {
	Policy
	n int
}

func (f *forgetful) Ready(t *Task, why Reason) {
	if f.n++; f.n%2 == 1 {
		f.Policy.Ready(t, why)
	}
}

// stingy gives no slice.
type stingy struct{ Policy }

func (stingy) Slice(*Task) Time { return 0 }

func TestMisuse(t *testing.T) {
	for want, do := range map[string]func(){
		"sched: RoundRobin needs a positive quantum":                  func() { RoundRobin(0) },
		"sched: Feedback needs positive quanta and no negative boost": func() { Feedback{}.Policy() },
		"sched: Simulator without a policy":                           func() { Run(nil) },
		"sched: Compute for a negative time":                          func() { Run(FCFS(), Job{Run: func(t *Task) error { return t.Compute(-1) }}) },
		"sched: FCFS gives a task no time":                            func() { Run(stingy{FCFS()}, bursts([2]Time{0, 1})...) },
		"sched: FCFS has lost a task":                                 func() { Run(&forgetful{Policy: FCFS()}, bursts([2]Time{0, 1}, [2]Time{0, 1})...) },
		"sched: Block outside the job's function": func() {
			var task *Task
			Run(FCFS(), Job{Run: func(t *Task) error { task = t; return nil }})
			task.Block(1)
		},
		"sched: Feedback needs positive quanta and no negative boost\x00": func() { Feedback{Quanta: []Time{1}, Boost: -1}.Policy() },
	} {
		func() {
			defer func() {
				p := recover()
				if e, ok := p.(*greenlet.PanicError); ok {
					p = e.Value
				}
				if p != strings.TrimRight(want, "\x00") {
					t.Errorf("panic %v, want %s", p, want)
				}
			}()
			do()
		}()
	}
}

func TestReason(t *testing.T) {
	if s := fmt.Sprint(Arrived, Woke, Expired, Preempted, Reason(9)); s != "arrived woke expired preempted Reason(9)" {
		t.Error(s)
	}
}

// The running task's allotment is fresh after a boost, like everybody's.
// (remzi-arpacidusseau/ostep-homework#40, #45)
func TestBoostWhileATaskRuns(t *testing.T) {
	jobs := bursts([2]Time{0, 150}, [2]Time{0, 150})
	for _, c := range []struct {
		f    Feedback
		want string
	}{
		{Feedback{Quanta: []Time{4, 100}, Boost: 60}, "0 A 4 B 8 A 64 B 68 A 124 B 128 A 162 B 300"},
		// With the end of an allotment it changes nothing but the level.
		{Feedback{Quanta: []Time{50, 100}, Boost: 50}, "0 A 50 B 100 A 150 B 200 A 250 B 300"},
		// A boost finds it at the top with half of its allotment used.
		{Feedback{Quanta: []Time{40, 100}, Boost: 60}, "0 A 40 B 100 A 160 B 220 A 270 B 300"},
	} {
		r := simulate(t, c.f.Policy(), jobs)
		if r.Gantt() != c.want {
			t.Errorf("%v: %s, want %s", r.Policy, r.Gantt(), c.want)
		}
	}
}

// The numbers of a run that was given up are those of the time until then.
func TestLimitInTheMidst(t *testing.T) {
	r, err := Simulator{Policy: FCFS(), Limit: 100}.Run(
		Job{Name: "blocked", Run: func(t *Task) error { return t.Block(1000) }},
		Job{Name: "computes", Run: func(t *Task) error { return errors.Join(t.Block(30), t.Compute(1000)) }},
		Job{Name: "waits", Arrival: 40, Burst: 5},
		Job{Name: "absent", Arrival: 200, Burst: 5})
	if !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	for i, want := range []Stats{
		{"blocked", 0, Never, Never, 0, 100, nil},
		{"computes", 0, 30, Never, 70, 30, nil},
		{"waits", 40, Never, Never, 0, 0, nil},
		{"absent", 200, Never, Never, 0, 0, nil},
	} {
		if r.Jobs[i] != want {
			t.Errorf("%+v, want %+v", r.Jobs[i], want)
		}
	}
	// A limit that the jobs just keep is none.
	if _, err := (Simulator{Policy: FCFS(), Limit: 7}).Run(Job{Burst: 7}); err != nil {
		t.Error(err)
	}
	if _, err := (Simulator{Policy: FCFS(), Limit: 6}).Run(Job{Burst: 7}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

// Durations near the largest do not come round to the past. (uvloop#259)
func TestEndOfTime(t *testing.T) {
	for _, p := range []Policy{FCFS(), SRTF(), RoundRobin(Forever), RoundRobin(Forever - 1),
		Feedback{Quanta: []Time{Forever}, Boost: Forever}.Policy(),
		Feedback{Quanta: []Time{Forever}, Boost: Forever - 10}.Policy()} {
		r, err := Run(p,
			Job{Name: "short", Arrival: 3, Burst: 4},
			Job{Name: "sleeper", Run: func(t *Task) error { return errors.Join(t.Compute(1), t.Block(Forever)) }},
			Job{Name: "endless", Arrival: 10, Burst: Forever})
		if !errors.Is(err, ErrLimit) || r.End != Forever || r.Jobs[0].Done != 7 || r.Jobs[1].Done != Never ||
			r.Jobs[1].Blocked != Forever-1 || r.Jobs[2].First != 10 || r.Jobs[2].CPU != Forever-10 {
			t.Errorf("%v: %v, %+v", p, err, r.Jobs)
		}
	}
	r, err := Run(RoundRobin(5), Job{Arrival: Forever - 20, Burst: 12}, Job{Arrival: Forever - 20, Burst: 7})
	if err != nil || r.Jobs[0].Done != Forever-1 || r.Jobs[1].Done != Forever-3 {
		t.Errorf("%v, %s", err, r.Gantt())
	}
	if got := Time(5).plus(Forever - 5); got != Forever {
		t.Error(got)
	}
	if got := Time(5).plus(Forever - 6); got != Forever-1 {
		t.Error(got)
	}
}

// A job may end its goroutine (testing.T.FailNow), or go on computing although
// the run was given up.
func TestJobsThatDoNotEndAsTheyShould(t *testing.T) {
	ended := make(chan any, 1)
	go func() {
		defer func() { ended <- recover() }()
		Run(FCFS(), Job{Name: "A", Burst: 3}, Job{Name: "B", Run: func(t *Task) error {
			t.Compute(1)
			runtime.Goexit()
			return nil
		}})
	}()
	select {
	case v := <-ended:
		t.Logf("Goexit in a job: %v", v)
	case <-time.After(30 * time.Second):
		t.Fatal("Run waits for a job that has called Goexit")
	}
	go func() {
		defer func() { ended <- recover() }()
		Simulator{Policy: FCFS(), Limit: 10}.Run(Job{Name: "stubborn", Run: func(t *Task) error {
			for {
				t.Compute(1)
			}
		}})
	}()
	select {
	case v := <-ended:
		t.Logf("stubborn job: %v", v)
	case <-time.After(30 * time.Second):
		t.Fatal("Run waits for a job that ignores its end")
	}
}
