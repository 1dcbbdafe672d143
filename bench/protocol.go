package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The runner protocol, so that a program in any language can be measured
// beside ours:
//
//	runner -list
//	runner -workload NAME -model MODEL -params P -cpus C -benchtime D [-n N -op D]
//
// -list prints a JSON array of [WorkloadInfo]. The other form measures one
// result and prints one line of the Go benchmark format and, if latencies were
// recorded, a line "latency" followed by an HdrHistogram in the V2 compressed
// encoding. Without -n it calibrates; the iterations of the line are then the N
// to use, and a line "calibrated" with the number of passes and the nanoseconds
// that were timed in them tells how much of a call is set-up. Exit status 0 is
// a result, 1 a failed case, 2 bad usage, 3 a void case; the reason is on
// standard error. The CPU set and GOMAXPROCS are inherited from the parent, and
// standard input is not read.

// Exit statuses of a runner.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitVoid   = 3
)

// Info describes the workload. Its source file is named after it.
func (w *Workload) Info() WorkloadInfo {
	info := WorkloadInfo{
		Name: w.Name, Story: w.Story, Op: w.Op, Cases: w.Points(), NA: w.NA,
		Source: "bench/workload/" + strings.ToLower(w.Name) + ".go",
		Vary:   w.Points()[0].Keys(),
	}
	for _, m := range Models() {
		if w.Impls[m] != nil {
			info.Models = append(info.Models, m)
		}
	}
	return info
}

// Points returns the workload's parameter points: its Cases, or the empty
// point if it has none.
func (w *Workload) Points() []Params {
	if len(w.Cases) == 0 {
		return []Params{""}
	}
	return w.Cases
}

// Check reports what is wrong with a workload's declaration: a missing answer,
// a cell with neither implementation nor reason (or with both), a parameter
// that cannot stand in a name.
func (w *Workload) Check() error {
	switch {
	case w.Name == "" || strings.ContainsAny(w.Name, "/ \t\n,-="):
		return fmt.Errorf("workload %q: not a benchmark name", w.Name)
	case w.Story == "" || w.Op == "":
		return fmt.Errorf("workload %s: no story or no op", w.Name)
	case w.Want == nil:
		return fmt.Errorf("workload %s: no Want", w.Name)
	}
	for _, m := range Models() {
		if _, na := w.NA[m]; na == (w.Impls[m] != nil) {
			return fmt.Errorf("workload %s: %s needs an implementation or the reason why it has none", w.Name, m)
		}
	}
	for _, p := range w.Cases {
		if err := p.Check(); err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
	}
	return nil
}

// WriteOutput prints a result as package run reads it.
func WriteOutput(w io.Writer, r *Result) error {
	if _, err := fmt.Fprintln(w, r); err != nil {
		return err
	}
	if r.Passes > 0 {
		if _, err := fmt.Fprintf(w, "calibrated %d %d\n", r.Passes, r.Timed); err != nil {
			return err
		}
	}
	if r.Latency == nil {
		return nil
	}
	h, err := r.Latency.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return fmt.Errorf("latency histogram: %w", err)
	}
	_, err = fmt.Fprintf(w, "latency %s\n", h)
	return err
}

// WriteList prints what -list prints.
func WriteList(w io.Writer, workloads []*Workload) error {
	var infos []WorkloadInfo
	for _, wl := range workloads {
		infos = append(infos, wl.Info())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(infos)
}
