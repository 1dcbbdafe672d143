package bench

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// Options tell [Measure] how long to go on.
type Options struct {
	N         int           // ops to measure; 0 calibrates: finds N for Benchtime
	Benchtime time.Duration // what a result should take
	Op        time.Duration // expected length of an op, as calibrated; chooses which ops are timed
	Processes bool          // the units are processes: what they allocate cannot be read from here
}

// calibration stops after this many attempts: an N that multiplies by at
// least 1.2 an attempt has then long passed any bench time.
const maxAttempts = 40

// Measure runs one case in this process and returns its result.
//
// With N given it warms up on about a tenth of it, where the processor's
// counters count, collects garbage, and measures once. With N zero it
// calibrates: it tries growing N until a pass takes about the bench time; that
// pass is a warm-up in itself and its result is to be discarded.
//
// A wrong answer, a ledger that is not what [Workload.Ledger] wants, a broken
// rule of the timer, or an error of the workload is an error, a [VoidError]
// when the machine is to blame.
func Measure(w *Workload, c Case, o Options) (*Result, error) {
	impl, ok := w.Impls[c.Model]
	if !ok {
		return nil, fmt.Errorf("%s has no %s: %s", w.Name, c.Model, w.NA[c.Model])
	}
	m := measurement{w: w, c: c, impl: impl, processes: o.Processes}
	if w.Limit != nil {
		if err := w.Limit(m.b(1, 0)); err != nil {
			return nil, err
		}
	}
	if o.N <= 0 {
		return m.calibrate(o.Benchtime)
	}
	m.counters, _ = openCounters(hardware) // why there are none is a fact of the host
	warm, err := m.pass(m.round(max(o.N/10, 1)), o.Op)
	m.counters.close()
	m.counters = nil
	if err != nil {
		return nil, fmt.Errorf("warm-up: %w", err)
	}
	r, err := m.steady(m.round(o.N), o.Op)
	if err != nil {
		return nil, err
	}
	r.Counts = warm.Counts
	return r, nil
}

type measurement struct {
	w         *Workload
	c         Case
	impl      Func
	processes bool
	counters  *counters // of the warm-up
}

// batch returns the ops of a lap or round. Of an open loop it is such that a
// result, which has ten at the least, has a 99th percentile.
func (m *measurement) batch() int {
	if m.w.Open {
		return fewestJudged / 10
	}
	if m.w.Batch == nil {
		return 1
	}
	return m.w.Batch(m.c.Params)
}

// round rounds n up to a whole number of batches.
func (m *measurement) round(n int) int {
	batch := m.batch()
	return (n + batch - 1) / batch * batch
}

func (m *measurement) b(n int, op time.Duration) *B {
	b := &B{N: n, Model: m.c.Model, Params: m.c.Params, CPUs: m.c.CPUs, counters: m.counters}
	if op > 0 {
		b.sampled = sampled(op, clockCost())
	}
	return b
}

// pass runs the Func once with n ops and checks everything there is to check.
func (m *measurement) pass(n int, op time.Duration) (*Result, error) {
	if n < 1 {
		return nil, fmt.Errorf("zero ops")
	}
	b := m.b(n, op)
	runtime.GC()
	answer, err := m.call(b)
	if limit := exhausted(err); limit != "" {
		return nil, Void("%s: %v", limit, err)
	}
	if err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	if want := m.w.Want(b); answer != want {
		return nil, fmt.Errorf("wrong answer: got %d, want %d", answer, want)
	}
	if m.w.Ledger != nil {
		if err := b.audit(m.w.Ledger(b)); err != nil {
			return nil, err
		}
	}
	resident, bytes, allocs := b.bookkeeping()
	cpu, switches := b.entered()
	r := &Result{
		Case:    m.c,
		N:       n,
		Elapsed: b.elapsed,
		CPU:     b.after.cpu - b.before.cpu + cpu,
		Memory:  max(b.memory-resident, 0),
		Bytes:   b.mem1.TotalAlloc - b.mem0.TotalAlloc - min(bytes, b.mem1.TotalAlloc-b.mem0.TotalAlloc),
		Allocs:  b.mem1.Mallocs - b.mem0.Mallocs - min(allocs, b.mem1.Mallocs-b.mem0.Mallocs),
		GCs:     b.mem1.NumGC - b.mem0.NumGC,
		Csw:     b.after.switches - b.before.switches + switches,
		Units:   b.units,
		Own:     b.own,
		Counts:  perOp(b.counters.read(), n),

		Processes: m.processes,
		Latency:   b.histogram(),
	}
	return r, r.open(m.w, b.open)
}

// exhausted names the limit of the machine that an error is about, or returns
// "". It is no fault of the workload, and no number, if it was reached.
func exhausted(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "too few files may be open in a process (ulimit -n)"
	case errors.Is(err, syscall.ENFILE):
		return "too few files may be open in the system"
	case errors.Is(err, syscall.EAGAIN):
		return "too few processes or threads are allowed (ulimit -u)"
	case errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ENOSPC):
		return "too little memory"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "too few local ports"
	}
	return ""
}

// call turns a panic of the workload into an error with its stack.
func (m *measurement) call(b *B) (answer uint64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return m.impl(b)
}

// calibrate finds the N that takes about the bench time.
func (m *measurement) calibrate(benchtime time.Duration) (*Result, error) {
	if m.w.Open { // how long it takes is decided
		r, err := m.steady(m.requests(benchtime), 0)
		if r != nil {
			r.Passes, r.Timed, r.Batch = 1, r.Elapsed, m.batch()
		}
		return r, err
	}
	n, op := m.round(1), time.Duration(0)
	var timed time.Duration
	for passes := 1; passes <= maxAttempts; passes++ {
		r, err := m.pass(n, op)
		if err != nil {
			return nil, err
		}
		timed += r.Elapsed
		r.Passes, r.Timed, r.Batch = passes, timed, m.batch()
		if r.Elapsed >= benchtime*9/10 {
			return r, nil
		}
		op = r.Elapsed / time.Duration(n)
		next := m.round(predict(n, r.Elapsed, benchtime))
		if next == n {
			return r, nil
		}
		n = next
	}
	return nil, fmt.Errorf("no number of ops takes %v: tried up to %d", benchtime, n)
}

// predict returns the N to try next: what the last pass says, but at least a
// fifth more and at most a hundred times as much, since short passes mislead.
func predict(n int, took, goal time.Duration) int {
	took = max(took, 1)
	next := float64(n) * float64(goal) / float64(took)
	return int(min(max(next, 1.2*float64(n)+1), 100*float64(n), 1e9))
}
