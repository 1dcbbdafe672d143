package report

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The names of the files in a results directory.
const (
	BenchFile   = "bench.txt"
	LatencyFile = "latency.hlog"
	HTMLFile    = "report.html"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// ErrNoResults says that a file holds nothing in Go benchmark format: no
// result, no failure, no skip.
var ErrNoResults = errors.New("no benchmark results")

// Limits on what one file may make us keep. They are far above any real run;
// beyond them results are left out, with a note.
const (
	maxResults = 200_000
	maxCells   = 5_000
	maxModels  = 24
	maxUnits   = 64
	maxFacts   = 256
	maxBlocks  = 10_000
	maxReason  = 2_000
	maxNotes   = 40
)

// Load reads a results directory: bench.txt, and latency.hlog where there is
// one. A path to a file is read as bench.txt, "-" is standard input. The latency
// log beside a file is read when it was begun at the moment that the file's
// header names: a log that belongs to another run says nothing about this one.
// An incomplete last line and damaged histograms are noted, not fatal.
func Load(path string) (*Run, error) {
	if path == Stdin {
		return Read("standard input", os.Stdin)
	}
	bench := filepath.Join(path, BenchFile)
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	} else if !info.IsDir() {
		bench = path
	}
	f, err := os.Open(bench)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	run, err := Read(bench, f)
	if err != nil {
		return nil, err
	}
	run.Path = path
	run.Files = []string{filepath.Base(bench)}
	if run.ours {
		run.loadLatency(filepath.Join(filepath.Dir(bench), LatencyFile))
	}
	return run, nil
}

// loadLatency reads the latency log of that name, if there is one.
func (run *Run) loadLatency(name string) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		run.note("latency histograms were not read: %v", err)
		return
	}
	defer f.Close()
	if run.readLatency(f) {
		run.Files = append(run.Files, LatencyFile)
	}
}

// Read reads benchmark results: Go benchmark format, as go test prints it or
// as go test -json does, with or without the "# switchyard", "# workload" and
// "# block" lines that our runner adds; plain, in gzip or in UTF-16. The name is
// used in messages. The error is ErrNoResults when r holds none.
func Read(name string, r io.Reader) (*Run, error) {
	text, err := decoded(name, r)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", name, err)
	}
	run := &Run{Path: name, cells: map[string]*Cell{}, better: map[string]string{}}
	in := &reader{run: run, in: bufio.NewReaderSize(io.LimitReader(text, maxBytes), 64<<10), streams: map[string]*stream{}}
	if err := in.read(); err != nil {
		return nil, fmt.Errorf("report: reading %s: %w", name, err)
	}
	if n, _ := io.ReadFull(text, make([]byte, 1)); n > 0 {
		run.note("only the first %d MiB were read", maxBytes>>20)
	}
	in.finish()
	if len(run.Workloads) == 0 && len(run.Broken) == 0 {
		return nil, fmt.Errorf("report: %s: %w (%s)", name, ErrNoResults, in.diagnosis())
	}
	run.attribute()
	return run, nil
}

// take adds one result, unless there are too many cells or models already.
func (run *Run) take(pkg, full string, res Result) bool {
	if run.ours {
		pkg = ""
	}
	key := pkg + "\x00" + full
	cell := run.cells[key]
	if cell == nil {
		if cell = run.place(pkg, splitName(full)); cell == nil {
			return false
		}
		run.cells[key] = cell
	}
	cell.Results = append(cell.Results, res)
	run.results++
	return true
}

// place finds or makes the cell of a name; nil when the limits forbid it.
func (run *Run) place(pkg string, n name) *Cell {
	if n.workload == "" || run.placed >= maxCells ||
		!slices.Contains(run.Models, n.model) && len(run.Models) >= maxModels {
		return nil
	}
	run.addModel(n.model)
	c := run.workload(pkg, n.workload).caseAt(n.params, n.procs)
	if c.Cells[n.model] == nil {
		run.placed++
	}
	cell := c.cell(n.model)
	cell.Foreign = !run.ours && n.model == ""
	return cell
}

// settle places failures and skips, and brings the cases into the order that
// the header gives. Results come in random order, so only it can know.
func (run *Run) settle() {
	for _, p := range run.pending {
		run.placeVerdict(p)
	}
	lanes := map[int]bool{}
	for _, w := range run.Workloads {
		w.sortCases()
		for _, c := range w.Cases {
			lanes[c.Procs] = true
		}
	}
	for _, c := range run.cases() {
		c.lane = len(lanes) > 1
	}
	run.Workloads = slices.DeleteFunc(run.Workloads, func(w *Workload) bool {
		return len(w.Cases) == 0 && len(w.Skipped) == 0 && len(w.Failed) == 0
	})
	run.namePackages()
	run.cells, run.pending = nil, nil
}

// namePackages puts the package before the names of workloads that several
// packages have.
func (run *Run) namePackages() {
	byName := map[string]int{}
	for _, w := range run.Workloads {
		byName[w.Name]++
	}
	for _, w := range run.Workloads {
		if byName[w.base] > 1 {
			w.Name = strings.TrimPrefix(w.Package+"."+w.base, ".")
		}
	}
}

