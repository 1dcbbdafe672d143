package benchlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Limits on what one file may make us keep. They are far above any real run;
// beyond them lines are left out, with a note.
const (
	MaxResults = 200_000
	MaxCases   = 5_000
	MaxModels  = 24
	MaxUnits   = 64 // of one result

	maxFacts     = 256
	maxBlocks    = 10_000
	maxReason    = 2_000
	maxNotes     = 40
	maxDirective = 1 << 20
)

var maxLine = 60 << 10 // bytes; tests set it

// A File is what a bench.txt holds, or what go test printed. It is made by
// [Read].
type File struct {
	Plans       int  // lines that hold one; 0: another tool wrote it
	Planned     bool // the first line is one
	Header      Header
	Models      []ModelInfo // none in files from before they were declared
	Workloads   []WorkloadInfo
	Facts       []Fact
	Better      map[string]string // "higher" or "lower", by unit
	Like        *Like             // nil if there is none
	Calibration *Calibration      // nil if there is none
	Blocks      []BlockNote       // finished ones, as [JudgeBlocks] has judged them
	OpenBlock   BlockStart        // the unfinished one, if its Block is not 0
	Results     []Result
	Verdicts    []Verdict
	Broken      []string // packages that failed as a whole, and why
	Notes       []string // what reading had to say
	Damaged     []Damage // records of ours that cannot be read
	Truncated   bool     // it ends in the midst of a line
	Binary      bool     // it has a NUL
	Lines       int
	Over        int  // results beyond MaxResults
	Long        int  // lines left out for their length
	Full        bool // something was left out because of a limit
}

// A Damage is a record that carries JSON and cannot be read.
type Damage struct {
	What string // "a workload"
	Err  error
}

// Ours reports whether our runner wrote the file: names and units are in its
// grammar.
func (f *File) Ours() bool { return f.Plans > 0 }

// Fact returns the value of a fact, or "".
func (f *File) Fact(key string) string {
	for _, fact := range f.Facts {
		if fact.Key == key {
			return fact.Value
		}
	}
	return ""
}

// Note adds to what reading had to say, once.
func (f *File) Note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); len(f.Notes) < maxNotes && !slices.Contains(f.Notes, s) {
		f.Notes = append(f.Notes, s)
	}
}

// broke keeps why a package failed as a whole.
func (f *File) broke(pkg, why string) {
	if pkg == "" {
		pkg = "the package"
	}
	if len(f.Broken) < maxFacts {
		f.Broken = append(f.Broken, pkg+": "+why)
	}
}

// Read reads benchmark results: Go benchmark format, as go test prints it or
// as go test -json does, with or without our own records. What it cannot use it
// leaves out, with a note. The error is one of r; [io.ErrUnexpectedEOF] of a
// decompressor is a note too: what was whole before the damage counts.
func Read(r io.Reader) (*File, error) {
	d := &reader{
		file:    &File{Better: map[string]string{}},
		in:      bufio.NewReaderSize(r, 64<<10),
		streams: map[string]*stream{},
	}
	if err := d.read(); err != nil {
		return nil, err
	}
	d.finish()
	return d.file, nil
}

// A reader takes a file of results apart, line by line: results, units and
// configuration of the Go benchmark format, what go test says around them, and
// the records of our runner.
type reader struct {
	file      *File
	in        *bufio.Reader
	streams   map[string]*stream // by package; "" is the plain file's
	malformed int                // benchmark lines that are none
}

