package workload

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/greenlet/hub"
)

// A mutant is made from an implementation, by doing something else and yet
// returning the right answer. What it leaves out is found by the ledger alone.
type mutant struct {
	name string
	make func(w *bench.Workload, impl bench.Func) bench.Func
}

// with runs an implementation as if something else had been asked for.
func with(change func(b *bench.B)) func(*bench.Workload, bench.Func) bench.Func {
	return func(w *bench.Workload, impl bench.Func) bench.Func {
		return func(b *bench.B) (uint64, error) {
			n, params, cpus := b.N, b.Params, b.CPUs
			change(b)
			_, err := impl(b)
			b.N, b.Params, b.CPUs = n, params, cpus
			return w.Want(b), err
		}
	}
}

// set returns the parameters with the value of each that is named put in the
// place of what it had.
func set(p bench.Params, value string, names ...string) bench.Params {
	parts := p.Split()
	for i := range parts {
		if slices.Contains(names, parts[i].Key) {
			parts[i].Value = value
		}
	}
	var texts []string
	for _, part := range parts {
		texts = append(texts, part.String())
	}
	return bench.Params(strings.Join(texts, "/"))
}

// fewerUnits is two instead of what the parameters say, or one CPU's.
func fewerUnits(b *bench.B) {
	b.CPUs = 1
	b.Params = set(set(b.Params, "2", "n", "conns", "guests"), "1", "tasks", "p", "c", "hogs", "workers")
}

// fewerBytes is eight instead of what the parameters say.
func fewerBytes(b *bench.B) { b.Params = eightByteParams(b.Params) }

func eightByteParams(p bench.Params) bench.Params { return set(p, "8", "payload", "size") }

// waitForClock lets the clock move.
func waitForClock() {
	for began := time.Now(); time.Since(began) <= 0; {
	}
}

var mutants = []mutant{
	{"no work", func(w *bench.Workload, _ bench.Func) bench.Func {
		return func(b *bench.B) (uint64, error) {
			b.Start()
			waitForClock()
			b.Stop()
			return w.Want(b), nil
		}
	}},
	{"less work", with(func(b *bench.B) { b.N /= 2 })},
	{"work done twice", with(func(b *bench.B) { b.N *= 2 })},
	{"fewer units", with(fewerUnits)},
	{"fewer units that say they are all", func(w *bench.Workload, impl bench.Func) bench.Func {
		fewer := with(fewerUnits)(w, impl)
		return func(b *bench.B) (uint64, error) {
			answer, err := fewer(b)
			b.Units(w.Ledger(b).Units)
			return answer, err
		}
	}},
	{fewerBytesName, with(fewerBytes)},
	{nobodyWaitsName, func(w *bench.Workload, _ bench.Func) bench.Func { return nobodyWaits(w) }},
}

const (
	fewerBytesName  = "fewer bytes"
	nobodyWaitsName = "nobody waits"
)

// nobodyWaits enters all that the ledger asks for, and has done nothing.
func nobodyWaits(w *bench.Workload) bench.Func {
	return func(b *bench.B) (uint64, error) {
		want := w.Ledger(b)
		b.Units(want.Units)
		n := max(want.Units, 1)
		for i := range n {
			u := b.Unit(0)
			if u.Ops = want.Each; u.Ops == 0 {
				u.Ops = (i+1)*want.Ops/n - i*want.Ops/n
			}
			u.Bytes = (i+1)*want.Bytes/n - i*want.Bytes/n
		}
		b.Start()
		waitForClock()
		b.Stop()
		return w.Want(b), nil
	}
}

var ledgerError = regexp.MustCompile(`^(warm-up: )?(\d+ units were alive|unit \d+ of \d+ (did|saw)|\d+ units entered|the units did|the units received|no more than \d+ were|\d+ ops took|units were suspended|the load was no open loop)`)

