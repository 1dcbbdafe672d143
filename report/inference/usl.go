package inference

import (
	"cmp"
	"math"
	"slices"
)

// A Scaling is how throughput depends on the number of CPUs, by the Universal
// Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007): n CPUs do
//
//	rate * n / (1 + contention*(n-1) + coherency*n*(n-1))
//
// ops a second. Contention is the share of the work that only one CPU can do at
// a time; with it alone the law is Amdahl's. Coherency is what every pair of
// CPUs costs, relative to an op: for the data that they pass to each other, or
// for the locks that they hand over. With it throughput has a peak and falls
// behind it.
//
// Contention and coherency below zero are no mistake: that is a speed-up beyond
// the number of CPUs, as of data that fit the caches of several.
type Scaling struct {
	N          int // blocks that it stands on, or sessions
	Rate       Estimate
	Contention Estimate
	Coherency  Estimate

	// Peak is the number of CPUs at which throughput is highest, at least one.
	// It is infinite where coherency costs nothing, and so is its upper bound
	// where that cannot be excluded.
	Peak Estimate

	// Misfit is the largest distance of a size's throughput from the law, as a
	// share of it. Where it is large the law does not hold, whatever the
	// intervals say: they know the noise alone.
	Misfit float64
}

// FewestSizes is how many numbers of CPUs the law needs: it has three
// parameters, and with as many points it would fit anything.
const FewestSizes = 4

// FitScaling fits the law to samples of throughput, one for each number of
// CPUs. They are paired by block: what a block did to all sizes is in its rate,
// and not in contention or coherency. It is not ok with fewer than FewestSizes
// different sizes, with values that are not above zero, or with fewer than
// three blocks that all samples have. Of three sessions or more each counts as
// one block.
//
// The parameters are those of least squares on the logarithmic scale. Their
// intervals are Student's: each block moves the parameters by its distance from
// the mean of all, as far as the fit is linear there (the influence of the
// block), and these moves scatter. The interval of the peak is Fieller's, since
// it is the root of a ratio.
//
// Cost: some hundred steps of a fit of three parameters.
func FitScaling(sizes []int, samples []Sample) (s Scaling, ok bool) {
	cpus, rows := scalingRows(sizes, samples)
	if len(cpus) < FewestSizes || len(rows) < 3 {
		return Scaling{}, false
	}
	y := make([]float64, len(cpus)) // mean logarithm of the throughput of one CPU of n
	for i := range y {
		for _, row := range rows {
			y[i] += row[i] / float64(len(rows))
		}
	}
	law, gain, ok := fitLaw(cpus, y)
	if !ok {
		return Scaling{}, false
	}
	s.N = len(rows)
	for i, n := range cpus {
		s.Misfit = max(s.Misfit, math.Abs(math.Expm1(y[i]-law.log(n))))
	}
	cov := covariance(gain, rows, y)
	t := studentQuantile(Level, float64(len(rows)-1))
	estimate := func(k int) Estimate {
		half := t * math.Sqrt(cov[k][k])
		return Estimate{N: s.N, Sessions: 1, Paired: true, Center: law[k], Lo: law[k] - half, Hi: law[k] + half}
	}
	s.Rate, s.Contention, s.Coherency = estimate(0).exp(), estimate(1), estimate(2)
	s.Peak = law.peak(cov, t)
	s.Peak.N, s.Peak.Sessions, s.Peak.Paired = s.N, 1, true
	return s, true
}

// scalingRows returns the sizes in ascending order, and for every block that
// all have the logarithms of throughput per CPU.
func scalingRows(sizes []int, samples []Sample) (cpus []float64, rows [][]float64) {
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(sizes[a], sizes[b]) })
	var blocks []Sample
	for k, i := range order {
		if sizes[i] < 1 || !samples[i].Positive() || k > 0 && sizes[i] == sizes[order[k-1]] {
			return nil, nil
		}
		cpus = append(cpus, float64(sizes[i]))
		logs := samples[i].Log()
		if len(logs.sessions()) > 2 {
			for k := range logs {
				logs[k].Block = 0
			}
		}
		blocks = append(blocks, logs.blocks())
	}
	if len(blocks) == 0 {
		return nil, nil
	}
	common := blocks[0]
	for _, b := range blocks[1:] {
		common = join(slices.Clone(common), b, func(x, _ float64) float64 { return x })
	}
	rows = make([][]float64, len(common))
	for i, n := range cpus {
		for k, v := range join(slices.Clone(common), blocks[i], func(_, y float64) float64 { return y }) {
			rows[k] = append(rows[k], v.V-math.Log(n))
		}
	}
	tameRows(rows)
	return cpus, rows
}

// tameRows takes back what is far out for its size, apart from what its block
// did to all sizes. Of a few rows nobody can say which is.
func tameRows(rows [][]float64) {
	if len(rows) < Fewest {
		return
	}
	columns := make([]Sample, len(rows[0]))
	middles := make([]float64, len(columns))
	for i := range columns {
		for _, row := range rows {
			columns[i] = append(columns[i], Value{V: row[i]})
		}
		middles[i] = median(columns[i].Values())
	}
	effects := make([]float64, len(rows))
	for j, row := range rows {
		away := slices.Clone(row)
		for i := range away {
			away[i] -= middles[i]
		}
		effects[j] = median(away)
		for i := range columns {
			columns[i][j].V = away[i] - effects[j]
		}
	}
	columns, _ = tame(columns, farInSum, 1)
	for j, row := range rows {
		for i := range row {
			row[i] = middles[i] + effects[j] + columns[i][j].V
		}
	}
}

// A law is the logarithm of the rate, contention and coherency.
type law [3]float64

