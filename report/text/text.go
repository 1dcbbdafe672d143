package text

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// Options say how a text is written. The zero value is good.
type Options struct {
	Width   int  // columns; 0 means 80
	Color   bool // with ANSI colours
	Verbose bool // with the tables of all cases, or all comparisons

	// Page is the path of the page that is written beside the text, for its
	// last line; "" is none.
	Page string

	// Baseline is the earlier run that the page sets this one against: what
	// reading it had to say is repeated. For its numbers see WriteCompare.
	Baseline *results.Run
}

// defaultWidth is that of a terminal nobody has widened.
const defaultWidth = 80

// Write writes the run as a terminal shows it: the verdict, the matrix in a few
// lines, and where the files are; in between, if asked for, per metric one
// table in the shape of benchstat's. A run in which nothing can be compared has
// those tables always: there is nothing else to say of it.
func Write(w io.Writer, run *analysis.Analysis, opt Options) error {
	if opt.Width <= 0 {
		opt.Width = defaultWidth
	}
	t := &textWriter{w: bufio.NewWriter(w), run: run, opt: opt}
	t.verdict()
	t.besides()
	t.matrix()
	if opt.Verbose || len(run.Verdict.Decisions) == 0 {
		for _, m := range append([]analysis.Metric{analysis.Throughput, analysis.TailP99, analysis.Memory}, run.Foreign...) {
			t.table(m)
		}
		t.scaling()
	}
	t.missing()
	t.rest()
	return t.w.Flush()
}

type textWriter struct {
	w   *bufio.Writer
	run *analysis.Analysis
	opt Options
}

const (
	ansiBold  = "1"
	ansiDim   = "2"
	ansiGreen = "32"
	ansiRed   = "31"
)

func (t *textWriter) paint(code, s string) string {
	if !t.opt.Color || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *textWriter) printf(format string, args ...any) { fmt.Fprintf(t.w, format, args...) }

// missing prints what failed, in full, and counts what has no implementation.
func (t *textWriter) missing() {
	t.failed(t.run.Failures())
	if n := len(t.run.Skips()); n > 0 {
		t.printf("%s\n", t.paint(ansiDim, format.Count(n, "cell")+" not measured; the reasons are in the report"))
	}
}

// failed prints failures in full, up to twenty.
func (t *textWriter) failed(failures []string) {
	for i, f := range failures {
		if i == 20 {
			t.printf("%s %d more\n", t.paint(ansiRed, "FAILED"), len(failures)-i)
			break
		}
		t.printf("%s %s\n", t.paint(ansiRed, "FAILED"), format.CleanTo(f, 300))
	}
}

// notes prints what reading the files had to say.
func (t *textWriter) notes(notes []string) {
	for _, n := range notes {
		t.wrap(ansiDim, "Note: "+format.CleanTo(n, 300), "  ")
	}
}

// verdict prints the decisions, the advice and the footnote. At low trust
// nothing is bold.
func (t *textWriter) verdict() {
	v, bold := t.run.Verdict, ansiBold
	if v.Low {
		bold = ""
	}
	head := v.Headline
	if len(v.Decisions) > 0 {
		head += ":"
	}
	t.wrap(bold, head, "")
	for i := range v.Decisions {
		d := &v.Decisions[i]
		if fewer := d.Kind.CPUs < v.Decisions[0].Kind.CPUs; (fewer || i == mostDecisions) && !t.opt.Verbose {
			more := fmt.Sprintf("- %d more", len(v.Decisions)-i)
			if fewer {
				more += ", on fewer CPUs,"
			}
			t.wrap(ansiDim, more+" with -v", "  ")
			break
		}
		claim, more := d.Claim(), []string{d.Beside, d.Sizes}
		if t.opt.Verbose {
			more = append(more, d.Worse(), d.Rates, d.Why, d.Memory)
		} else if s := d.Exceptions(); s != "" {
			claim += " " + s
		}
		t.wrap(bold, "- "+claim, "  ")
		for _, s := range more {
			if s != "" {
				t.wrap(ansiDim, "  "+s, "  ")
			}
		}
	}
	last := []string{v.Note, v.Since, v.Advice}
	if t.opt.Verbose {
		last = append(last, v.Mean)
	}
	for _, s := range last {
		if s != "" {
			t.wrap("", s, "  ")
		}
	}
	t.printf("\n")
}

// besides prints how peers stand to our models.
func (t *textWriter) besides() {
	if len(t.run.Besides) == 0 {
		return
	}
	t.wrap("", "Beside others, who are not in the competition:", "")
	for i := range t.run.Besides {
		b := &t.run.Besides[i]
		t.wrap("", "- "+b.Kind.Name+": "+b.Sentence(), "  ")
		for _, s := range b.Taken {
			t.wrap(ansiDim, "  "+s, "  ")
		}
	}
	t.printf("\n")
}

// rest prints the trust, the notes and the files.
func (t *textWriter) rest() {
	v := t.run.Verdict
	var why []string
	for _, w := range v.Trust.Reasons {
		why = append(why, w.Title)
	}
	line := "Trust: " + v.Trust.Level
	if len(why) > 0 {
		line += " (" + strings.Join(why, ", ") + ")"
	}
	t.wrap("", line, "  ")
	if len(v.Decisions) > 0 && !t.opt.Verbose {
		t.wrap(ansiDim, "Exceptions and all cases: switchyard report -v. Evidence, charts and method: the page.", "  ")
	}
	t.notes(t.run.Notes)
	if t.opt.Baseline != nil {
		for _, n := range t.opt.Baseline.Notes {
			t.notes([]string{"baseline: " + n})
		}
	}
	var files []string
	for _, f := range t.run.Files {
		files = append(files, format.ShellQuote(filepath.Join(t.run.Dir(), f)))
	}
	if t.opt.Page != "" {
		files = append(files, format.ShellQuote(t.opt.Page))
	}
	if len(files) > 0 {
		t.printf("Files: %s\n", strings.Join(files, "  "))
	}
}

// wrap prints a paragraph within the width.
func (t *textWriter) wrap(code, text, indent string) {
	line, lead := "", text[:len(text)-len(strings.TrimLeft(text, " "))]
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.opt.Width {
			t.printf("%s\n", t.paint(code, line))
			line, lead = "", indent
		}
		if line == "" {
			line = lead + word
		} else {
			line += " " + word
		}
	}
	t.printf("%s\n", t.paint(code, line))
}
