package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"switchyard/report/advice"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A builder makes the parts of a page. It owns what they share: the models'
// looks, the places that links lead to, and the room that is left.
type builder struct {
	run    *analysis.Analysis
	models []pageModel // in the run's order
	model  map[string]pageModel
	shown  []*results.Workload
	first  map[*results.Workload][]*results.Case // the cases shown of each
	anchor map[any]string                        // where a link to a workload or a case leads
	room   int                                   // bytes of charts that fit
	sparse bool                                  // no folded charts
	cut    []string
}

func newBuilder(run *analysis.Analysis, models []pageModel) *builder {
	b := &builder{run: run, models: models, model: map[string]pageModel{}, first: map[*results.Workload][]*results.Case{}, anchor: map[any]string{}}
	for i, name := range run.Models {
		b.model[name] = models[i]
	}
	return b
}

// page fills the page in, section by section, from what is known of the run
// and, if any, of the change since an earlier one.
func (b *builder) page(against *analysis.Diff, curves []advice.Table, version string) *page {
	data, cut := b.data()
	used := len(data)
	if against != nil {
		used += compareBytes
	}
	advised, size := b.advise(curves)
	b.plan(used + size)
	p := &page{
		Advice:    advised,
		Data:      data,
		DataCut:   cut,
		Title:     b.title(),
		Line:      b.machineLine(),
		Benchstat: b.benchstat(),
		Method:    b.method(),
		CSS:       template.CSS(style),
		JS:        template.JS(pageJS),
		Version:   version,
		Run:       b.run,
		Models:    b.models,
		Verdict:   b.verdict(),
	}
	p.CSP = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'",
		hashSource(style), hashSource(pageJS))
	for _, m := range analysis.Metrics {
		p.Matrices = append(p.Matrices, b.matrix(m))
	}
	p.pageBreakEvens = b.breakEvens()
	p.Scaling = b.scaling()
	p.Compare = compare(against)
	for _, w := range b.shown {
		p.Workloads = append(p.Workloads, b.workload(w))
	}
	d := drawing{room: b.room}
	for _, some := range p.figures() {
		*some = d.draw(*some)
	}
	p.Cut = append(b.cut, d.cut()...)
	return p
}

// funcs are what the template asks of one page: the look of a model, and where
// links lead.
func (b *builder) funcs() template.FuncMap {
	return template.FuncMap{
		"model": func(name string) pageModel { return b.model[name] },
		"at":    func(place any) string { return b.anchor[place] }, // of a workload or a case
		"cells": b.cells, "losses": b.losses,
	}
}

// plan decides which cases are shown, where links to them lead, and what room
// that leaves for charts.
func (b *builder) plan(dataBytes int) {
	models := max(1, len(b.run.Models))
	left, hidden, cells := maxCellRows, 0, 0
	for _, w := range b.run.Workloads {
		fits := min(len(w.Cases), left/models)
		if len(b.shown) == maxWorkloads || fits == 0 && len(w.Cases) > 0 || len(w.Cases) == 0 && left < models {
			hidden += len(w.Cases)
			continue
		}
		b.shown = append(b.shown, w)
		b.first[w] = w.Cases[:fits]
		hidden += len(w.Cases) - fits
		left -= max(1, fits) * models
		cells += fits * models
	}
	b.place()
	if hidden > 0 {
		b.cut = append(b.cut, fmt.Sprintf("%s beyond the first %d are left out of this page to keep it small.", format.Count(hidden, "case"), len(b.run.Cases())-hidden))
	}
	b.room = max(maxPage-pageBytes-dataBytes-cells*tableBytes-len(b.shown)*workloadBytes, 200e3)
	if b.room < cells*chartBytes {
		b.sparse = true
		b.cut = append(b.cut, "Progression and distribution charts were left out to keep the page small.")
	}
}

// place gives each workload and case its anchor: letters, digits and hyphens
// only, and unique on the page. A case without numbers has no charts of its
// own, and what the page leaves out has no section.
func (b *builder) place() {
	taken := map[string]bool{}
	unique := func(text string) string {
		base := slug(text)
		id := base
		for n := 2; taken[id]; n++ {
			id = fmt.Sprintf("%s-%d", base, n)
		}
		taken[id] = true
		return id
	}
	for _, w := range b.run.Workloads {
		b.anchor[w] = "workloads"
		if slices.Contains(b.shown, w) {
			b.anchor[w] = unique("w-" + w.Name)
		}
		for i, c := range w.Cases {
			b.anchor[c] = b.anchor[w]
			if i < len(b.first[w]) && c.Measured() {
				b.anchor[c] = unique(b.anchor[w] + "-" + c.Label())
			}
		}
	}
}

func slug(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			out.WriteRune(r)
		case out.Len() > 0 && !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
		if out.Len() >= 60 {
			break
		}
	}
	return strings.Trim(out.String(), "-")
}

// cells lead to the cells that a warning touches, at most forty.
func (b *builder) cells(w analysis.Warning) []link {
	var out []link
	if len(w.Cells) > 40 {
		out = append(out, link{"matrix", fmt.Sprintf("the first 40 of %d:", len(w.Cells))})
	}
	for _, c := range w.Cells[:min(40, len(w.Cells))] {
		out = append(out, link{b.anchor[c.Case], format.Clean(c.Case.Title()) + ", " + b.model[c.Model].Name})
	}
	return out
}
