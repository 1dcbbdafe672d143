package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// An OpenLoop is the load of a workload whose requests leave at times that were
// decided before the first did, whether or not earlier ones have been answered:
// as the requests of users who know nothing of each other do. A latency is
// counted from the intended time, so that a server that stalls is charged with
// every request that it keeps waiting, and not with the one that it was at
// (coordinated omission).
//
// The times are those of a Poisson process of b.N arrivals at the rate of the
// case: even spacing would hide the queues that form when requests happen to
// come together. They depend on b.N and the rate alone, so that all models, and
// all blocks of a run, are asked at the same times.
type OpenLoop struct {
	b        *B
	intended []int64 // when each request is to leave, in ns after Start
	lag      []int64 // how much later each was sent
	answered []int64 // when each was answered; 0 is not
	free     int64   // when the server last let the generator go
}

// RateParam is the parameter of every [Workload] that is open: requests per
// second.
const RateParam = "rate"

// OpenLoop returns the load, once per measurement and before [B.Start].
func (b *B) OpenLoop() *OpenLoop {
	b.open = &OpenLoop{
		b: b, intended: arrivals(b.N, b.Int(RateParam)),
		lag: make([]int64, 0, b.N), answered: make([]int64, b.N),
	}
	return b.open
}

// arrivals returns the times of n arrivals of a Poisson process of the given
// rate per second, in ns: if it is known how many there are within a time, they
// lie anywhere in it.
func arrivals(n, rate int) []int64 {
	r := rand.New(rand.NewPCG(uint64(n), uint64(rate)))
	span := span(n, rate)
	at := make([]int64, n)
	for i := range at {
		at[i] = r.Int64N(int64(span))
	}
	slices.Sort(at)
	return at
}

// span returns the time within which n requests leave.
func span(n, rate int) time.Duration {
	return max(time.Duration(float64(n)/float64(rate)*float64(time.Second)), 1)
}

// Run sends every request when its time has come, in order; call it between
// [B.Start] and [B.Stop]. It polls the clock, since no timer of an operating
// system is exact to a microsecond: the load takes a CPU of its own.
func (l *OpenLoop) Run(send func(i int) error) error {
	for i, at := range l.intended {
		now := l.wait(at)
		l.lag = append(l.lag, now-max(at, l.free))
		if err := send(i); err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
	}
	return nil
}

// Held is called in send where sending is part of the server's work, or waits
// for it: that the next request is late by this is no fault of the generator.
// The latency of that request is counted from its intended time all the same.
func (l *OpenLoop) Held() { l.free = l.now() }

// Answered records that request i has been answered. It may be called from any
// goroutine, once per request.
func (l *OpenLoop) Answered(i int) { l.answered[i] = l.now() }

func (l *OpenLoop) now() int64 { return int64(time.Since(l.b.began)) }

// Timers of the Go runtime are up to a millisecond late, more on a busy
// machine.
const timerSlack = 2 * time.Millisecond

// wait returns the time once that is not before the given one.
func (l *OpenLoop) wait(at int64) int64 {
	for {
		now := l.now()
		if now >= at {
			return now
		}
		if left := time.Duration(at - now); left > timerSlack {
			time.Sleep(left - timerSlack)
		}
	}
}

// latencies returns the histogram of the latencies. A request that was not
// answered, or was before it could be asked, is an error.
func (l *OpenLoop) latencies() (*hdrhistogram.Histogram, error) {
	h := NewHistogram()
	for i, at := range l.answered {
		latency := at - l.intended[i]
		switch {
		case at == 0:
			return nil, fmt.Errorf("request %d of %d was not answered", i, len(l.answered))
		case latency < 0:
			return nil, fmt.Errorf("request %d was answered %v before its time", i, time.Duration(-latency))
		}
		_ = h.RecordValue(min(max(latency, latencyLowest), latencyHighest))
	}
	return h, nil
}

// A Lag is by how much the generator of an open loop was late by itself.
type Lag struct{ P99, Max time.Duration }

func (l *OpenLoop) lags() Lag {
	if len(l.lag) == 0 {
		return Lag{}
	}
	sorted := slices.Sorted(slices.Values(l.lag))
	at := func(share float64) time.Duration { return time.Duration(sorted[int(share*float64(len(sorted)-1))]) }
	return Lag{at(.99), at(1)}
}

// What makes the result of an open loop void.
const (
	maxLagShare   = 0.10 // of the latency's 99th percentile the lag's may be
	freeLag       = 2 * time.Microsecond
	leastAchieved = 0.95 // of the rate must be answered
	fewestJudged  = 100  // of fewer requests there is no 99th percentile
)

// judge reports why the load was not the one that the case's name promises: the
// generator was late, or the server was saturated, so that its latencies say
// how long was measured and nothing else.
func (l *OpenLoop) judge(h *hdrhistogram.Histogram) error {
	n := len(l.answered)
	if n < fewestJudged {
		return nil
	}
	lag, p99 := l.lags(), time.Duration(h.ValueAtPercentile(99))
	if lag.P99 > max(time.Duration(maxLagShare*float64(p99)), freeLag) {
		return fmt.Errorf("the generator of the load was late: 1 %% of the requests left %v or more after their time, and 1 %% of the answers took %v or more",
			lag.P99.Round(100*time.Nanosecond), p99.Round(100*time.Nanosecond))
	}
	// A server that has only stalled is behind at one moment: what is saturated
	// falls back more and more.
	half, all := l.achieved(n/2), l.achieved(n)
	if half < leastAchieved && all < leastAchieved {
		return fmt.Errorf("saturated: of %d requests a second %.0f were answered",
			l.b.Int(RateParam), all*float64(l.b.Int(RateParam)))
	}
	return nil
}

// achieved returns which share of its intended rate the server had when the
// first n requests were answered.
func (l *OpenLoop) achieved(n int) float64 {
	return float64(l.intended[n-1]) / float64(max(slices.Max(l.answered[:n]), 1))
}

// attempts is how often a pass is tried whose load was not the intended one:
// something else may have been on the machine for a moment.
const attempts = 3

// steady runs passes until the load was the intended one; if it never was, the
// case is void.
func (m *measurement) steady(n int, op time.Duration) (*Result, error) {
	for try := 1; ; try++ {
		r, err := m.pass(n, op)
		if err != nil || r.unsteady == nil {
			return r, err
		}
		if try == attempts {
			return nil, Void("%v", r.unsteady)
		}
	}
}

// open takes the load's account into the result.
func (r *Result) open(w *Workload, l *OpenLoop) (err error) {
	if !w.Open {
		return nil
	}
	if l == nil {
		return errors.New("the load was no open loop")
	}
	if r.Latency, err = l.latencies(); err != nil {
		return err
	}
	lag := l.lags()
	r.Lag, r.unsteady = &lag, l.judge(r.Latency)
	return nil
}

// requests returns how many requests of an open loop take the bench time, and
// how many it has at least.
func (m *measurement) requests(benchtime time.Duration) int {
	rate := m.c.Params.Int(RateParam)
	return m.round(max(int(float64(rate)*benchtime.Seconds()), fewestJudged))
}

// positive reports whether a text is a number above zero.
func positive(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0
}
