package report

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A reader takes a file of results apart, line by line: results, units and
// configuration of the Go benchmark format, what go test says around them, and
// the directives of our runner. What it cannot use it leaves out and counts.
type reader struct {
	run     *Run
	in      *bufio.Reader
	line    int                // number of the line last read
	streams map[string]*stream // by package; "" is the plain file's

	long      int  // lines left out for their length
	malformed int  // benchmark lines that are none
	over      int  // results beyond the limits
	binary    bool // a NUL was seen
}

// A stream is the output of one test program. A plain file is one stream after
// the other; in the output of go test -json they may be interleaved.
type stream struct {
	pkg     string
	part    []byte   // JSON: an output event without its end of line
	open    string   // benchmark whose name was printed and whose result was not
	verdict *pending // failure or skip whose reason lines are being read
	skipped *pending // a result of no iterations; its reason may follow in a log
	before  []string // indented lines since the last other line: -v says reasons first
	verbose bool
	running string   // -v names a benchmark when it begins; "" after its first result
	fail    bool     // FAIL on a line of its own was seen
	failed  int      // failures told of in detail
	tests   []string // tests and examples that failed: the package is named after them
	trouble string   // how the program ended: a panic, a signal, an exit status
}

// A pending verdict is a "--- FAIL" or "--- SKIP" and its indented reason. It is
// settled at the end of the file, when all names are known.
type pending struct {
	failed bool
	exact  bool // the name was printed before it: it ends in the number of CPUs
	pkg    string
	full   string // without "Benchmark"
	reason string
	line   int
}

// maxStreams bounds the packages of one file.
const maxStreams = 1_000

// read reads all lines. Damage within a compressed file is noted: what was
// whole before it counts.
func (r *reader) read() error {
	for {
		line, state, err := readLine(r.in, maxDirective)
		if state != lineNone && (err == nil || err == io.EOF) {
			r.line++
			r.whole(line, state)
		}
		var corrupt flate.CorruptInputError
		switch {
		case err == nil:
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
			r.run.Truncated = true
			r.run.note("the compressed file is damaged after line %d; what comes after was left out", r.line)
			return nil
		default:
			return err
		}
	}
}

// whole takes a line that ended as lines do; others are counted.
func (r *reader) whole(line []byte, state lineState) {
	switch state {
	case linePartial:
		r.run.Truncated = true
		r.run.note("the last line is incomplete and was left out")
		return
	case lineLong:
		r.long++
		return
	}
	if len(line) > 0 && line[0] == '{' && r.event(line) {
		return
	}
	r.take(r.stream(""), line)
}

func (r *reader) stream(pkg string) *stream {
	s := r.streams[pkg]
	if s == nil {
		s = &stream{pkg: pkg}
		r.streams[pkg] = s
	}
	return s
}

// event takes a line of go test -json, and reports whether it was one. Output
// comes in pieces: a benchmark's name first, its result later.
func (r *reader) event(line []byte) bool {
	var e struct{ Action, Package, ImportPath, Output, FailedBuild string }
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		return false
	}
	if e.Action != "output" || len(r.streams) >= maxStreams && r.streams[e.Package] == nil {
		return true
	}
	s := r.stream(e.Package)
	s.part = append(s.part, e.Output...)
	for {
		i := bytes.IndexByte(s.part, '\n')
		if i < 0 {
			break
		}
		r.take(s, bytes.TrimSuffix(s.part[:i], []byte("\r")))
		s.part = s.part[i+1:]
	}
	if len(s.part) > maxDirective {
		r.long++
		s.part = nil
	}
	return true
}

// take takes one line of a stream.
func (r *reader) take(s *stream, line []byte) {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		r.indented(s, line)
		return
	}
	log := bytes.HasPrefix(line, []byte("--- BENCH: ")) // of the result before it
	if skipped := s.skipped; log {
		s.skipped = nil
		defer func() { s.skipped = skipped }()
	}
	r.close(s)
	before := s.before
	s.before = nil
	switch {
	case log:
	case bytes.HasPrefix(line, []byte("#")):
		r.directive(line)
	case len(line) > maxLine:
		r.long++
	case bytes.IndexByte(line, 0) >= 0:
		r.binary = true
	case bytes.HasPrefix(line, []byte("--- ")):
		r.verdict(s, string(line), before)
	case bytes.HasPrefix(line, []byte("=== ")):
		s.verbose = true
	case bytes.HasPrefix(line, []byte("Benchmark")):
		r.benchmark(s, string(line))
		if s.skipped != nil && s.verbose {
			for _, text := range before {
				s.skipped.because([]byte(text))
			}
		}
	case bytes.HasPrefix(line, []byte("Unit")) && r.unit(string(line)):
	case r.ended(s, string(line)):
	case s.open != "" && r.resumed(s, string(line)):
	case s.open != "" && bytes.Contains(line, []byte("--- FAIL: Benchmark"+s.open)):
		r.verdict(s, string(line[bytes.Index(line, []byte("--- FAIL: ")):]), nil)
	case r.midLine(s, string(line)):
	case s.running != "" && logAt(line) > 0: // after something without an end of line
		s.before = append(before, string(line[logAt(line):]))
	default:
		r.fact(s, line)
	}
}