// smallPoints returns cases of a workload for what starts processes over and
// over.
func smallPoints(w *bench.Workload) []bench.Params {
	small := map[string][]bench.Params{
		"Ring": {"n=4"}, "Sleep": {"n=4/stack=0"}, "Spawn": {"n=2"}, "ProdCons": {"p=2/c=2"}, "Pipe": {"payload=4096"},
		"Lock": {"tasks=2/yield=never", "tasks=2/yield=each"}, "EchoOpen": {"conns=3/rate=2000"},
		"Heartbeat": {"hogs=2/burst=1ms"}, "Fetch": {"tasks=2/payload=4096"}, "Files": {"tasks=2/sync=never"},
		"Policies": {"policy=SRTF/unit=50us"},
		"Mixed":    {"tasks=2/wait=80"}, "JoinQueue": {"c=2/batch=8"}, "TaskQueue": {"workers=2/inflight=8"}, "SharedArray": {"size=8192"}, "SharedDict": {"tasks=2/read=50"}, "SharedDictTuned": {"tasks=2/read=50"},
		"Semaphore": {"guests=4/permits=2"}, "Event": {"n=4"}, "Barrier": {"n=4"},
		"Crash": {"every=10"},
		"Chain": {"n=4"}, "GC": {"heapMiB=0"}, "Submit": {"inflight=4"}, "Parked": {"n=4/stack=1024"}, "Skynet": {"leaves=10"},
	}[w.Name]
	if small == nil {
		small = w.Points()[:1]
	}
	return small
}

// Every mutant of every cell is found, but for those with the same ledger.
func TestMutants(t *testing.T) {
	notWithRace(t)
	for _, w := range All() {
		for _, p := range smallPoints(w) {
			for _, m := range Models() {
				impl := w.Impls[m.Name]
				if impl == nil || testing.Short() && m.Name == Process {
					continue
				}
				for _, mutant := range mutants {
					if mutant.name == fewerBytesName && eightByteParams(p) == p {
						continue // it has none, and would be the original
					}
					c := bench.Case{Workload: w.Name, Params: p, Model: m.Name, CPUs: 2}
					n := 30
					if w.Paced { // an op takes its time, whoever does it
						n = 5
					}
					if mutant.name == nobodyWaitsName {
						n = enoughOps
					}
					caught := tryMutant(w, c, n, mutant.make(w, impl))
					name := fmt.Sprintf("%s/%s/%s: %s", w.Name, p, m.Name, mutant.name)
					switch {
					case w.Open && errors.As(caught, new(*bench.VoidError)): // on a busy machine
					case unseen(w, c, mutant.name) && caught != nil:
						t.Errorf("%s: %v; nothing was to be seen", name, caught)
					case !unseen(w, c, mutant.name) && caught == nil:
						t.Errorf("%s: a result like any other", name)
					case caught != nil && !ledgerError.MatchString(caught.Error()):
						t.Errorf("%s: %v", name, caught)
					}
				}
			}
		}
	}
}

// enoughOps is so many that a sample of the suspensions must have some.
const enoughOps = 1_000_000

// tryMutant returns why a mutant was found.
func tryMutant(w *bench.Workload, c bench.Case, n int, impl bench.Func) error {
	changed := *w
	changed.Impls = map[bench.Model]bench.Func{c.Model: impl}
	_, err := bench.Measure(&changed, c, bench.Options{N: n})
	return err
}

// unseen reports whether a mutant of a cell has the ledger of the original.
func unseen(w *bench.Workload, c bench.Case, mutant string) bool {
	b := bench.B{N: 30, Model: c.Model, Params: c.Params, CPUs: c.CPUs}
	if w.Batch != nil {
		b.N = w.Batch(c.Params)
	}
	want := w.Ledger(&b)
	switch mutant {
	case fewerBytesName:
		fewerBytes(&b)
		return w.Ledger(&b).Bytes == want.Bytes
	case "fewer units", "fewer units that say they are all": // the kit does not say so
		fewerUnits(&b)
		fewer := w.Ledger(&b)
		return fewer.Ops == want.Ops && fewer.Each == want.Each && fewer.Together == want.Together &&
			(fewer.Units == want.Units || mutant != "fewer units")
	case nobodyWaitsName:
		if w.Open { // and there was no load
			return false
		}
		b.N = enoughOps
		want = w.Ledger(&b)
		return want.Suspensions == 0 && want.Elapsed == 0 && want.Together == 0 && (want.Inside == 0 || want.Each == 0)
	}
	return false
}

