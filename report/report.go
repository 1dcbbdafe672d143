package report

import (
	"io"

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
	Run         = results.Run
	Analysis    = analysis.Analysis
	Diff        = analysis.Diff
	TextOptions = text.Options
	PageOptions = page.Options
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

// Compare compares a run with an earlier one; see [analysis.Compare].
func Compare(old, new *Run) *Diff { return analysis.Compare(old, new) }

// WriteText writes a run as a terminal shows it: the verdict, the matrix in a
// few lines, tables of all cases if asked for, and where the files are.
func WriteText(w io.Writer, a *Analysis, opt TextOptions) error { return text.Write(w, a, opt) }

// WriteCompare writes a comparison as text, in the shape of benchstat's.
func WriteCompare(w io.Writer, old, new *Run, opt TextOptions) error {
	return text.WriteCompare(w, old, new, opt)
}

// WriteHTML writes a run as one self-contained page: no network request, no
// foreign script or style, readable without JavaScript.
func WriteHTML(w io.Writer, a *Analysis, opt PageOptions) error { return page.Render(w, a, opt) }

// Verify compares a page with the results at a path; see [verify.Page].
func Verify(path, page string, baseline *Run) (*verify.Report, error) {
	return verify.Page(path, page, baseline)
}

// ShellQuote returns s as one word of a POSIX shell; see [format.ShellQuote].
func ShellQuote(s string) string { return format.ShellQuote(s) }
