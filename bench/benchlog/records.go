package benchlog

import (
	"time"
)

// Names of the files in a results directory.
const (
	BenchFile   = "bench.txt"
	LatencyFile = "latency.hlog"
	ReportFile  = "report.html"
)

// Format is the version of the format, [Header.Format].
const Format = 1

// LongestLatency is the unit of a result's longest latency, which stands in the
// latency log too.
const LongestLatency = "max-ns"

// A Header is the plan of a run. It stands in the first line of bench.txt, so
// that an interrupted run can be resumed and any run repeated: whatever decides
// what is measured, and for how long, is in it.
type Header struct {
	Format    int           `json:"format"`
	Started   Time          `json:"run"`
	Command   string        `json:"command"`
	Seed      uint64        `json:"seed"`
	Count     int           `json:"count"`
	Benchtime time.Duration `json:"benchtime_ns"`
	Budget    time.Duration `json:"budget_ns,omitempty"`
	Deadline  time.Duration `json:"deadline_ns,omitempty"`
	Repeats   int           `json:"repeats,omitempty"`
	Refine    float64       `json:"refine,omitempty"`       // share of the time that sizes between those planned may take
	P99Limit  time.Duration `json:"p99_limit_ns,omitempty"` // whose highest rate is looked for, of open loops
	Sessions  int           `json:"sessions,omitempty"`     // parts with pauses between; 0 is one
	CPUs      string        `json:"cpus"`                   // the CPU set, "0-1"
	Lanes     []int         `json:"lanes,omitempty"`        // sizes of CPU set measured
	Models    []Model       `json:"models"`
	Builds    []Build       `json:"builds,omitempty"` // of an A/B run
}

// An A/B run measures each case with two builds of a runner, and with the old
// one a second time, as a control: what differs between old and old is noise.
// The parameter BuildKey in a case's name says which it was.
const (
	BuildKey     = "build"
	OldBuild     = "old"
	NewBuild     = "new"
	ControlBuild = "control"
)

// A Build is one side of an A/B run.
type Build struct {
	Name string   `json:"name"`           // OldBuild or NewBuild
	From string   `json:"from,omitempty"` // a commit, a directory or a program; the runner beside switchyard if empty
	Sum  string   `json:"sum"`            // SHA-256 of the program, in hexadecimal
	Only []string `json:"only,omitempty"` // what the other lacks, and is not measured
}

// A Time is a moment as the header has it. A text that is none is the zero
// Time: the rest of the plan is worth reading.
type Time struct{ time.Time }

// String returns the moment in RFC 3339, or "" if it is not known.
func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// MarshalJSON returns what String does, in quotes.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON reads what MarshalJSON returned.
func (t *Time) UnmarshalJSON(text []byte) error {
	if t.Time.UnmarshalJSON(text) != nil {
		*t = Time{}
	}
	return nil
}

// A ModelInfo describes a model to programs that do not link it.
type ModelInfo struct {
	Name      Model  `json:"name"`
	Note      string `json:"note"`                // what it is, in a few words
	Baseline  bool   `json:"baseline,omitempty"`  // what others are compared with: shown, but not in the competition
	Processes bool   `json:"processes,omitempty"` // its units are processes of their own

	// Beside is the model of another program that it is set beside, as the
	// same thing made elsewhere: such a peer is shown, and competes only where
	// nobody else does.
	Beside Model `json:"beside,omitempty"`

	// Of is a model declared before it that it is a form of: the verdict gives
	// one answer for both, and names the form only where it is clearly better.
	Of Model `json:"of,omitempty"`

	// For is the kind of work that tutorials take the model for.
	For string `json:"for,omitempty"`
}

