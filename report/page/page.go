package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"

	"switchyard/report/advice"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// style is the page's whole style sheet.
var style = pageCSS + chart.MarkerCSS()

var pageTmpl = template.Must(template.New("page").Funcs(template.FuncMap{
	"name": format.Clean, "prose": format.CleanTo, "orNone": format.OrNone, "count": format.Count,
	"value": format.Value, "ratio": format.Ratio, "percent": format.Percent, "delta": format.Delta, "interval": format.Interval,
	"number": number, "exact": exact,
	"listed": func(all []string) []string { return format.First(all, maxListed) },
	"some":   func(all []string) string { return format.Some(all, maxListed) },
}).Funcs(new(builder).funcs()).Parse(pageTemplate))

// funcs are what the template asks of one page: the look of a model, and where
// links lead.
func (b *builder) funcs() template.FuncMap {
	return template.FuncMap{
		"model": func(name string) pageModel { return b.model[name] },
		"at":    func(place any) string { return b.anchor[place] }, // of a workload or a case
		"cells": b.cells, "losses": b.losses,
	}
}

// Limits on the page: it stays below three megabytes, and hostile or huge files
// cannot make it grow without bound. What they cut off is said on the page; the
// files have it all.
const (
	maxPage       = 2900e3
	maxData       = 700e3 // embedded results
	maxCellRows   = 900   // cells in tables: cases times models
	maxWorkloads  = 80
	maxEvens      = 150  // break-even rows
	maxMissing    = 60   // failed or skipped cells per workload
	maxListed     = 40   // names in a list
	tableBytes    = 1700 // per cell, of matrix and tables together, measured
	chartBytes    = 3600 // per cell, of all charts, measured
	compareBytes  = 250e3
	pageBytes     = 200e3 // head, break-even, noise, method
	workloadBytes = 6e3   // of a section, beside its tables and charts
)

// Options say how a page is written. The zero value is good.
type Options struct {
	Version string // of switchyard, for the footer

	// Baseline is an earlier run that the page sets this one against; nil
	// leaves the section out.
	Baseline *results.Run
}

// Render writes the run as one self-contained page: no network request, no
// foreign script or style, readable without JavaScript.
func Render(w io.Writer, a *analysis.Analysis, opt Options) error {
	var against *analysis.Diff
	if opt.Baseline != nil {
		against = analysis.Compare(opt.Baseline, a.Run)
	}
	b := newBuilder(a)
	p := b.page(against, advice.Tables(a), opt.Version)
	var html bytes.Buffer
	if err := template.Must(pageTmpl.Clone()).Funcs(b.funcs()).Execute(&html, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(html.Bytes())
	return err
}

// A page is what the template shows. Everything that comes from a file goes
// through package format, here or in the template, which escapes it.
type page struct {
	Title   string
	CSP     string
	CSS     template.CSS
	JS      template.JS
	Version string
	Run     *analysis.Analysis

	Verdict  pageVerdict
	Line     []string
	Models   []pageModel
	Matrices []pageMatrix
	pageBreakEvens
	Advice    *pageAdvice  // nil without curves
	Scaling   *pageScaling // nil without several numbers of CPUs
	Compare   *pageCompare // nil without an earlier run
	Workloads []pageWorkload
	Method    pageMethod
	Data      template.JS
	DataCut   bool
	Cut       []string // what the limits left out
	Benchstat string   // command that reads the same results
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
	p.draw(drawing{room: b.room, cut: b.cut})
	return p
}

// draw draws all figures of the page, in its order.
func (p *page) draw(d drawing) {
	p.Verdict.Charts = d.draw(p.Verdict.Charts)
	p.Gains = d.draw(p.Gains)
	if p.Scaling != nil {
		p.Scaling.Charts = d.draw(p.Scaling.Charts)
	}
	for i := range p.Workloads {
		w := &p.Workloads[i]
		w.Curves = d.draw(w.Curves)
		for k := range w.Panels {
			w.Panels[k].Charts = d.draw(w.Panels[k].Charts)
			w.Panels[k].Folded = d.draw(w.Panels[k].Folded)
		}
	}
	p.Cut = d.cut
}

// hashSource is a content security policy's name for one inline element.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// number keeps a value for scripts that sort; it is empty for what is no
// number.
func number(v float64) string {
	if !format.Finite(v) {
		return ""
	}
	return fmt.Sprintf("%.6g", v)
}

// Queued reports whether a block says how long tasks waited for a CPU.
func (p *page) Queued() bool {
	return slices.ContainsFunc(p.Run.Blocks, func(b results.Block) bool { return b.RunQueue > 0 })
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

// A link leads to a place on the page.
type link struct{ ID, Text string }
