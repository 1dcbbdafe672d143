package benchlog

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// A stream is the output of one test program. A plain file is one stream after
// the other; in the output of go test -json they may be interleaved.
type stream struct {
	pkg     string
	part    []byte   // JSON: an output event without its end of line
	open    string   // benchmark whose name was printed and whose result was not
	verdict *Verdict // failure or skip whose reason lines are being read
	skipped *Verdict // a result of no iterations; its reason may follow in a log
	before  []string // indented lines since the last other line: -v says reasons first
	verbose bool
	running string   // -v names a benchmark when it begins; "" after its first result
	fail    bool     // FAIL on a line of its own was seen
	failed  int      // failures told of in detail
	tests   []string // tests and examples that failed: the package is named after them
	trouble string   // how the program ended: a panic, a signal, an exit status
}

// maxStreams bounds the packages of one file.
const maxStreams = 1_000

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
		r.file.Long++
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
		r.file.Long++
	case bytes.IndexByte(line, 0) >= 0:
		r.file.Binary = true
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
func (v *Verdict) because(line []byte) {
	text := cut(string(bytes.TrimSpace(line)), max(maxReason-len(v.Reason), 0))
	v.Reason = strings.TrimSpace(v.Reason + " " + text)
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
		r.malform(err)
		return
	}
	if f := strings.Fields(rest); len(f) > 0 && (isCount(f[0]) || len(f) >= 3 && strings.HasSuffix(f[2], "/op")) {
		// A result by its looks: damaged, and not something that was printed.
		s.open = ""
		r.malform(err)
	}
}

func isCount(s string) bool { _, err := strconv.Atoi(s); return err == nil }

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

// result takes iterations and measurements of the open benchmark.
func (r *reader) result(s *stream, rest string) error {
	f := r.file
	res := Result{Name: s.open, Pkg: s.pkg, Line: f.Lines, Block: len(f.Blocks), Ours: f.Ours()}
	var err error
	if res.Iters, res.Values, err = parseValues(rest); err != nil {
		return err
	}
	s.running = ""
	switch {
	case res.skip():
		s.skipped = &Verdict{Exact: true, Pkg: s.pkg, Name: s.open, Line: f.Lines}
		s.running = s.open // or it has panicked, and the program prints this on its way out
	case !room(f, f.Results, MaxResults):
		f.Over++
	default:
		f.Results = append(f.Results, res)
	}
	return nil
}

// skip reports whether the result is how go test prints a benchmark that was
// skipped after its first iteration.
func (r *Result) skip() bool {
	v, ok := r.Get("ns/op")
	return r.Iters == 0 && ok && (math.IsNaN(v) || math.IsInf(v, 0))
}

// verdict takes "--- FAIL: BenchmarkX", "--- SKIP: BenchmarkX" and the like.
func (r *reader) verdict(s *stream, line string, before []string) {
	word, full, _ := strings.Cut(line[len("--- "):], ": ")
	full, _, _ = strings.Cut(full, " ")
	if word != "FAIL" && word != "SKIP" || len(full) > maxLine {
		return
	}
	v := &Verdict{Failed: word == "FAIL", Pkg: s.pkg, Line: r.file.Lines}
	for _, text := range before {
		if s.verbose {
			v.because([]byte(text))
		}
	}
	var is bool
	if v.Name, is = strings.CutPrefix(full, "Benchmark"); !is {
		if v.Failed { // a test, an example
			s.tests = append(s.tests, full)
			s.failed++
		}
		return
	}
	v.Exact = v.Name == s.open
	s.open, s.running = "", ""
	if v.Failed {
		s.failed++
	}
	s.verdict = v
	if s.verbose {
		r.close(s) // its reason stood before it
	}
}

// close ends the failure or skip that was being read.
func (r *reader) close(s *stream) {
	for _, v := range []*Verdict{s.verdict, s.skipped} {
		if v != nil && v.Name != "" {
			r.settle(*v)
		}
	}
	s.verdict, s.skipped = nil, nil
}

func (r *reader) settle(v Verdict) {
	if room(r.file, r.file.Verdicts, MaxCases) {
		r.file.Verdicts = append(r.file.Verdicts, v)
	}
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
				s.trouble = cut(line, 300)
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
		r.file.broke(pkg, name+" failed")
	}
	s.tests = nil
	switch {
	case how != "":
		trouble = how
	case s.open != "":
		r.died(s, Verdict{Name: s.open, Exact: true, Reason: trouble})
		return
	case s.running != "" && s.failed == 0 && crashed(trouble):
		r.died(s, Verdict{Name: s.running, Reason: trouble})
		return
	case s.failed > 0 && !crashed(trouble):
		return
	case trouble == "":
		trouble = "go test says FAIL, and not why"
	}
	r.file.broke(pkg, trouble)
}

// died takes down the benchmark in which its program ended.
func (r *reader) died(s *stream, v Verdict) {
	v.Failed, v.Pkg, v.Line = true, s.pkg, r.file.Lines
	if v.Reason == "" {
		v.Reason = "the program ended before the benchmark did"
	}
	r.settle(v)
}

// unfinished notes a benchmark whose name was printed and nothing more.
func (r *reader) unfinished(s *stream) {
	if s.open != "" {
		r.file.Note("%s was begun and has no result", "Benchmark"+s.open)
		s.open = ""
	}
}

// cut cuts a text after n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
