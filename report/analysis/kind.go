package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A Kind is a kind of work on one number of CPUs: the cases of all workloads of
// that kind. The verdict has a sentence for each. Workloads whose throughput is
// given are apart from the others, and are judged by latency.
type Kind struct {
	Name      string // as a sentence begins: "Handing over", "Computing on 2 CPUs"
	Short     string // for a row of a table: "Scheduling, 1/p99"
	CPUs      int    // that its cases are measured with; 0 where all are with as many
	Metric    Metric // that it is judged by
	Cases     []*results.Case
	Workloads []*results.Workload
}

// kinds are those of a run, in report order, and those on most CPUs first.
// Controls are of none, and a workload that declares none is a kind of its own.
func kinds(run *results.Run) []*Kind {
	type key struct {
		declared, workload, cpus string
		open, paced              bool
	}
	var out []*Kind
	known := map[key]*Kind{}
	for _, w := range run.Workloads {
		if w.Info.Control {
			continue
		}
		id, metric := key{declared: w.Info.Kind, open: w.Info.Open, paced: w.Info.Paced}, judging(w)
		name := upperFirst(format.CleanTo(w.Info.Kind, 64))
		if id.declared == "" {
			id.workload, name = w.Name, format.Clean(w.Name)
		}
		short := name
		if id.open {
			name += " at a given rate"
		}
		if w.Info.ByLatency() {
			name += ", by p99 latency"
			short += ", 1/p99"
		}
		for _, c := range w.Planned() {
			id.cpus = c.CPUSet()
			k := known[id]
			if k == nil {
				on := func(s string) string { return strings.TrimSuffix(s+" on "+id.cpus, " on ") }
				k = &Kind{Name: on(name), Short: on(short), Metric: metric}
				if id.cpus != "" {
					k.CPUs = c.CPUs
				}
				known[id] = k
				out = append(out, k)
			}
			k.Cases = append(k.Cases, c)
			if n := len(k.Workloads); n == 0 || k.Workloads[n-1] != w {
				k.Workloads = append(k.Workloads, w)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *Kind) int { return cmp.Compare(b.CPUs, a.CPUs) })
	return out
}

// judging is the metric that the workload's models are judged by.
func judging(w *results.Workload) Metric {
	if w.Info.ByLatency() {
		return TailP99
	}
	return Throughput
}

// of are the kind's cases that are the workload's.
func (k *Kind) of(w *results.Workload) []*results.Case {
	var out []*results.Case
	for _, c := range k.Cases {
		if c.Workload == w {
			out = append(out, c)
		}
	}
	return out
}

func upperFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// over says how many cases and workloads something is taken over.
func over(cases []*results.Case) string {
	n := len(workloadsOf(cases))
	switch {
	case len(cases) == 1:
		return format.Clean(cases[0].Title())
	case n == 1:
		return fmt.Sprintf("%d cases of %s", len(cases), format.Clean(cases[0].Workload.Name))
	}
	return fmt.Sprintf("%d cases of %d workloads", len(cases), n)
}