// placeVerdict puts a failure or skip where it belongs.
func (run *Run) placeVerdict(p pending) {
	n := splitName(p.full)
	if n.workload == "" {
		return
	}
	if run.ours {
		p.pkg = ""
	}
	if !run.ours && n.model == "" {
		if p.failed && p.reason == "" && run.child(p) {
			return // it failed because a part of it did, and that is told there
		}
		run.placeForeign(p, n)
		return
	}
	run.settleAt(p, n)
}

// child reports whether a failure below p is known.
func (run *Run) child(p pending) bool {
	return slices.ContainsFunc(run.pending, func(q pending) bool {
		return q.failed && q.pkg == p.pkg && strings.HasPrefix(q.full, p.full+"/")
	})
}

// placeForeign places what go test itself says of a benchmark. In the name of
// one that failed or was skipped in its first iteration the number of CPUs is
// missing: the verdict then holds for every number that the benchmark ran on,
// and where it has no result for those that its package ran on.
func (run *Run) placeForeign(p pending, n name) {
	if run.cells[p.pkg+"\x00"+p.full] != nil && p.exact {
		run.settleAt(p, n)
		return
	}
	bare := bareName(p.full)
	var same []name
	lanes := map[int]int{} // cases
	for _, w := range run.Workloads {
		for _, c := range w.Cases {
			if w.Package != p.pkg {
				continue
			}
			if cell := c.Cells[""]; cell == nil || len(cell.Results) == 0 {
				continue
			}
			lanes[c.Procs]++
			if w.base == bare.workload && c.Name() == bare.caseName() {
				bare.procs = c.Procs
				same = append(same, bare)
			}
		}
	}
	switch {
	case p.exact, len(same) == 0 && n.procs > 0 && (len(lanes) == 0 || lanes[n.procs] > 0),
		len(same) == 0 && run.cells[p.pkg+"\x00"+p.full] != nil:
		same = []name{n}
	case len(same) == 0 && len(lanes) == 0:
		same = []name{bare}
	case len(same) == 0 && len(bare.params) == 0:
		same = []name{bare} // of the whole workload, unless it has no other case
		if w := run.workload(p.pkg, bare.workload); w.plain() {
			same = nil
		}
	}
	if len(same) == 0 {
		most := slices.Max(slices.Collect(maps.Values(lanes)))
		for _, procs := range slices.Sorted(maps.Keys(lanes)) {
			if lanes[procs] == 1 && most > 2 {
				continue // the end of a name that looks like a number of CPUs
			}
			bare.procs = procs
			same = append(same, bare)
		}
	}
	for _, one := range same {
		run.settleAt(p, one)
	}
}

// settleAt puts a verdict into the cell of a name. A name without parameters
// speaks of the whole workload, unless the workload's only case has none.
func (run *Run) settleAt(p pending, n name) {
	if p.reason == "" {
		p.reason = "no reason given"
	}
	w := run.workload(p.pkg, n.workload)
	if len(run.Models) < maxModels {
		run.addModel(n.model)
	}
	if len(n.params) == 0 && !w.plain() {
		if p.failed {
			w.Failed[n.model] = p.reason
		} else {
			w.Skipped[n.model] = p.reason
		}
		return
	}
	cell := run.place(p.pkg, n)
	switch {
	case cell == nil:
		run.noteOnce("failures or skips beyond what a report can hold were left out")
	case !p.failed:
		cell.Skipped = p.reason
	case cell.Failed == "":
		cell.Failed = p.reason
	}
}

// plain reports whether the workload has one case without parameters.
func (w *Workload) plain() bool {
	for _, c := range w.Cases {
		if len(c.Params) == 0 {
			return true
		}
	}
	return len(w.Cases) == 0 && (len(w.order) == 0 || w.order[0] == "")
}

// sortCases orders the cases as the header lists them, then as they appeared,
// and the lanes of one case by their size.
func (w *Workload) sortCases() {
	appeared := map[string]int{}
	for i, c := range w.Cases {
		if _, ok := appeared[c.Name()]; !ok {
			appeared[c.Name()] = i
		}
	}
	slices.SortStableFunc(w.Cases, func(a, b *Case) int {
		return cmp.Or(w.rank(a)-w.rank(b), appeared[a.Name()]-appeared[b.Name()], a.Procs-b.Procs)
	})
}

// rank is a case's place in the header's list, after it when it is not there.
func (w *Workload) rank(c *Case) int {
	if i := slices.Index(w.order, c.Name()); i >= 0 {
		return i
	}
	return len(w.order)
}

// attribute says of every result in which block it was measured: a block's
// line closes it. Results after the last such line belong to a block that was
// cut off.
func (run *Run) attribute() {
	if len(run.Blocks) == 0 {
		return
	}
	for _, c := range run.cases() {
		for _, cell := range c.Cells {
			for i := range cell.Results {
				r := &cell.Results[i]
				r.Block, _ = slices.BinarySearchFunc(run.Blocks, r.Line,
					func(b Block, line int) int { return b.line - line })
			}
		}
	}
}

func (run *Run) note(format string, args ...any) {
	if len(run.Notes) < maxNotes {
		run.Notes = append(run.Notes, fmt.Sprintf(format, args...))
	}
}

func (run *Run) noteOnce(s string) {
	if !slices.Contains(run.Notes, s) {
		run.note("%s", s)
	}
}

// broke keeps why a package failed as a whole.
func (run *Run) broke(pkg, why string) {
	if pkg == "" {
		pkg = "the package"
	}
	if len(run.Broken) < maxFacts {
		run.Broken = append(run.Broken, pkg+": "+why)
	}
}
