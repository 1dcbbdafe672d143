// Package inference has the statistics of the report, and nothing of its
// subject: samples of numbers with the blocks and sessions that they were
// measured in, estimates with intervals, what may be claimed of them, and which
// of many rows have changed. It knows no model, no workload and no file.
//
// All that is not a plain median happens on the logarithmic scale: a ratio is a
// difference there, and noise is about as large for every value.
//
// # What is proved
//
// What each function promises is checked by simulation, with fixed seeds: in
// seconds by make test, at length by make stats. The tests of the last three
// are those of package analysis.
//
//   - The 95 % intervals of medians, ratios and geometric means hold the truth
//     in 93 to 98 % of all samples, with noise alone, with outliers, with block
//     effects, with one model alone that has outliers: TestCoverageOfMedians,
//     TestCoverageOfRatios, TestCoverageOfRatiosWithoutBlocks,
//     TestCoverageOfGeometricMeans.
//   - In 92 % or more where each of two sessions or more does something to a
//     model that is half as large as the noise: TestCoverageAcrossSessions.
//   - A ratio's interval is at most 3.5 % wide under block effects:
//     TestWidthUnderBlockEffects.
//   - The next run's ratio lies where one run expects it, in 93 % or more:
//     TestCoverageOfTheNextRun.
//   - Of 200 comparisons of 600 rows that have not changed at most 10 claim a
//     change, and at most 20 where runs have effects: TestNullComparisons.
//   - A change of 3 % with 1 % of noise is found among 150 cells in 90 % or
//     more: TestPower.
//   - Of ten null runs one at most claims a change: TestNullRunsClaimNothing.
//     On a quiet machine make stats makes ten real ones.
//   - The bracket of a crossing holds the truth in 95 % or more:
//     TestBracketHoldsTheTruth.
//   - Two runs of one build give the same decisions in words in 90 % of pairs
//     or more, and numbers where the other expects them in as many:
//     TestVerdictHoldsOnTheNextRun.
package inference

// Level is the confidence of every interval.
const Level = 0.95
