package results

import (
	"maps"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
)

// A placer finds the cells of a file's results, failures and skips.
type placer struct {
	*Run
	file   *benchlog.File
	cells  map[string]*Cell // by package and full benchmark name
	placed int              // cells
}

// newRun puts the records of a file into their places.
func newRun(f *benchlog.File) *Run {
	run := &Run{File: *f}
	run.File.Workloads, run.File.Results, run.Verdicts = nil, nil, nil
	for _, m := range f.Header.Models[:min(MaxModels, len(f.Header.Models))] {
		run.addModel(string(m))
	}
	if len(f.Models) == 0 {
		run.File.Models = []benchlog.ModelInfo{{Name: "serial", Baseline: true}}
	}
	for _, info := range f.Workloads {
		w := run.workload("", info.Name)
		w.Info = info
		w.Info.Cases = info.Cases[:min(len(info.Cases), 1000)]
		w.Info.More = info.More[:min(len(info.More), 1000)]
	}
	p := &placer{Run: run, file: f, cells: map[string]*Cell{}}
	over := f.Over
	for _, res := range f.Results {
		if !p.take(res) {
			over++
		}
	}
	if over > 0 {
		run.Note("%s left out: a report judges at most %d cells, %d models and %d results", format.Count(over, "result"), MaxCells, MaxModels, benchlog.MaxResults)
	}
	p.settle()
	return run
}

// take adds one result, unless there are too many cells or models already.
func (p *placer) take(res Result) bool {
	pkg := res.Pkg
	if res.Ours {
		pkg = ""
	}
	key := pkg + "\x00" + res.Name
	cell := p.cells[key]
	if cell == nil {
		if cell = p.place(pkg, benchlog.ParseCase(res.Name)); cell == nil {
			return false
		}
		cell.Foreign = !res.Ours && cell.Model == ""
		p.cells[key] = cell
	}
	if len(p.Blocks) == 0 {
		res.Block = -1
	}
	cell.Results = append(cell.Results, res)
	p.results++
	return true
}

// place finds or makes the cell of a name; nil when the limits forbid it.
func (p *placer) place(pkg string, at benchlog.Case) *Cell {
	model := string(at.Model)
	if at.Workload == "" || p.placed >= MaxCells ||
		!slices.Contains(p.Models, model) && len(p.Models) >= MaxModels {
		return nil
	}
	p.addModel(model)
	c := p.workload(pkg, at.Workload).caseAt(at.Params, at.CPUs)
	if c.Cells[model] == nil {
		p.placed++
	}
	cell := c.cell(model)
	cell.Foreign = !p.Ours() && model == ""
	return cell
}

// settle places failures and skips, and brings the cases into the order that
// the header gives. Results come in random order, so only it can know.
func (p *placer) settle() {
	run := p.Run
	for _, v := range p.file.Verdicts {
		p.verdict(v)
	}
	lanes := map[int]bool{}
	for _, w := range run.Workloads {
		w.sortCases()
		for _, c := range w.Cases {
			lanes[c.CPUs] = true
		}
	}
	for _, c := range run.Cases() {
		c.lane = len(lanes) > 1
	}
	run.Workloads = slices.DeleteFunc(run.Workloads, func(w *Workload) bool {
		return len(w.Cases) == 0 && len(w.Skipped) == 0 && len(w.Failed) == 0
	})
	run.namePackages()
	isControl := func(w *Workload) bool { return w.Info.Control }
	if !slices.ContainsFunc(run.Workloads, isControl) {
		for _, w := range run.Workloads {
			w.Info.Control = w.Name == "Nop"
		}
	}
	if run.Ours() && !slices.ContainsFunc(run.Workloads, func(w *Workload) bool { return w.Info.Kind != "" }) {
		for _, w := range run.Workloads {
			w.Info.Kind = firstKinds[w.Name]
		}
	}
}

// firstKinds are those of the workloads that were there before files said of
// which kind they are.
var firstKinds = map[string]string{
	"PingPong": "handing over", "Ring": "handing over", "Spawn": "starting tasks", "CPUMap": "computing",
	"ProdCons": "messaging", "Pipe": "messaging", "Lock": "synchronising", "Sleep": "waiting and IO", "Echo": "waiting and IO",
}

