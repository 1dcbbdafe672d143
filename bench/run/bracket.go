package run

import (
	"context"
	"math"
	"slices"
)

// bracketWidth is how far apart, as a factor, the ends of a bracket may be.
const bracketWidth = 1.25

// brackets returns the neighbours among the known sizes of a question between
// which its answer changes.
func (f *refiner) brackets(q question) (all [][2]rung) {
	// The ends of a bracket lie close by it, and are no doubtful sizes.
	rungs := slices.DeleteFunc(f.rungs(q), func(r rung) bool { return math.Abs(r.lead) < near && !f.had[q.at(r.p, q.a)] })
	for i := 1; i < len(rungs); i++ {
		if rungs[i-1].lead*rungs[i].lead < 0 {
			all = append(all, [2]rung{rungs[i-1], rungs[i]})
		}
	}
	return all
}

// narrow divides a bracket until it is close: at first where the leads of its
// ends meet, in geometric scale, then in its middle. It stops where its time
// does, and returns what it has.
func (f *refiner) narrow(ctx context.Context, q question, lo, hi rung) (rung, rung, error) {
	width := fitWidth
	if q.b == "" {
		width = bracketWidth
	}
	for step := 0; hi.size/lo.size > width; step++ {
		share := 0.5
		if to := lo.lead / (lo.lead - hi.lead); step < 2 && !math.IsNaN(to) {
			share = min(max(to, 0.1), 0.9)
		}
		mid, ok, err := f.try(ctx, q, lo, hi, lo.size*math.Pow(hi.size/lo.size, share))
		switch {
		case err != nil || !ok:
			return lo, hi, err
		case q.b != "" && math.Abs(mid.lead) < near:
			width = math.Inf(1) // here it is
		case mid.lead*lo.lead > 0:
			lo = mid
		default:
			hi = mid
		}
	}
	if q.b == "" || hi.size/lo.size <= bracketWidth {
		return lo, hi, nil
	}
	return f.enclose(ctx, q, lo, hi)
}

// fitWidth is how far apart, as a factor, sizes may be for a straight line in
// double logarithmic scale.
const fitWidth = 2.0

// enclose lays a close bracket round the point where a line through all that
// was tried says that the models meet, and lays it anew as long as its own ends
// put that point to one side.
func (f *refiner) enclose(ctx context.Context, q question, lo, hi rung) (rung, rung, error) {
	half := math.Sqrt(bracketWidth) * 0.99 // rounded, it is still no wider
	center := f.meet(q, lo, hi)
	below, above := lo, hi
	for range 3 {
		var err error
		if below, err = f.end(ctx, q, lo, hi, center/half); err != nil {
			return lo, hi, err
		}
		if above, err = f.end(ctx, q, lo, hi, center*half); err != nil {
			return lo, hi, err
		}
		was := math.Sqrt(below.size * above.size)
		if center = f.meet(q, below, above); math.Abs(math.Log(center/was)) < 0.05 {
			break
		}
	}
	return below, above, nil
}

// end tries a size as an end of a bracket. Where there is none, or no time for
// it, the old end is the best there is.
func (f *refiner) end(ctx context.Context, q question, lo, hi rung, size float64) (rung, error) {
	r, ok, err := f.try(ctx, q, lo, hi, size)
	switch {
	case ok || err != nil:
		return r, err
	case size*size < lo.size*hi.size:
		return lo, nil
	}
	return hi, nil
}

// meet returns where the models meet by a line through what was tried at two
// sizes, between them, and a little beyond.
func (f *refiner) meet(q question, lo, hi rung) float64 {
	var n, x, y, xx, xy float64
	for _, r := range f.rungs(q) {
		if r.size < lo.size/1.2 || r.size > hi.size*1.2 {
			continue
		}
		w, lx := float64(r.tries), math.Log(r.size)
		n, x, y, xx, xy = n+w, x+w*lx, y+w*r.lead, xx+w*lx*lx, xy+w*lx*r.lead
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	at := math.Exp((x - y/slope) / n)
	if !(at > lo.size/1.2 && at < hi.size*1.2) { // NaN too
		return math.Sqrt(lo.size * hi.size)
	}
	return at
}
