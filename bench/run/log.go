package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/output"
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

// keepAside is how many older results a directory keeps.
const keepAside = 5

// An Aside says what became of older results.
type Aside struct {
	Dir     string   // where those are that were in the way; "" if none were
	Moved   []string // names of files
	Deleted []string // directories inside the results directory
}

// SetAside moves the results that are in the way of a new run, and nothing
// else, into a new directory inside dir. Of such directories the five newest
// are kept: older ones, if a run of ours has written them and nothing else is
// in them, are deleted. The error wraps an [output.OwnedError] while another
// process writes to dir.
func SetAside(dir string) (a Aside, err error) {
	owner, err := output.Own(dir)
	if err != nil {
		return a, err
	}
	defer owner.Release()
	names := []string{benchlog.BenchFile, benchlog.LatencyFile, benchlog.ReportFile}
	if a.Dir, a.Moved, err = output.SetAside(dir, names...); err != nil {
		return a, err
	}
	a.Deleted, err = output.Prune(dir, keepAside, isOurs, names...)
	return a, err
}

// isOurs reports whether a run of ours has written the results in a directory.
func isOurs(dir string) bool {
	f, err := os.Open(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, len(benchlog.HeaderStart))
	_, err = io.ReadFull(f, begin)
	return err == nil && string(begin) == benchlog.HeaderStart
}

// CreateLog begins the results of a new run in dir. It refuses to touch a
// directory that has results already, or that another process writes to.
func CreateLog(dir string, c Config, facts []benchlog.Fact) (*Log, error) {
	owner, err := output.Own(dir)
	if err != nil {
		return nil, err
	}
	log := &Log{owner: owner, started: c.Started.Time}
	if err := log.create(dir, c, facts); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// create makes both files, bench.txt last: where that is, the run can be
// resumed.
func (l *Log) create(dir string, c Config, facts []benchlog.Fact) error {
	preamble, err := benchlog.Preamble(c.Header, facts, c.chosen(), c.Workloads)
	if err != nil {
		return err
	}
	l.benchText.Write(preamble)
	if c.Like != nil {
		line, err := benchlog.Note(*c.Like)
		if err != nil {
			return err
		}
		l.benchText.Write(line)
	}
	l.latencyText.Write(benchlog.LatencyPreamble(c.Started))
	for _, f := range []struct {
		open **os.File
		name string
		text []byte
	}{{&l.latency, benchlog.LatencyFile, l.latencyText.Bytes()}, {&l.bench, benchlog.BenchFile, l.benchText.Bytes()}} {
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

// appendTo writes in one call, so that only a full disk or a kill can leave
// half a line.
func appendTo(f *os.File, memory *bytes.Buffer, text []byte) error {
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	memory.Write(text)
	return nil
}

func (l *Log) write(text []byte) error { return appendTo(l.bench, &l.benchText, text) }

// note appends a record that carries JSON.
func (l *Log) note(record benchlog.Record) error {
	line, err := benchlog.Note(record)
	if err != nil {
		return err
	}
	return l.write(line)
}

// Result appends one result. began is when its runner was started.
func (l *Log) Result(c benchlog.Case, out Output, began time.Time, took time.Duration) error {
	if out.Latency != "" {
		line := benchlog.LatencyLine(c, began.Sub(l.started), took, out.Max, out.Latency)
		if err := appendTo(l.latency, &l.latencyText, line); err != nil {
			return err
		}
	}
	return l.write([]byte(out.Line + "\n"))
}

// Fail appends a failed case.
func (l *Log) Fail(c benchlog.Case, where string, err error) error {
	return l.write(benchlog.Failure(c, where, err))
}

// Skip appends a case, or a whole workload and model, that cannot be measured.
func (l *Log) Skip(c benchlog.Case, reason string) error { return l.write(benchlog.Skip(c, reason)) }

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

// OpenLog continues the results directory of an interrupted run, and becomes
// its owner. What a kill left half written is cut off.
func OpenLog(dir string) (*Log, *Checkpoint, error) {
	name := filepath.Join(dir, benchlog.BenchFile)
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
func (l *Log) open(dir string) (*Checkpoint, error) {
	bench, err := wholeLines(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		return nil, err
	}
	past, err := readCheckpoint(bench)
	if err != nil {
		return nil, err
	}
	latency, err := wholeLines(filepath.Join(dir, benchlog.LatencyFile))
	if err != nil {
		return nil, err
	}
	latency = latency[:past.paired(latency)]
	l.started = past.Header.Started.Time
	l.benchText.Write(bench)
	l.latencyText.Write(latency)
	if l.bench, err = output.Append(filepath.Join(dir, benchlog.BenchFile), int64(len(bench))); err != nil {
		return nil, err
	}
	l.latency, err = output.Append(filepath.Join(dir, benchlog.LatencyFile), int64(len(latency)))
	return past, err
}

// wholeLines reads a file without an incomplete last line.
func wholeLines(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	return text[:bytes.LastIndexByte(text, '\n')+1], err
}
