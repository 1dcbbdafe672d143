package inference

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// A Value is one measurement and where it stands. Results of one block were
// measured in the same minute, and share what the machine did then; results of
// one session share its start, its memory layout, its neighbours.
type Value struct {
	V       float64
	Block   int // within its session; below zero: not known
	Session int
}

// A Sample is the results of one thing, in the order in which they were
// measured.
type Sample []Value

// Of makes a sample of bare numbers, of which no block is known.
func Of(values []float64) Sample {
	s := make(Sample, len(values))
	for i, v := range values {
		s[i] = Value{V: v, Block: -1}
	}
	return s
}

// Values are the sample's numbers, in order.
func (s Sample) Values() []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = v.V
	}
	return out
}

// Positive reports whether all values have a logarithm.
func (s Sample) Positive() bool {
	return !slices.ContainsFunc(s, func(v Value) bool { return !(v.V > 0) || math.IsInf(v.V, 1) })
}

// Log is the sample on the logarithmic scale.
func (s Sample) Log() Sample {
	out := slices.Clone(s)
	for i := range out {
		out[i].V = math.Log(out[i].V)
	}
	return out
}

// before orders values by where they stand.
func before(a, b Value) int {
	return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Block, b.Block))
}

// blocks is the sample's mean in each block, in their order.
func (s Sample) blocks() Sample {
	if !slices.IsSortedFunc(s, before) {
		s = slices.Clone(s)
		slices.SortStableFunc(s, before)
	}
	out := make(Sample, 0, len(s))
	for i := 0; i < len(s); {
		sum, n := s[i], 1
		for i++; i < len(s) && before(s[i], sum) == 0; i++ {
			sum.V += s[i].V
			n++
		}
		if sum.V /= float64(n); sum.Block >= 0 {
			out = append(out, sum)
		}
	}
	return out
}

// join puts two samples' values of each block that both have together. Both are
// as blocks returns them; the result takes the place of the first.
func join(a, b Sample, f func(x, y float64) float64) Sample {
	out := a[:0]
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch order := before(a[i], b[j]); {
		case order < 0:
			i++
		case order > 0:
			j++
		default:
			v := a[i]
			v.V = f(v.V, b[j].V)
			out = append(out, v)
			i, j = i+1, j+1
		}
	}
	return out
}

// Paired takes the differences of two samples, block by block, in the blocks
// that both have. Of several values in a block the mean counts. It returns none
// when there would be fewer pairs than half of the smaller sample: blocks that
// hold so many results, or that so few results share, are no pairs.
func Paired(a, b Sample) Sample {
	out := join(a.blocks(), b.blocks(), func(x, y float64) float64 { return x - y })
	if 2*len(out) < min(len(a), len(b)) {
		return nil
	}
	return out
}

// sessions are the sample's values by session, in ascending order of it.
func (s Sample) sessions() [][]float64 {
	by := map[int][]float64{}
	for _, v := range s {
		by[v.Session] = append(by[v.Session], v.V)
	}
	var out [][]float64
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[k])
	}
	return out
}

// GeoMean sums up parts, such as the cases of a workload, by their weighted
// geometric mean in each block. All values are above zero, and the weights add
// up to one. Blocks that not all parts have are left out; where that leaves
// fewer blocks than half of the values of the smallest part, each part's k-th
// value belongs to the k-th block instead. A value that is far out for its part
// counts as the part's median: a geometric mean over many parts says what is
// typical of each, not which of them was hit.
func GeoMean(parts []Sample, weights []float64) Sample {
	if len(parts) == 0 {
		return nil
	}
	logs := make([]Sample, len(parts))
	for i, part := range parts {
		logs[i] = part.Log()
	}
	if len(parts) > 1 {
		logs, _ = tame(logs, farInSum, 1)
	}
	fewest := math.MaxInt
	for _, part := range parts {
		fewest = min(fewest, len(part))
	}
	out := weighted(logs, weights)
	if 2*len(out) < fewest {
		for _, part := range logs {
			for k := range part {
				part[k].Block, part[k].Session = k, 0
			}
		}
		out = weighted(logs, weights)
	}
	for i := range out {
		out[i].V = math.Exp(out[i].V)
	}
	return out
}

// weighted adds up the parts in each block that all of them have.
func weighted(parts []Sample, weights []float64) (out Sample) {
	for i, part := range parts {
		blocks := part.blocks()
		for k := range blocks {
			blocks[k].V *= weights[i]
		}
		if i == 0 {
			out = blocks
		} else {
			out = join(out, blocks, func(x, y float64) float64 { return x + y })
		}
	}
	return out
}

// scale is a standard deviation of the sample that single values do not move
// (the median absolute deviation, as a normal distribution has it).
func (s Sample) scale() float64 {
	values := s.Values()
	m := median(values)
	for i, v := range values {
		values[i] = math.Abs(v - m)
	}
	return 1.4826 * median(values)
}

// How many robust standard deviations from the median of its sample a value may
// lie and still count where many samples are judged together: in a sum of
// dozens, which one result that a neighbour hit would decide; and in a test of
// each, where to take noise for a hit would be a false change.
const (
	farInSum  = 5
	farInTest = 8
)

// tame puts a sample's median in place of its values that are far out, unless
// fewer than least values would be left, and says of how many. A few values may
// lie close together by chance, so that the others seem far out: the scale is
// at least that of the samples' median. The distances of what is left grow so
// much that mean and scatter become those of a sample without the far ones, of
// which the mean scatters more.
func tame(samples []Sample, deviations float64, least int) (tamed []Sample, far []int) {
	scales, known := make([]float64, len(samples)), []float64(nil)
	for i, s := range samples {
		if len(s) > 0 {
			scales[i] = s.scale()
			known = append(known, scales[i])
		}
	}
	typical := median(known)
	tamed, far = make([]Sample, len(samples)), make([]int, len(samples))
	for i, s := range samples {
		tamed[i], far[i] = s.tamed(deviations*max(scales[i], typical), least)
	}
	return tamed, far
}

func (s Sample) tamed(limit float64, least int) (tamed Sample, n int) {
	m := median(s.Values())
	far := func(v Value) bool { return math.Abs(v.V-m) > limit }
	for _, v := range s {
		if far(v) {
			n++
		}
	}
	if n == 0 || limit == 0 || len(s)-n < least {
		return s, 0
	}
	tamed = slices.Clone(s)
	for i, v := range s {
		tamed[i].V = m
		if !far(v) {
			tamed[i].V += (v.V - m) * float64(len(s)) / float64(len(s)-n)
		}
	}
	return tamed, n
}
