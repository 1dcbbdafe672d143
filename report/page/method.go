package page

import (
	"fmt"
	"maps"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageMethod is what the method section fills its text with.
type pageMethod struct {
	Command             string
	Results             int
	Benchtime           string
	Seed                string
	Blocks              int
	Trend               string
	Canary              string
	MinResults          int
	Practical           string  // a difference that matters, as a share
	Matters             float64 // the same for the script
	IntervalWarns       string  // half width of an interval that is marked
	Ramp                []float64
	Baselines, Controls []string // what does not compete
	Paced               []string // workloads whose ops fall due by the clock
	Counters            string   // of the processor: why not all of them were read
	Exceptions          []string // from the rules of fairness, each with its workload
}

func (b *builder) method() pageMethod {
	h := b.run.Header
	m := pageMethod{Command: whole(h.Command), Results: h.Count, Blocks: len(b.run.Blocks)}
	benchtime := h.Benchtime
	if n := len(b.run.Blocks); n > 0 && b.run.Blocks[n-1].Benchtime > 0 {
		benchtime = b.run.Blocks[n-1].Benchtime
	}
	if benchtime > 0 {
		m.Benchtime = format.Value(float64(benchtime), "ns")
	}
	if h.Seed != 0 {
		m.Seed = fmt.Sprint(h.Seed)
	}
	if t := b.run.Trend; t.Passes >= analysis.TrendPasses {
		m.Trend = fmt.Sprintf("%+.1f %%", 100*t.Change)
	}
	m.MinResults = benchlog.MinResults
	m.Practical, m.Matters = format.Percent(analysis.Practical), analysis.Practical
	m.IntervalWarns, m.Ramp = format.Percent(benchlog.IntervalWarns), ramp
	for _, model := range b.models {
		if model.Baseline {
			m.Baselines = append(m.Baselines, model.Name)
		}
	}
	for _, w := range b.run.Workloads {
		if w.Info.Control {
			m.Controls = append(m.Controls, format.Clean(w.Name))
		}
		if w.Info.Paced {
			m.Paced = append(m.Paced, format.Clean(w.Name))
		}
		for _, rule := range slices.Sorted(maps.Keys(w.Info.Exceptions)) {
			text := fmt.Sprintf("%s, rule %d: %s", w.Name, rule, w.Info.Exceptions[rule])
			m.Exceptions = append(m.Exceptions, format.CleanTo(text, 300))
		}
	}
	if c := b.run.Fact("perf-counters"); c != "yes" {
		m.Counters = format.CleanTo(c, 200)
	}
	return m
}

// whole is a command as it stands, to be pasted. One that cannot be shown as it
// is, or that is longer than any of our runner's, is left to the file.
func whole(command string) string {
	if len(command) > 4000 || command != format.Visible(command, false) {
		return ""
	}
	return command
}
