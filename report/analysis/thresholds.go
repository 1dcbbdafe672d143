package analysis

// What is decided by. What a report warns of, and how many results a case
// needs, stands in package benchlog, which the harness goes by too.
const Practical = 0.05 // what differs by less than this share does not matter

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
