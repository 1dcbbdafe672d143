package bench

import (
	"fmt"
	"math"
	gometrics "runtime/metrics"
	"time"
)

// A Ledger is what b.N ops come to, beside the answer. The workload says what
// must be in it ([Workload.Ledger]); the units enter what they have done, each
// for itself, and [Measure] compares the two after every pass: work that was
// left out, or units that were not there, make a failed case even if the answer
// is right.
type Ledger struct {
	Units       int           // alive at the same moment
	Ops         int           // of all units together
	Each        int           // of every single unit; 0: they share the ops as it comes
	Bytes       int           // received by all units together
	Suspensions int           // how often units gave way and were resumed, about
	Elapsed     time.Duration // no machine is quicker
	Inside      int           // at most so many at once in a section, or in flight; 0: there is no limit
	Together    int           // so many at least must have been seen at once; 0: nobody counts
	InTurn      time.Duration // the waits of all units one after another; together takes less
}

// An Entry is what one unit has done. It counts for itself, where it sees that
// something has happened: bytes when they have come, an op when it is done.
type Entry struct {
	Answer uint64 // its part of the answer
	Ops    int
	Bytes  int
	Waits  int // how often it was resumed, where neither a hub nor Go's scheduler counts that
	Inside int // the most that it has seen at once, itself included: units in the section, tasks in flight

	// CPU and Switches are what its own children have used, where it is a
	// process and has reaped them: the parent of the unit cannot see it.
	CPU      time.Duration
	Switches int64
}

// EnterReaped enters what the children that this process has reaped have used.
// It is for a unit in a worker process.
func (e *Entry) EnterReaped() {
	u := reapedUsage()
	e.CPU, e.Switches = u.cpu, u.switches
}

// A Unit is one of the units that are alive at once: its latencies, and its
// entry in the ledger. Nobody else touches it before the units have ended.
type Unit struct {
	Recorder
	Entry
}

// unitBytes is the size of a Unit: whole cache lines, so that units of other
// threads share none with it.
const unitBytes = 128

// NewUnit returns a unit with a recorder; see [NewRecorder]. Worker processes
// use it, and hand its entry and its samples to their parent for [B.Enter] and
// [B.AddSamples]. In-process models call [B.Unit].
func NewUnit(sampled float64, ops int) *Unit { return &Unit{Recorder: *NewRecorder(sampled, ops)} }

// Unit returns a new unit, which will do about the given number of ops.
func (b *B) Unit(ops int) *Unit {
	u := NewUnit(b.Sampled(), ops)
	b.recs = append(b.recs, &u.Recorder)
	b.entries = append(b.entries, &u.Entry)
	return u
}

// Enter enters what a unit in another process has done.
func (b *B) Enter(e Entry) { b.entries = append(b.entries, &e) }

// Answer returns the sum of the units' answers.
func (b *B) Answer() (sum uint64) {
	for _, e := range b.entries {
		sum += e.Answer
	}
	return sum
}

// entered returns what the units have entered of CPU time and context switches.
func (b *B) entered() (cpu time.Duration, switches int64) {
	for _, e := range b.entries {
		cpu += e.CPU
		switches += e.Switches
	}
	return cpu, switches
}

// Suspended enters suspensions that a scheduler of its own has counted, such as
// a hub.
func (b *B) Suspended(n int) { b.suspended += n }

// audit compares the ledger with what it must be.
func (b *B) audit(want Ledger) error {
	var got Ledger
	uneven, crowded := -1, -1
	for i, e := range b.entries {
		got.Ops += e.Ops
		got.Bytes += e.Bytes
		got.Suspensions += e.Waits
		if want.Each > 0 && e.Ops != want.Each {
			uneven = i
		}
		if want.Inside > 0 && (e.Inside > want.Inside || want.Each > 0 && e.Inside < 1) {
			crowded = i
		}
		got.Together = max(got.Together, e.Inside)
	}
	got.Suspensions += b.suspended + sampledResumptions*b.resumed
	switch {
	case b.units != want.Units:
		return fmt.Errorf("%d units were alive at the same moment, want %d", b.units, want.Units)
	case want.Each > 0 && len(b.entries) != want.Units:
		return fmt.Errorf("%d units entered what they did, want %d", len(b.entries), want.Units)
	case uneven >= 0:
		return fmt.Errorf("unit %d of %d did %d ops, want %d", uneven+1, len(b.entries), b.entries[uneven].Ops, want.Each)
	case crowded >= 0:
		return fmt.Errorf("unit %d of %d saw %d at once, want 1 to %d", crowded+1, len(b.entries), b.entries[crowded].Inside, want.Inside)
	case got.Ops != want.Ops:
		return fmt.Errorf("the units did %d ops, want %d", got.Ops, want.Ops)
	case got.Bytes != want.Bytes:
		return fmt.Errorf("the units received %d bytes, want %d", got.Bytes, want.Bytes)
	case b.elapsed < want.Elapsed:
		return fmt.Errorf("%d ops took %v, which is less than %v: something was left out", b.N, b.elapsed, want.Elapsed)
	case got.Together < want.Together:
		return fmt.Errorf("no more than %d were seen at once, want %d at least: they took turns", got.Together, want.Together)
	case want.InTurn >= leastInTurn && b.elapsed >= want.InTurn:
		return fmt.Errorf("%d ops took %v; waits that take %v one after another did not overlap", b.N, b.elapsed, want.InTurn)
	case got.Suspensions < leastSuspensions(want):
		return fmt.Errorf("units were suspended %d times, want about %d: they did not wait for each other", got.Suspensions, want.Suspensions)
	}
	return nil
}

// leastInTurn is what the sum of the waits must be to be compared with the time
// that passed. A busy machine delays a few short waits by as long as they are
// together; not by a second.
const leastInTurn = time.Second

// sampledResumptions is what one resumption in the histogram of Go's scheduler
// stands for: of a goroutine's, it notes one in eight.
const sampledResumptions = 8

// leastSuspensions is what must have been counted at least. The count of Go's
// scheduler is a sample, with an error of up to half of the square root of the
// units, times eight; ten standard errors are allowed for. What is left has to
// be a quarter of what is wanted, so that the check holds in versions of Go
// that sample less. No suspension at all, or few, is what it finds.
func leastSuspensions(want Ledger) int {
	const tenErrors = 10 * sampledResumptions / 2
	return want.Suspensions/4 - int(tenErrors*math.Sqrt(float64(want.Units)))
}

// resumptions returns how often Go's scheduler has noted that a goroutine was
// resumed: see sampledResumptions.
func resumptions() (n int) {
	sample := []gometrics.Sample{{Name: "/sched/latencies:seconds"}}
	gometrics.Read(sample)
	if sample[0].Value.Kind() != gometrics.KindFloat64Histogram {
		return 0
	}
	for _, count := range sample[0].Value.Float64Histogram().Counts {
		n += int(count)
	}
	return n
}

// bookkeeping returns the bytes that units and latencies take, which are no
// memory of the model's, and what recorders allocated while the timer ran.
func (b *B) bookkeeping() (resident int64, bytes, allocs uint64) {
	resident = int64(len(b.entries)) * unitBytes
	for _, r := range b.recs {
		resident += int64(len(r.samples)) * sampleBytes
		bytes += r.grownBytes
		allocs += r.grown
	}
	return resident, bytes, allocs
}
