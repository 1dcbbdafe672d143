package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// The names of the files in a results directory.
const (
	BenchFile   = "bench.txt"
	LatencyFile = "latency.hlog"
	HTMLFile    = "report.html"
)

// ErrNoResults says that a file holds nothing in Go benchmark format: no
// result, no failure, no skip.
var ErrNoResults = errors.New("no benchmark results")

// Limits on what one file may make us keep. They are far above any real run;
// beyond them lines are left out, with a note.
const (
	maxBytes     = 256 << 20
	maxLine      = 60 << 10 // benchfmt scans lines of at most 64 KiB
	maxDirective = 1 << 20
	maxResults   = 200_000
	maxCells     = 5_000
	maxModels    = 24
	maxUnits     = 64
	maxFacts     = 256
	maxBlocks    = 10_000
	maxReason    = 2_000
)

// Load reads a results directory: bench.txt, and latency.hlog where there is
// one. A path to a file is read as bench.txt, its neighbour as the log.
// An incomplete last line and damaged histograms are noted, not fatal.
func Load(path string) (*Run, error) {
	bench := filepath.Join(path, BenchFile)
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	} else if !info.IsDir() {
		bench = path
	}
	f, err := os.Open(bench)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	run, err := Read(bench, f)
	if err != nil {
		return nil, err
	}
	run.Path = path
	run.Files = []string{filepath.Base(bench)}

	hlog, err := os.Open(filepath.Join(filepath.Dir(bench), LatencyFile))
	if errors.Is(err, os.ErrNotExist) {
		return run, nil
	} else if err != nil {
		run.note("latency histograms were not read: %v", err)
		return run, nil
	}
	defer hlog.Close()
	run.Files = append(run.Files, LatencyFile)
	run.readLatency(hlog)
	return run, nil
}

// Read reads benchmark results in Go benchmark format, with or without the
// "# switchyard", "# workload" and "# block" lines that our runner adds. The name
// is used in messages. The error is ErrNoResults when r holds none.
func Read(name string, r io.Reader) (*Run, error) {
	run := &Run{Path: name, cells: map[string]*Cell{}}
	f := &filter{run: run, in: bufio.NewReaderSize(io.LimitReader(r, maxBytes), 64<<10)}
	run.readResults(benchfmt.NewReader(f, filepath.Base(name)))
	if f.err != nil {
		return nil, fmt.Errorf("report: reading %s: %w", name, f.err)
	}
	f.finish()
	if len(run.Workloads) == 0 {
		return nil, fmt.Errorf("report: %s: %w (%s)", name, ErrNoResults, f.diagnosis())
	}
	run.attribute()
	return run, nil
}

// readResults takes every result the format's reader finds into its cell.
func (run *Run) readResults(reader *benchfmt.Reader) {
	var malformed, over int
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			malformed++
			if malformed <= 3 {
				run.note("line %d was left out: %s", rec.Line, rec.Msg)
			}
		case *benchfmt.Result:
			if run.results >= maxResults || !run.take(rec) {
				over++
			}
		}
	}
	if malformed > 3 {
		run.note("%d more malformed lines were left out", malformed-3)
	}
	if over > 0 {
		run.note("%d results were left out: more results, cases or models than a report can hold", over)
	}
	if err := reader.Err(); err != nil {
		run.note("reading stopped early: %v", err)
	}
}

// take adds one result, unless there are too many cells or models already.
func (run *Run) take(rec *benchfmt.Result) bool {
	full := rec.Name.String()
	cell := run.cells[full]
	if cell == nil {
		if cell = run.place(splitName(full)); cell == nil {
			return false
		}
		run.cells[full] = cell
	}
	_, line := rec.Pos()
	res := Result{Line: line, Block: -1, Iters: rec.Iters}
	for i, v := range rec.Values {
		if i == maxUnits {
			break
		}
		// benchfmt turns nanoseconds into seconds; the file's own digits stay.
		if v.OrigUnit != "" {
			res.Values = append(res.Values, Value{v.OrigValue, v.OrigUnit})
		} else {
			res.Values = append(res.Values, Value{v.Value, v.Unit})
		}
	}
	cell.Results = append(cell.Results, res)
	run.results++
	return true
}

// place finds or makes the cell of a name; nil when the limits forbid it.
func (run *Run) place(n name) *Cell {
	if n.workload == "" || len(run.cells) >= maxCells ||
		!slices.Contains(run.Models, n.model) && len(run.Models) >= maxModels {
		return nil
	}
	run.addModel(n.model)
	return run.workload(n.workload).caseAt(n.params, n.procs).cell(n.model)
}

// settle places failures and skips, and brings the cases into the order that
// the header gives. Results come in random order, so only it can know.
func (run *Run) settle() {
	for _, p := range run.pending {
		run.placeVerdict(p)
	}
	lanes := map[int]bool{}
	for _, w := range run.Workloads {
		w.sortCases()
		for _, c := range w.Cases {
			lanes[c.Procs] = true
		}
	}
	for _, c := range run.cases() {
		c.lane = len(lanes) > 1
	}
	run.Workloads = slices.DeleteFunc(run.Workloads, func(w *Workload) bool {
		return len(w.Cases) == 0 && len(w.Skipped) == 0 && len(w.Failed) == 0
	})
	run.cells, run.pending = nil, nil
}

