package bench

import "switchyard/bench/benchlog"

// What is written to files is declared in package benchlog.
type (
	Model        = benchlog.Model
	Params       = benchlog.Params
	Case         = benchlog.Case
	ModelInfo    = benchlog.ModelInfo
	WorkloadInfo = benchlog.WorkloadInfo
)

// A Suite is what a runner program can measure.
type Suite struct {
	Models    []ModelInfo // in the order of every table
	Workloads []*Workload // in report order
}

// A Workload is one question asked of every model.
type Workload struct {
	Name   string           // the benchmark's base name: "PingPong"
	Kind   string           // of work, for the verdict, which speaks of kinds: "handing over"
	Story  string           // one paragraph: what real situation this stands for
	Op     string           // what one op is: "round trip"
	Cases  []Params         // parameter points that every run measures
	More   []Params         // those that only the full profile adds
	Batch  func(Params) int // ops come in multiples of this; nil means 1
	Want   func(*B) uint64  // the answer after b.N ops, whatever the model
	Impls  map[Model]Func   // how each model does it
	NA     map[Model]string // why a model has no implementation; printed in the report
	Limit  func(*B) error   // why this machine cannot run the case (kernel limits); may be nil
	Ledger func(*B) Ledger  // what the units must have done after b.N ops

	// Exceptions are the rules of FAIRNESS.md that it cannot keep, by number,
	// and why; printed in the report.
	Exceptions map[int]string

	Refine []string // parameters that take any size between those of its points; see [WorkloadInfo]

	Control bool // measures the harness, in which all models should agree
	Open    bool // its load is an [OpenLoop], of the parameter "rate": models are judged by latency
	Paced   bool // its ops fall due at times that the workload gives: models are judged by latency
}

// A Func does b.N ops and returns the answer. Outside b.Start and b.Stop
// nothing is timed: set up before Start, tear down after Stop.
type Func func(b *B) (answer uint64, err error)
