package bench

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// entered is a Func whose units enter these.
func entered(alive int, entries ...Entry) Func {
	return func(b *B) (uint64, error) {
		for _, e := range entries {
			b.Unit(0).Entry = e
		}
		b.Units(alive)
		b.Start()
		time.Sleep(time.Millisecond)
		b.Stop()
		return uint64(b.N), nil
	}
}

// Each thing that a ledger can ask for makes a failed case of its own, with its
// own sentence, where the answer is right.
func TestLedger(t *testing.T) {
	two := func(e Entry) []Entry { return []Entry{e, e} }
	for name, tt := range map[string]struct {
		want    Ledger
		alive   int
		entries []Entry
		err     string
	}{
		"nothing":           {Ledger{}, 0, nil, ""},
		"as it must be":     {Ledger{Units: 2, Ops: 10, Each: 5, Bytes: 6, Elapsed: time.Millisecond}, 2, two(Entry{Ops: 5, Bytes: 3}), ""},
		"a unit too few":    {Ledger{Units: 2, Ops: 5}, 1, []Entry{{Ops: 5}}, "1 units were alive at the same moment, want 2"},
		"a unit too many":   {Ledger{Units: 2, Ops: 5}, 3, []Entry{{Ops: 5}}, "3 units were alive at the same moment, want 2"},
		"a silent unit":     {Ledger{Units: 2, Ops: 5, Each: 5}, 2, []Entry{{Ops: 5}}, "1 units entered what they did, want 2"},
		"an idle unit":      {Ledger{Units: 2, Ops: 10, Each: 5}, 2, []Entry{{Ops: 10}, {}}, "unit 2 of 2 did 0 ops, want 5"},
		"an op too few":     {Ledger{Units: 2, Ops: 10}, 2, two(Entry{Ops: 4}), "the units did 8 ops, want 10"},
		"an op too many":    {Ledger{Ops: 10}, 0, two(Entry{Ops: 6}), "the units did 12 ops, want 10"},
		"a byte too few":    {Ledger{Bytes: 7}, 0, two(Entry{Bytes: 3}), "the units received 6 bytes, want 7"},
		"a byte too many":   {Ledger{}, 0, []Entry{{Bytes: 1}}, "the units received 1 bytes, want 0"},
		"too quick":         {Ledger{Elapsed: time.Hour}, 0, nil, "1 ops took "},
		"suspended":         {Ledger{Suspensions: 1e6}, 0, two(Entry{Waits: 5e5}), ""},
		"hardly suspended":  {Ledger{Suspensions: 1e6}, 0, two(Entry{Waits: 1e5}), "units were suspended 2"},
		"three inside":      {Ledger{Inside: 3}, 0, []Entry{{Inside: 1}, {Inside: 3}}, ""},
		"four inside":       {Ledger{Inside: 3}, 0, []Entry{{Inside: 1}, {Inside: 4}}, "unit 2 of 2 saw 4 at once, want 1 to 3"},
		"never inside":      {Ledger{Units: 2, Each: 5, Ops: 10, Inside: 3}, 2, []Entry{{Ops: 5}, {Ops: 5, Inside: 3}}, "unit 1 of 2 saw 0 at once, want 1 to 3"},
		"one who counts":    {Ledger{Inside: 3, Together: 3}, 0, []Entry{{}, {Inside: 3}}, ""},
		"two of three":      {Ledger{Inside: 3, Together: 3}, 0, []Entry{{Inside: 1}, {Inside: 2}}, "no more than 2 were seen at once, want 3 at least: they took turns"},
		"nobody counts":     {Ledger{Together: 1}, 0, two(Entry{}), "no more than 0 were seen at once, want 1 at least"},
		"waits overlap":     {Ledger{InTurn: time.Hour}, 0, nil, ""},
		"shared as it came": {Ledger{Units: 2, Ops: 10}, 2, []Entry{{Ops: 10}, {}}, ""},
	} {
		w := counting(entered(tt.alive, tt.entries...))
		w.Ledger = func(*B) Ledger { return tt.want }
		_, err := Measure(w, countingCase, Options{N: 10})
		if text := strings.TrimPrefix(errorString(err), "warm-up: "); (tt.err == "") != (err == nil) || !strings.HasPrefix(text, tt.err) {
			t.Errorf("%s: %q, want %q", name, text, tt.err)
		}
	}
}

