package run

import (
	"strings"
	"testing"
	"time"
)

func TestSeries(t *testing.T) {
	for _, tt := range []struct {
		x    float64
		want int
	}{
		{0, 1}, {0.1, 1}, {1.41, 1}, {1.42, 2}, {3.16, 2}, {3.17, 5}, {7.07, 5}, {7.08, 10}, {14.1, 10}, {14.2, 20},
		{316, 200}, {317, 500}, {70.7, 50}, {70.8, 100}, {5e8, 500_000_000}, {1e12, 1_000_000_000},
	} {
		if got := series(tt.x); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.x, got, tt.want)
		}
	}
	// Nothing is further than half a step away, as a factor.
	for x := 1.0; x < 1e8; x *= 1.01 {
		if f := float64(series(x)) / x; f < 0.63 || f > 1.59 {
			t.Errorf("%v: %d", x, series(x))
		}
	}
}

// A result has at least ten laps or rounds, and whole ones; fewer where ten
// take more than ten seconds.
func TestOps(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		op    float64
		batch int
		want  int
	}{
		{100, 1, 200_000}, {100, 8, 200_000}, {100, 512, 200_192}, {1.1, 1, 20_000_000}, {1e6, 1, 20}, {1e6, 8, 80}, {5e6, 1, 10}, {1e9, 1, 10},
		{1e6, 1000, 10_000}, {0, 1, 1_000_000_000}, {100, 20_000, 200_000}, {100, 30_000, 300_000},
		{1e4, 100_000, 1_000_000}, {2.1e4, 100_000, 200_000}, {1.9e4, 100_000, 500_000}, {2.7e5, 100_000, 100_000}, {2e10, 1, 1},
	} {
		if got := ops(tt.op, 20*ms, tt.batch, longLaps); got != tt.want {
			t.Errorf("ops of %v ns in batches of %d: %d, want %d", tt.op, tt.batch, got, tt.want)
		}
	}
}

// Notes name a few of many cases.
func TestSomeOfManyNames(t *testing.T) {
	for n, want := range map[int]string{1: "a", 2: "a, b", 6: "a, b, c, d, e, f", 7: "a, b, c, d, e and 2 more"} {
		if got := some(strings.Split("a b c d e f g", " ")[:n]); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestShorter(t *testing.T) {
	const ms = time.Millisecond
	for of, want := range map[time.Duration]time.Duration{
		time.Second: 700 * ms, 51 * ms: 50 * ms, 50 * ms: 30 * ms, 30 * ms: 20 * ms, 20 * ms: 10 * ms, 10 * ms: 7 * ms, 7 * ms: 5 * ms,
		5 * ms: 3 * ms, 3 * ms: 2 * ms, 2 * ms: 2 * ms, 2500 * time.Microsecond: 2 * ms, 15 * ms: 10 * ms,
	} {
		if got := shorter(of); got != want {
			t.Errorf("%v: %v, want %v", of, got, want)
		}
	}
}
