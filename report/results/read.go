package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// ErrNoResults says that a file holds nothing in Go benchmark format: no
// result, no failure, no skip.
var ErrNoResults = errors.New("no benchmark results")

// Limits on what one report may judge, far above any real run. Beyond them
// results are left out, with a note.
const (
	MaxCells  = benchlog.MaxCases
	MaxModels = benchlog.MaxModels
)

// Load reads a results directory: bench.txt, and latency.hlog where there is
// one. A path to a file is read as bench.txt, "-" is standard input. The
// latency log beside a file is read when it was begun at the moment that the
// file's header names: a log that belongs to another run says nothing about
// this one. An incomplete last line and damaged histograms are noted, not
// fatal.
func Load(path string) (*Run, error) {
	if path == Stdin {
		return Read("standard input", os.Stdin)
	}
	bench := filepath.Join(path, benchlog.BenchFile)
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
	if run.Ours() {
		run.loadLatency(filepath.Join(filepath.Dir(bench), benchlog.LatencyFile))
	}
	return run, nil
}

// FromMemory reads the files of a results directory from copies in memory, for
// the program that writes them: it reports what it measured, whatever became of
// the files. The latency log may be empty. Errors are those of Load.
func FromMemory(dir string, bench, latency []byte) (*Run, error) {
	run, err := Read(filepath.Join(dir, benchlog.BenchFile), bytes.NewReader(bench))
	if err != nil {
		return nil, err
	}
	run.Path, run.Files = dir, []string{benchlog.BenchFile, benchlog.LatencyFile}
	run.readLatency(bytes.NewReader(latency))
	return run, nil
}

// loadLatency reads the latency log of that name, if there is one.
func (run *Run) loadLatency(name string) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		run.Note("latency histograms were not read: %v", err)
		return
	}
	defer f.Close()
	if run.readLatency(f) {
		run.Files = append(run.Files, benchlog.LatencyFile)
	}
}

// Read reads benchmark results: Go benchmark format, as go test prints it or as
// go test -json does, with or without the "# switchyard", "# workload" and "#
// block" lines that our runner adds; plain, in gzip or in UTF-16. The name is
// used in messages. The error is ErrNoResults when r holds none.
func Read(name string, r io.Reader) (*Run, error) {
	text, err := decoded(name, r)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", name, err)
	}
	limited := io.LimitReader(text, maxBytes)
	file, err := benchlog.Read(limited)
	if err != nil {
		return nil, fmt.Errorf("report: reading %s: %w", name, err)
	}
	run := newRun(file)
	run.Path = name
	if n, _ := io.ReadFull(text, make([]byte, 1)); n > 0 {
		run.Note("only the first %d MiB were read", maxBytes>>20)
	}
	if len(run.Workloads) == 0 && len(run.Broken) == 0 {
		return nil, fmt.Errorf("report: %s: %w (%s)", name, ErrNoResults, diagnosis(file))
	}
	return run, nil
}

func diagnosis(f *benchlog.File) string {
	switch {
	case f.Lines == 0:
		return "the file is empty"
	case f.Binary:
		return "it looks like a binary file"
	case f.Truncated && f.Lines == 1:
		return "its only line is incomplete"
	}
	return fmt.Sprintf("%s read, none in Go benchmark format", format.Count(f.Lines, "line"))
}
