package run

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/bench/benchlog"
)

// A Checkpoint is what an interrupted run left in bench.txt: its records, and
// what they say of each case.
type Checkpoint struct {
	*benchlog.File
	Cases   map[string]CheckpointCase // by Case.String
	current map[string]struct{}       // cases with a result in the unfinished block
}

// A CheckpointCase is what became of a case.
type CheckpointCase struct {
	Results int
	Failed  bool // not to be run again
	Void    bool // not to be run again
}

// readCheckpoint reads the whole lines of a bench.txt.
func readCheckpoint(text []byte) (*Checkpoint, error) {
	file, err := benchlog.Read(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	p := &Checkpoint{File: file, Cases: make(map[string]CheckpointCase), current: make(map[string]struct{})}
	for _, r := range p.Results {
		c := p.Cases[r.Name]
		c.Results++
		p.Cases[r.Name] = c
		if r.Block == len(p.Blocks) {
			p.current[r.Name] = struct{}{}
		}
	}
	for _, v := range p.Verdicts {
		c := p.Cases[v.Name]
		c.Failed = c.Failed || v.Failed
		c.Void = c.Void || !v.Failed
		p.Cases[v.Name] = c
	}
	return p, cmp.Or(p.whole(), p.check())
}

// whole reports why a file may be read, but not be gone on with: something of
// it is damaged or was left out.
func (p *Checkpoint) whole() error {
	switch {
	case !p.Planned:
		return errors.New("it has no plan in its first line")
	case p.Plans > 1:
		return fmt.Errorf("it holds %d runs", p.Plans)
	case len(p.Damaged) > 0:
		return fmt.Errorf("%s is unreadable: %w", p.Damaged[0].What, p.Damaged[0].Err)
	case p.Full:
		return errors.New("it is too large")
	}
	return nil
}

// paired returns the length of a latency log without its last histogram if the
// run was killed between writing that and its result, which will be measured
// again.
func (p *Checkpoint) paired(latency []byte) int {
	histograms := make(map[string]int)
	start, end, last := 0, 0, ""
	for line := range bytes.Lines(latency) {
		start, end = end, end+len(line)
		last, _ = benchlog.LatencyTag(string(line))
		histograms[last]++
	}
	if last != "" && histograms[last] > p.Cases[last].Results {
		return start
	}
	return end
}

// check reports why what was read is not the beginning of a run.
func (p *Checkpoint) check() error {
	h := p.Header
	undeclared := func(m benchlog.Model) bool {
		return !slices.ContainsFunc(p.Models, func(have benchlog.ModelInfo) bool { return have.Name == m })
	}
	switch {
	case h.Format != benchlog.Format:
		return fmt.Errorf("its format is %d, and this program writes %d", h.Format, benchlog.Format)
	case h.Refine < 0 || h.Refine >= 1 || h.P99Limit < 0 ||
		h.Count < 1 || h.Benchtime <= 0 || h.Deadline <= 0 || h.Budget < 0 || h.Repeats < 0,
		len(h.Lanes) == 0 || slices.Min(h.Lanes) < 1,
		len(h.Models) == 0 || slices.ContainsFunc(h.Models, undeclared),
		len(p.Workloads) == 0:
		return errors.New("its plan is not complete")
	case h.Sessions < 0 || h.Sessions > h.Count || p.OpenBlock.Session > max(h.Sessions, 1):
		return errors.New("its sessions are not those of its plan")
	case p.Like != nil && (p.Like.Benchtime <= 0 || slices.ContainsFunc(p.Like.Cases, func(c benchlog.CalibratedCase) bool { return c.N < 1 || c.Batch < 1 || c.Op < 0 })):
		return errors.New("what it has of an earlier run is not complete")
	case p.Calibration == nil:
		if len(p.Results) > 0 || len(p.Blocks) > 0 || p.OpenBlock.Block > 0 {
			return errors.New("it has results, but not the calibration that they go by")
		}
		return nil
	case p.Calibration.Benchtime <= 0:
		return errors.New("its calibration is not complete")
	}
	for _, c := range p.Calibration.Cases {
		if c.N < 1 || c.Op < 0 || c.Overhead < 0 || c.Batch < 0 || c.Timed < 0 {
			return fmt.Errorf("its calibration of %s is not complete", c.Case)
		}
	}
	return nil
}

// spent returns how much of the budget the run had used when it last said.
func (p *Checkpoint) spent() (spent time.Duration) {
	if p.Calibration != nil {
		spent = p.Calibration.Spent
	}
	for _, b := range p.Blocks {
		spent = max(spent, b.Spent)
	}
	return max(spent, p.OpenBlock.Spent)
}