// What the ledgers ask for, beside ops, of a task alone, of greenlets, of what
// Go's scheduler runs, and of processes: units, the same share for each, bytes,
// suspensions, a least time, no more than so many inside or in flight, no fewer
// seen at once, and no waits in turn.
func TestLedgers(t *testing.T) {
	for key, want := range map[string][4]string{
		"Nop":                             {"t", "ut", "ut", "ut"},
		"PingPong":                        {"", "ues", "ues", "ues"},
		"Ring/n=10":                       {"", "ues", "ues", "ues"},
		"Spawn/n=1":                       {"", "", "", ""}, // tasks come and go
		"CPUMap/task=1us/chunk=1":         {"ti", "uti", "uti", "uti"},
		"ProdCons/p=1/c=1":                {"", "us", "u", "u"}, // both sides may be at work at once
		"Pipe/payload=8":                  {"b", "uebs", "uebs", "uebs"},
		"Lock/tasks=2/yield=never":        {"", "u", "u", "u"},
		"Lock/tasks=2/yield=each":         {"", "us", "us", "us"},
		"Sleep/n=100/stack=0":             {"uestw", "uestw", "uestw", "uestw"},
		"Echo/conns=1":                    {"ub", "ub", "ub", "ub"}, // of the clients, which are the same
		"Mixed/tasks=8/wait=80":           {"t", "uesto", "uesto", "uesto"},
		"Mixed/tasks=8/wait=20":           {"t", "uest", "uest", "uest"},
		"Mixed/tasks=8/wait=0":            {"t", "uet", "uet", "uet"},
		"JoinQueue/c=4/batch=64":          {"i", "usio", "uio", "uio"},
		"SharedDict/tasks=4/read=0":       {"", "ue", "ue", "ues"}, // who shares memory may never wait
		"SharedDictTuned/tasks=4/read=90": {"", "ue", "ue", "ue"},
		"SharedArray/size=8192":           {"bt", "uebst", "uebst", "uebst"},
		"Event/n=10":                      {"ues", "ues", "ues", "ues"},
		"Barrier/n=10":                    {"ues", "ues", "ues", "ues"},

		"Semaphore/guests=20/permits=3": {"i", "uesio", "uesio", "uesio"},
		"Command/tasks=4":               {"b", "uebso", "uebso", "uebso"},
		"Crash/every=100":               {"t", "ut", "ut", "ut"},

		"PipeOpen/payload=65536/rate=2000": {"b", "ueb", "ueb", "ueb"}, // the next message may be there
		"TaskQueue/workers=2/inflight=64":  {"i", "usio", "uio", "uio"},
		"EchoOpen/conns=10/rate=2000":      {"ub", "ub", "ub", "ub"},
		"Fetch/tasks=4/payload=16384":      {"bt", "ubsto", "ubsto", "ubsto"},
		"Files/tasks=8/sync=each":          {"b", "ubs", "ub", "ub"}, // the kernel blocks a thread
		"Policies/policy=RR/unit=1ms":      {"t", "uest", "uest", "uest"},
		"Heartbeat/hogs=0/burst=1ms":       {"ust", "ust", "ust", "ust"},
		"Heartbeat/hogs=2/burst=1ms":       {"ust", "ust", "ust", "ust"},

		"Chain/n=10":           {"", "us", "us", "us"},
		"Skynet/leaves=10":     {"", "s", "s", ""}, // what goes on in worker processes is their own
		"Parked/n=100/stack=0": {"ues", "ues", "ues", "ues"},
		"Submit/inflight=64":   {"io", "sio", "io", "uio"}, // tasks come and go, but for the workers of an executor
		"GC/heapMiB=64":        {"", "us", "u", "u"},
	} {
		c := benchlog.ParseCase(key)
		i := slices.IndexFunc(All(), func(w *bench.Workload) bool { return w.Name == c.Workload })
		for k, m := range []bench.Model{Serial, Greenlet, Goroutine, Process} {
			l := All()[i].Ledger(&bench.B{N: 1000, Model: m, Params: c.Params, CPUs: 2})
			got := ""
			for _, is := range []struct {
				name string
				has  bool
			}{{"u", l.Units > 0}, {"e", l.Each > 0}, {"b", l.Bytes > 0}, {"s", l.Suspensions > 0}, {"t", l.Elapsed > 0}, {"i", l.Inside > 0}, {"o", l.Together > 0}, {"w", l.InTurn > 0}} {
				if is.has {
					got += is.name
				}
			}
			if got != want[k] || l.Ops < 1000 {
				t.Errorf("%s, %s: %q and %d ops, want %q", key, m, got, l.Ops, want[k])
			}
		}
	}
}

