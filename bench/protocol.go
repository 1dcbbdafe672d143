package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench/benchlog"
)

// Exit statuses of a runner.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitVoid   = 3
)

// Info describes the workload among the given models. Its source file is named
// after it.
func (w *Workload) Info(models []ModelInfo) WorkloadInfo {
	cases := w.Cases
	if len(cases) == 0 {
		cases = []Params{""}
	}
	info := WorkloadInfo{
		Name: w.Name, Kind: w.Kind, Story: w.Story, Op: w.Op, Cases: cases, More: w.More, NA: w.NA,
		Source: "bench/workload/" + strings.ToLower(w.Name) + ".go",
		Vary:   cases[0].Keys(), Refine: w.Refine, Control: w.Control, Open: w.Open, Paced: w.Paced, Exceptions: w.Exceptions,
	}
	for _, m := range models {
		if w.Impls[m.Name] != nil {
			info.Models = append(info.Models, m.Name)
		}
	}
	return info
}

// Points returns the workload's parameter points, Cases and More, in report
// order; the empty point if it has no Cases.
func (w *Workload) Points() []Params { return w.Info(nil).Points() }

// infos describes all workloads.
func (s Suite) infos() (infos []WorkloadInfo) {
	for _, w := range s.Workloads {
		infos = append(infos, w.Info(s.Models))
	}
	return infos
}

// Check reports what is wrong with the declarations: a missing answer, an
// implementation of no declared model, and what [benchlog.CheckList] finds.
func (s Suite) Check() error {
	for _, w := range s.Workloads {
		if w.Want == nil {
			return fmt.Errorf("workload %s: no Want", w.Name)
		}
		if w.Ledger == nil {
			return fmt.Errorf("workload %s: no Ledger", w.Name)
		}
		for _, p := range w.Points() {
			if rate, _ := p.Get(RateParam); w.Open && !positive(rate) {
				return fmt.Errorf("workload %s: %q has no rate of an open loop", w.Name, p)
			}
		}
		for m := range w.Impls {
			if !slices.ContainsFunc(s.Models, func(have ModelInfo) bool { return have.Name == m }) {
				return fmt.Errorf("workload %s: no model %q is declared", w.Name, m)
			}
		}
	}
	return benchlog.CheckList(s.Models, s.infos())
}

// WriteOutput prints a result as package run reads it.
func WriteOutput(w io.Writer, r *Result) error {
	if _, err := fmt.Fprintln(w, r); err != nil {
		return err
	}
	if r.Passes > 0 {
		if _, err := fmt.Fprintf(w, "calibrated %d %d %d\n", r.Passes, r.Timed, max(r.Batch, 1)); err != nil {
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
func (s Suite) WriteList(w io.Writer) error {
	text, err := benchlog.WriteList(s.Models, s.infos())
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
