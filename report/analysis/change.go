package analysis

import (
	"math"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Change is one cell in one metric, then and now.
type Change struct {
	Case     *results.Case // of the new run
	Model    string
	Metric   Metric
	Old, New Summary

	// What may be said of new over old: the ratio with its interval, the noise
	// of the row (Floor) and what a change must exceed to be claimed (Limit),
	// both as shares.
	inference.Change
	Kind       ChangeKind
	Detectable float64 // the smallest change, as a share, that would have been claimed
}

// A ChangeKind says what is made of a change.
type ChangeKind int

const (
	Regressed ChangeKind = iota
	Moved                // different, in a unit of which nobody says which way is better
	Gained
	Inconclusive // neither a change nor its absence is shown
	Same         // any change is smaller than what matters
)

func (k ChangeKind) String() string {
	return [...]string{"worse", "changed", "better", "undecided", "same"}[k]
}

// fewest is how many results each side needs for a claim: two may agree by
// chance.
const fewest = 3

func (c *Change) kind(row inference.Row, threshold float64) ChangeKind {
	higher := c.Change.Claim == inference.Above
	changed := higher || c.Change.Claim == inference.Below
	same := c.Estimate.Claim(threshold) == inference.Tie
	if !row.Old.Positive() || !row.New.Positive() {
		// Where zero is a value there is no ratio. It is told apart only from
		// what never comes near it.
		c.Center, c.Lo, c.Hi = c.New.Center/c.Old.Center, 0, math.Inf(1)
		c.Detectable = math.Inf(1)
		same = c.Old.Min == c.Old.Max && c.New.Min == c.New.Max && c.Old.Min == c.New.Min
		higher = c.New.Center > c.Old.Center
		changed = c.Old.Min == c.Old.Max && c.New.Min == c.New.Max && !same
	}
	switch {
	case c.Old.N < fewest && c.Old.Min != c.New.Max, c.New.N < fewest && c.Old.Min != c.New.Max, min(c.Old.N, c.New.N) < 2:
		return Inconclusive
	case changed && c.Metric.neutral:
		return Moved
	case changed && higher == c.Metric.Higher:
		return Gained
	case changed:
		return Regressed
	case same:
		return Same
	}
	return Inconclusive
}

// Delta is the change as a share: new over old, less one. It is NaN from zero
// to zero, and infinite from zero to something.
func (c *Change) Delta() float64 { return c.Center - 1 }

// Told reports whether the change is claimed.
func (c *Change) Told() bool { return c.Kind <= Gained }

// Note says in a few words what a change is, or what would have been seen.
func (c *Change) Note() string {
	switch {
	case c.Told():
		return c.Kind.String()
	case c.Kind == Inconclusive && !format.Finite(c.Detectable):
		return "too few results"
	case c.Kind == Inconclusive:
		return "could detect " + format.Percent(c.Detectable)
	}
	return ""
}