// A sleeper that does not sleep has slept too little, by ten seconds.
func TestSleepMutants(t *testing.T) {
	awake := func(time.Duration) error { return nil }
	err := tryMutant(sleep, sleepCase, 100_000, func(b *bench.B) (uint64, error) {
		return race(b, goroutines, b.Int("n"), func(_ int, u *bench.Unit) error { return sleeper(b, u, awake) })
	})
	if err == nil || !strings.Contains(err.Error(), "which is less than") {
		t.Error(err)
	}
}

// A beat is due at its time, however late the one before it was: a stall makes
// all those late that fall into it.
func TestBeatsAreDue(t *testing.T) {
	const stall = 5*beatEvery + beatEvery/2
	u, stalled := bench.NewUnit(1, 10), false
	err := beat(10, u, func(d time.Duration) error {
		if !stalled {
			stalled = true
			d = stall
		}
		return block(d)
	})
	late := u.Samples()
	if err != nil || len(late) != 10 || u.Ops != 10 || u.Answer != 10 {
		t.Fatalf("%d beats of 10, %+v, %v", len(late), u.Entry, err)
	}
	for i, ns := range late[:5] { // the first is due after one interval
		if least := stall - time.Duration(i+1)*beatEvery; time.Duration(ns) < least {
			t.Errorf("beat %d is %v late, after a stall of %v", i, time.Duration(ns), stall)
		}
	}
}

// A hog gives way after each burst, and a burst is work.
func TestHogs(t *testing.T) {
	u, gaps := bench.NewUnit(1, 0), 0
	err := hog(7, 900, u, func() error { gaps++; return nil })
	if gaps != 7 || u.Ops != 7 || u.Answer != 7*steps(900) || err != nil {
		t.Errorf("%d gaps after %d bursts, answer %d, %v", gaps, u.Ops, u.Answer, err)
	}
	for _, tt := range []struct {
		n, cpus int
		p       bench.Params
		want    int
	}{
		{10, 1, "hogs=1/burst=1ms", 100}, {10, 2, "hogs=1/burst=1ms", 100}, {10, 2, "hogs=2/burst=1ms", 100},
		{10, 2, "hogs=8/burst=1ms", 25}, {10, 1, "hogs=8/burst=1ms", 12}, {10, 2, "hogs=8/burst=50ms", 1},
		{100, 2, "hogs=2/burst=50ms", 20}, {10, 2, "hogs=0/burst=1ms", 100},
	} {
		if got := bursts(&bench.B{N: tt.n, CPUs: tt.cpus, Params: tt.p}); got != tt.want {
			t.Errorf("%d beats, %s on %d CPUs: %d bursts, want %d", tt.n, tt.p, tt.cpus, got, tt.want)
		}
	}
	idle := func(b *bench.B) (uint64, error) {
		return race(b, goroutines, 2, func(i int, u *bench.Unit) error {
			if i == 0 {
				return beat(b.N, u, block)
			}
			u.Ops = bursts(b)
			return nil
		})
	}
	c := bench.Case{Workload: "Heartbeat", Params: "hogs=1/burst=1ms", Model: Goroutine, CPUs: 1}
	if err := tryMutant(heartbeat, c, 3, idle); err == nil || !strings.Contains(err.Error(), "wrong answer") {
		t.Errorf("a hog that computes nothing: %v", err)
	}
}

