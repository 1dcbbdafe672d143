package analysis

import (
	"fmt"
	"math"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A reason is a quantity of a cell that explains a throughput.
type reason struct {
	of    func(s map[string]Summary) (v float64, ok bool)
	ratio bool // told as a ratio; else both values are told
	text  string
}

// unitReason is the median of a unit as the file has it.
func unitReason(unit string) func(map[string]Summary) (float64, bool) {
	return func(s map[string]Summary) (float64, bool) { return s[unit].Center, s[unit].N > 0 }
}

// reasons are told in this order.
var reasons = []reason{
	{unitReason("cpu-ns/op"), true, "the CPU time an op"},
	{func(s map[string]Summary) (float64, bool) {
		cpu, wall := s["cpu-ns/op"], s["ns/op"]
		return cpu.Center / wall.Center, cpu.N > 0 && wall.Center > 0
	}, false, "CPUs in use"},
	{unitReason("csw/op"), false, "context switches an op"},
	{unitReason("allocs/op"), false, "allocations an op"},
	{unitReason("instructions/op"), true, "the instructions an op"},
	{unitReason("kernel-instructions/op"), true, "those of the kernel"},
}

// why says what model a does that model b does not, over cases that both have:
// ratios are geometric means, other quantities means, in both every workload
// weighs the same. It is "" where nothing was recorded.
func (a *Analysis) why(x, y string, cases []*results.Case) string {
	var parts []string
	for _, r := range reasons {
		vx, vy, ok := a.means(r, x, y, cases)
		switch {
		case !ok:
		case r.ratio:
			parts = append(parts, fmt.Sprintf("%s %s", format.Ratio(vx/vy), r.text))
		case amount(vx) != amount(vy):
			parts = append(parts, fmt.Sprintf("%s %s against %s", r.text, amount(vx), amount(vy)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Why, %s against %s: %s.", format.Clean(x), format.Clean(y), strings.Join(parts, "; "))
}

// means are the means of a quantity of two models over the cases that have it
// of both.
func (a *Analysis) means(r reason, x, y string, cases []*results.Case) (vx, vy float64, ok bool) {
	var sums [2]float64
	byWorkload := map[*results.Workload][][2]float64{}
	for _, c := range cases {
		p, okx := r.of(a.Sums[c.Cells[x]])
		q, oky := r.of(a.Sums[c.Cells[y]])
		if !okx || !oky || r.ratio && (p <= 0 || q <= 0) {
			continue
		}
		if r.ratio {
			p, q = math.Log(p), math.Log(q)
		}
		byWorkload[c.Workload] = append(byWorkload[c.Workload], [2]float64{p, q})
	}
	for _, w := range a.Workloads { // in their order: sums of floats depend on it
		for _, v := range byWorkload[w] {
			for i := range sums {
				sums[i] += v[i] / float64(len(byWorkload[w])*len(byWorkload))
			}
		}
	}
	if r.ratio {
		return math.Exp(sums[0]), math.Exp(sums[1]), len(byWorkload) > 0
	}
	return sums[0], sums[1], len(byWorkload) > 0
}

// amount shows a mean number of things per op.
func amount(v float64) string {
	if v > 0 && v < 0.005 {
		return "<0.01"
	}
	if v >= 100 {
		return format.Value(v, "")
	}
	return fmt.Sprintf("%.2f", v)
}

// A footprint is what one more waiting unit takes of a model's memory: the
// slope of the peak memory between the fewest and the most units at once that
// one of the kind's workloads has.
type footprint struct {
	bytes    float64
	units    float64 // between the two
	from, to *results.Case
}

// footprint finds the widest span of units; ok is false where no two cases
// differ tenfold in them.
func (a *Analysis) footprint(k *Kind, model string) (best footprint, ok bool) {
	for _, w := range k.Workloads {
		var few, many *results.Case
		units := func(c *results.Case) float64 { return a.Sums[c.Cells[model]]["units"].Center }
		peak := func(c *results.Case) float64 { return a.Sums[c.Cells[model]][Memory.Unit].Center }
		for _, c := range k.of(w) {
			if units(c) <= 0 || peak(c) <= 0 {
				continue
			}
			if few == nil || units(c) < units(few) {
				few = c
			}
			if many == nil || units(c) > units(many) {
				many = c
			}
		}
		if few == nil || units(many) < 10*units(few) || peak(many) <= peak(few) {
			continue
		}
		n := units(many) - units(few)
		if f := (footprint{(peak(many) - peak(few)) / n, n, few, many}); n > best.units {
			best, ok = f, true
		}
	}
	return best, ok
}

// perUnit says what a unit of each model takes of memory, or "".
func (a *Analysis) perUnit(k *Kind) string {
	var spans []string
	models := map[string][]string{}
	for _, m := range a.Models {
		f, ok := a.footprint(k, m)
		if !ok || a.Aside(m) {
			continue
		}
		span := fmt.Sprintf("%s: %s more units", format.Clean(f.from.Workload.Name), format.Tick(f.units, ""))
		if models[span] == nil {
			spans = append(spans, span)
		}
		models[span] = append(models[span], fmt.Sprintf("%s %s", format.Clean(m), format.Value(f.bytes, "bytes")))
	}
	for i, s := range spans {
		spans[i] = fmt.Sprintf("%s (%s)", strings.Join(models[s], ", "), s)
	}
	if len(spans) == 0 {
		return ""
	}
	return "Memory per unit: " + strings.Join(spans, "; ") + "."
}
