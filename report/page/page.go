package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// style is the page's whole style sheet.
var style = pageCSS + markerCSS()

var pageTmpl = template.Must(template.New("page").Parse(pageTemplate))

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
	p := newPage(a, opt)
	var b bytes.Buffer
	if err := pageTmpl.Execute(&b, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A page is what the template shows. Everything in it that comes from a file
// has gone through clean, and the template escapes it.
type page struct {
	Title   string
	CSP     string
	CSS     template.CSS
	JS      template.JS
	Version string
	Run     *analysis.Analysis

	b *builder

	Verdict    pageVerdict
	Line       []string
	Models     []pageModel
	Matrices   []pageMatrix
	BreakEvens []pageBreakEven
	TaskEvens  []pageBreakEven // of the size of a task: the main question
	PlainEvens []pageBreakEven
	Gains      []pageChart  // drawn beside them
	Advice     *pageAdvice  // nil without curves
	Scaling    *pageScaling // nil without several numbers of CPUs
	Compare    *pageCompare // nil without an earlier run
	Workloads  []pageWorkload
	Warnings   []analysis.Warning
	Notes      []string
	Method     pageMethod
	Facts      []results.Fact
	Blocks     []results.Block
	Data       template.JS
	DataCut    bool
	Cut        []string // what the limits left out
	Files      []string
	Broken     []string // packages that failed as a whole
	Benchstat  string   // command that reads the same results
}

// A pageModel is a model with its look and its short description.
type pageModel struct {
	Name     string
	Class    string // of its colour and marker: "s1 m1"
	Note     string
	Baseline bool
	look     look
}

// short is the name as charts have room for it: what tells names apart is often
// at their end.
func (m pageModel) short() string {
	r := []rune(m.Name)
	if len(r) <= nameRoom {
		return m.Name
	}
	half := nameRoom / 2
	return string(r[:nameRoom-half-1]) + "…" + string(r[len(r)-half:])
}

func newPage(run *analysis.Analysis, opt Options) *page {
	b := newBuilder(run)
	data, cut := b.data()
	used := len(data)
	if opt.Baseline != nil {
		used += compareBytes
	}
	curves, size := b.advise()
	b.plan(used + size)
	p := &page{
		Advice:   curves,
		Data:     data,
		DataCut:  cut,
		b:        b,
		Title:    b.title(),
		CSS:      template.CSS(style),
		JS:       template.JS(pageJS),
		Version:  opt.Version,
		Run:      run,
		Verdict:  b.verdict(),
		Line:     b.machineLine(),
		Models:   b.models,
		Warnings: run.Warnings,
		Method:   b.method(),
		Blocks:   run.Blocks,
		Broken:   firstOf(run.Broken),
	}
	for _, f := range run.Files {
		p.Files = append(p.Files, format.Clean(f))
	}
	p.Benchstat = b.benchstat()
	p.CSP = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'",
		hashSource(style), hashSource(pageJS))
	for _, m := range analysis.Metrics {
		p.Matrices = append(p.Matrices, b.matrix(m))
	}
	evens := run.BreakEvens
	for _, e := range evens[:min(len(evens), maxEvens)] {
		switch row := b.breakEven(e); {
		case e.Curve.Sizes() && (row.B.Baseline || !row.Plain):
			p.TaskEvens = append(p.TaskEvens, row)
		case row.Plain:
			p.PlainEvens = append(p.PlainEvens, row)
		default:
			p.BreakEvens = append(p.BreakEvens, row)
		}
	}
	p.Gains = b.gains()
	p.Scaling = b.scaling()
	p.Compare = b.compare(opt.Baseline)
	for _, w := range b.shown {
		p.Workloads = append(p.Workloads, b.workload(w))
	}
	for _, f := range run.Facts {
		p.Facts = append(p.Facts, results.Fact{Key: format.Clean(f.Key), Value: format.CleanTo(f.Value, 300)})
	}
	for _, n := range run.Notes {
		p.Notes = append(p.Notes, format.CleanTo(n, 400))
	}
	p.Cut = b.cut
	return p
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

// hashSource is a content security policy's name for one inline element.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// A builder makes the parts of a page. It owns what they share: ids, colours,
// and the room that is left.
type builder struct {
	run    *analysis.Analysis
	models []pageModel
	shown  []*results.Workload
	first  map[*results.Workload][]*results.Case // the cases shown of each
	room   int                                   // bytes of charts that fit
	sparse bool                                  // no folded charts
	ids    map[any]string
	taken  map[string]bool
	charts int // bytes of SVG so far
	cut    []string
}

func newBuilder(run *analysis.Analysis) *builder {
	b := &builder{run: run, first: map[*results.Workload][]*results.Case{}, ids: map[any]string{}, taken: map[string]bool{}}
	for _, name := range run.Models {
		m, look := run.Model(name), lookOf(run, name)
		b.models = append(b.models, pageModel{
			Name: format.Clean(results.ModelName(name)), Class: look.class(),
			Note: format.CleanTo(m.Note, 200), Baseline: m.Baseline, look: look,
		})
	}
	return b
}

// plan decides which cases are shown, and what room that leaves for charts.
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
	if hidden > 0 {
		b.cutOnce(fmt.Sprintf("%s beyond the first %d are left out of this page to keep it small.", format.Count(hidden, "case"), len(b.run.Cases())-hidden))
	}
	b.room = max(maxPage-pageBytes-dataBytes-cells*tableBytes-len(b.shown)*workloadBytes, 200e3)
	if b.room < cells*chartBytes {
		b.sparse = true
		b.cutOnce("Progression and distribution charts were left out to keep the page small.")
	}
}

