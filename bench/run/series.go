package run

import (
	"math"
	"time"
)

// leastBatches is how many laps or rounds a result has at the least: fewer, and
// the first and the last weigh too much. Where that many take longer than
// longLaps, or a large part of a budget, a lap is so long that what begins and
// ends it does not weigh, and there are fewer.
const (
	leastBatches = 10
	longLaps     = 10 * time.Second
)

// leastOps returns how many ops a result has at the least if each takes op
// nanoseconds, so many are a lap, and the laps may take that long.
func leastOps(op float64, batch int, long time.Duration) int {
	lap := op * float64(batch)
	for _, laps := range []int{leastBatches, 5, 2} {
		if lap*float64(laps) <= float64(long) {
			return laps * batch
		}
	}
	return batch
}

// series returns the number of the series 1, 2, 5, 10, 20, 50, ... that is
// nearest to x, as a factor. Two runs that differ a little mostly find the same
// number.
func series(x float64) int {
	x = min(x, 1e9)
	decade := 1
	for x/float64(decade) >= math.Sqrt(50) {
		decade *= 10
	}
	switch x /= float64(decade); {
	case x < math.Sqrt(2):
		return decade
	case x < math.Sqrt(10):
		return 2 * decade
	}
	return 5 * decade
}

// ops returns how many ops a result takes if each takes op and all of them
// should take goal: a number of the series, at least ten batches unless those
// take very long, and rounded up to whole ones.
func ops(op float64, goal time.Duration, batch int, long time.Duration) int {
	n := max(series(float64(goal)/op), leastOps(op, batch, long))
	return (n + batch - 1) / batch * batch
}

// minBenchtime is how far a budget may shrink the bench time.
const minBenchtime = 2 * time.Millisecond

// shorter returns the next bench time below d to try: of few significant
// digits, so that two runs mostly find the same.
func shorter(d time.Duration) time.Duration {
	decade := time.Nanosecond
	for decade*10 < d {
		decade *= 10
	}
	for _, digit := range []time.Duration{7, 5, 3, 2} {
		if digit*decade < d {
			return max(digit*decade, minBenchtime)
		}
	}
	return max(decade, minBenchtime)
}
