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

// A line is one result, or the name of a failure.
type line struct {
	cell
	cpus   string
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
	for text := range strings.Lines(text) {
		fields := strings.Fields(text)
		name, fails := strings.CutPrefix(text, "--- FAIL: Benchmark")
		switch {
		case fails:
			failed = append(failed, parse(strings.TrimSpace(name)))
		case strings.HasPrefix(text, "Benchmark") && len(fields) >= 4 && strings.HasSuffix(text, "\n"):
			res := parse(strings.TrimPrefix(fields[0], "Benchmark"))
			res.fields = fields[2:]
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
		for i := 0; i+1 < len(res.fields); i += 2 {
			if v, err := strconv.ParseFloat(res.fields[i], 64); err == nil && v >= 0 && !math.IsInf(v, 0) {
				out[res.cell][res.fields[i+1]] = append(out[res.cell][res.fields[i+1]], v)
			}
		}
	}
	return out
}

// median is NaN where there is nothing. A throughput that a file does not give
// is the inverse of the time per op.
func (t tally) median(c cell, unit string) float64 {
	v := slices.Sorted(slices.Values(t[c][unit]))
	if len(v) == 0 && unit == "ops/s" {
		for _, ns := range t[c]["ns/op"] {
			v = append(v, 1e9/ns)
		}
		slices.Sort(v)
	}
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// best is the largest median throughput of a case among models that compete.
func (t tally) best(of cell, competes func(model string) bool) float64 {
	best := 0.0
	for c := range t {
		if c.workload == of.workload && c.label == of.label && competes(c.model) {
			if m := t.median(c, "ops/s"); m > best {
				best = m
			}
		}
	}
	return best
}