// The policies of all cases are done with the jobs when the textbook says; one
// that is not is no result.
func TestTextbooks(t *testing.T) {
	for _, p := range policies.Points() {
		name, _ := p.Get("policy")
		book, err := textbooks(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if plan, err := book.plan(); err != nil || len(plan.Jobs) != len(jobMix) {
			t.Errorf("%s: %v", p, err)
		}
		book.done[4]++
		if _, err := book.plan(); err == nil || !strings.Contains(err.Error(), "in the textbook at ") {
			t.Errorf("%s with another table: %v", p, err)
		}
	}
	c := bench.Case{Workload: "Policies", Params: "policy=LIFO/unit=1ms", Model: Greenlet, CPUs: 1}
	if err := tryMutant(policies, c, 5, policies.Impls[Greenlet]); err == nil || !strings.Contains(err.Error(), `no policy "LIFO"`) {
		t.Errorf("no policy: %v", err)
	}
}

// The times of a job, and when it is to arrive.
func TestJobTimes(t *testing.T) {
	p, u := pace{1, time.Millisecond}, bench.NewUnit(1, 9)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tt := range []struct {
		i, due, began, ended int
		want                 spent
	}{
		{0, 5, 7, 12, spent{ms(7), ms(2), ms(4)}}, // it computes for 3
		{1, 2, 2, 8, spent{ms(6), 0, 0}},
		{4, 8, 7, 9, spent{ms(1), 0, 0}}, // begun and done a little early
	} {
		if got := p.did(tt.i, u, ms(tt.due), ms(tt.began), ms(tt.ended)); got != tt.want {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
	if got := fmt.Sprint(u.Samples()); u.Ops != 3 || got != "[7000000 6000000 1000000]" {
		t.Errorf("%d jobs, latencies %s", u.Ops, got)
	}
	if mixUnits() != 20 || p.due(0, 0) != 0 || p.due(0, 4) != ms(8) || p.due(ms(120), 2) != ms(124) {
		t.Errorf("%d units; due at %v, %v, %v", mixUnits(), p.due(0, 0), p.due(0, 4), p.due(ms(120), 2))
	}
	b := &bench.B{N: 2}
	all := spent{ms(1), ms(2), ms(3)}
	all.add(spent{ms(3), ms(2), ms(1)})
	all.report(b)
	if all != (spent{ms(4), ms(4), ms(4)}) {
		t.Errorf("together %+v", all)
	}
}

var sleepCase = bench.Case{Workload: "Sleep", Params: "n=100/stack=0", Model: Goroutine, CPUs: 1}

// eightBytes is an end that sends and takes eight bytes, and says it was all.
type eightBytes struct{ end }

func (e eightBytes) SendBytes(msg []byte) error { return e.end.SendBytes(msg[:8]) }

func (e eightBytes) RecvBytesInto(msg []byte) (int, error) {
	n, err := e.end.RecvBytesInto(msg[:8])
	return n * len(msg) / 8, err
}

// A pipe that copies eight bytes of a message has lost what was counted in the
// others, though it says otherwise and the answer could be right.
func TestPipeMutants(t *testing.T) {
	for _, p := range []bench.Params{"payload=4096", "payload=1048576"} {
		for name, wrap := range map[string]func(e end) end{"whole": func(e end) end { return e }, "eight bytes": func(e end) end { return eightBytes{e} }} {
			impl := func(b *bench.B) (uint64, error) {
				ours, theirs := newIOPipe()
				return relay(b, goroutines, 2, func(i int, u *bench.Unit) error {
					if i > 0 {
						return pipeEcho(b.Int("payload"), u, wrap(theirs))
					}
					defer ours.Close()
					return pipeAsk(b, u, wrap(ours))
				})
			}
			c := bench.Case{Workload: "Pipe", Params: p, Model: Goroutine, CPUs: 1}
			err := tryMutant(pipe, c, 30, impl)
			if name == "whole" && err != nil || name != "whole" && (err == nil || !strings.Contains(err.Error(), "wrong answer: ")) {
				t.Errorf("%s, %s: %v", p, name, err)
			}
		}
	}
}

// A lock whose clerks are to give way, and do not.
func TestLockMutants(t *testing.T) {
	never := with(func(b *bench.B) { b.Params = set(b.Params, "never", "yield") })
	for _, m := range []bench.Model{Greenlet, Process} {
		c := bench.Case{Workload: "Lock", Params: "tasks=2/yield=each", Model: m, CPUs: 1}
		if err := tryMutant(lock, c, enoughOps, never(lock, lock.Impls[m])); err == nil || !strings.Contains(err.Error(), "units were suspended") {
			t.Errorf("%s: %v", m, err)
		}
	}
}

// A worker that is not killed is no crash, whatever else is right.
func TestCrashMutants(t *testing.T) {
	for m, impl := range crash.Impls {
		none := func(b *bench.B) (uint64, error) {
			every := b.Params
			b.Params = "every=1000000000"
			answer, err := impl(b)
			b.Params = every
			return answer, err
		}
		err := tryMutant(crash, bench.Case{Workload: "Crash", Params: "every=10", Model: m, CPUs: 1}, 100, none)
		if err == nil || !strings.Contains(err.Error(), "wrong answer: ") {
			t.Errorf("%s: %v", m, err)
		}
	}
}

// A pool of processes that is smaller than the concurrency of its rivals is no
// model of as many CPUs, though each of its answers is right.
func TestPoolMutants(t *testing.T) {
	for _, tt := range []struct {
		w    *bench.Workload
		p    bench.Params
		pool func(b *bench.B, workers int) (uint64, error)
	}{{cpuMap, "task=1us/chunk=1", cpuMapPool}, {submit, "inflight=8", submitPool}} {
		for workers, want := range map[int]string{1: "1 units were alive at the same moment, want 2", 2: ""} {
			c := bench.Case{Workload: tt.w.Name, Params: tt.p, Model: Process, CPUs: 2}
			err := tryMutant(tt.w, c, 30, func(b *bench.B) (uint64, error) { return tt.pool(b, workers) })
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s with a pool of %d: %v, want %q", tt.w.Name, workers, err, want)
			}
		}
	}
	for places, want := range map[int]string{1: "1 units were alive at the same moment, want 8", 8: ""} {
		c := bench.Case{Workload: "Submit", Params: "inflight=8", Model: Ants, CPUs: 2}
		err := tryMutant(submit, c, 30, func(b *bench.B) (uint64, error) { return submitAntsIn(b, places) })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("ants with %d places: %v, want %q", places, err, want)
		}
	}
}

// Ten units are no thousand, whatever they say.
func TestRingMutants(t *testing.T) {
	for name, say := range map[string]int{"ten of a thousand": 10, "ten that say they are a thousand": 1000} {
		for _, m := range []bench.Model{Greenlet, Goroutine, Ants, Thread, Process} {
			ten := with(func(b *bench.B) { b.Params = "n=10" })(ring, ring.Impls[m])
			w := *ring
			w.Limit = nil
			err := tryMutant(&w, bench.Case{Workload: "Ring", Params: "n=1000", Model: m, CPUs: 1}, 1000, func(b *bench.B) (uint64, error) {
				answer, err := ten(b)
				b.Units(say)
				return answer, err
			})
			if want := map[int]string{10: "10 units were alive", 1000: "entered what they did"}[say]; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v", m, name, err)
			}
		}
	}
}

