package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/bench/output"
)

// Names of the files in a results directory.
const (
	BenchFile   = "bench.txt"
	LatencyFile = "latency.hlog"
	ReportFile  = "report.html"
)

// A Header is the plan of a run. It stands in the first line of bench.txt, so
// that an interrupted run can be resumed and any run repeated: whatever decides
// what is measured, and for how long, is in it.
type Header struct {
	Format    int           `json:"format"`
	Started   time.Time     `json:"run"`
	Command   string        `json:"command"`
	Seed      uint64        `json:"seed"`
	Count     int           `json:"count"`
	Benchtime time.Duration `json:"benchtime_ns"`
	Budget    time.Duration `json:"budget_ns"`
	Deadline  time.Duration `json:"deadline_ns"`
	Repeats   int           `json:"repeats"`
	CPUs      string        `json:"cpus"`  // the CPU set, "0-1"
	Lanes     []int         `json:"lanes"` // sizes of CPU set measured
	Models    []Model       `json:"models"`
}

// A Calibration stands before the first block: what the calibrating pass found.
// The rest of the run, resumed or not, goes by it.
type Calibration struct {
	Benchtime time.Duration    `json:"benchtime_ns"` // per result, after a cut to fit the budget
	Spent     time.Duration    `json:"spent_ns"`     // of the budget
	Cases     []CalibratedCase `json:"cases"`
}

// A CalibratedCase is what the calibrating pass found of one case.
type CalibratedCase struct {
	Case     string        `json:"case"`
	N        int           `json:"n"`           // ops a result takes
	Op       time.Duration `json:"op_ns"`       // length of one
	Overhead time.Duration `json:"overhead_ns"` // of a runner call, besides the ops
}

// A BlockStart stands before each block's results.
type BlockStart struct {
	Block   int `json:"block"`
	Attempt int `json:"attempt"` // above 1: the block was disturbed and is run again

	Spent time.Duration `json:"spent_ns,omitempty"` // of the budget so far
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
	headerPrefix    = "# switchyard "
	workloadPrefix  = "# workload "
	calibratePrefix = "# calibrated "
	beginPrefix     = "# begin "
	blockPrefix     = "# block "
)

// A Log appends to the files of a results directory, which it owns. Every
// result is in its file before the next is measured, and in memory too: what a
// run reports at its end is what it measured, whatever became of the files.
type Log struct {
	owner          *output.Owner
	bench, latency *os.File
	benchText      bytes.Buffer
	latencyText    bytes.Buffer
	started        time.Time
}

// SetAside moves the results that are in the way of a new run, and nothing
// else, into a new directory inside dir. It returns that directory and the
// names of what it moved. The error wraps an [output.OwnedError] while another
// process writes to dir.
func SetAside(dir string) (aside string, moved []string, err error) {
	owner, err := output.Own(dir)
	if err != nil {
		return "", nil, err
	}
	defer owner.Release()
	return output.SetAside(dir, BenchFile, LatencyFile, ReportFile)
}

