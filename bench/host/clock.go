package host

import (
	"slices"
	"time"
)

// clockRead returns what it costs to read the clock as a latency is read, in
// nanoseconds: the median of some rounds, so that an interruption does not
// count. A latency is longer by it than the op was.
func clockRead() float64 {
	const rounds, readings = 9, 2000
	var took [rounds]float64
	epoch := time.Now()
	for i := range took {
		began := time.Since(epoch)
		var last time.Duration
		for range readings {
			last = time.Since(epoch)
		}
		took[i] = float64(last-began) / readings
	}
	slices.Sort(took[:])
	return took[rounds/2]
}
