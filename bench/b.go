package bench

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"switchyard/bench/benchlog"
)

// B is what a [Func] is given: how many ops to do, with which parameters, and
// the edges of the timer.
type B struct {
	N      int    // ops to do
	Model  Model  // the model under test
	Params Params // the parameter point
	CPUs   int    // size of the CPU set: how many tasks can truly run at once

	sampled float64 // the share of ops that are timed; 0 is all
	state   timerState
	misuse  error
	began   time.Time
	elapsed time.Duration
	before  usage
	after   usage
	alive   []int // children at Start
	memory  int64
	mem0    runtime.MemStats
	mem1    runtime.MemStats
	units   int
	entries []*Entry
	own     []benchlog.Value
	recs    []*Recorder
	open    *OpenLoop

	suspended, resumed int // counted by schedulers: see Ledger

	counters *counters // nil where nothing is counted
}

type timerState int

const (
	timerIdle timerState = iota
	timerRunning
	timerStopped
)

// Errors of the timer's guards. Each makes a failed case.
var (
	errTwiceStarted = errors.New("the timer was started twice")
	errNotStarted   = errors.New("the timer was stopped before it was started")
	errNeverStarted = errors.New("the timer was never started")
	errNeverStopped = errors.New("the timer was never stopped")
	errTwiceStopped = errors.New("the timer was stopped twice")
)

// Start starts the timer. What came before is set-up and not measured. The
// readings of memory and CPU time are taken first, the clock last.
func (b *B) Start() {
	switch b.state {
	case timerRunning, timerStopped:
		b.fail(errTwiceStarted)
		return
	}
	b.state = timerRunning
	b.resumed = -resumptions()
	b.before, b.alive = usageBefore(func() { runtime.ReadMemStats(&b.mem0) })
	b.counters.start()
	b.began = time.Now()
}

// Stop stops the timer: the clock first, then CPU time and allocations, then
// the memory of the whole process tree while its units are still there. What
// follows is tear-down and not measured.
func (b *B) Stop() {
	elapsed := time.Since(b.began)
	b.counters.stop()
	switch b.state {
	case timerIdle:
		b.fail(errNotStarted)
		return
	case timerStopped:
		b.fail(errTwiceStopped)
		return
	}
	b.state = timerStopped
	b.elapsed = elapsed
	b.after = usageAfter(b.alive, func() { runtime.ReadMemStats(&b.mem1) })
	b.memory = treeMemory(b.before, b.after)
	b.resumed += resumptions()
}

// Int returns an integer parameter; see [benchlog.Params.Int].
func (b *B) Int(key string) int { return b.Params.Int(key) }

// Duration returns a duration parameter; see [benchlog.Params.Duration].
func (b *B) Duration(key string) time.Duration { return b.Params.Duration(key) }

// Share returns how many of the b.N ops fall to unit i of n: they differ by at
// most one, and add up to b.N.
func (b *B) Share(i, n int) int {
	share := b.N / n
	if i < b.N%n {
		share++
	}
	return share
}

// Units records how many concurrent units the workload had alive at the same
// moment: those that met at a barrier before [B.Start].
func (b *B) Units(alive int) { b.units = alive }

// Report adds a measurement of the workload's own to the result, in a unit of
// its own: "turnaround-ns". Call it after [B.Stop], once per unit.
func (b *B) Report(v float64, unit string) { b.own = append(b.own, benchlog.Value{V: v, Unit: unit}) }

// fail keeps the first misuse; [Measure] turns it into a failed case.
func (b *B) fail(err error) {
	if b.misuse == nil {
		b.misuse = err
	}
}

// check reports what the timer's guards saw once the Func has returned.
func (b *B) check() error {
	switch {
	case b.misuse != nil:
		return b.misuse
	case b.state == timerIdle:
		return errNeverStarted
	case b.state == timerRunning:
		return errNeverStopped
	case b.elapsed <= 0:
		return fmt.Errorf("%d ops took no time at all: the clock did not move", b.N)
	}
	return nil
}

// A VoidError says that this machine cannot run the case: a limit of the
// kernel or the hardware. The case is shown as void, with the reason, and is
// no failure.
type VoidError struct{ Reason string }

func (e *VoidError) Error() string { return "void: " + e.Reason }

// Void returns a [VoidError] with a formatted reason.
func Void(format string, args ...any) error {
	return &VoidError{Reason: fmt.Sprintf(format, args...)}
}