// One room more than there are, and guests who were in none.
func TestSemaphoreMutants(t *testing.T) {
	more := with(func(b *bench.B) { b.Params = set(b.Params, "4", "permits") })
	none := func(w *bench.Workload, impl bench.Func) bench.Func {
		return func(b *bench.B) (uint64, error) {
			return raceGreenlets(b, b.Int("guests"), func(h *hub.Hub) work {
				return func(_ int, u *bench.Unit) error {
					for range b.N / b.Int("guests") {
						u.Ops++
						u.Answer++
						if err := h.Yield(); err != nil {
							return err
						}
					}
					return nil
				}
			})
		}
	}
	c := bench.Case{Workload: "Semaphore", Params: "guests=20/permits=3", Model: Greenlet, CPUs: 1}
	for name, make := range map[string]func(*bench.Workload, bench.Func) bench.Func{"4": more, "0": none} {
		err := tryMutant(semaphore, c, 100, make(semaphore, semaphore.Impls[Greenlet]))
		if err == nil || !strings.Contains(err.Error(), "saw "+name+" at once, want 1 to 3") {
			t.Errorf("%s rooms: %v", name, err)
		}
	}
}

// A barrier that is open: the first to come does not see the others.
func TestBarrierMutants(t *testing.T) {
	c := bench.Case{Workload: "Barrier", Params: "n=10", Model: Greenlet, CPUs: 1}
	err := tryMutant(parties, c, 100, func(b *bench.B) (uint64, error) {
		come := newPlaces(10)
		return raceGreenlets(b, 10, func(h *hub.Hub) work {
			return func(i int, u *bench.Unit) error { return attend(i, b.N/10, come, u, func() error { return nil }) }
		})
	})
	if err == nil || !strings.Contains(err.Error(), "wrong answer: ") {
		t.Error(err)
	}
}

// Cars that miss a turn, or have one twice, which the sum of their numbers need
// not show.
func TestEventMutants(t *testing.T) {
	for _, tt := range []struct {
		turns []int
		want  uint64
	}{{[]int{1, 2, 3}, 3}, {[]int{1, 1, 3}, 2}, {[]int{2, 2, 2}, 1}, {[]int{2, 3, 4}, 0}} {
		u, c := bench.NewUnit(1, len(tt.turns)), newClock()
		for _, n := range tt.turns {
			(&turn{Number: n, Green: c.now()}).drive(c, u)
		}
		if u.Answer != tt.want || u.Ops != 3 || len(u.Samples()) != 3 {
			t.Errorf("turns %v: %d of %d right, %d latencies", tt.turns, u.Answer, u.Ops, len(u.Samples()))
		}
	}
}

