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
	models := modelsOf(a)
	b := newBuilder(a, models)
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

// hashSource is a content security policy's name for one inline element.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Queued reports whether a block says how long tasks waited for a CPU.
func (p *page) Queued() bool {
	return slices.ContainsFunc(p.Run.Blocks, func(b results.Block) bool { return b.RunQueue > 0 })
}

// A link leads to a place on the page.
type link struct{ ID, Text string }