// id gives a workload or case its anchor: letters, digits and hyphens only, and
// unique on the page.
func (b *builder) id(of any) string {
	if id := b.ids[of]; id != "" {
		return id
	}
	var text string
	switch v := of.(type) {
	case *results.Workload:
		text = "w-" + v.Name
	case *results.Case:
		text = b.id(v.Workload) + "-" + v.Label()
	}
	base := slug(text)
	id := base
	for n := 2; b.taken[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	b.taken[id], b.ids[of] = true, id
	return id
}

// anchor is where a link to a workload or case leads: a case without numbers
// has no charts of its own, and what the page leaves out has no section.
func (b *builder) anchor(of any) string {
	switch v := of.(type) {
	case *results.Case:
		if slices.Contains(b.first[v.Workload], v) && v.Measured() {
			return b.id(v)
		}
		return b.anchor(v.Workload)
	case *results.Workload:
		if slices.Contains(b.shown, v) {
			return b.id(v)
		}
	}
	return "workloads"
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

func (b *builder) model(name string) pageModel {
	for i, m := range b.run.Models {
		if m == name {
			return b.models[i]
		}
	}
	return pageModel{Name: format.Clean(name)}
}

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

// number keeps a value for scripts that sort; it is empty for what is no
// number.
func number(v float64) string {
	if !format.Finite(v) {
		return ""
	}
	return fmt.Sprintf("%.6g", v)
}

// ramp are the steps of the matrix's colours, by how many times worse than the
// best.
var ramp = []float64{1 + analysis.Practical, 1.25, 1.6, 2.5, 5}

func logStep(ratio float64) int {
	worse := math.Max(ratio, 1/ratio)
	for i, limit := range ramp {
		if worse <= limit {
			return i
		}
	}
	return 5
}

// Class is the colour class of a model, for the template.
func (p *page) Class(model string) string {
	for i, m := range p.Run.Models {
		if m == model && model != "" {
			return p.Models[i].Class
		}
	}
	return ""
}

// Queued reports whether a block says how long tasks waited for a CPU.
func (p *page) Queued() bool {
	return slices.ContainsFunc(p.Blocks, func(b results.Block) bool { return b.RunQueue > 0 })
}

// KindLinks lead to the workloads of a kind.
func (p *page) KindLinks(k *analysis.Kind) []link { return p.b.kindLinks(k) }

// CellLinks are the cells that a warning touches, at most forty.
func (p *page) CellLinks(w analysis.Warning) []link {
	var out []link
	if len(w.Cells) > 40 {
		out = append(out, link{"matrix", fmt.Sprintf("the first 40 of %d:", len(w.Cells))})
	}
	for _, c := range w.Cells[:min(40, len(w.Cells))] {
		out = append(out, link{p.b.anchor(c.Case), format.Clean(c.Case.Title()) + ", " + format.Clean(results.ModelName(c.Model))})
	}
	return out
}

// A link leads to a place on the page.
type link struct{ ID, Text string }