// CreateLog begins the results of a new run in dir. It refuses to touch a
// directory that has results already, or that another process writes to.
func CreateLog(dir string, h Header, facts []Fact, workloads []WorkloadInfo) (*Log, error) {
	owner, err := output.Own(dir)
	if err != nil {
		return nil, err
	}
	log := &Log{owner: owner, started: h.Started}
	if err := log.create(dir, h, facts, workloads); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// create makes both files, bench.txt last: where that is, the run can be
// resumed.
func (l *Log) create(dir string, h Header, facts []Fact, workloads []WorkloadInfo) error {
	if err := header(&l.benchText, h, facts, workloads); err != nil {
		return err
	}
	fmt.Fprintf(&l.latencyText, "#[Histogram log format version 1.3]\n"+
		"#[StartTime: %.3f (seconds since epoch), %s]\n"+
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
		float64(h.Started.UnixMilli())/1000, h.Started.UTC().Format(time.RFC3339))
	for _, f := range []struct {
		open **os.File
		name string
		text []byte
	}{{&l.latency, LatencyFile, l.latencyText.Bytes()}, {&l.bench, BenchFile, l.benchText.Bytes()}} {
		var err error
		*f.open, err = output.Create(filepath.Join(dir, f.name), f.text)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s has results already: resume them, or choose another directory", dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// header writes what stands before the results.
func header(text *bytes.Buffer, h Header, facts []Fact, workloads []WorkloadInfo) error {
	if err := noteTo(text, headerPrefix, h); err != nil {
		return err
	}
	for _, w := range workloads {
		if err := noteTo(text, workloadPrefix, w); err != nil {
			return err
		}
	}
	for _, f := range facts {
		fmt.Fprintf(text, "%s: %s\n", f.Key, f.Value)
	}
	text.WriteString(ResultUnits)
	return nil
}

func noteTo(text *bytes.Buffer, prefix string, v any) error {
	j, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintf(text, "%s%s\n", prefix, j)
	return nil
}

// appendTo writes in one call, so that only a full disk or a kill can leave half
// a line.
func appendTo(f *os.File, memory *bytes.Buffer, text []byte) error {
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	memory.Write(text)
	return nil
}

func (l *Log) write(text []byte) error { return appendTo(l.bench, &l.benchText, text) }

func (l *Log) note(prefix string, v any) error {
	var text bytes.Buffer
	if err := noteTo(&text, prefix, v); err != nil {
		return err
	}
	return l.write(text.Bytes())
}

// Result appends one result. began is when its runner was started.
func (l *Log) Result(c Case, out Output, began time.Time, took time.Duration, maxMs float64) error {
	if out.Latency != "" {
		line := fmt.Appendf(nil, "Tag=%s,%.3f,%.3f,%.3f,%s\n",
			c, began.Sub(l.started).Seconds(), took.Seconds(), maxMs, out.Latency)
		if err := appendTo(l.latency, &l.latencyText, line); err != nil {
			return err
		}
	}
	return l.write([]byte(out.Line + "\n"))
}

// Fail appends a failed case, in the shape of go test.
func (l *Log) Fail(c Case, where string, err error) error {
	return l.write(fmt.Appendf(nil, "--- FAIL: Benchmark%s\n    %s: %s\n", c, where, indent(err.Error())))
}

// Skip appends a case, or a whole workload and model, that cannot be measured.
func (l *Log) Skip(c Case, reason string) error {
	return l.write(fmt.Appendf(nil, "--- SKIP: Benchmark%s\n    %s\n", c, indent(reason)))
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

// Texts returns what bench.txt and latency.hlog hold, as they were written by
// this run and the part of it that was resumed. They must not be changed.
func (l *Log) Texts() (bench, latency []byte) { return l.benchText.Bytes(), l.latencyText.Bytes() }

// Close closes the files and gives the directory up.
func (l *Log) Close() error {
	var errs []error
	for _, f := range []*os.File{l.bench, l.latency} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	l.owner.Release()
	return errors.Join(errs...)
}

// A Past is what an interrupted run left in bench.txt.
type Past struct {
	Header      Header
	Facts       []Fact
	Workloads   []WorkloadInfo      // in report order
	Cases       map[string]PastCase // by Case.String
	Calibration *Calibration        // nil if the run did not get that far
	Blocks      []BlockNote         // finished blocks
	N           int                 // results in all
	current     map[string]struct{} // results of the unfinished block
	begun       BlockStart          // the unfinished block, if its Block is not 0
}

// A PastCase is what became of a case.
type PastCase struct {
	Results int
	Failed  bool // not to be run again
	Void    bool // not to be run again
}

// OpenLog continues the results directory of an interrupted run, and becomes
// its owner. What a kill left half written is cut off.
func OpenLog(dir string) (*Log, *Past, error) {
	name := filepath.Join(dir, BenchFile)
	if _, err := os.Stat(name); err != nil { // before a directory is made for a lock
		return nil, nil, fmt.Errorf("nothing to resume: %w", err)
	}
	owner, err := output.Own(dir)
	if err != nil {
		return nil, nil, err
	}
	log := &Log{owner: owner}
	past, err := log.open(dir)
	if err != nil {
		log.Close()
		return nil, nil, fmt.Errorf("%s cannot be resumed: %w", name, err)
	}
	return log, past, nil
}

// open reads both files and opens them where they are whole.
func (l *Log) open(dir string) (*Past, error) {
	bench, err := wholeLines(filepath.Join(dir, BenchFile))
	if err != nil {
		return nil, err
	}
	past, err := readPast(string(bench))
	if err != nil {
		return nil, err
	}
	latency, err := wholeLines(filepath.Join(dir, LatencyFile))
	if err != nil {
		return nil, err
	}
	latency = latency[:past.paired(latency)]
	l.started = past.Header.Started
	l.benchText.Write(bench)
	l.latencyText.Write(latency)
	if l.bench, err = output.Append(filepath.Join(dir, BenchFile), int64(len(bench))); err != nil {
		return nil, err
	}
	l.latency, err = output.Append(filepath.Join(dir, LatencyFile), int64(len(latency)))
	return past, err
}

// wholeLines reads a file without an incomplete last line.
func wholeLines(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	return text[:bytes.LastIndexByte(text, '\n')+1], err
}

// paired returns the length of a latency log without its last histogram if the
// run was killed between writing that and its result, which will be measured
// again.
func (p *Past) paired(latency []byte) int {
	last := bytes.LastIndexByte(bytes.TrimSuffix(latency, []byte("\n")), '\n') + 1
	tag, _, _ := bytes.Cut(latency[last:], []byte(","))
	name, ok := bytes.CutPrefix(tag, []byte("Tag="))
	if !ok {
		return len(latency)
	}
	histograms := bytes.Count(latency, fmt.Appendf(nil, "\nTag=%s,", name))
	if histograms > p.Cases[string(name)].Results {
		return last
	}
	return len(latency)
}

// readPast reads the whole lines of a bench.txt.
func readPast(text string) (*Past, error) {
	p := &Past{Cases: make(map[string]PastCase), current: make(map[string]struct{})}
	plans := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, headerPrefix):
			plans++
			if err := json.Unmarshal([]byte(line[len(headerPrefix):]), &p.Header); err != nil {
				return nil, fmt.Errorf("its plan is unreadable: %w", err)
			}
		case strings.HasPrefix(line, workloadPrefix):
			var w WorkloadInfo
			if err := json.Unmarshal([]byte(line[len(workloadPrefix):]), &w); err != nil {
				return nil, fmt.Errorf("a workload is unreadable: %w", err)
			}
			p.Workloads = append(p.Workloads, w)
		case strings.HasPrefix(line, calibratePrefix):
			p.Calibration = new(Calibration)
			if err := json.Unmarshal([]byte(line[len(calibratePrefix):]), p.Calibration); err != nil {
				return nil, fmt.Errorf("the calibration is unreadable: %w", err)
			}
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
			p.result(line)
		default:
			if k, v, ok := strings.Cut(line, ": "); ok && !strings.ContainsAny(k, "# ") {
				p.Facts = append(p.Facts, Fact{k, v})
			}
		}
	}
	switch {
	case !strings.HasPrefix(text, headerPrefix):
		return nil, errors.New("it has no plan in its first line")
	case plans > 1:
		return nil, fmt.Errorf("it holds %d runs", plans)
	}
	return p, p.check()
}

// check reports why what was read is not the beginning of a run.
func (p *Past) check() error {
	h := p.Header
	unknown := func(m Model) bool { return !slices.Contains(Models(), m) }
	switch {
	case h.Format != headerFormat:
		return fmt.Errorf("its format is %d, and this program writes %d", h.Format, headerFormat)
	case h.Count < 1 || h.Benchtime <= 0 || h.Deadline <= 0 || h.Budget < 0 || h.Repeats < 0,
		len(h.Lanes) == 0 || slices.Min(h.Lanes) < 1,
		len(h.Models) == 0 || slices.ContainsFunc(h.Models, unknown),
		len(p.Workloads) == 0:
		return errors.New("its plan is not complete")
	case p.Calibration == nil:
		if p.N > 0 || len(p.Blocks) > 0 || p.begun.Block > 0 {
			return errors.New("it has results, but not the calibration that they go by")
		}
		return nil
	case p.Calibration.Benchtime <= 0:
		return errors.New("its calibration is not complete")
	}
	for _, c := range p.Calibration.Cases {
		if c.N < 1 || c.Op < 0 || c.Overhead < 0 {
			return fmt.Errorf("its calibration of %s is not complete", c.Case)
		}
	}
	return nil
}

// result counts a result line of our own shape.
func (p *Past) result(line string) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != "ns/op" {
		return
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	c := p.Cases[name]
	c.Results++
	p.Cases[name] = c
	p.current[name] = struct{}{}
	p.N++
}

// spent returns how much of the budget the run had used when it last said.
func (p *Past) spent() (spent time.Duration) {
	if p.Calibration != nil {
		spent = p.Calibration.Spent
	}
	for _, b := range p.Blocks {
		spent = max(spent, b.Spent)
	}
	return max(spent, p.begun.Spent)
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
