package verify

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A tally is what our own small reader finds in bench.txt: the values of each
// cell by unit. It shares no code with the report, so that a mistake there is
// not made twice.
type tally map[cell]map[string][]float64

type cell struct{ workload, label, model string }

// blockOf is the unit under which a cell has the blocks of its results.
const blockOf = "# block"

// A line is one result, or the name of a failure.
type line struct {
	cell
	cpus   string
	block  float64  // blocks that ended above it
	fields []string // values and units
}

// parse takes a benchmark's name apart.
func parse(name string) line {
	l := line{cpus: "1"}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name, l.cpus = name[:i], name[i+1:]
		}
	}
	var params []string
	for i, part := range strings.Split(name, "/") {
		switch model, found := strings.CutPrefix(part, "model="); {
		case i == 0:
			l.workload = part
		case found:
			l.model = model
		default:
			params = append(params, part)
		}
	}
	l.label = strings.Join(params, " ")
	return l
}

// fails reports whether a failure is that of the line's cell, or of all of its
// workload.
func (l line) fails(f line) bool {
	return l.workload == f.workload && l.model == f.model && l.cpus == f.cpus && (l.label == f.label || f.label == "")
}

// count reads the lines that are results. A case is labelled as readers see it:
// its parameters, apart, and the number of CPUs where there are several.
func count(text string) tally {
	out := tally{}
	cpus := map[string]bool{}
	var all, failed []line
	blocks := 0.0
	for text := range strings.Lines(text) {
		fields := strings.Fields(text)
		name, fails := strings.CutPrefix(text, "--- FAIL: Benchmark")
		switch {
		case strings.HasPrefix(text, "# block "):
			blocks++
		case fails:
			failed = append(failed, parse(strings.TrimSpace(name)))
		case strings.HasPrefix(text, "Benchmark") && len(fields) >= 4 && strings.HasSuffix(text, "\n"):
			res := parse(strings.TrimPrefix(fields[0], "Benchmark"))
			res.block, res.fields = blocks, fields[2:]
			cpus[res.cpus] = true
			all = append(all, res)
		}
	}
	for _, res := range all {
		if slices.ContainsFunc(failed, res.fails) {
			continue
		}
		if len(cpus) > 1 {
			res.label = strings.TrimSpace(res.label + " on " + res.cpus + " CPU" + map[bool]string{true: "s"}[res.cpus != "1"])
		}
		if res.label == "" {
			res.label = res.workload
		}
		if out[res.cell] == nil {
			out[res.cell] = map[string][]float64{}
		}
		if blocks > 0 { // else the file has none
			out[res.cell][blockOf] = append(out[res.cell][blockOf], res.block)
		}
		for i := 0; i+1 < len(res.fields); i += 2 {
			if v, err := strconv.ParseFloat(res.fields[i], 64); err == nil && v >= 0 && !math.IsInf(v, 0) {
				out[res.cell][res.fields[i+1]] = append(out[res.cell][res.fields[i+1]], v)
			}
		}
	}
	return out
}

// values are a cell's in a unit, in their order. A throughput that a file does
// not give is the inverse of the time per op.
func (t tally) values(c cell, unit string) []float64 {
	v := t[c][unit]
	if len(v) == 0 && unit == "ops/s" {
		for _, ns := range t[c]["ns/op"] {
			v = append(v, 1e9/ns)
		}
	}
	return v
}

// median is NaN where there is nothing.
func (t tally) median(c cell, unit string) float64 { return middle(t.values(c, unit)) }

// ratio is that of two cells' throughputs: the median, on the logarithmic
// scale, of the ratios within each block, or the ratio of the medians where
// blocks are not known.
func (t tally) ratio(x, y cell) float64 {
	var pairs []float64
	vx, vy := t.values(x, "ops/s"), t.values(y, "ops/s")
	in := map[float64]float64{} // one result of y in each block
	for i, b := range t[y][blockOf] {
		if i < len(vy) {
			in[b] = vy[i]
		}
	}
	for i, b := range t[x][blockOf] {
		if v, ok := in[b]; ok && i < len(vx) {
			pairs = append(pairs, math.Log(vx[i]/v))
		}
	}
	if len(in) < len(vy) || len(pairs) == 0 {
		return middle(vx) / middle(vy)
	}
	return math.Exp(middle(pairs))
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// best is the cell of a case with the largest median throughput, among models
// that compete.
func (t tally) best(of cell, competes func(model string) bool) (best cell) {
	for c := range t {
		if c.workload == of.workload && c.label == of.label && competes(c.model) {
			if !(t.median(best, "ops/s") >= t.median(c, "ops/s")) {
				best = c
			}
		}
	}
	return best
}
