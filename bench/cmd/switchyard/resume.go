package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/run"
)

// planFlags are those that an interrupted run has decided already.
var planFlags = []string{"workloads", "profile", "models", "count", "benchtime", "budget", "deadline", "repeats", "sessions", "like", "cpu", "seed", "refine", "p99-limit"}

// resumed takes the plan of an interrupted run from its results: all of it, so
// that both parts measure alike.
func resumed(cmd *cobra.Command, f runFlags, runners *run.Runners) (*run.Run, error) {
	for _, name := range planFlags {
		if cmd.Flags().Changed(name) {
			return nil, usageErrorf("--resume goes on as planned: it cannot take --%s", name)
		}
	}
	log, past, err := run.OpenLog(f.out)
	if err != nil {
		return nil, err
	}
	cpus, err := resumable(past, runners, run.AllCPUs())
	if err == nil && !reflect.DeepEqual(past.Header.Builds, f.builds) {
		err = errors.New("it was begun with other builds")
	}
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("cannot resume %s: %w", f.out, err)
	}
	runners.Use(host.This(f.out).Spread(cpus))
	c := run.Config{Header: past.Header, Declared: past.Models, Workloads: past.Workloads}
	return &run.Run{Log: log, Checkpoint: past, Config: c}, nil
}

// resumable reports why the rest of a run would not be like the first part:
// another machine or build, models or workloads that the runners have not, CPUs
// that may not be used. It returns the CPUs of the plan.
func resumable(past *run.Checkpoint, runners *run.Runners, usable []int) ([]int, error) {
	if other := differs(past.File, "cpu", "cores", "go", "commit", "kernel"); other != "" {
		return nil, fmt.Errorf("%s; results of two are never mixed", other)
	}
	for _, m := range past.Models {
		i := slices.IndexFunc(runners.Models, func(have benchlog.ModelInfo) bool { return have.Name == m.Name })
		if i < 0 {
			return nil, fmt.Errorf("no runner has the model %q; name all runners that it was begun with", m.Name)
		}
		if runners.Models[i] != m {
			return nil, fmt.Errorf("the runner's %s is not the one that was planned", m.Name)
		}
	}
	for _, w := range past.Workloads {
		i := slices.IndexFunc(runners.Workloads, func(have benchlog.WorkloadInfo) bool { return have.Name == w.Name })
		if i < 0 {
			return nil, fmt.Errorf("no runner has the workload %q; name all runners that it was begun with", w.Name)
		}
		have := runners.Workloads[i]
		lacks := slices.ContainsFunc(w.Cases, func(p benchlog.Params) bool { return !have.Has(p) })
		have.Cases, have.More = w.Cases, w.More // which of them are measured was chosen
		if lacks || !reflect.DeepEqual(have, w) {
			return nil, fmt.Errorf("the runner's %s is not the one that was planned", w.Name)
		}
	}
	cpus, err := host.ParseCPUs(past.Header.CPUs)
	if err != nil || len(cpus) < slices.Max(past.Header.Lanes) {
		return nil, fmt.Errorf("its plan has the CPUs %q", past.Header.CPUs)
	}
	for _, cpu := range cpus {
		if !slices.Contains(usable, cpu) {
			return nil, fmt.Errorf("it was measured on the CPUs %s, and here are %s", past.Header.CPUs, host.FormatCPUs(usable))
		}
	}
	return cpus, nil
}

// resumeCommand returns what resumes a run, for a shell.
func resumeCommand(cmd *cobra.Command, f runFlags) string {
	words := []string{os.Args[0], cmd.Name(), "--resume", "--out", f.out}
	for _, path := range f.runners {
		words = append(words, "--runner", path)
	}
	return shellWords(words)
}