// logAt is where a log's "    file.go:12: text" begins in a line, or -1.
func logAt(line []byte) int {
	at := bytes.Index(line, []byte(".go:"))
	if at < 0 {
		return -1
	}
	return bytes.LastIndex(line[:at], []byte("    "))
}

// indented takes a line that continues something: the reason of a failure,
// a result after what the benchmark printed, a log.
func (r *reader) indented(s *stream, line []byte) {
	switch {
	case s.open != "" && r.resumed(s, string(line)):
	case s.verdict != nil && !s.verbose:
		s.verdict.because(line)
	case len(s.before) < 100 && len(line) <= maxLine:
		s.before = append(s.before, string(line))
	}
	if s.skipped != nil && !s.verbose {
		s.skipped.because(line)
	}
}

// because adds a line to the reason, up to a limit.
func (p *pending) because(line []byte) {
	text := string(bytes.TrimSpace(line))
	if room := maxReason - len(p.reason); len(text) > room {
		text = strings.ToValidUTF8(text[:max(room, 0)], "")
	}
	p.reason = strings.TrimSpace(p.reason + " " + text)
}

// benchmark takes a line that begins with a benchmark's name. go test prints
// the name before it runs the benchmark, and the rest after it: what the
// benchmark itself prints comes between them.
func (r *reader) benchmark(s *stream, line string) {
	full, rest, more := cutField(line[len("Benchmark"):])
	if !more {
		s.verbose, s.running = true, full // go test -v prints the name alone
		return
	}
	s.open = full
	err := r.result(s, rest)
	if err == nil {
		s.open = ""
		return
	}
	if at := strings.Index(rest, "--- FAIL: Benchmark"+full); at >= 0 {
		r.verdict(s, rest[at:], nil)
		return
	}
	if r.resumed(s, rest) || r.ended(s, rest) {
		return
	}
	if !strings.Contains(line, "\t") { // go test puts one after every name
		s.open = ""
		r.malform("line %d was left out: %v", r.line, err)
		return
	}
	if f := strings.Fields(rest); len(f) > 0 && (isCount(f[0]) || len(f) >= 3 && strings.HasSuffix(f[2], "/op")) {
		// A result by its looks: damaged, and not something that was printed.
		s.open = ""
		r.malform("line %d was left out: %v", r.line, err)
	}
}

func isCount(s string) bool { _, err := strconv.Atoi(s); return err == nil }

func (r *reader) malform(format string, args ...any) {
	if r.malformed++; r.malformed <= 3 {
		r.run.note(format, args...)
	}
}

// cutField cuts s after its first field, as the benchmark format separates them.
func cutField(s string) (field, rest string, more bool) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimLeftFunc(s[i:], unicode.IsSpace), true
}

// resumed takes the rest of a result: an iteration count and a tab, after
// whatever else stands in the line.
func (r *reader) resumed(s *stream, line string) bool {
	at := strings.IndexByte(line, '\t')
	if at < 0 {
		return false
	}
	head := strings.TrimRight(line[:at], " ")
	digits := len(head)
	for digits > 0 && head[digits-1] >= '0' && head[digits-1] <= '9' {
		digits--
	}
	if digits == len(head) || r.result(s, head[digits:]+line[at:]) != nil {
		return false
	}
	s.open = ""
	return true
}

// midLine finds a benchmark's name behind something that was printed without
// an end of line. Only what is a whole result or failure counts.
func (r *reader) midLine(s *stream, line string) bool {
	open := s.open
	for at := strings.Index(line, "Benchmark"); at > 0 && !strings.HasSuffix(line[:at], "--- FAIL: "); {
		full, rest, more := cutField(line[at+len("Benchmark"):])
		if !more || full == "" || !strings.Contains(rest, "\t") && !strings.Contains(line[at:], "\t") {
			break
		}
		s.open = full
		if r.result(s, rest) == nil || r.resumed(s, rest) {
			s.open = ""
			return true
		}
		if i := strings.Index(rest, "--- FAIL: Benchmark"+full); i >= 0 {
			r.verdict(s, rest[i:], nil)
			return true
		}
		next := strings.Index(rest, "Benchmark")
		if next < 0 {
			break
		}
		at = len(line) - len(rest) + next
	}
	s.open = open
	return false
}