// cost is what an op on n CPUs takes of each, relative to one alone.
func (l law) cost(n float64) float64 { return 1 + l[1]*(n-1) + l[2]*n*(n-1) }

// log is the logarithm of the throughput of each of n CPUs.
func (l law) log(n float64) float64 { return l[0] - math.Log(l.cost(n)) }

// distance is the sum of squares from what was measured; infinite where the law
// has no throughput.
func (l law) distance(cpus, y []float64) float64 {
	sum := 0.0
	for i, n := range cpus {
		if l.cost(n) <= 0 {
			return math.Inf(1)
		}
		d := y[i] - l.log(n)
		sum += d * d
	}
	return sum
}

// fitLaw fits by least squares (Levenberg and Marquardt), beginning with a
// speed-up as large as the number of CPUs. gain is by how much each parameter
// moves when a value does.
func fitLaw(cpus, y []float64) (l law, gain [3][]float64, ok bool) {
	l[0] = y[0]
	damp, best := 1e-3, l.distance(cpus, y)
	for range 300 {
		a, b := l.normal(cpus, y)
		for k := range a {
			a[k][k] *= 1 + damp
		}
		inverse, ok := invert(a)
		if !ok {
			return l, gain, false
		}
		next := l
		for k := range next {
			for m := range b {
				next[k] += inverse[k][m] * b[m]
			}
		}
		d := next.distance(cpus, y)
		if d > best || math.IsNaN(d) {
			if damp *= 10; damp > 1e12 {
				break
			}
			continue
		}
		done := best-d <= 1e-14*best && damp < 1
		l, best, damp = next, d, max(damp/10, 1e-12)
		if done {
			break
		}
	}
	a, _ := l.normal(cpus, y)
	inverse, ok := invert(a)
	if !ok {
		return l, gain, false
	}
	for k := range gain {
		gain[k] = make([]float64, len(cpus))
		for i, n := range cpus {
			for m, g := range l.gradient(n) {
				gain[k][i] += inverse[k][m] * g
			}
		}
	}
	return l, gain, true
}

// gradient is that of log, by the parameters.
func (l law) gradient(n float64) [3]float64 {
	c := l.cost(n)
	return [3]float64{1, -(n - 1) / c, -n * (n - 1) / c}
}

// normal are the normal equations of the next step.
func (l law) normal(cpus, y []float64) (a [3][3]float64, b [3]float64) {
	for i, n := range cpus {
		g := l.gradient(n)
		for k := range g {
			b[k] += g[k] * (y[i] - l.log(n))
			for m := range g {
				a[k][m] += g[k] * g[m]
			}
		}
	}
	return a, b
}

// invert inverts a symmetric matrix by its cofactors; not ok where it has no
// inverse.
func invert(a [3][3]float64) (inverse [3][3]float64, ok bool) {
	minor := func(i, k int) float64 {
		i1, i2, k1, k2 := (i+1)%3, (i+2)%3, (k+1)%3, (k+2)%3
		return a[i1][k1]*a[i2][k2] - a[i1][k2]*a[i2][k1]
	}
	det := a[0][0]*minor(0, 0) + a[0][1]*minor(0, 1) + a[0][2]*minor(0, 2)
	scale := a[0][0] * a[1][1] * a[2][2]
	if !(math.Abs(det) > 1e-14*scale) {
		return inverse, false
	}
	for i := range 3 {
		for k := range 3 {
			inverse[k][i] = minor(i, k) / det
		}
	}
	return inverse, true
}

// finest is as exactly as results stand in a file. What scatters less than that
// is not known to be equal.
const finest = 1e-4

// covariance is that of the parameters, of the mean of the rows.
func covariance(gain [3][]float64, rows [][]float64, mean []float64) (cov [3][3]float64) {
	n := float64(len(rows))
	for _, row := range rows {
		var move [3]float64
		for k := range move {
			for i := range row {
				move[k] += gain[k][i] * (row[i] - mean[i])
			}
		}
		for k := range move {
			for m := range move {
				cov[k][m] += move[k] * move[m] / (n * (n - 1))
			}
		}
	}
	for k := range cov {
		for m := range cov {
			for i := range mean {
				cov[k][m] += finest * finest * gain[k][i] * gain[m][i] / n
			}
		}
	}
	return cov
}

// peak is the number of CPUs at which throughput no longer grows: the root of
// (1-contention)/coherency.
func (l law) peak(cov [3][3]float64, t float64) Estimate {
	square := func(ratio float64) float64 { return math.Sqrt(max(ratio, 1)) }
	rest, coherency := 1-l[1], l[2]
	e := Estimate{Center: math.Inf(1), Lo: 1, Hi: math.Inf(1)}
	if coherency > 0 {
		e.Center = square(rest / coherency)
	}
	// All ratios r for which rest - r*coherency is not shown to differ from
	// zero: a*r² - 2*b*r + c <= 0.
	a := coherency*coherency - t*t*cov[2][2]
	b := rest*coherency + t*t*cov[1][2]
	c := rest*rest - t*t*cov[1][1]
	root := math.Sqrt(max(b*b-a*c, 0))
	least := (b - root) / a
	if b > 0 {
		least = c / (b + root) // the same, without a loss of digits where a is small
	}
	switch {
	case a > 0 && coherency > 0:
		e.Lo, e.Hi = square(least), square((b+root)/a)
	case a > 0: // shown to be below zero: there is no peak
		e.Lo = math.Inf(1)
	case b*b > a*c: // the upper of two open ranges; the other has no peak
		e.Lo = square(least)
	}
	e.Lo, e.Hi = min(e.Lo, e.Center), max(e.Hi, e.Center)
	return e
}