// Waits that take as long as one after the other are found, and nothing is said
// of waits that a busy machine could have delayed by as much.
func TestWaitsInTurn(t *testing.T) {
	for _, tt := range []struct {
		elapsed, waits time.Duration
		found          bool
	}{
		{time.Second, time.Second, true}, {time.Minute, 10 * time.Second, true}, {time.Second - 1, time.Second, false},
		{time.Minute, time.Second - 1, false}, {time.Minute, 0, false},
	} {
		err := (&B{N: 7, elapsed: tt.elapsed}).audit(Ledger{InTurn: tt.waits})
		if (err != nil) != tt.found || err != nil && !strings.HasPrefix(err.Error(), "7 ops took "+tt.elapsed.String()+"; waits that take "+tt.waits.String()) {
			t.Errorf("%v for waits of %v: %v", tt.elapsed, tt.waits, err)
		}
	}
}

func errorString(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A workload that says nothing of its units is no workload.
func TestSuiteCheckLedger(t *testing.T) {
	w := counting(honest)
	w.NA = map[Model]string{Greenlet: "x", Goroutine: "x", Ants: "x", Thread: "x", Process: "x"}
	w.Ledger = nil
	if err := (Suite{testModels(), []*Workload{w}}).Check(); err == nil || err.Error() != "workload Counting: no Ledger" {
		t.Errorf("error %v", err)
	}
}

// What processes and units entered is one sum.
func TestAnswer(t *testing.T) {
	b := &B{}
	b.Unit(0).Answer = 3
	b.Enter(Entry{Answer: 4})
	if got := b.Answer(); got != 7 {
		t.Errorf("the answer is %d, want 7", got)
	}
}

// Suspensions are counted by Go's scheduler, as a sample: of goroutines that
// hand something over, and hardly any of one that computes.
func TestSuspensionsOfGoroutines(t *testing.T) {
	const n = 20_000
	to, fro := make(chan int), make(chan int)
	go func() {
		for v := range to {
			fro <- v
		}
		close(fro)
	}()
	before := resumptions()
	for i := range n {
		to <- i
		<-fro
	}
	waited := sampledResumptions * (resumptions() - before)
	close(to)
	<-fro
	if waited < 2*n/4 {
		t.Errorf("%d suspensions were counted, want about %d", waited, 2*n)
	}
}

// The check allows for the sample: a quarter, less ten standard errors.
func TestLeastSuspensions(t *testing.T) {
	for want, least := range map[Ledger]int{
		{Suspensions: 4000}:             1000,
		{Suspensions: 4000, Units: 4}:   920,
		{Suspensions: 4000, Units: 100}: 600,
		{Suspensions: 100, Units: 100}:  -375,
		{}:                              0,
	} {
		if got := leastSuspensions(want); got != least {
			t.Errorf("%+v: %d at least, want %d", want, got, least)
		}
	}
}

func TestUnitBytes(t *testing.T) {
	if size := unsafe.Sizeof(Unit{}); size != unitBytes {
		t.Errorf("a unit has %d bytes, want %d", size, unitBytes)
	}
}

// Latencies and ledgers take memory that is the harness's: results are without
// it, whether there was room or not.
func TestBookkeepingIsNoMemory(t *testing.T) {
	const samples, units = 1 << 20, 1000
	record := func(n, room int) *Result {
		return truth(t, 1000, Options{Op: time.Second}, func(b *B) (uint64, error) {
			var all []*Unit
			for range units {
				all = append(all, b.Unit(room/units))
			}
			b.Start()
			for i := range n {
				all[i%units].Add(5)
			}
			b.Stop()
			if b.N == 1000 && n > 0 {
				b.AddSamples([]int64{1})
			}
			return uint64(b.N), nil
		})
	}
	for name, room := range map[string]int{"room": samples, "no room": 0} {
		r := record(samples, room)
		if r.Latency.TotalCount() != samples+1 {
			t.Errorf("%s: %d latencies", name, r.Latency.TotalCount())
		}
		// 8 MiB of latencies are in no figure.
		between(t, name+": bytes allocated", float64(r.Bytes), 0, 1<<20)
		between(t, name+": objects allocated", float64(r.Allocs), 0, 1000)
	}
	// Peaks last: the one with fewer latencies comes first.
	runtime.GC()
	b := &B{}
	b.Unit(0).samples = make([]int64, 5)
	b.Enter(Entry{})
	if resident, _, _ := b.bookkeeping(); resident != 5*8+2*unitBytes {
		t.Errorf("bookkeeping takes %d bytes", resident)
	}
}

// However long it takes to read the clock, reading it costs an op at most
// recordingCost, and a fiftieth of its length where that is less. Of long ops
// none is left out.
func TestCostOfRecording(t *testing.T) {
	for _, clock := range []time.Duration{1, 11, 12, 26, 30, 300, 2000} {
		if share := sampled(longOp, clock); share != 1 {
			t.Errorf("clock of %v: of long ops %v are timed", clock, share)
		}
		for op := time.Duration(100); op < longOp; op = op*3/2 + 1 {
			r := NewRecorder(sampled(op, clock), 0)
			period := int(r.mask) + 1
			cost := func(readings int) float64 { return float64(readings) * float64(clock) / float64(period) }
			most := float64(recordingCost)
			if op < minTimedOp && clock <= 30 {
				most = min(most, float64(op)/50)
			}
			chained := int(r.chain) + 1
			if int(r.chain) == period {
				chained = period
			}
			for what, readings := range map[string]int{"apart": 2 * int(r.run), "chained": chained} {
				if cost(readings) > most {
					t.Errorf("clock of %v, op of %v, %s: %d readings for %d ops cost %.1f ns", clock, op, what, readings, period, cost(readings))
				}
			}
			if int(r.run) < period && op >= minTimedOp && cost(2*int(r.run)+2) <= most {
				t.Errorf("clock of %v, op of %v: %d of %d are timed, and more could be", clock, op, r.run, period)
			}
		}
	}
	if c := measureClock(); c < 1 || c > time.Millisecond {
		t.Errorf("reading the clock takes %v", c)
	}
}

// BenchmarkRecorder is what recording costs an op of that length: of ops that
// lie apart, and of those that begin as another ends. The rest is what it
// consists of: a reading of the clock, and keeping a latency.
func BenchmarkRecorder(b *testing.B) {
	clock := measureClock()
	for _, op := range []time.Duration{10, 100, time.Microsecond, 5 * time.Microsecond, 20 * time.Microsecond, 100 * time.Microsecond, longOp - 1} {
		b.Run("op="+op.String(), func(b *testing.B) {
			u := NewUnit(sampled(op, clock), b.N)
			for i := range b.N {
				t := u.Begin(i)
				u.End(t)
				u.Ops++
			}
		})
		b.Run("chained/op="+op.String(), func(b *testing.B) {
			u := NewUnit(sampled(op, clock), b.N)
			t := u.Begin(0)
			for i := range b.N {
				t = u.Next(t, i+1)
				u.Ops++
			}
		})
	}
	b.Run("clock", func(b *testing.B) {
		u := NewUnit(1, 0)
		for range b.N {
			u.Answer += uint64(u.Now())
		}
	})
	b.Run("keep", func(b *testing.B) {
		u := NewUnit(1, b.N)
		for i := range b.N {
			u.Add(int64(i))
		}
	})
}

// What units have entered of the CPU time and context switches of their own
// children is the result's too.
func TestEnteredUsage(t *testing.T) {
	plain := truth(t, 1, Options{N: 1}, func(b *B) (uint64, error) {
		b.Start()
		burn(time.Millisecond)
		b.Stop()
		b.Enter(Entry{CPU: time.Hour, Switches: 1 << 40})
		b.Enter(Entry{CPU: time.Hour, Switches: 1 << 40})
		return 1, nil
	})
	if plain.CPU < 2*time.Hour || plain.CPU > 3*time.Hour || plain.Csw < 2<<40 || plain.Csw > 3<<40 {
		t.Errorf("%v and %d context switches", plain.CPU, plain.Csw)
	}
}