// A producer that does not wait for its consumers.
func TestJoinQueueMutants(t *testing.T) {
	u, put := bench.NewUnit(1, 0), 0
	nothing := func() error { return nil }
	err := produceBatches(30, 10, newPlaces(3), u, func(uint64) error { put++; return nil }, nothing, nothing)
	if err == nil || err.Error() != "joined when 0 of 10 items were done" || put != 10 {
		t.Errorf("%v, %d items put", err, put)
	}
}

// A queue that loses a result and delivers another twice, workers that do not
// do their tasks, a master that stops early: the ledger is the same.
func TestTaskQueueMutants(t *testing.T) {
	c := bench.Case{Workload: "TaskQueue", Params: "workers=2/inflight=8", Model: Goroutine, CPUs: 1}
	for name, tt := range map[string]struct {
		n      int
		result func(task uint64) uint64
	}{
		"as it is": {30, addOne},
		"twice":    {30, func(task uint64) uint64 { return min(task, 29) + 1 }},
		"not done": {30, func(task uint64) uint64 { return task }},
		"early":    {29, addOne},
	} {
		err := tryMutant(taskQueue, c, 30, func(b *bench.B) (uint64, error) {
			if b.N < 30 { // the warm-up
				return taskQueue.Impls[Goroutine](b)
			}
			u, tasks := b.Unit(b.N), make(chan uint64, 8)
			b.Units(3)
			b.Start()
			err := manage(tt.n, 8, u, func(task uint64) error { tasks <- task; return nil },
				func() (uint64, error) { return tt.result(<-tasks), nil })
			waitForClock()
			b.Stop()
			u.Ops = 2 * b.N
			return u.Answer, err
		})
		if (err == nil) != (name == "as it is") || err != nil && !strings.Contains(err.Error(), "wrong answer: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Results may come in any order: each has the latency of its own task. No more
// tasks are in flight than may be.
func TestTaskQueueOrder(t *testing.T) {
	for _, inflight := range []int{1, 4, 10, 99} {
		u, flying, most := bench.NewUnit(1, 10), []uint64{}, 0
		put := func(task uint64) error {
			flying = append(flying, task)
			most = max(most, len(flying))
			return nil
		}
		last := func() (uint64, error) {
			v := flying[len(flying)-1] + 1
			flying = flying[:len(flying)-1]
			return v, nil
		}
		if err := manage(10, inflight, u, put, last); err != nil || u.Answer != 65 || u.Ops != 10 || len(u.Samples()) != 10 ||
			len(flying) > 0 || most != min(inflight, 10) {
			t.Errorf("inflight=%d: %v, %+v, %d latencies, %d in flight at once, %v left", inflight, err, u.Entry, len(u.Samples()), most, flying)
		}
	}
}

// A task that waits for nothing has waited too little, by most of a second.
func TestMixedMutants(t *testing.T) {
	awake := func(time.Duration) error { return nil }
	c := bench.Case{Workload: "Mixed", Params: "tasks=4/wait=99", Model: Goroutine, CPUs: 1}
	err := tryMutant(mixed, c, 4000, func(b *bench.B) (uint64, error) {
		return race(b, goroutines, 4, func(_ int, u *bench.Unit) error {
			return mix(b.N/4, mixedSteps(b), mixedWait(b), u, awake)
		})
	})
	if err == nil || !strings.Contains(err.Error(), "which is less than") {
		t.Error(err)
	}
}

// An array in which one element was left out, had twice, or taken for another.
func TestSharedArrayMutants(t *testing.T) {
	for name, change := range map[string]func(array []uint64){
		"as it is":  func([]uint64) {},
		"left out":  func(array []uint64) { array[7] = 7 },
		"had twice": func(array []uint64) { array[7] = step(array[7]) },
		"another":   func(array []uint64) { array[7] = array[8] },
	} {
		c := bench.Case{Workload: "SharedArray", Params: "size=8192", Model: Serial, CPUs: 1}
		err := tryMutant(sharedArray, c, 5, func(b *bench.B) (uint64, error) {
			u, array := b.Unit(b.N), make([]uint64, elements(b))
			fill(array)
			b.Start()
			err := passes(0, 1, b.N, array, u, func() error { return nil })
			b.Stop()
			change(array)
			return sum(array), err
		})
		if (err == nil) != (name == "as it is") || err != nil && !strings.Contains(err.Error(), "wrong answer: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