// placeVerdict puts a failure or skip where it belongs. A name without
// parameters speaks of the whole workload, unless the workload's only case has none.
func (run *Run) placeVerdict(p pending) {
	w := run.workload(p.name.workload)
	if len(p.name.params) == 0 && !w.plain() {
		if p.failed {
			w.Failed[p.name.model] = p.reason
		} else {
			w.Skipped[p.name.model] = p.reason
		}
		return
	}
	cell := run.place(p.name)
	switch {
	case cell == nil:
		run.noteOnce("failures or skips beyond what a report can hold were left out")
	case !p.failed:
		cell.Skipped = p.reason
	case cell.Failed == "":
		cell.Failed = p.reason
	}
}

// plain reports whether the workload has one case without parameters.
func (w *Workload) plain() bool {
	for _, c := range w.Cases {
		if len(c.Params) == 0 {
			return true
		}
	}
	return len(w.Cases) == 0 && (len(w.order) == 0 || w.order[0] == "")
}

// sortCases orders the cases as the header lists them, then as they appeared,
// and the lanes of one case by their size.
func (w *Workload) sortCases() {
	appeared := map[string]int{}
	for i, c := range w.Cases {
		if _, ok := appeared[c.Name()]; !ok {
			appeared[c.Name()] = i
		}
	}
	slices.SortStableFunc(w.Cases, func(a, b *Case) int {
		return cmp.Or(w.rank(a)-w.rank(b), appeared[a.Name()]-appeared[b.Name()], a.Procs-b.Procs)
	})
}

// rank is a case's place in the header's list, after it when it is not there.
func (w *Workload) rank(c *Case) int {
	if i := slices.Index(w.order, c.Name()); i >= 0 {
		return i
	}
	return len(w.order)
}

// attribute says of every result in which block it was measured: a block's
// line closes it. Results after the last such line belong to a block that was
// cut off.
func (run *Run) attribute() {
	if len(run.Blocks) == 0 {
		return
	}
	for _, c := range run.cases() {
		for _, cell := range c.Cells {
			for i := range cell.Results {
				r := &cell.Results[i]
				r.Block, _ = slices.BinarySearchFunc(run.Blocks, r.Line,
					func(b Block, line int) int { return b.line - line })
			}
		}
	}
}

func (run *Run) note(format string, args ...any) {
	if len(run.Notes) < 40 {
		run.Notes = append(run.Notes, fmt.Sprintf(format, args...))
	}
}

func (run *Run) noteOnce(s string) {
	if !slices.Contains(run.Notes, s) {
		run.note("%s", s)
	}
}

// A filter stands between a file and benchfmt's reader. It passes benchmark,
// unit and configuration lines on; it takes the runner's directives and go
// test's failures for itself and leaves an empty line in their place, so that
// line numbers stay true; and it bounds every line.
type filter struct {
	run  *Run
	in   *bufio.Reader
	out  []byte // rest of the line being handed on
	line int    // number of the line last read
	err  error

	bytes  int64
	open   *pending // failure or skip whose reason lines are being read
	long   int      // lines left out for their length
	binary bool     // a NUL was seen
}

// A pending verdict is a "--- FAIL" or "--- SKIP" and its indented reason.
type pending struct {
	failed bool
	name   name
	reason string
}

// Read hands on the file's lines, filtered.
func (f *filter) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		line, state, err := readLine(f.in, maxDirective)
		f.bytes += int64(len(line))
		if err == io.EOF && state == lineNone {
			return 0, io.EOF
		} else if err != nil && err != io.EOF {
			f.err = err
			return 0, err
		}
		f.line++
		f.out = f.pass(line, state)
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

var blank = []byte("\n")

// pass returns what benchfmt shall see of a line.
func (f *filter) pass(line []byte, state lineState) []byte {
	switch {
	case state == linePartial:
		f.run.Truncated = true
		f.run.note("the last line is incomplete and was left out")
		return blank
	case state == lineLong:
		f.long++
		return blank
	}
	if f.open != nil && len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		f.reason(line)
		return blank
	}
	f.close()
	switch {
	case bytes.HasPrefix(line, []byte("#")):
		f.directive(line)
		return blank
	case bytes.HasPrefix(line, []byte("--- FAIL: ")), bytes.HasPrefix(line, []byte("--- SKIP: ")):
		f.openVerdict(string(line))
		return blank
	case len(line) > maxLine:
		f.long++
		return blank
	case bytes.IndexByte(line, 0) >= 0:
		f.binary = true
		return blank
	}
	f.fact(line)
	return append(line, '\n')
}

