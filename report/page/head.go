package page

import (
	"fmt"
	"strings"

	"switchyard/report/format"
)

func (b *builder) title() string {
	parts := []string{"Switchyard"}
	if at := b.run.Header.Started; !at.IsZero() {
		parts = append(parts, at.String())
	}
	return strings.Join(parts, " · ")
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
	n := 0
	for _, w := range r.Workloads {
		for _, c := range w.Cases {
			for _, cell := range c.Cells {
				if cell.Usable() {
					n++
				}
			}
		}
	}
	out = append(out, fmt.Sprintf("%s in %s", format.Count(r.Results(), "result"), format.Count(n, "cell")))
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