// result takes iterations and measurements of the open benchmark: pairs of
// number and unit.
func (r *reader) result(s *stream, rest string) error {
	f, rest, _ := cutField(rest)
	if f == "" {
		return errors.New("missing iteration count")
	}
	iters, err := strconv.Atoi(f)
	if err != nil {
		return fmt.Errorf("parsing iteration count: %w", err.(*strconv.NumError).Err)
	}
	res := Result{Line: r.line, Block: -1, Iters: iters}
	for {
		if f, rest, _ = cutField(rest); f == "" {
			break
		}
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return fmt.Errorf("parsing measurement: %w", err.(*strconv.NumError).Err)
		}
		if f, rest, _ = cutField(rest); f == "" {
			return errors.New("missing units")
		}
		if len(res.Values) < maxUnits {
			res.Values = append(res.Values, Value{v, f})
		}
	}
	switch {
	case len(res.Values) == 0:
		return errors.New("missing measurements")
	}
	s.running = ""
	switch {
	case res.skip():
		s.skipped = &pending{exact: true, pkg: s.pkg, full: s.open, line: r.line}
		s.running = s.open // or it has panicked, and the program prints this on its way out
	case r.run.results >= maxResults || !r.run.take(s.pkg, s.open, res):
		r.over++
	}
	return nil
}

// skip reports whether the result is how go test prints a benchmark that was
// skipped after its first iteration.
func (res *Result) skip() bool {
	v, ok := res.Get("ns/op")
	return res.Iters == 0 && ok && !finite(v)
}

// verdict takes "--- FAIL: BenchmarkX", "--- SKIP: BenchmarkX" and the like.
func (r *reader) verdict(s *stream, line string, before []string) {
	word, full, _ := strings.Cut(line[len("--- "):], ": ")
	full, _, _ = strings.Cut(full, " ")
	if word != "FAIL" && word != "SKIP" || len(full) > maxLine {
		return
	}
	v := &pending{failed: word == "FAIL", pkg: s.pkg, line: r.line}
	for _, text := range before {
		if s.verbose {
			v.because([]byte(text))
		}
	}
	var is bool
	if v.full, is = strings.CutPrefix(full, "Benchmark"); !is {
		if v.failed { // a test, an example
			s.tests = append(s.tests, full)
			s.failed++
		}
		return
	}
	v.exact = v.full == s.open
	s.open, s.running = "", ""
	s.failed += btoi(v.failed)
	s.verdict = v
	if s.verbose {
		r.close(s) // its reason stood before it
	}
}

// close ends the failure or skip that was being read.
func (r *reader) close(s *stream) {
	for _, v := range []*pending{s.verdict, s.skipped} {
		if v != nil && v.full != "" && len(r.run.pending) < maxCells {
			r.run.pending = append(r.run.pending, *v)
		}
	}
	s.verdict, s.skipped = nil, nil
}

// crashed reports whether a program's last words are more than the exit status
// that failed tests have.
func crashed(trouble string) bool { return trouble != "" && trouble != "exit status 1" }

// troubles are how a program's last words begin.
var troubles = []string{"panic: ", "fatal error: ", "exit status ", "signal: ", "SIGQUIT: ", "*** Test killed", "runtime: out of memory"}

// ended takes the lines with which a test program, or go test, ends: FAIL, ok,
// a panic. A benchmark that was open then has failed.
func (r *reader) ended(s *stream, line string) bool {
	for _, t := range troubles {
		if strings.HasPrefix(line, t) {
			if s.trouble == "" {
				s.trouble = shorten(line, 300)
			}
			return true
		}
	}
	word, rest, _ := strings.Cut(line, "\t")
	switch strings.TrimRight(word, " ") {
	case "FAIL":
		if rest == "" {
			s.fail = true
			return true
		}
		pkg, how, _ := strings.Cut(rest, " [")
		pkg, _, _ = strings.Cut(pkg, "\t")
		r.fell(s, pkg, strings.TrimSuffix(how, "]"))
	case "ok", "?":
		if rest == "" {
			return false
		}
		r.unfinished(s)
	default:
		return false
	}
	*s = stream{pkg: s.pkg, verbose: s.verbose, part: s.part}
	return true
}

// fell takes the end of a test program that failed. What it failed of has been
// told already, or is told here.
func (r *reader) fell(s *stream, pkg, how string) {
	trouble := s.trouble
	for _, name := range s.tests {
		r.run.broke(pkg, name+" failed")
	}
	s.tests = nil
	switch {
	case how != "":
		trouble = how
	case s.open != "":
		r.died(s, pending{full: s.open, exact: true, reason: trouble})
		return
	case s.running != "" && s.failed == 0 && crashed(trouble):
		r.died(s, pending{full: s.running, reason: trouble})
		return
	case s.failed > 0 && !crashed(trouble):
		return
	case trouble == "":
		trouble = "go test says FAIL, and not why"
	}
	r.run.broke(pkg, trouble)
}

