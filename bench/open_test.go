package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// openWorkload is an open loop whose only model is fn.
func openWorkload(fn func(b *B, l *OpenLoop) error) *Workload {
	return &Workload{
		Name: "Open", Story: "A test's.", Op: "request", Open: true, Cases: []Params{"rate=1000"},
		Want: func(b *B) uint64 { return uint64(b.N) },
		Impls: map[Model]Func{"m": func(b *B) (uint64, error) {
			l := b.OpenLoop()
			b.Start()
			err := fn(b, l)
			b.Stop()
			return uint64(b.N), err
		}},
	}
}

func measureOpen(rate Params, n int, fn func(b *B, l *OpenLoop) error) (*Result, error) {
	return Measure(openWorkload(fn), Case{Workload: "Open", Params: rate, Model: "m", CPUs: 2}, Options{N: n})
}

// prompt is a server that answers as soon as it is asked.
func prompt(b *B, l *OpenLoop) error {
	return l.Run(func(i int) error { l.Answered(i); return nil })
}

// A schedule is decided by the number of requests and their rate.
func TestArrivals(t *testing.T) {
	const n, rate = 10_000, 2000
	at := arrivals(n, rate)
	if !slices.Equal(at, arrivals(n, rate)) {
		t.Error("two schedules of one case differ")
	}
	if slices.Equal(at, arrivals(n, 2*rate)) {
		t.Error("two rates have one schedule")
	}
	if !slices.IsSorted(at) || at[0] < 0 || at[n-1] > int64(5*time.Second) {
		t.Errorf("%d requests leave from %v to %v", n, time.Duration(at[0]), time.Duration(at[n-1]))
	}
	// Of a Poisson process the gaps are as wide as they vary; of even spacing
	// they do not vary.
	mean, square := float64(at[n-1]-at[0])/(n-1), 0.0
	for i := 1; i < n; i++ {
		d := float64(at[i]-at[i-1]) - mean
		square += d * d / (n - 1)
	}
	if cv := math.Sqrt(square) / mean; math.Abs(mean-5e5) > 1e4 || cv < .95 || cv > 1.05 {
		t.Errorf("gaps of %.0f ns, which vary by %.2f of it; want 500000 and 1", mean, cv)
	}
}

// A server that does nothing for 1.4 s keeps all waiting who come meanwhile. A
// closed loop asks nothing meanwhile, and sees one slow answer of a thousand.
func TestOpenLoopSeesStall(t *testing.T) {
	const n, rate, stall = 1000, 500, 1400 * time.Millisecond
	serve := func(asked <-chan int, answer func(i int)) {
		for i := range asked {
			if i == 50 {
				time.Sleep(stall)
			}
			answer(i)
		}
	}
	b := &B{N: n, Params: "rate=500"}
	l := b.OpenLoop()
	asked, done := make(chan int, n), make(chan struct{})
	b.Start()
	go func() { serve(asked, l.Answered); close(done) }()
	if err := l.Run(func(i int) error { asked <- i; return nil }); err != nil {
		t.Fatal(err)
	}
	close(asked)
	<-done
	b.Stop()
	h, err := l.latencies()
	if err != nil {
		t.Fatal(err)
	}
	if p99 := time.Duration(h.ValueAtPercentile(99)); p99 < time.Second {
		t.Errorf("open loop: a stall of %v, and a p99 of %v", stall, p99)
	}

	closed := NewRecorder(1, n)
	asked = make(chan int)
	answered := make(chan int)
	go serve(asked, func(i int) { answered <- i })
	for i := range n {
		began := closed.Begin(i)
		asked <- i
		<-answered
		closed.End(began)
	}
	close(asked)
	if p99 := time.Duration(slices.Sorted(slices.Values(closed.Samples()))[n*99/100]); p99 > time.Second {
		t.Errorf("closed loop: a p99 of %v; the test shows nothing", p99)
	}
}

// A generator that a busy loop keeps from its work is late, and that is no
// latency of the server's.
func TestStarvedGeneratorIsVoid(t *testing.T) {
	passes := 0
	_, err := measureOpen("rate=1000", fewestJudged, func(b *B, l *OpenLoop) error {
		passes++
		return l.Run(func(i int) error {
			l.Answered(i)
			for began := time.Now(); time.Since(began) < 3*time.Millisecond; {
			}
			return nil
		})
	})
	if void, ok := err.(*VoidError); !ok || !strings.Contains(void.Reason, "the generator of the load was late") {
		t.Errorf("got %v", err)
	}
	if passes != 1+attempts { // with the warm-up
		t.Errorf("%d passes, want a warm-up and %d attempts", passes, attempts)
	}
}

// A server that cannot keep the rate has no latency: the longer it is measured,
// the longer that is.
func TestSaturatedIsVoid(t *testing.T) {
	_, err := measureOpen("rate=1000", fewestJudged, func(b *B, l *OpenLoop) error {
		return l.Run(func(i int) error {
			time.Sleep(3 * time.Millisecond)
			l.Answered(i)
			l.Held()
			return nil
		})
	})
	if void, ok := err.(*VoidError); !ok {
		t.Errorf("got %v", err)
	} else if !strings.HasPrefix(void.Reason, "saturated: of 1000 requests a second ") {
		t.Log(void.Reason) // the machine is busy with something else
	}
}

// What a server keeps the generator from is no lag of the generator's.
func TestHeldIsNoLag(t *testing.T) {
	b := &B{N: 100, Params: "rate=1000"}
	l := b.OpenLoop()
	b.Start()
	err := l.Run(func(i int) error {
		time.Sleep(3 * time.Millisecond)
		l.Answered(i)
		l.Held()
		return nil
	})
	b.Stop()
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.latencies()
	if err != nil {
		t.Fatal(err)
	}
	if lag, p99 := l.lags().P99, time.Duration(h.ValueAtPercentile(99)); lag > p99/2 {
		t.Errorf("a lag of %v in a latency of %v", lag, p99)
	}
}

