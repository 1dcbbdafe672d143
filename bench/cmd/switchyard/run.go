package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/bench"
)

// runFlags are the flags of "switchyard run".
type runFlags struct {
	workloads, models, cpu string
	count, repeats         int
	benchtime, budget      time.Duration
	deadline               time.Duration
	seed                   uint64
	out, runner            string
	resume                 bool
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure, and write bench.txt, latency.hlog and report.html",
		Long: `Run measures every chosen case: first a calibrating pass, then one pass ("block")
per result, each in random order, every result in a fresh process. Results are
on disk as soon as they are there: an interrupted run keeps them, and --resume
goes on with it. Older results in the same directory are moved aside, never
overwritten.

Exit status: 0, or 1 if a case failed, 2 for bad arguments, 130 when interrupted.`,
		Example: `  switchyard run
  switchyard run --workloads 'PingPong|Lock' --models greenlet,process --count 10 --benchtime 20ms
  switchyard run --cpu 1,all --benchtime 1s --budget 1h --out results/long
  switchyard run --resume --out results/long`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.workloads, "workloads", "", "names of the workloads, separated by '|' or ',' (default all)")
	flags.StringVar(&f.models, "models", "", "names of the models, likewise (default all)")
	flags.IntVar(&f.count, "count", 6, "results per case; six are the fewest that give a 95 % interval")
	flags.DurationVar(&f.benchtime, "benchtime", 50*time.Millisecond, "time one result takes")
	flags.DurationVar(&f.budget, "budget", 0, "time the whole run may take; shortens the bench time if need be (0 is no limit)")
	flags.DurationVar(&f.deadline, "deadline", 0, "time after which a hung case is killed (default 20 s and 20 bench times)")
	flags.IntVar(&f.repeats, "repeats", 2, "disturbed blocks that are run again, at most, if the budget allows")
	flags.StringVar(&f.cpu, "cpu", "all", "sizes of the CPU set to measure with, such as 1,all")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the order inside blocks")
	flags.StringVar(&f.out, "out", "results/latest", "directory of the results")
	flags.BoolVar(&f.resume, "resume", false, "go on with the interrupted run in --out, as it was planned")
	flags.StringVar(&f.runner, "runner", "", "the program that measures (default: runner beside this program)")
	return cmd
}

func run(cmd *cobra.Command, f runFlags) error {
	ctx := cmd.Context()
	program, err := findRunner(f.runner)
	if err != nil {
		return err
	}
	all, err := program.List(ctx)
	if err != nil {
		return err
	}
	if err := bench.Adopt(); err != nil {
		return err
	}
	var r *bench.Run
	if f.resume {
		r, err = resumed(cmd, f, all, program)
	} else {
		r, err = planned(f, all, program)
	}
	if err != nil {
		return err
	}
	defer r.Log.Close()
	r.Exec = program
	p := newProgress(cmd.ErrOrStderr())
	r.Observe = p
	stats, err := r.Do(ctx)
	p.done()
	if err := finish(cmd, f.out, stats, err); err != nil {
		return err
	}
	if stats.Failed > 0 {
		return &exitError{exitFailed, fmt.Errorf("%s failed", plural(stats.Failed, "case"))}
	}
	return nil
}

// planned makes the plan of a new run from the flags, and its log.
func planned(f runFlags, all []bench.WorkloadInfo, program *bench.Program) (*bench.Run, error) {
	workloads, err := chooseWorkloads(all, f.workloads)
	if err != nil {
		return nil, err
	}
	models, err := chooseModels(f.models)
	if err != nil {
		return nil, err
	}
	lanes, err := chooseLanes(f.cpu, len(program.CPUs))
	if err != nil {
		return nil, err
	}
	if f.count < 1 || f.benchtime <= 0 || f.budget < 0 || f.deadline < 0 || f.repeats < 0 {
		return nil, usageErrorf("count and bench time must be positive, the other numbers not negative")
	}
	r := &bench.Run{Config: bench.Config{
		Workloads: workloads, Models: models, Lanes: lanes,
		Count: f.count, Benchtime: f.benchtime, Budget: f.budget, Deadline: f.deadline, Repeats: f.repeats, Seed: f.seed,
		CPUs: cpuList(program.CPUs), Command: commandLine(os.Args),
	}}
	if err := setAside(f.out); err != nil {
		return nil, err
	}
	r.Log, err = bench.CreateLog(f.out, r.Header(time.Now()), bench.HostFacts(), workloads)
	return r, err
}