// died takes down the benchmark in which its program ended.
func (r *reader) died(s *stream, p pending) {
	p.failed, p.pkg, p.line = true, s.pkg, r.line
	if p.reason == "" {
		p.reason = "the program ended before the benchmark did"
	}
	if len(r.run.pending) < maxCells {
		r.run.pending = append(r.run.pending, p)
	}
}

// unfinished notes a benchmark whose name was printed and nothing more.
func (r *reader) unfinished(s *stream) {
	if s.open != "" {
		r.run.note("%s was begun and has no result", "Benchmark"+s.open)
		s.open = ""
	}
}

// finish settles what can only be known at the end of the file.
func (r *reader) finish() {
	run := r.run
	if r.malformed > 3 {
		run.note("%s left out", count(r.malformed-3, "more malformed line"))
	}
	for _, pkg := range sortedKeys(r.streams) {
		s := r.streams[pkg]
		r.close(s)
		switch {
		case len(s.tests) > 0, s.trouble != "" && s.open != "":
			r.fell(s, s.pkg, "")
		case s.trouble != "" || s.fail:
			if !slices.ContainsFunc(run.pending, func(p pending) bool { return p.failed }) && len(run.Broken) == 0 {
				r.fell(s, s.pkg, "")
			}
		default:
			r.unfinished(s)
		}
	}
	if r.over > 0 {
		run.note("%s left out: a report judges at most %d cells, %d models and %d results", count(r.over, "result"), maxCells, maxModels, maxResults)
	}
	if r.long > 0 {
		run.note("%s longer than %d KiB left out", count(r.long, "line"), maxLine>>10)
	}
	run.settle()
}

func (r *reader) diagnosis() string {
	switch {
	case r.line == 0:
		return "the file is empty"
	case r.binary:
		return "it looks like a binary file"
	case r.run.Truncated && r.line == 1:
		return "its only line is incomplete"
	}
	return fmt.Sprintf("%s read, none in Go benchmark format", count(r.line, "line"))
}

// directive reads "# switchyard {...}", "# workload {...}" or "# block {...}".
// Any other comment is a comment.
func (r *reader) directive(line []byte) {
	word, body, _ := bytes.Cut(bytes.TrimLeft(line[1:], " "), []byte(" "))
	var err error
	switch string(word) {
	case "switchyard":
		r.run.ours = true
		err = json.Unmarshal(body, &r.run.Header)
		for _, m := range r.run.Header.Models[:min(maxModels, len(r.run.Header.Models))] {
			r.run.addModel(m)
		}
	case "workload":
		err = r.workload(body)
	case "block":
		b := Block{}
		if err = json.Unmarshal(body, &b); err == nil && len(r.run.Blocks) < maxBlocks {
			b.line = r.line
			r.run.Blocks = append(r.run.Blocks, b)
		}
	}
	if err != nil {
		r.run.note("line %d, a %q line, was left out: %v", r.line, word, err)
	}
}

// workload reads what the runner tells of one workload. The cases are listed
// so that their order, and those without any result, are known.
func (r *reader) workload(body []byte) error {
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
	if d.Name == "" || len(r.run.Workloads) >= maxCells {
		return errors.New("no name, or too many workloads")
	}
	w := r.run.workload("", d.Name)
	w.Story, w.Op, w.Source, w.Vary = d.Story, d.Op, d.Source, d.Vary
	w.order = d.Cases[:min(len(d.Cases), 1000)]
	return nil
}

// unit reads "Unit <unit> key=value...", and keeps which way is better.
func (r *reader) unit(line string) bool {
	f := strings.Fields(line)
	if f[0] != "Unit" {
		return false
	}
	for _, kv := range f[min(2, len(f)):] {
		if v, ok := strings.CutPrefix(kv, "better="); ok && len(r.run.better) < maxUnits {
			r.run.better[f[1]] = v
		}
	}
	return true
}

// fact keeps a "key: value" line, and notes when a key changes its value in
// mid-file: results of two machines are never mixed silently.
func (r *reader) fact(s *stream, line []byte) {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 || key[0] < 'a' || key[0] > 'z' || bytes.ContainsAny(key, " \tABCDEFGHIJKLMNOPQRSTUVWXYZ") ||
		len(value) > 0 && value[0] != ' ' && value[0] != '\t' {
		return
	}
	run, k, v := r.run, string(key), strings.TrimSpace(string(value))
	if k == "pkg" {
		s.pkg = v
	}
	for _, have := range run.Facts {
		if have.Key == k {
			if have.Value != v && k != "pkg" {
				run.noteOnce(fmt.Sprintf("%s changes within the file, from %q to %q: are these results of one machine?", k, have.Value, v))
			}
			return
		}
	}
	if len(run.Facts) < maxFacts {
		run.Facts = append(run.Facts, Fact{k, v})
	}
}
