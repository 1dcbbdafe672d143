package inference

import (
	"math"
	"slices"
)

// A Row is one thing measured before and after a change.
type Row struct {
	Old, New Sample

	// Control is the old one measured again under another name, or none: what
	// it differs from Old is noise. Floor is noise known from elsewhere, as a
	// share.
	Control Sample
	Floor   float64

	// Group names rows that scatter alike, such as those of one metric. Their
	// variances are shrunk towards each other.
	Group string
}

// ChangeOptions say how changes are looked for. The zero value calls every
// difference a change that is not noise.
type ChangeOptions struct {
	Paired    bool    // by block: both were measured in one run
	Threshold float64 // of a change that matters, as a share
}

// A Change is what may be said of one row.
type Change struct {
	// Estimate is of new over old. Of a change that is claimed the interval has
	// the level that so many claims among so many rows ask for (Benjamini and
	// Yekutieli 2005), of others Level.
	Estimate
	P     float64 // that noise alone does this, were the change within Limit
	Floor float64 // of the row: the larger of its control's difference and what was known
	Limit float64 // the larger of Floor and threshold: what a change must exceed
	Claim Claim
}

// Changes finds which of many rows have changed. Of what it claims, on average
// at most a share of 1-Level is false, however many rows there are (Benjamini
// and Hochberg 1995). A change is claimed when the whole interval is beyond the
// limit.
//
// A row has few results, and its own variance is a poor guess. The test is the
// moderated t (Smyth 2004): how much the variances of a group differ from each
// other says how far each is to be shrunk towards their common value.
func Changes(rows []Row, o ChangeOptions) []Change {
	out := make([]Change, len(rows))
	diffs := make([]*difference, len(rows))
	groups := map[string][]int{}
	for i, r := range rows {
		groups[r.Group] = append(groups[r.Group], i)
	}
	for _, group := range groups {
		var old, new, control []Sample
		for _, i := range group {
			old, new, control = append(old, rows[i].Old), append(new, rows[i].New), append(control, rows[i].Control)
		}
		now, again := differences(old, new, o.Paired), differences(old, control, o.Paired)
		moderate(now)
		if !o.Paired {
			addRunEffects(now)
		}
		for k, i := range group {
			c := &out[i]
			if c.Floor = rows[i].Floor; !math.IsNaN(again[k].mean) {
				c.Floor = max(c.Floor, math.Expm1(math.Abs(again[k].mean)))
			}
			c.Limit = max(c.Floor, o.Threshold)
			diffs[i], c.P = now[k], now[k].p(math.Log1p(c.Limit))
		}
	}
	strict := discoveries(out)
	quantile := quantiles{}
	for i := range out {
		c := &out[i]
		level, claimed := Level, c.P <= 1-strict
		if claimed {
			level = strict
		}
		c.Estimate = diffs[i].estimate(level, quantile)
		if c.Claim = c.Estimate.Claim(c.Limit); c.Claim > Tie && !claimed {
			c.Claim = Undecided
		}
	}
	return out
}

// discoveries returns the level of each interval at which the rate of false
// ones among all that exclude no change is 1-Level.
func discoveries(all []Change) (level float64) {
	var ps []float64
	for _, c := range all {
		if !math.IsNaN(c.P) {
			ps = append(ps, c.P)
		}
	}
	slices.Sort(ps)
	n := 1
	for k, p := range ps {
		if p <= (1-Level)*float64(k+1)/float64(len(ps)) {
			n = k + 1
		}
	}
	return 1 - (1-Level)*float64(n)/float64(max(1, len(ps)))
}

// A difference is a row's on the logarithmic scale.
type difference struct {
	n              int
	paired         bool
	mean, variance float64 // variance of one result, or of one pair
	scale          float64 // of it, the variance of the mean
	run            float64 // variance of what two runs do to it, beside that
	freedom        float64
}

// differences are those of a group's rows; the mean of one that cannot be told
// is NaN.
func differences(old, new []Sample, paired bool) []*difference {
	out := make([]*difference, len(old))
	x, y := make([]Sample, len(old)), make([]Sample, len(old))
	for i := range out {
		d := &difference{n: min(len(old[i]), len(new[i])), paired: paired, mean: math.NaN()}
		out[i] = d
		if d.n == 0 || !old[i].Positive() || !new[i].Positive() {
			continue
		}
		if x[i], y[i] = new[i].Log(), old[i].Log(); paired {
			x[i] = Paired(x[i], y[i])
			d.n = len(x[i])
		}
	}
	x, farX := tame(x, farInTest, Fewest)
	farY := make([]int, len(y))
	if !paired {
		y, farY = tame(y, farInTest, Fewest)
	}
	for i, d := range out {
		switch {
		case len(x[i]) == 0:
		case paired:
			d.of(x[i])
		default:
			d.between(x[i], y[i])
		}
		d.freedom -= float64(farX[i] + farY[i])
	}
	return out
}