// A WorkloadInfo describes a workload to programs that do not link it. One that
// says nothing of its story, op and cases is another program's: see
// [WorkloadInfo.Shared].
type WorkloadInfo struct {
	Name   string           `json:"name"`
	Story  string           `json:"story"`
	Op     string           `json:"op"`
	Source string           `json:"source"` // file of the implementations
	Vary   []string         `json:"vary"`   // names of the parameters
	Cases  []Params         `json:"cases"`
	More   []Params         `json:"more,omitempty"` // points that a run of the full profile adds; see [WorkloadInfo.Points]
	Models []Model          `json:"models"`         // those with an implementation
	NA     map[Model]string `json:"na"`             // why the others have none

	// Kind is the kind of work, "handing over": the verdict has one sentence
	// for all workloads of a kind. One without is a kind of its own.
	Kind string `json:"kind,omitempty"`

	// Refine names parameters that are numbers or durations: the runner takes
	// any size of them between the smallest and the largest of its cases that
	// have the other parameters in common.
	Refine []string `json:"refine,omitempty"`

	Control bool `json:"control,omitempty"` // it measures the harness: shown, but not in the competition
	Open    bool `json:"open,omitempty"`    // an open loop at the rate of the parameter "rate": throughput is given, latency is what differs
	Paced   bool `json:"paced,omitempty"`   // its ops fall due at given times: as with Open, latency is what differs

	// Exceptions are the rules of fairness that it cannot keep, by number, and
	// why.
	Exceptions map[int]string `json:"exceptions,omitempty"`
}

// ByLatency reports whether models are judged by latency, since how many ops
// there are in a second is given and not measured.
func (w WorkloadInfo) ByLatency() bool { return w.Open || w.Paced }

// A Fact is a stable property of the machine or the build; facts are the
// configuration lines of the results.
type Fact struct{ Key, Value string }

// A Calibration stands before the first block: what the calibrating pass found.
// The rest of the run, resumed or not, goes by it.
type Calibration struct {
	Benchtime time.Duration    `json:"benchtime_ns"` // per result, after a cut to fit the budget
	Spent     time.Duration    `json:"spent_ns"`     // of the budget
	Cases     []CalibratedCase `json:"cases"`

	// LeftOut are the cases that the budget did not hold, and what is known of
	// them: perhaps nothing, or only that a call takes the overhead and more.
	LeftOut []CalibratedCase `json:"left_out,omitempty"`
}

// A CalibratedCase is what the calibrating pass found of one case.
type CalibratedCase struct {
	Case     string        `json:"case"`
	N        int           `json:"n"`                  // ops a result takes
	Op       time.Duration `json:"op_ns"`              // length of one
	Overhead time.Duration `json:"overhead_ns"`        // of a runner call, besides the ops
	Batch    int           `json:"batch,omitempty"`    // ops of a lap or round, of which N is a multiple
	Timed    time.Duration `json:"timed_ns,omitempty"` // expected length of all N ops
	Refined  bool          `json:"refined,omitempty"`  // no case of the plan: it narrows a crossing
}

// A Like stands before the calibration: the earlier run whose N the calibrating
// pass takes over where it still suits.
type Like struct {
	Started Time `json:"run"`
	Chosen  bool `json:"chosen,omitempty"` // by who asked for it; else it is the run before
	Calibration

	// Said is what that run's verdict said, if it was one of the same plan on
	// the same machine: where the results of this one leave it open on which
	// side of a bound they are, the same is said of them.
	Said *Said `json:"said,omitempty"`
}

// A Said is what hung on a bound in a run's verdict. Only its words are
// here: no number is taken over.
type Said struct {
	Kinds []SaidKind         `json:"kinds,omitempty"`
	Picks map[string][]Model `json:"picks,omitempty"` // by metric: the models nearest to the best
}

// A SaidKind is what was said of one kind of work.
type SaidKind struct {
	Kind   string            `json:"kind"`             // as its sentence begins
	Models []Model           `json:"models,omitempty"` // that were compared, each with all others
	Ahead  map[Model][]Model `json:"ahead,omitempty"`  // of these: which were clearly better than which
	Lead   []Model           `json:"lead,omitempty"`   // that the sentence named first
	Behind []Model           `json:"behind,omitempty"` // and those that they were better than

	Open  bool `json:"open,omitempty"`   // it was not decided: results scattered too much
	NoOne bool `json:"no_one,omitempty"` // the best by the mean was behind more often than ahead
}

