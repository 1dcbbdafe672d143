package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Names of the files in a results directory.
const (
	BenchFile   = "bench.txt"
	LatencyFile = "latency.hlog"
)

// A Header is the plan of a run. It stands in the first line of bench.txt, so
// that an interrupted run can be resumed and any run repeated.
type Header struct {
	Format    int           `json:"format"`
	Started   time.Time     `json:"run"`
	Command   string        `json:"command"`
	Seed      uint64        `json:"seed"`
	Count     int           `json:"count"`
	Benchtime time.Duration `json:"benchtime_ns"`
	Budget    time.Duration `json:"budget_ns"`
	CPUs      string        `json:"cpus"`  // the CPU set, "0-1"
	Lanes     []int         `json:"lanes"` // sizes of CPU set measured
	Models    []Model       `json:"models"`
}

// A BlockStart stands before each block's results.
type BlockStart struct {
	Block   int `json:"block"`
	Attempt int `json:"attempt"` // above 1: the block was disturbed and is run again
}

// A BlockNote stands after each block's results.
type BlockNote struct {
	BlockStart
	Benchtime  time.Duration `json:"benchtime_ns"`   // per result, after a cut to fit the budget
	Canary     []int64       `json:"canary_ns"`      // before and after
	CanaryBase int64         `json:"canary_base_ns"` // quietest so far
	Steal      float64       `json:"steal_pct"`
	Load1      float64       `json:"load1"`
	Disturbed  bool          `json:"disturbed"`
}

const headerFormat = 1

// prefixes of the lines that carry JSON. Readers of the benchmark format skip
// lines that begin with '#'.
const (
	headerPrefix   = "# switchyard "
	workloadPrefix = "# workload "
	beginPrefix    = "# begin "
	blockPrefix    = "# block "
)

// A Log appends to the files of a results directory. Every result is on disk
// before the next is measured.
type Log struct {
	bench, latency *os.File
	started        time.Time
}

// CreateLog begins a new results directory. It refuses to touch one that has
// results already.
func CreateLog(dir string, h Header, facts []Fact, workloads []WorkloadInfo) (*Log, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the results directory: %w", err)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	b, err := os.OpenFile(filepath.Join(dir, BenchFile), flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s has results already: resume them, or choose another directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("create the results: %w", err)
	}
	l, err := os.OpenFile(filepath.Join(dir, LatencyFile), flags&^os.O_EXCL|os.O_TRUNC, 0o644)
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("create the latency log: %w", err)
	}
	log := &Log{bench: b, latency: l, started: h.Started}
	if err := log.header(h, facts, workloads); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

func (l *Log) header(h Header, facts []Fact, workloads []WorkloadInfo) error {
	var text bytes.Buffer
	if err := noteTo(&text, headerPrefix, h); err != nil {
		return err
	}
	for _, w := range workloads {
		if err := noteTo(&text, workloadPrefix, w); err != nil {
			return err
		}
	}
	for _, f := range facts {
		fmt.Fprintf(&text, "%s: %s\n", f.Key, f.Value)
	}
	text.WriteString(ResultUnits)
	if err := writeAll(l.bench, text.Bytes()); err != nil {
		return err
	}
	start := float64(h.Started.UnixMilli()) / 1000
	return writeAll(l.latency, fmt.Appendf(nil,
		"#[Histogram log format version 1.3]\n"+
			"#[StartTime: %.3f (seconds since epoch), %s]\n"+
			"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
		start, h.Started.UTC().Format(time.RFC3339)))
}

func noteTo(text *bytes.Buffer, prefix string, v any) error {
	j, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintf(text, "%s%s\n", prefix, j)
	return nil
}

