package verify

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A tally is what our own small reader finds in bench.txt: the values of each
// cell by unit. It shares no code with the report, so that a mistake there is
// not made twice.
type tally struct {
	cells    map[cell]map[string][]reading
	sessions []int // of each block
}

type cell struct{ workload, label, model string }

// A reading is a value, and the number of blocks that ended above it.
type reading struct {
	v     float64
	block int
}

// A line is one result, or the name of a failure.
type line struct {
	cell
	cpus   string
	block  int      // blocks that ended above it
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
func count(text string) *tally {
	out := &tally{cells: map[cell]map[string][]reading{}}
	cpus := map[string]bool{}
	var all, failed []line
	for text := range strings.Lines(text) {
		fields := strings.Fields(text)
		name, fails := strings.CutPrefix(text, "--- FAIL: Benchmark")
		switch {
		case strings.HasPrefix(text, "# block "):
			out.sessions = append(out.sessions, session(text))
		case fails:
			failed = append(failed, parse(strings.TrimSpace(name)))
		case strings.HasPrefix(text, "Benchmark") && len(fields) >= 4 && strings.HasSuffix(text, "\n"):
			res := parse(strings.TrimPrefix(fields[0], "Benchmark"))
			res.block, res.fields = len(out.sessions), fields[2:]
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
		units := out.cells[res.cell]
		if units == nil {
			units = map[string][]reading{}
			out.cells[res.cell] = units
		}
		for i := 0; i+1 < len(res.fields); i += 2 {
			if v, err := strconv.ParseFloat(res.fields[i], 64); err == nil && v >= 0 && !math.IsInf(v, 0) {
				units[res.fields[i+1]] = append(units[res.fields[i+1]], reading{v, res.block})
			}
		}
	}
	return out
}

// session is that of a block, which its line says unless it is the first.
func session(line string) int {
	_, after, _ := strings.Cut(line, `"session":`)
	n, _ := strconv.Atoi(after[:max(0, strings.IndexAny(after, ",}"))])
	return max(n, 1)
}

// values are a cell's in a unit, in their order. A throughput that a file does
// not give is the inverse of the time per op.
func (t *tally) values(c cell, unit string) []reading {
	v := t.cells[c][unit]
	if len(v) == 0 && unit == "ops/s" {
		for _, r := range t.cells[c]["ns/op"] {
			v = append(v, reading{1e9 / r.v, r.block})
		}
	}
	return v
}

// median is NaN where there is nothing.
func (t *tally) median(c cell, unit string) float64 { return t.middle(t.values(c, unit)) }

// middle is the mean of the sessions' medians.
func (t *tally) middle(all []reading) float64 {
	by := map[int][]float64{}
	for _, r := range all {
		s := 1
		if r.block < len(t.sessions) {
			s = t.sessions[r.block]
		}
		by[s] = append(by[s], r.v)
	}
	sum := 0.0
	for _, s := range slices.Sorted(maps.Keys(by)) {
		sum += middle(by[s])
	}
	return sum / float64(len(by))
}

// ratio is that of two cells' throughputs: the median, on the logarithmic
// scale, of the ratios within each block, or the ratio of the medians where
// blocks are not known.
func (t *tally) ratio(x, y cell) float64 {
	var pairs []reading
	vx, vy := t.values(x, "ops/s"), t.values(y, "ops/s")
	in := map[int]float64{} // one result of y in each block
	for _, r := range vy {
		in[r.block] = r.v
	}
	for _, r := range vx {
		if v, ok := in[r.block]; ok {
			pairs = append(pairs, reading{math.Log(r.v / v), r.block})
		}
	}
	if len(in) < len(vy) || len(pairs) == 0 || len(t.sessions) == 0 {
		return t.middle(vx) / t.middle(vy)
	}
	return math.Exp(t.middle(pairs))
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
func (t *tally) best(of cell, competes func(model string) bool) (best cell) {
	for c := range t.cells {
		if c.workload == of.workload && c.label == of.label && competes(c.model) {
			if !(t.median(best, "ops/s") >= t.median(c, "ops/s")) {
				best = c
			}
		}
	}
	return best
}
