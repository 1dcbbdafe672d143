package report

import (
	"io"

	"switchyard/report/advice"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page"
	"switchyard/report/results"
	"switchyard/report/text"
	"switchyard/report/verify"
)

// Stdin is the path that stands for standard input.
const Stdin = results.Stdin

// ErrNoResults says that a file holds nothing in Go benchmark format: no
// result, no failure, no skip.
var ErrNoResults = results.ErrNoResults

// What a report goes through on its way: see the packages that they are of.
type (
	Run            = results.Run
	Analysis       = analysis.Analysis
	Diff           = analysis.Diff
	Question       = advice.Question
	CompareOptions = analysis.CompareOptions
	TextOptions    = text.Options
	PageOptions    = page.Options
)

// Load reads a results directory or file; see [results.Load].
func Load(path string) (*Run, error) { return results.Load(path) }

// Read reads benchmark results; see [results.Read].
func Read(name string, r io.Reader) (*Run, error) { return results.Read(name, r) }

// FromMemory reads the files of a results directory from copies in memory; see
// [results.FromMemory].
func FromMemory(dir string, bench, latency []byte) (*Run, error) {
	return results.FromMemory(dir, bench, latency)
}

// Analyze computes what text and page say of a run.
func Analyze(run *Run) *Analysis { return analysis.Of(run) }

// Advise answers which model suits some work; see [advice.Of].
func Advise(a *Analysis, q Question) *advice.Answer { return advice.Of(a, q) }

// Bytes reads a number of bytes, such as "4KiB".
func Bytes(s string) (v float64, ok bool) { return analysis.Bytes(s) }

// Compare compares a run with an earlier one; see [analysis.Compare].
func Compare(old, new *Run) *Diff { return analysis.Compare(old, new) }

// CompareWith is Compare with what else is known; see [analysis.CompareWith].
func CompareWith(old, new *Run, opt CompareOptions) *Diff { return analysis.CompareWith(old, new, opt) }

// CompareBuilds compares the builds of an A/B run; see
// [analysis.CompareBuilds].
func CompareBuilds(run *Run) *Diff { return analysis.CompareBuilds(run) }

// WriteText writes a run as a terminal shows it: the verdict, the matrix in a
// few lines, tables of all cases if asked for, and where the files are.
func WriteText(w io.Writer, a *Analysis, opt TextOptions) error { return text.Write(w, a, opt) }

// WriteCompare writes a comparison as a terminal shows it.
func WriteCompare(w io.Writer, d *Diff, opt TextOptions) error { return text.WriteCompare(w, d, opt) }

// WriteCompareMarkdown writes a comparison for GitHub: what changed, or all.
func WriteCompareMarkdown(w io.Writer, d *Diff, verbose bool) error {
	return text.WriteCompareMarkdown(w, d, verbose)
}

// WriteCompareCSV writes a comparison as comma-separated values, a row for each
// cell in each metric.
func WriteCompareCSV(w io.Writer, d *Diff) error { return text.WriteCompareCSV(w, d) }

// WriteCompareJSON writes a comparison as one JSON value.
func WriteCompareJSON(w io.Writer, d *Diff) error { return text.WriteCompareJSON(w, d) }

// WriteHTML writes a run as one self-contained page: no network request, no
// foreign script or style, readable without JavaScript.
func WriteHTML(w io.Writer, a *Analysis, opt PageOptions) error { return page.Render(w, a, opt) }

// Verify compares a page with the results at a path; see [verify.Page].
func Verify(path, page string, baseline *Run) (*verify.Report, error) {
	return verify.Page(path, page, baseline)
}

// ShellQuote returns s as one word of a POSIX shell; see [format.ShellQuote].
func ShellQuote(s string) string { return format.ShellQuote(s) }