// writeAll writes in one call, so that only a full disk or a kill can leave
// half a line.
func writeAll(f *os.File, text []byte) error {
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

func (l *Log) note(prefix string, v any) error {
	var text bytes.Buffer
	if err := noteTo(&text, prefix, v); err != nil {
		return err
	}
	return writeAll(l.bench, text.Bytes())
}

// Result appends one result. began is when its runner was started.
func (l *Log) Result(c Case, out Output, began time.Time, took time.Duration, maxMs float64) error {
	if out.Latency != "" {
		line := fmt.Appendf(nil, "Tag=%s,%.3f,%.3f,%.3f,%s\n",
			c, began.Sub(l.started).Seconds(), took.Seconds(), maxMs, out.Latency)
		if err := writeAll(l.latency, line); err != nil {
			return err
		}
	}
	return writeAll(l.bench, []byte(out.Line+"\n"))
}

// Fail appends a failed case, in the shape of go test.
func (l *Log) Fail(c Case, where string, err error) error {
	return writeAll(l.bench, fmt.Appendf(nil, "--- FAIL: Benchmark%s\n    %s: %s\n", c, where, indent(err.Error())))
}

// Skip appends a case, or a whole workload and model, that cannot be measured.
func (l *Log) Skip(c Case, reason string) error {
	return writeAll(l.bench, fmt.Appendf(nil, "--- SKIP: Benchmark%s\n    %s\n", c, indent(reason)))
}

// indent keeps a reason inside its entry: later lines stay indented, and a
// long one (a stack) is cut.
func indent(s string) string {
	const most = 4000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// Close closes the files.
func (l *Log) Close() error { return errors.Join(l.bench.Close(), l.latency.Close()) }

// A Past is what an interrupted run left in bench.txt.
type Past struct {
	Header    Header
	Facts     []Fact
	Workloads []string            // names, in report order
	Cases     map[string]PastCase // by Case.String
	Blocks    []BlockNote         // finished blocks
	current   map[string]struct{} // results of the unfinished block
	begun     BlockStart          // the unfinished block, if its Block is not 0
	N         int                 // results in all
}

// A PastCase is what is known of a case.
type PastCase struct {
	N       int           // ops, as calibrated
	Op      time.Duration // length of an op in the last result
	Results int
	Failed  bool // not to be run again
	Void    bool // not to be run again
}

// OpenLog continues the results directory of an interrupted run. An incomplete
// last line is cut off.
func OpenLog(dir string) (*Log, *Past, error) {
	name := filepath.Join(dir, BenchFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("nothing to resume: %w", err)
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	past, err := readPast(string(text[:whole]))
	if err != nil {
		return nil, nil, fmt.Errorf("%s cannot be resumed: %w", name, err)
	}
	b, err := openAt(name, int64(whole))
	if err != nil {
		return nil, nil, err
	}
	lname := filepath.Join(dir, LatencyFile)
	ltext, err := os.ReadFile(lname)
	if err != nil {
		b.Close()
		return nil, nil, fmt.Errorf("%s cannot be resumed: %w", dir, err)
	}
	l, err := openAt(lname, int64(bytes.LastIndexByte(ltext, '\n')+1))
	if err != nil {
		b.Close()
		return nil, nil, err
	}
	return &Log{bench: b, latency: l, started: past.Header.Started}, past, nil
}

func openAt(name string, size int64) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readPast reads the whole lines of a bench.txt.
func readPast(text string) (*Past, error) {
	p := &Past{Cases: make(map[string]PastCase), current: make(map[string]struct{})}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, headerPrefix):
			if err := json.Unmarshal([]byte(line[len(headerPrefix):]), &p.Header); err != nil {
				return nil, fmt.Errorf("its plan is unreadable: %w", err)
			}
		case strings.HasPrefix(line, workloadPrefix):
			var w WorkloadInfo
			if err := json.Unmarshal([]byte(line[len(workloadPrefix):]), &w); err != nil {
				return nil, fmt.Errorf("a workload is unreadable: %w", err)
			}
			p.Workloads = append(p.Workloads, w.Name)
		case strings.HasPrefix(line, beginPrefix):
			if err := json.Unmarshal([]byte(line[len(beginPrefix):]), &p.begun); err != nil {
				return nil, fmt.Errorf("a block is unreadable: %w", err)
			}
		case strings.HasPrefix(line, blockPrefix):
			var b BlockNote
			if err := json.Unmarshal([]byte(line[len(blockPrefix):]), &b); err != nil {
				return nil, fmt.Errorf("a block is unreadable: %w", err)
			}
			p.Blocks = append(p.Blocks, b)
			p.begun = BlockStart{}
			clear(p.current)
		case strings.HasPrefix(line, "--- FAIL: Benchmark"), strings.HasPrefix(line, "--- SKIP: Benchmark"):
			name := line[len("--- FAIL: Benchmark"):]
			c := p.Cases[name]
			c.Failed = c.Failed || line[4] == 'F'
			c.Void = c.Void || line[4] == 'S'
			p.Cases[name] = c
		case strings.HasPrefix(line, "Benchmark"):
			p.result(strings.Fields(line))
		default:
			if k, v, ok := strings.Cut(line, ": "); ok && !strings.ContainsAny(k, "# ") {
				p.Facts = append(p.Facts, Fact{k, v})
			}
		}
	}
	switch h := p.Header; {
	case h.Format == 0:
		return nil, errors.New("it has no plan in its first line")
	case h.Format != headerFormat:
		return nil, fmt.Errorf("its format is %d, and this program writes %d", h.Format, headerFormat)
	case h.Count < 1 || h.Benchtime <= 0 || len(h.Lanes) == 0:
		return nil, errors.New("its plan is not complete")
	}
	return p, nil
}

func (p *Past) result(fields []string) {
	if len(fields) < 4 {
		return
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	n, err1 := strconv.Atoi(fields[1])
	ns, err2 := strconv.ParseFloat(fields[2], 64)
	if err1 != nil || err2 != nil || fields[3] != "ns/op" {
		return
	}
	c := p.Cases[name]
	c.N, c.Op = n, time.Duration(ns)
	c.Results++
	p.Cases[name] = c
	p.current[name] = struct{}{}
	p.N++
}

// Fact returns the value of a configuration line, or "".
func (p *Past) Fact(key string) string {
	for _, f := range p.Facts {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}
