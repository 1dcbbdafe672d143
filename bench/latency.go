package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Of short ops one in a power of two is timed: reading the clock twice takes
// some 60 ns, and on some machines ten times that. An op bears recordingCost at
// most, or half a percent of its own time if that is more. A timed op includes
// one reading of the clock: take latencies of ops shorter than a microsecond as
// upper bounds.
const (
	minTimedOp    = 5 * time.Microsecond
	recordingCost = 25 * time.Nanosecond
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
type Recorder struct {
	mask    int
	epoch   time.Time
	samples []int64

	grown, grownBytes uint64 // what it allocated since it was made
}

// sampleBytes is the size of a sample.
const sampleBytes = 8

// NewRecorder returns a recorder that times one op in every (a power of two),
// with room for the given number of ops. See [Unit].
func NewRecorder(every, ops int) *Recorder {
	return &Recorder{mask: every - 1, epoch: time.Now(), samples: make([]int64, 0, ops/every+1)}
}

// Begin returns the time at which op i of this unit begins, or 0 if the op is
// not one of those that are timed. It costs one comparison for those.
func (r *Recorder) Begin(i int) int64 {
	if i&r.mask != 0 {
		return 0
	}
	return r.Now()
}

// End records the op that began at the time that Begin returned.
func (r *Recorder) End(began int64) {
	if began != 0 {
		r.since(began)
	}
}

func (r *Recorder) since(began int64) { r.Add(r.Now() - began) }

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
// One lap in as many is timed as keeps the clock's cost small.
type Laps struct {
	*Recorder
	n     int64
	count int
	began int64
}

// LapRecorder returns a recorder for laps of n ops each, of b.N ops in all.
func (b *B) LapRecorder(n int) *Laps {
	r := NewRecorder(max(b.Every()/n, 1), b.N/n+1)
	b.recs = append(b.recs, r)
	return &Laps{Recorder: r, n: int64(n)}
}

// Pass ends a lap, unless it is the first call, and begins the next.
func (l *Laps) Pass() {
	if l.began != 0 {
		l.Add((l.Now() - l.began) / l.n)
	}
	l.began = l.Begin(l.count)
	l.count++
}

// Every returns k where one op in k is timed: 1 when an op is long enough.
func (b *B) Every() int { return max(b.every, 1) }

// AddSamples adds latencies in nanoseconds that a worker process recorded.
func (b *B) AddSamples(ns []int64) {
	b.recs = append(b.recs, &Recorder{samples: ns})
}

// every returns the power of two k such that timing one op in k keeps the
// clock's cost small for ops of the given length.
func every(op, clock time.Duration) int {
	k := 1
	for k < 1<<16 && (op*time.Duration(k) < minTimedOp || 2*clock > max(recordingCost, op/200)*time.Duration(k)) {
		k *= 2
	}
	return k
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
