package bench

import (
	"cmp"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A part of the ops is timed, so that an op bears recordingCost at most, and an
// op that is shorter than minTimedOp the less: reading the clock takes some
// 25 ns, and on some machines ten times that. A result has but few ops of
// longOp or more, and all of them are timed: that is 0.005 % of one. A timed op
// includes one reading of the clock: take latencies of ops shorter than a
// microsecond as upper bounds.
const (
	longOp        = time.Millisecond
	minTimedOp    = 5 * time.Microsecond
	recordingCost = 20 * time.Nanosecond // for the clock alone: keeping a latency takes the rest of 25
)

// clockCost returns how long it takes to read the clock; see [measureClock].
var clockCost = sync.OnceValue(measureClock)

// measureClock returns the least of some readings' time.
func measureClock() time.Duration {
	const readings = 16
	least := time.Hour
	for range 8 {
		began := time.Now()
		for range readings {
			_ = time.Since(began)
		}
		least = min(least, time.Since(began)/(readings+1))
	}
	return max(least, 1)
}

// A Recorder keeps the latency of one unit's ops. A unit has its own, made
// before [B.Start], so that recording needs no lock; it appends to a slice, and
// the histogram is filled after [B.Stop].
//
// Ops are timed in runs: the first so many of each period. Where one op begins
// as another ends, a reading of the clock does for both, and a run for the same
// price is about twice as long.
type Recorder struct {
	mask       uint32 // of an op in its period, whose length is a power of two
	run        uint16 // so many ops are timed that lie apart
	chain      uint16 // and so many where each begins as the one before ends
	epoch      time.Time
	samples    []int64
	grown      uint64 // how often it has allocated since it was made
	grownBytes uint64
}

// sampleBytes is the size of a sample.
const sampleBytes = 8

// Lengths of a period, in ops.
const (
	leastPeriod = 1 << 4
	mostPeriod  = 1 << 16
)

// NewRecorder returns a recorder that times such a share of the ops, with room
// for the given number of ops. See [Unit].
func NewRecorder(sampled float64, ops int) *Recorder {
	period := leastPeriod
	for sampled*float64(period) < 1 && period < mostPeriod {
		period *= 2
	}
	run := min(max(int(sampled*float64(period)), 1), period)
	chain := min(2*run-1, period)
	if run == period {
		chain = period
	}
	room := ops/period*chain + min(ops%period, chain)
	return &Recorder{mask: uint32(period - 1), run: uint16(run), chain: uint16(chain), epoch: time.Now(), samples: make([]int64, 0, room)}
}

// Timed reports whether op i of this unit is timed.
func (r *Recorder) Timed(i int) bool { return uint32(i)&r.mask < uint32(r.run) }

// chained reports it of an op that begins as the one before ends.
func (r *Recorder) chained(i int) bool { return uint32(i)&r.mask < uint32(r.chain) }

// Begin returns the time at which op i of this unit begins, or 0 if the op is
// not one of those that are timed. It costs one comparison for those.
func (r *Recorder) Begin(i int) int64 {
	if !r.Timed(i) {
		return 0
	}
	return r.Now()
}

// End records the op that began at the time that Begin or Next returned.
func (r *Recorder) End(began int64) {
	if began != 0 {
		r.since(began)
	}
}

func (r *Recorder) since(began int64) { r.Add(r.Now() - began) }

// Next records the op that began at that time, as End does, and returns when op
// i begins, as Begin does: at the same moment. It is for ops of which the next
// begins as one ends; after the last of all there is no harm in it.
func (r *Recorder) Next(began int64, i int) int64 {
	if timed := r.chained(i); began != 0 || timed {
		return r.next(began, timed, 1)
	}
	return 0
}

// next reads the clock once, for the end of a lap of ops and the beginning of
// another.
func (r *Recorder) next(began int64, timed bool, ops int64) (now int64) {
	now = r.Now()
	if began != 0 {
		r.Add((now - began) / ops)
	}
	if !timed {
		return 0
	}
	return now
}

// Now returns nanoseconds since the recorder was made, never 0.
func (r *Recorder) Now() int64 { return int64(time.Since(r.epoch)) | 1 }

// Add records a latency in nanoseconds that was measured otherwise.
func (r *Recorder) Add(ns int64) {
	if len(r.samples) == cap(r.samples) {
		room := 2 * max(len(r.samples), 8)
		r.samples = append(make([]int64, 0, room), r.samples...)
		r.grown++
		r.grownBytes += uint64(room) * sampleBytes
	}
	r.samples = append(r.samples, ns)
}

// Samples returns the latencies recorded so far, in nanoseconds.
func (r *Recorder) Samples() []int64 { return r.samples }

// Laps records the time of an op as that of a whole lap of n ops divided by n:
// for workloads whose ops are too short, or too entangled, to be timed alone.
// So many laps are timed as keeps the clock's cost small.
type Laps struct {
	*Recorder
	n     int64
	count int
	began int64
}

// LapRecorder returns a recorder for laps of n ops each, of b.N ops in all.
func (b *B) LapRecorder(n int) *Laps {
	r := NewRecorder(min(b.Sampled()*float64(n), 1), b.N/n)
	b.recs = append(b.recs, r)
	return &Laps{Recorder: r, n: int64(n)}
}

// Pass ends a lap, unless it is the first call, and begins the next.
func (l *Laps) Pass() {
	if timed := l.chained(l.count); l.began != 0 || timed {
		l.began = l.next(l.began, timed, l.n)
	}
	l.count++
}

// Sampled returns the share of ops that are timed: 1 where it costs little.
func (b *B) Sampled() float64 { return cmp.Or(b.sampled, 1) }

// AddSamples adds latencies in nanoseconds that a worker process recorded.
func (b *B) AddSamples(ns []int64) {
	b.recs = append(b.recs, &Recorder{samples: ns})
}

// sampled returns the share of ops of that length that are timed where reading
// the clock costs so much: two readings for each.
func sampled(op, clock time.Duration) float64 {
	if op >= longOp {
		return 1
	}
	return min(1, float64(op)/float64(minTimedOp), float64(recordingCost)/float64(2*clock))
}

// Latencies are counted from 1 ns to an hour with two significant digits.
const (
	latencyLowest  = 1
	latencyHighest = int64(time.Hour)
	latencyDigits  = 2
)

// NewHistogram returns an empty latency histogram in nanoseconds: 1 ns to one
// hour, two significant digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(latencyLowest, latencyHighest, latencyDigits)
}

// histogram merges the recorders, or returns nil if nothing was recorded.
func (b *B) histogram() *hdrhistogram.Histogram {
	var h *hdrhistogram.Histogram
	for _, r := range b.recs {
		for _, ns := range r.samples {
			if h == nil {
				h = NewHistogram()
			}
			// Out of range is an hour or more: counted as an hour, never lost.
			_ = h.RecordValue(min(max(ns, latencyLowest), latencyHighest))
		}
	}
	return h
}
