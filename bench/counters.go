package bench

import (
	"fmt"

	"switchyard/bench/benchlog"
)

// The processor counts in hardware what the tree does: instructions, cycles and
// cache misses, in user mode and in the kernel. They are counted in the warm-up
// of a result and not in its timed pass. Counting costs at every switch between
// threads, and would make the models slower that have many of them.

// A reading is what one counter says: its count, and for how long it was to
// count and did. A processor with too few counters lets them take turns.
type reading struct{ count, enabled, running uint64 }

// scaled returns the count as if it had been counted all the time. It is not ok
// where more than half of the time was missed: that would be a guess.
func (r reading) scaled() (count float64, ok bool) {
	switch {
	case r.enabled == 0: // nothing ran
		return 0, r.count == 0
	case r.running < r.enabled/2:
		return 0, false
	}
	return float64(r.count) * float64(r.enabled) / float64(r.running), true
}

// A count is what a pass came to in one unit.
type count struct {
	unit string // "instructions/op"
	n    float64
}

// perOp returns counts per op, as a result has them.
func perOp(counts []count, ops int) (values []benchlog.Value) {
	for _, c := range counts {
		values = append(values, benchlog.Value{V: c.n / float64(ops), Unit: c.unit})
	}
	return values
}

// Counters reports what of the processor's counters can be read here: "yes",
// "3 of 6: why not all", or "no: why not".
func Counters() string {
	c, err := openCounters(hardware)
	defer c.close()
	switch {
	case err == nil:
		return "yes"
	case c == nil:
		return "no: " + err.Error()
	}
	return fmt.Sprintf("%d of %d: %v", len(c.base), len(hardware), err)
}