// What is judged, without a clock: a thousand requests, one a millisecond.
func TestJudge(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, tt := range map[string]struct {
		latency, lag func(i int64) int64
		want         string
	}{
		"steady":                {func(int64) int64 { return ms / 10 }, func(int64) int64 { return 0 }, ""},
		"late, but not much":    {func(int64) int64 { return ms }, func(int64) int64 { return ms / 11 }, ""},
		"late":                  {func(int64) int64 { return ms }, func(int64) int64 { return ms / 9 }, "the generator of the load was late"},
		"late by a microsecond": {func(int64) int64 { return 1500 }, func(int64) int64 { return 1000 }, ""},
		"late five times":       {func(int64) int64 { return ms / 10 }, func(i int64) int64 { return max(0, i-994) * ms }, ""},
		"falls back":            {func(i int64) int64 { return i * ms / 10 }, func(int64) int64 { return 0 }, "saturated: of 1000 requests a second 909 were answered"},
		"falls back a little":   {func(i int64) int64 { return i * ms / 50 }, func(int64) int64 { return 0 }, ""},
		"stalls at the end":     {func(i int64) int64 { return ms/10 + max(0, i-900)*ms*5 }, func(int64) int64 { return 0 }, ""},
		"stalls at the start":   {func(i int64) int64 { return ms/10 + max(0, 200-i)*ms }, func(int64) int64 { return 0 }, ""},
		"stalls in the middle":  {func(i int64) int64 { return ms/10 + map[bool]int64{true: (700 - i) * ms}[400 <= i && i < 700] }, func(int64) int64 { return 0 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &OpenLoop{b: &B{Params: "rate=1000"}}
			for i := range int64(1000) {
				l.intended = append(l.intended, i*ms)
				l.answered = append(l.answered, max(i*ms+tt.latency(i), 1))
				l.lag = append(l.lag, tt.lag(i))
			}
			h, err := l.latencies()
			if err != nil {
				t.Fatal(err)
			}
			got := l.judge(h)
			if got == nil && tt.want != "" || got != nil && (tt.want == "" || !strings.HasPrefix(got.Error(), tt.want)) {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

// Work that was not done is not counted, nor is a load of another shape.
func TestOpenLoopMutants(t *testing.T) {
	for name, tt := range map[string]struct {
		fn   func(b *B, l *OpenLoop) error
		want string
	}{
		"all at once": {func(b *B, l *OpenLoop) error {
			for i := range b.N {
				l.Answered(i)
			}
			return nil
		}, "before its time"},
		"one is lost": {func(b *B, l *OpenLoop) error {
			return l.Run(func(i int) error {
				if i > 0 {
					l.Answered(i)
				}
				return nil
			})
		}, "request 0 of 10 was not answered"},
		"a closed loop": {func(b *B, l *OpenLoop) error { b.open = nil; return prompt(b, l) }, "the load was no open loop"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := measureOpen("rate=1000", 20, tt.fn); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A result of an open loop has latencies and lags. Its rate is no throughput,
// and the CPU time that polling takes is not the model's.
func TestOpenLoopResult(t *testing.T) {
	r, err := measureOpen("rate=1000", 50, prompt)
	if err != nil {
		t.Fatal(err)
	}
	line := r.String()
	for _, unit := range []string{"ns/op", "p99-ns", "max-ns", "lag-p99-ns", "lag-max-ns"} {
		if !strings.Contains(line, " "+unit) {
			t.Errorf("no %s in %s", unit, line)
		}
	}
	for _, unit := range []string{"ops/s", "cpu-ns/op"} {
		if strings.Contains(line, unit) {
			t.Errorf("%s in %s", unit, line)
		}
	}
	if got := r.Latency.TotalCount(); got != 50 {
		t.Errorf("%d latencies of 50 requests", got)
	}
}

// A calibration knows how many requests take the bench time, and never takes so
// few that there is no 99th percentile.
func TestOpenLoopCalibration(t *testing.T) {
	w := openWorkload(prompt)
	if r, err := Measure(w, Case{Workload: "Open", Params: "rate=10000", Model: "m"}, Options{Benchtime: time.Millisecond}); err == nil {
		if r.N < fewestJudged || 10*r.Batch < fewestJudged || r.Passes != 1 {
			t.Errorf("calibrated %d passes of %d requests, in batches of %d", r.Passes, r.N, r.Batch)
		}
	} else if _, busy := err.(*VoidError); !busy {
		t.Error(err)
	}
	for _, tt := range []struct {
		benchtime time.Duration
		want      int
	}{{time.Millisecond, fewestJudged}, {200 * time.Millisecond, 200}} {
		m := measurement{w: w, c: Case{Params: "rate=1000"}}
		if got := m.requests(tt.benchtime); got != tt.want {
			t.Errorf("%d requests in %v at 1000 a second, want %d", got, tt.benchtime, tt.want)
		}
	}
}

func TestOpenWorkloadHasRate(t *testing.T) {
	for params, good := range map[Params]bool{"rate=1000": true, "n=1": false, "rate=0": false, "rate=1ms": false} {
		w := openWorkload(prompt)
		w.Cases = []Params{params}
		w.Ledger = func(*B) Ledger { return Ledger{} }
		err := Suite{Models: []ModelInfo{{Name: "m", Note: "a test's"}}, Workloads: []*Workload{w}}.Check()
		if (err == nil) != good {
			t.Errorf("%s: %v", params, err)
		}
	}
}
