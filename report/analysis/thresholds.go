package analysis

// What is decided by. What a report warns of, and how many results a case
// needs, stands in package benchlog, which the harness goes by too.
const Practical = 0.05 // what differs by less than this share does not matter

// Clear is the factor from which on the verdict tells a difference in words. A
// run has few results of each case, and the next run of the same build moves
// the factor of a kind of work by a tenth or two: what is nearer to one would
// be told one time and not the other. It is also what a reader would choose
// another model for. Smaller differences are numbers.
//
// What lies on a bound is on either side of it by chance, wherever the bound
// is. So it has two edges for a run that is like an earlier one, by its plan
// and its machine: what that said stands until the range of the next run, see
// [Again], is beyond the bound with its whole length, so that not only this run
// says otherwise but runs like it do. A factor that is on the bound in truth
// then changes its word in one of 360 runs (√2 · 1.96 standard deviations,
// one-sided), and one that changes by as much as that range is long is told.
// However wide the range, a factor of one is never clear, and one beyond the
// square of Clear always: the edges are at most Clear away.
//
// How much results scatter is known less well: the range of six differs by a
// third from run to run, and so that of two by half. Where it decides, the
// bound is Clear squared, and its edges are at half of that and at half more,
// as powers: at Clear and at its cube.
const Clear = 1.5

// Again is what a run of one session by itself does to how two models stand in
// a kind of work: the standard deviation of the ratio's logarithm, beside the
// scatter within the run. With it 9 of 10 numbers in runs of one build on one
// machine (those in testdata) are where the other runs say; a run of three
// sessions or more needs no such guess.
const Again = 0.07

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