// namePackages puts the package before the names of workloads that several
// packages have.
func (run *Run) namePackages() {
	byName := map[string]int{}
	for _, w := range run.Workloads {
		byName[w.Name]++
	}
	for _, w := range run.Workloads {
		if byName[w.Info.Name] > 1 {
			w.Name = strings.TrimPrefix(w.Package+"."+w.Info.Name, ".")
		}
	}
}

// verdict puts a failure or skip where it belongs.
func (p *placer) verdict(v benchlog.Verdict) {
	at := benchlog.ParseCase(v.Name)
	if at.Workload == "" {
		return
	}
	if p.Ours() {
		v.Pkg = ""
	}
	if !p.Ours() && at.Model == "" {
		if v.Failed && v.Reason == "" && p.child(v) {
			return // it failed because a part of it did, and that is told there
		}
		p.foreign(v, at)
		return
	}
	p.settleAt(v, at)
}

// child reports whether a failure below v is known.
func (p *placer) child(v benchlog.Verdict) bool {
	return slices.ContainsFunc(p.file.Verdicts, func(w benchlog.Verdict) bool {
		return w.Failed && w.Pkg == v.Pkg && strings.HasPrefix(w.Name, v.Name+"/")
	})
}

// foreign places what go test itself says of a benchmark. In the name of one
// that failed or was skipped in its first iteration the number of CPUs is
// missing: the verdict then holds for every number that the benchmark ran on,
// and where it has no result for those that its package ran on.
func (p *placer) foreign(v benchlog.Verdict, at benchlog.Case) {
	known := p.cells[v.Pkg+"\x00"+v.Name] != nil
	if known && v.Exact {
		p.settleAt(v, at)
		return
	}
	bare := benchlog.ParseBareCase(v.Name)
	var same []benchlog.Case
	lanes := map[int]int{} // cases
	for _, w := range p.Workloads {
		for _, c := range w.Cases {
			if w.Package != v.Pkg {
				continue
			}
			if cell := c.Cells[""]; cell == nil || len(cell.Results) == 0 {
				continue
			}
			lanes[c.CPUs]++
			if w.Info.Name == bare.Workload && c.Name() == string(bare.Params) {
				bare.CPUs = c.CPUs
				same = append(same, bare)
			}
		}
	}
	switch {
	case v.Exact, len(same) == 0 && at.CPUs > 0 && (len(lanes) == 0 || lanes[at.CPUs] > 0),
		len(same) == 0 && known:
		same = []benchlog.Case{at}
	case len(same) == 0 && len(lanes) == 0:
		same = []benchlog.Case{bare}
	case len(same) == 0 && bare.Params == "":
		same = []benchlog.Case{bare} // of the whole workload, unless it has no other case
		if w := p.workload(v.Pkg, bare.Workload); w.plain() {
			same = nil
		}
	}
	if len(same) == 0 {
		most := slices.Max(slices.Collect(maps.Values(lanes)))
		for _, cpus := range slices.Sorted(maps.Keys(lanes)) {
			if lanes[cpus] == 1 && most > 2 {
				continue // the end of a name that looks like a number of CPUs
			}
			bare.CPUs = cpus
			same = append(same, bare)
		}
	}
	for _, one := range same {
		p.settleAt(v, one)
	}
}

// settleAt puts a verdict into the cell of a name. A name without parameters
// speaks of the whole workload, unless the workload's only case has none.
func (p *placer) settleAt(v benchlog.Verdict, at benchlog.Case) {
	if v.Reason == "" {
		v.Reason = "no reason given"
	}
	w, model := p.workload(v.Pkg, at.Workload), string(at.Model)
	if len(p.Models) < MaxModels {
		p.addModel(model)
	}
	if at.Params == "" && !w.plain() {
		if v.Failed {
			w.Failed[model] = v.Reason
		} else {
			w.Skipped[model] = v.Reason
		}
		return
	}
	cell := p.place(v.Pkg, at)
	switch {
	case cell == nil:
		p.Note("failures or skips beyond what a report can hold were left out")
	case !v.Failed:
		cell.Skipped = v.Reason
		cell.GivenUp = v.Pkg == "" && len(cell.Results) < min(benchlog.MinResults, p.file.Header.Count)
	case cell.Failed == "":
		cell.Failed = v.Reason
	}
}
