package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageMethod is what the method section fills its text with.
type pageMethod struct {
	Command         string
	Benchtime       string
	Trend           string
	MinResults      int
	Matters         float64 // the smallest difference that does, as a share
	IntervalWarns   float64 // half width of an interval that is marked, as a share
	Ramp            []float64
	Controls, Paced []string // what does not compete, and ops that fall due by the clock
	Counters        string   // of the processor: why not all of them were read
	Exceptions      []string // from the rules of fairness, each with its workload
}

func (b *builder) method() pageMethod {
	m := pageMethod{
		Command: whole(b.run.Header.Command), MinResults: benchlog.MinResults,
		Matters: analysis.Practical, IntervalWarns: benchlog.IntervalWarns, Ramp: ramp,
	}
	benchtime := b.run.Header.Benchtime
	if n := len(b.run.Blocks); n > 0 && b.run.Blocks[n-1].Benchtime > 0 {
		benchtime = b.run.Blocks[n-1].Benchtime
	}
	if benchtime > 0 {
		m.Benchtime = format.Value(float64(benchtime), "ns")
	}
	if t := b.run.Trend; t.Passes >= analysis.TrendPasses {
		m.Trend = fmt.Sprintf("%+.1f %%", 100*t.Change)
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

func (b *builder) title() string {
	if at := b.run.Header.Started; !at.IsZero() {
		return "Switchyard · " + at.String()
	}
	return "Switchyard"
}

// machineLine is the one line of machine, Go, commit and results.
func (b *builder) machineLine() []string {
	r := b.run
	var out []string
	add := func(form, v string) {
		if v != "" {
			out = append(out, fmt.Sprintf(form, format.Clean(v)))
		}
	}
	add("%s", r.Fact("cpu"))
	if r.Header.CPUs != "" {
		add("CPUs %s", r.Header.CPUs)
	} else {
		add("%s cores", r.Fact("cores"))
	}
	if os := r.Fact("goos"); os != "" {
		add("%s", strings.TrimSpace(os+"/"+r.Fact("goarch")+" "+r.Fact("kernel")))
	}
	add("%s", r.Fact("go"))
	add("commit %s", r.Fact("commit"))
	out = append(out, fmt.Sprintf("%s in %s", format.Count(r.Results(), "result"), format.Count(len(r.Usable()), "cell")))
	if at := r.Header.Started; !at.IsZero() {
		add("%s", at.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return out
}

// benchstat is the command that makes a table of the same file, for a reader
// who stands in its directory; "" where there is no file.
func (b *builder) benchstat() string {
	switch {
	case len(b.run.Files) == 0:
		return ""
	case len(b.run.Models) > 1:
		return "go tool benchstat -col /model " + format.ShellQuote(b.run.Files[0])
	}
	return "go tool benchstat " + format.ShellQuote(b.run.Files[0])
}