// of fills in the mean difference of a sample of pairs.
func (d *difference) of(pairs Sample) {
	d.mean, d.scale, d.freedom = mean(pairs.Values()), 1/float64(d.n), float64(d.n-1)
	if d.n > 1 {
		d.variance = variance(pairs.Values())
	}
}

// between fills in the difference of two means.
func (d *difference) between(x, y Sample) {
	n1, n2 := float64(len(x)), float64(len(y))
	d.mean, d.scale, d.freedom = mean(x.Values())-mean(y.Values()), 1/n1+1/n2, n1+n2-2
	for _, s := range []Sample{x, y} {
		if len(s) > 1 {
			d.variance += variance(s.Values()) * float64(len(s)-1) / d.freedom
		}
	}
}

// exact reports whether the row is a number that does not scatter at all, such
// as a count of allocations: a difference is one, then, and no other row says
// how large it must be.
func (d *difference) exact() bool { return d.freedom > 0 && d.variance == 0 }

// moderate shrinks the variances of a group (Smyth 2004, 6.2).
func moderate(group []*difference) {
	var logs []float64
	expected := 0.0
	for _, d := range group {
		if d.freedom > 0 && d.variance > 0 {
			logs = append(logs, math.Log(d.variance)-digamma(d.freedom/2)+math.Log(d.freedom/2))
			expected += trigamma(d.freedom / 2)
		}
	}
	if len(logs) < 3 {
		return
	}
	center, freedom := mean(logs), math.Inf(1)
	if more := variance(logs) - expected/float64(len(logs)); more > 0 {
		freedom = 2 * trigammaInverse(more)
		center += digamma(freedom/2) - math.Log(freedom/2)
	}
	common := math.Exp(center)
	for _, d := range group {
		switch {
		case math.IsNaN(d.mean) || d.exact():
		case math.IsInf(freedom, 1):
			d.variance, d.freedom = common, freedom
		default:
			d.variance = (freedom*common + d.freedom*d.variance) / (freedom + d.freedom)
			d.freedom += freedom
		}
	}
}

// err is the standard error of the mean.
func (d *difference) err() float64 { return math.Sqrt(d.variance*d.scale + d.run) }

// fewRows is the number of rows from which on they tell what two runs did to
// each of them.
const fewRows = 10

// addRunEffects estimates what is between two runs beside the noise within
// them: a start, a layout in memory, a neighbour do something to each row that
// all its results share. Most rows have not changed, so half of them lie no
// further from the middle than noise and this effect together allow. A
// shift that all rows share stays a change.
func addRunEffects(group []*difference) {
	var rows []*difference
	var means []float64
	for _, d := range group {
		if d.freedom > 0 && d.variance > 0 {
			rows, means = append(rows, d), append(means, d.mean)
		}
	}
	if len(rows) < fewRows {
		return
	}
	m, excess := median(means), make([]float64, len(rows))
	tooFar := func(run float64) bool {
		for i, d := range rows {
			excess[i] = (d.mean - m) * (d.mean - m) / (d.variance*d.scale + run)
		}
		half := 0.6745 // of a normal distribution lies within so many deviations
		return median(excess) > half*half
	}
	lo, hi := 0.0, 0.0
	if tooFar(0) {
		for hi = 1e-9; tooFar(hi); hi *= 4 {
			lo = hi
		}
	}
	for range 30 {
		if v := (lo + hi) / 2; tooFar(v) {
			lo = v
		} else {
			hi = v
		}
	}
	for _, d := range rows {
		d.run = hi
	}
}

// p is the probability of a mean this far beyond the limit when the truth is at
// the limit, on either side; NaN without a variance.
func (d *difference) p(limit float64) float64 {
	beyond := math.Abs(d.mean) - limit
	switch {
	case math.IsNaN(d.mean) || d.freedom <= 0:
		return math.NaN()
	case beyond <= 0:
		return 1
	case d.exact():
		return 0
	}
	return studentP(beyond/d.err(), d.freedom)
}

func (d *difference) estimate(level float64, quantile quantiles) Estimate {
	e := Estimate{N: d.n, Sessions: 1, Paired: d.paired, Center: d.mean, Lo: math.Inf(-1), Hi: math.Inf(1)}
	if d.freedom > 0 {
		half := 0.0
		if !d.exact() {
			half = quantile.student(level, d.freedom) * d.err()
		}
		e.Lo, e.Hi = d.mean-half, d.mean+half
	}
	return e.exp()
}
