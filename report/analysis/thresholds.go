package analysis

// What is decided by. What a report warns of, and how many results a case
// needs, stands in package benchlog, which the harness goes by too.
const (
	Confidence    = 0.95           // level of every interval shown
	alpha         = 1 - Confidence // level of every test, before correction
	Practical     = 0.05           // the smallest difference that matters for a decision
	Equivalence   = 0.02           // models whose ratio is this near to one are equivalent
	MaxDetectable = 0.25           // where a larger effect could hide, "no difference" says nothing
)

// How warnings add up.
const (
	manyWarnings   = 3    // cautions that make a run's trust low, notices that make it moderate
	graveDisturbed = 0.5  // share of disturbed blocks beyond which that is grave
	cautionWide    = 0.25 // share of wide intervals beyond which they are a caution
	TrendPasses    = 3    // the fewest passes that can show a drift
)

// Reading the clock takes clockRead nanoseconds where the run does not say; a
// latency of fewer than timedAbove readings is below what can be timed.
const (
	clockRead  = 30
	timedAbove = 3
)

// Work up to which the distribution of U is computed, in the steps that it
// takes: two samples of 41 without ties, where it is the same for all samples
// of a size and kept; two of 26 with ties, where it is computed every time. A
// small sample beside a large one costs little, and there the approximation is
// bad.
const (
	exactWork = 6e6
	tiedWork  = 1e6
)

// Samples of more pairs than maxPairs are thinned to as many values each before
// the interval of their ratio is computed.
const (
	maxPairs = 1 << 18
	thinned  = 512
)