// resumed takes the plan of an interrupted run from its results.
func resumed(cmd *cobra.Command, f runFlags, all []bench.WorkloadInfo, program *bench.Program) (*bench.Run, error) {
	for _, name := range []string{"workloads", "models", "count", "benchtime", "budget", "cpu", "seed"} {
		if cmd.Flags().Changed(name) {
			return nil, usageErrorf("--resume goes on as planned: it cannot take --%s", name)
		}
	}
	log, past, err := bench.OpenLog(f.out)
	if err != nil {
		return nil, err
	}
	for _, fact := range bench.HostFacts() {
		switch fact.Key {
		case "cpu", "cores", "go", "commit", "kernel":
			if was := past.Fact(fact.Key); was != fact.Value {
				log.Close()
				return nil, fmt.Errorf("cannot resume %s: its %s is %q, and here it is %q; results of two are never mixed",
					f.out, fact.Key, was, fact.Value)
			}
		}
	}
	var workloads []bench.WorkloadInfo
	for _, name := range past.Workloads {
		i := slices.IndexFunc(all, func(w bench.WorkloadInfo) bool { return w.Name == name })
		if i < 0 {
			log.Close()
			return nil, fmt.Errorf("cannot resume %s: the runner has no workload %q", f.out, name)
		}
		workloads = append(workloads, all[i])
	}
	h := past.Header
	return &bench.Run{Log: log, Past: past, Config: bench.Config{
		Workloads: workloads, Models: h.Models, Lanes: h.Lanes, Count: h.Count,
		Benchtime: h.Benchtime, Budget: h.Budget, Deadline: f.deadline, Repeats: f.repeats, Seed: h.Seed,
		CPUs: h.CPUs, Command: h.Command,
	}}, nil
}

// finish writes the report of whatever was measured and says how it went.
func finish(cmd *cobra.Command, dir string, stats bench.Stats, runErr error) error {
	interrupted := runErr != nil
	if stats.Results > 0 {
		if err := writeReport(cmd.OutOrStdout(), dir, "", ""); err != nil && !interrupted {
			return err
		}
	}
	if interrupted {
		return fmt.Errorf("%w; %s kept in %s, go on with: switchyard run --resume --out %s",
			runErr, plural(stats.Results, "result"), dir, dir)
	}
	return nil
}

// findRunner returns the measuring program and the CPUs it may use.
func findRunner(path string) (*bench.Program, error) {
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(filepath.Dir(self), "runner")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, usageErrorf("the runner is not there (make builds it): %w", err)
	}
	return &bench.Program{Path: path, CPUs: bench.AllCPUs()}, nil
}

// setAside moves results that are in the way to <dir>-<when they were last
// written>.
func setAside(dir string) error {
	for _, name := range []string{bench.BenchFile, bench.LatencyFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		aside := filepath.Clean(dir) + "-" + info.ModTime().UTC().Format("20060102T150405.000")
		if err := os.Rename(dir, aside); err != nil {
			return fmt.Errorf("move the older results aside: %w", err)
		}
		return nil
	}
	return nil
}

// chooseWorkloads returns the named workloads in report order.
func chooseWorkloads(all []bench.WorkloadInfo, names string) ([]bench.WorkloadInfo, error) {
	var known []string
	for _, w := range all {
		known = append(known, w.Name)
	}
	chosen, err := choose("workload", known, names)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(w bench.WorkloadInfo) bool {
		return !slices.Contains(chosen, w.Name)
	}), nil
}

func chooseModels(names string) ([]bench.Model, error) {
	var known []string
	for _, m := range bench.Models() {
		known = append(known, string(m))
	}
	chosen, err := choose("model", known, names)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(bench.Models(), func(m bench.Model) bool {
		return !slices.Contains(chosen, string(m))
	}), nil
}

// choose returns the names in a list separated by '|' or ','; none is all.
func choose(what string, known []string, names string) ([]string, error) {
	chosen := strings.FieldsFunc(names, func(r rune) bool { return r == '|' || r == ',' || r == ' ' })
	if len(chosen) == 0 {
		return known, nil
	}
	for _, name := range chosen {
		if !slices.Contains(known, name) {
			return nil, usageErrorf("unknown %s %q; there are: %s", what, name, strings.Join(known, " "))
		}
	}
	return chosen, nil
}

// chooseLanes returns the sizes of CPU set, smallest first.
func chooseLanes(text string, all int) ([]int, error) {
	var lanes []int
	for _, field := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if strings.TrimSpace(field) == "all" {
			n, err = all, nil
		}
		if err != nil || n < 1 || n > all {
			return nil, usageErrorf("--cpu %q: want \"all\" or a number of CPUs from 1 to %d", field, all)
		}
		lanes = append(lanes, n)
	}
	slices.Sort(lanes)
	return slices.Compact(lanes), nil
}

// cpuList prints CPU numbers as the kernel does: "0-3,8".
func cpuList(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(cpus[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", cpus[i], cpus[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// commandLine returns what the user typed, quoted for a shell, with the
// program's base name: the path to it says nothing to a reader.
func commandLine(args []string) string {
	words := []string{filepath.Base(args[0])}
	for _, a := range args[1:] {
		if a == "" || strings.ContainsAny(a, " \t\n'\"|&;<>()$`\\*?[]#~=%!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