// read reads all lines.
func (r *reader) read() error {
	for {
		line, state, err := readLine(r.in, maxDirective)
		if state != lineNone && (err == nil || err == io.EOF) {
			r.file.Lines++
			r.whole(line, state)
		}
		switch {
		case err == nil:
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			r.file.Truncated = true
			r.file.Note("the compressed file is damaged after line %d; what comes after was left out", r.file.Lines)
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
		r.file.Truncated = true
		r.file.Note("the last line is incomplete and was left out")
		return
	case lineLong:
		r.file.Long++
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

// finish settles what can only be known at the end of the file.
func (r *reader) finish() {
	f := r.file
	JudgeBlocks(f.Blocks)
	if r.malformed > maxMalformed {
		f.Note("%s left out", count(r.malformed-maxMalformed, "more malformed line"))
	}
	for _, pkg := range slices.Sorted(maps.Keys(r.streams)) {
		s := r.streams[pkg]
		r.close(s)
		switch {
		case len(s.tests) > 0, s.trouble != "" && s.open != "":
			r.fell(s, s.pkg, "")
		case s.trouble != "" || s.fail:
			if !slices.ContainsFunc(f.Verdicts, func(v Verdict) bool { return v.Failed }) && len(f.Broken) == 0 {
				r.fell(s, s.pkg, "")
			}
		default:
			r.unfinished(s)
		}
	}
	if f.Long > 0 {
		f.Full = true
		f.Note("%s longer than %d KiB left out", count(f.Long, "line"), maxLine>>10)
	}
}

// maxMalformed bounds the notes about benchmark lines that are none.
const maxMalformed = 3

func (r *reader) malform(err error) {
	if r.malformed++; r.malformed <= maxMalformed {
		r.file.Note("line %d was left out: %v", r.file.Lines, err)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// directive reads one of our records. Any other comment is a comment.
func (r *reader) directive(line []byte) {
	word, body, _ := bytes.Cut(bytes.TrimLeft(line[1:], " "), []byte(" "))
	f := r.file
	var err error
	what := ""
	switch string(word) {
	case headerWord:
		what = "its plan"
		f.Plans++
		f.Planned = f.Planned || f.Lines == 1
		err = json.Unmarshal(body, &f.Header)
	case modelWord:
		what = "a model"
		err = f.model(body)
	case workloadWord:
		what = "a workload"
		err = f.workload(body)
	case likeWord:
		what = "the earlier run"
		f.Like = new(Like)
		if err = json.Unmarshal(body, f.Like); err != nil {
			f.Like = nil
		}
	case calibrateWord:
		what = "the calibration"
		f.Calibration = new(Calibration)
		err = json.Unmarshal(body, f.Calibration)
	case beginWord:
		what = "a block"
		f.OpenBlock = BlockStart{}
		err = json.Unmarshal(body, &f.OpenBlock)
		f.OpenBlock.Session = max(f.OpenBlock.Session, 1)
	case blockWord:
		what = "a block"
		var b BlockNote
		if err = json.Unmarshal(body, &b); err == nil && room(f, f.Blocks, maxBlocks) {
			b.Session = max(b.Session, 1)
			f.Blocks = append(f.Blocks, b)
		}
		f.OpenBlock = BlockStart{}
	}
	if err == nil {
		return
	}
	f.Note("line %d, a %q line, was left out: %v", f.Lines, word, err)
	if len(f.Damaged) < maxNotes {
		f.Damaged = append(f.Damaged, Damage{what, err})
	}
}

// room reports whether one more fits into a list of the file.
func room[T any](f *File, list []T, limit int) bool {
	f.Full = f.Full || len(list) >= limit
	return len(list) < limit
}

// record appends one to a list of the file.
func record[T any](f *File, list *[]T, limit int, body []byte, what string, name func(*T) string) error {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	if name(&v) == "" || !room(f, *list, limit) {
		return errors.New("no name, or too many " + what)
	}
	*list = append(*list, v)
	return nil
}

func (f *File) model(body []byte) error {
	return record(f, &f.Models, MaxModels, body, "models", func(m *ModelInfo) string { return string(m.Name) })
}

func (f *File) workload(body []byte) error {
	return record(f, &f.Workloads, MaxCases, body, "workloads", func(w *WorkloadInfo) string { return w.Name })
}

// unit reads "Unit <unit> key=value...", and keeps which way is better.
func (r *reader) unit(line string) bool {
	f := strings.Fields(line)
	if f[0] != "Unit" {
		return false
	}
	for _, kv := range f[min(2, len(f)):] {
		if v, ok := strings.CutPrefix(kv, "better="); ok && len(r.file.Better) < MaxUnits {
			r.file.Better[f[1]] = v
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
	f, k, v := r.file, string(key), strings.TrimSpace(string(value))
	if k == "pkg" {
		s.pkg = v
	}
	for _, have := range f.Facts {
		if have.Key == k {
			if have.Value != v && k != "pkg" {
				f.Note("%s changes within the file, from %q to %q: are these results of one machine?", k, have.Value, v)
			}
			return
		}
	}
	if len(f.Facts) < maxFacts {
		f.Facts = append(f.Facts, Fact{k, v})
	}
}