// A BlockStart stands before each block's results.
type BlockStart struct {
	Block   int `json:"block"`
	Attempt int `json:"attempt"` // above 1: the block was disturbed and is run again

	// Session is the part of the run, from 1, that the block belongs to;
	// between sessions the machine was left alone for a while. [Read] returns
	// 1 for blocks of files that have no sessions.
	Session int `json:"session,omitempty"`

	Spent time.Duration `json:"spent_ns,omitempty"` // of the budget so far
}

// A BlockNote stands after each block's results.
type BlockNote struct {
	BlockStart
	Benchtime  time.Duration `json:"benchtime_ns"`   // per result, after a cut to fit the budget; 0 is not noted
	Canary     []int64       `json:"canary_ns"`      // before and after
	CanaryBase int64         `json:"canary_base_ns"` // quietest of the session so far
	Noise
	Pace      float64 `json:"pace,omitempty"` // time its results took over what was expected
	Disturbed bool    `json:"disturbed"`      // as it was judged then; see [JudgeBlocks]
}

// Noise is what the machine did during a block besides it. Shares are in
// percent; 0 is none, or not known. Pressure is the share of the time in which
// something waited for a processor, for memory or for a disk
// (/proc/pressure). RunQueue is how long all tasks together waited for a
// processor (/proc/schedstat), of the CPUs' time; it may be more than all of
// it. For a processor the benchmark's own tasks wait too, in all blocks alike.
type Noise struct {
	Steal          float64 `json:"steal_pct"`            // of the CPUs' time: taken by the hypervisor
	Others         float64 `json:"others_pct,omitempty"` // of the CPUs' time: used by what is not of the run
	RunQueue       float64 `json:"run_queue_pct,omitempty"`
	CPUPressure    float64 `json:"pressure_cpu_pct,omitempty"`
	MemoryPressure float64 `json:"pressure_memory_pct,omitempty"`
	IOPressure     float64 `json:"pressure_io_pct,omitempty"`
	Load1          float64 `json:"load1"` // load average of a minute, at the end
}

// Slowdown returns the slowest canary of the block over its base time, or 0 if
// the block does not say.
func (b BlockNote) Slowdown() float64 {
	if b.CanaryBase <= 0 || len(b.Canary) == 0 {
		return 0
	}
	slowest := b.Canary[0]
	for _, ns := range b.Canary {
		slowest = max(slowest, ns)
	}
	return float64(slowest) / float64(b.CanaryBase)
}

// A Result is one measured line.
type Result struct {
	Name   string // without "Benchmark"
	Iters  int
	Values []Value

	Line  int    // in the file
	Block int    // index of its block; the number of blocks if that was cut off
	Pkg   string // as the line "pkg:" above it says
	Ours  bool   // a plan stands above it
}

// A Value is one measurement with its unit as written in the file.
type Value struct {
	V    float64
	Unit string
}

// Get returns the result's measurement in the unit, as written in the file.
func (r *Result) Get(unit string) (float64, bool) {
	for _, v := range r.Values {
		if v.Unit == unit {
			return v.V, true
		}
	}
	return 0, false
}

// A Verdict says that a benchmark failed or was skipped, and why.
type Verdict struct {
	Failed bool   // else skipped
	Name   string // without "Benchmark"
	Exact  bool   // the name was printed before it: it ends in the number of CPUs
	Pkg    string
	Reason string
	Line   int
}

// JudgeBlocks says of every block whether it was disturbed, by all that the run
// knows in the end: a first block may have been judged against a machine that
// was never quiet until then. The canary is held against the quietest one of
// the block's session. What was called disturbed stays so.
func JudgeBlocks(blocks []BlockNote) {
	base := make(map[int]int64)
	for _, b := range blocks {
		for _, ns := range append([]int64{b.CanaryBase}, b.Canary...) {
			if was := base[b.Session]; ns > 0 && (was == 0 || ns < was) {
				base[b.Session] = ns
			}
		}
	}
	for i := range blocks {
		b := &blocks[i]
		b.CanaryBase = base[b.Session]
		b.Disturbed = b.Disturbed || b.Slowdown() > CanaryDisturbs || b.Steal > StealDisturbs ||
			b.Others > OthersDisturb || b.MemoryPressure > PressureDisturbs
	}
}