// directive reads "# switchyard {...}", "# workload {...}" or "# block {...}".
// Any other comment is a comment.
func (f *filter) directive(line []byte) {
	word, body, _ := bytes.Cut(bytes.TrimLeft(line[1:], " "), []byte(" "))
	var err error
	switch string(word) {
	case "switchyard":
		err = json.Unmarshal(body, &f.run.Header)
		for _, m := range f.run.Header.Models[:min(maxModels, len(f.run.Header.Models))] {
			f.run.addModel(m)
		}
	case "workload":
		err = f.workload(body)
	case "block":
		b := Block{line: f.line}
		if err = json.Unmarshal(body, &b); err == nil && len(f.run.Blocks) < maxBlocks {
			b.line = f.line
			f.run.Blocks = append(f.run.Blocks, b)
		}
	}
	if err != nil {
		f.run.note("line %d, a %q line, was left out: %v", f.line, word, err)
	}
}

// workload reads what the runner tells of one workload. The cases are listed
// so that their order, and those without any result, are known.
func (f *filter) workload(body []byte) error {
	var d struct {
		Name   string   `json:"name"`
		Story  string   `json:"story"`
		Op     string   `json:"op"`
		Source string   `json:"source"`
		Vary   []string `json:"vary"`
		Cases  []string `json:"cases"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return err
	}
	if d.Name == "" || len(f.run.Workloads) >= maxCells {
		return errors.New("no name, or too many workloads")
	}
	w := f.run.workload(d.Name)
	w.Story, w.Op, w.Source, w.Vary = d.Story, d.Op, d.Source, d.Vary
	w.order = d.Cases[:min(len(d.Cases), 1000)]
	return nil
}

// openVerdict starts a failure or skip; its reason follows, indented.
func (f *filter) openVerdict(line string) {
	full, _, _ := strings.Cut(line[len("--- FAIL: "):], " ")
	if len(full) <= maxLine {
		n := splitName(strings.TrimPrefix(full, "Benchmark"))
		f.open = &pending{failed: strings.HasPrefix(line, "--- FAIL"), name: n}
	}
}

// reason takes one indented line under a failure or skip.
func (f *filter) reason(line []byte) {
	text := string(bytes.TrimSpace(line))
	if room := maxReason - len(f.open.reason); len(text) > room {
		text = strings.ToValidUTF8(text[:max(room, 0)], "")
	}
	f.open.reason = strings.TrimSpace(f.open.reason + " " + text)
}

// close ends the failure or skip that was being read.
func (f *filter) close() {
	v := f.open
	f.open = nil
	if v == nil || v.name.workload == "" || len(f.run.pending) >= maxCells {
		return
	}
	if v.reason == "" {
		v.reason = "no reason given"
	}
	f.run.workload(v.name.workload)
	if len(f.run.Models) < maxModels {
		f.run.addModel(v.name.model)
	}
	f.run.pending = append(f.run.pending, *v)
}

// fact keeps a "key: value" line, and notes when a key changes its value in
// mid-file: results of two machines are never mixed silently.
func (f *filter) fact(line []byte) {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 || key[0] < 'a' || key[0] > 'z' || bytes.ContainsAny(key, " \tABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return
	}
	k, v := string(key), strings.TrimSpace(string(value))
	for _, have := range f.run.Facts {
		if have.Key == k {
			if have.Value != v && k != "pkg" {
				f.run.noteOnce(fmt.Sprintf("%s changes within the file, from %q to %q: are these results of one machine?", k, have.Value, v))
			}
			return
		}
	}
	if len(f.run.Facts) < maxFacts {
		f.run.Facts = append(f.run.Facts, Fact{k, v})
	}
}

// finish settles what can only be known at the end of the file.
func (f *filter) finish() {
	f.close()
	if f.long > 0 {
		f.run.note("%d lines longer than %d KiB were left out", f.long, maxLine>>10)
	}
	if f.bytes >= maxBytes {
		f.run.note("only the first %d MiB were read", maxBytes>>20)
	}
	f.run.settle()
}

func (f *filter) diagnosis() string {
	switch {
	case f.bytes == 0:
		return "the file is empty"
	case f.binary:
		return "it looks like a binary file"
	case f.run.Truncated && f.line == 1:
		return "its only line is incomplete"
	}
	return fmt.Sprintf("%d lines read, none in Go benchmark format", f.line)
}

// A lineState says how a line ended.
type lineState int

const (
	lineNone    lineState = iota // nothing left
	lineWhole                    // ended with a newline
	linePartial                  // ended with the file
	lineLong                     // longer than the limit; the rest was discarded
)

// readLine reads one line of at most limit bytes, without its line ending, and
// discards the rest of a longer one. It never holds more than limit bytes.
func readLine(in *bufio.Reader, limit int) ([]byte, lineState, error) {
	var line []byte
	state := lineNone
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 && state == lineNone {
			state = linePartial
		}
		if state != lineLong {
			line = append(line, part...)
			if len(line) > limit {
				line, state = nil, lineLong
			}
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == nil && state == linePartial {
			state = lineWhole
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), state, err
	}
}
