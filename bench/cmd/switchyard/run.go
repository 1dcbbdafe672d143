package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/output"
	"switchyard/bench/run"
	"switchyard/report"
)

// runFlags are the flags of "switchyard run".
type runFlags struct {
	workloads, models, cpu string
	profile                string
	count, repeats         int
	benchtime, budget      time.Duration
	deadline               time.Duration
	refine                 string
	p99Limit               time.Duration
	seed                   uint64
	out, like              string
	sessions               int
	runners                []string
	resume                 bool
	builds                 []benchlog.Build // of an A/B run
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure, and write bench.txt, latency.hlog and report.html",
		Long: `Run measures every chosen case: first a calibrating pass, then one pass ("block")
per result, each in random order, every result in a fresh process. Results are
on disk as soon as they are there: an interrupted run keeps them, and --resume
goes on with it, as it was planned. Older results in the directory (these three
files, nothing else) are moved to a directory inside it, never overwritten; the
five newest of those are kept. A directory that another run writes to is refused.

How many ops a result takes (N) is a number of the series 1, 2, 5, 10, 20, ...,
at least ten laps or rounds (fewer where ten take over ten seconds, or 16 times
a result's share of the budget). A run with the plan of the one before it in the
directory, on the same machine, takes over its N and its bench time, where they
still suit: results of different N are hard to compare. Without one it takes
those of the newest such run below results/, or of a kept one of another machine.
--like takes them from any earlier run; with --like none, the run finds all by
itself. Of a run of the same plan and machine it also takes over what the verdict
said, where the new results leave open on which side of a bound they are.

A budget shortens the bench time, and if that is not enough, leaves cases out:
first what takes long alone, then all but the first case of each workload, then
workloads. Each says why; all others have the results that were asked for. The
next run with the same plan leaves out the same, as long as they do not fit
easily. What the budget has left goes into more results. One that cannot hold a
single case is refused.

Exit status: 0, or 1 if a case failed, 2 for bad arguments, 130 when interrupted.`,
		Example: `  switchyard run
  switchyard run --workloads 'PingPong|Lock' --models greenlet,process --count 10 --benchtime 20ms
  switchyard run --cpu 1,all --benchtime 1s --budget 1h --out results/long
  switchyard run --sessions 3 --count 12 --like results/latest --out results/next
  switchyard run --resume --out results/long`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			runners, err := openRunners(cmd.Context(), f.runners)
			if err != nil {
				return err
			}
			return measure(cmd, f, runners, func(results *report.Run) error {
				return show(cmd, results, nil, filepath.Join(f.out, reportFile), true, false, inputsOf(f.out))
			})
		},
	}
	f.add(cmd, latest, benchlog.MinResults, 1)
	runnerFlag(cmd, &f.runners)
	return cmd
}

// add adds the flags that all commands that measure have.
func (f *runFlags) add(cmd *cobra.Command, out string, count, sessions int) {
	flags := cmd.Flags()
	flags.StringVar(&f.workloads, "workloads", "", "names of the workloads, separated by '|' or ',' (default all); one with a point, such as Ring/n=100, is measured there")
	flags.StringVar(&f.profile, "profile", profiles[0], "points of the workloads: default; full, all of them; or smoke, the smallest, once, for no time")
	flags.StringVar(&f.models, "models", "", "names of the models, likewise (default all)")
	flags.IntVar(&f.count, "count", count, "results per case; six are the fewest that give a 95 % interval")
	flags.DurationVar(&f.benchtime, "benchtime", 50*time.Millisecond, "time one result takes")
	flags.DurationVar(&f.budget, "budget", 0, "time the whole run may take; shortens the bench time if need be (0 is no limit)")
	flags.DurationVar(&f.deadline, "deadline", 0, "time after which a hung case is killed; four times what it should take if that is more (default 20 s and 20 bench times, and six times that to calibrate)")
	flags.StringVar(&f.refine, "refine", "20%", "share of the time that may go into sizes between those planned, to narrow where one model gets better than another (0% is none)")
	flags.DurationVar(&f.p99Limit, "p99-limit", time.Millisecond, "the highest rate of an open loop is looked for that keeps this 99th percentile of latency")
	flags.IntVar(&f.repeats, "repeats", 2, "disturbed blocks that are run again, at most, if the budget allows")
	flags.IntVar(&f.sessions, "sessions", sessions, "parts that the run is spread over, with pauses between; at most one per result")
	flags.StringVar(&f.like, "like", "", "directory of an earlier run whose N and bench time are taken over; \""+noLike+"\" is of none")
	flags.StringVar(&f.cpu, "cpu", "all", "sizes of the CPU set to measure with, such as 1,all; with four or more the report fits how each model scales")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the order inside blocks")
	flags.StringVar(&f.out, "out", out, "directory of the results")
	flags.BoolVar(&f.resume, "resume", false, "go on with the interrupted run in --out, as it was planned")
	completeNames(cmd)
	completeWord(cmd, "profile", profiles)
}

// check reports what is wrong with flags before any runner is asked, and lets
// the smoke profile shorten what they do not say.
func (f *runFlags) check(cmd *cobra.Command) error {
	if f.profile == "smoke" {
		for name, value := range map[string]string{"count": "1", "repeats": "0", "benchtime": "1ms"} {
			if !cmd.Flags().Changed(name) {
				_ = cmd.Flags().Set(name, value) // both are right
			}
		}
	}
	if f.out == "" || f.out == output.Stdout {
		return usageErrorf("--out %q: results need a directory", f.out)
	}
	return nil
}

// measure runs the plan that the flags make, or resumes one, and gives what was
// measured to present.
func measure(cmd *cobra.Command, f runFlags, runners *run.Runners, present func(*report.Run) error) error {
	var err error
	p := newProgress(cmd.ErrOrStderr())
	for _, n := range runners.Notes {
		p.Note(n)
	}
	var r *run.Run
	if f.resume {
		r, err = resumed(cmd, f, runners)
	} else {
		r, err = planned(cmd.Context(), f, runners, p)
	}
	if err != nil {
		return err
	}
	defer r.Log.Close()
	r.Exec = runners
	r.Observe, p.budget = p, r.Budget
	var stats run.Stats
	err = withScratch(f.out, func() (err error) {
		stats, err = r.Do(cmd.Context())
		return err
	})
	p.done()
	if err := finish(cmd, f, r.Log, stats, err, present); err != nil {
		return err
	}
	if stats.Failed > 0 {
		return &exitError{exitFailed, fmt.Errorf("%s failed", plural(stats.Failed, "case"))}
	}
	return nil
}

// withScratch runs f while runners keep their temporary files on the disk of
// the results, which need not be that of /tmp. What they leave is removed, also
// that of an earlier run in this directory that was killed.
func withScratch(out string, f func() error) error {
	const variable, prefix = "TMPDIR", ".switchyard-scratch-"
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	entries, _ := os.ReadDir(out)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			_ = os.RemoveAll(filepath.Join(out, e.Name()))
		}
	}
	dir, err := os.MkdirTemp(out, prefix)
	if err != nil {
		return fmt.Errorf("a directory for temporary files: %w", err)
	}
	defer os.RemoveAll(dir)
	if old, had := os.LookupEnv(variable); had {
		defer os.Setenv(variable, old)
	} else {
		defer os.Unsetenv(variable)
	}
	if err := os.Setenv(variable, dir); err != nil {
		return err
	}
	return f()
}

// planned makes the plan of a new run from the flags, and its log.
func planned(ctx context.Context, f runFlags, runners *run.Runners, p *progress) (*run.Run, error) {
	workloads, err := chooseWorkloads(runners.Workloads, f.workloads, f.profile)
	if err != nil {
		return nil, err
	}
	models, err := chooseModels(runners.Models, f.models)
	if err != nil {
		return nil, err
	}
	cpus := run.AllCPUs()
	lanes, err := chooseLanes(f.cpu, len(cpus))
	if err != nil {
		return nil, err
	}
	if f.count < 1 || f.benchtime <= 0 || f.budget < 0 || f.deadline < 0 || f.repeats < 0 {
		return nil, usageErrorf("count and bench time must be positive, the other numbers not negative")
	}
	if f.sessions < 1 || f.sessions > f.count {
		return nil, usageErrorf("--sessions %d: want at least 1, and at most one per result (--count %d)", f.sessions, f.count)
	}
	refine, err := percent(f.refine)
	if err != nil || refine >= 1 || f.p99Limit <= 0 {
		return nil, usageErrorf("--refine %q: want a percentage below 100%%, and --p99-limit a positive time", f.refine)
	}
	runners.Use(host.This(f.out).Spread(cpus))
	r := &run.Run{Config: run.Config{Declared: runners.Models, Workloads: workloads, Header: benchlog.Header{
		Models: models, Lanes: lanes, Count: f.count, Benchtime: f.benchtime, Budget: f.budget, Deadline: f.deadline, Repeats: f.repeats, Sessions: f.sessions, Seed: f.seed,
		CPUs: host.FormatCPUs(cpus), Command: commandLine(os.Args), Builds: f.builds, Refine: refine, P99Limit: f.p99Limit,
	}}}
	if r.Like, err = like(f, r.Plan(time.Time{}), p); err != nil {
		return nil, err
	}
	r.Exec = runners
	if err := r.Check(ctx, runners.Workloads); err != nil {
		return nil, err
	}
	aside, err := run.SetAside(f.out)
	if err != nil {
		return nil, err
	}
	if aside.Dir != "" {
		p.Note(fmt.Sprintf("older results are now in %s: %s", aside.Dir, strings.Join(aside.Moved, " ")))
	}
	if len(aside.Deleted) > 0 {
		p.Note("the oldest results there were deleted: " + strings.Join(aside.Deleted, " "))
	}
	r.Log, err = run.CreateLog(f.out, r.Plan(time.Now()), host.Facts(f.out))
	return r, err
}

// noLike is the value of --like with which a run finds all N by itself.
const noLike = "none"

// like returns the run whose N is taken over; nil is none. It is the one that
// the flags name, or the newest with the same plan: the one before in the
// directory, else one of this machine below results/, else of any. So repeated
// runs have the same N wherever they write their results. One of the same plan
// on this machine has its words taken over too.
func like(f runFlags, plan run.Config, p *progress) (*benchlog.Like, error) {
	switch {
	case f.builds != nil && f.like != "":
		return nil, usageErrorf("--like: all builds of a case have the N that the old one finds")
	case f.builds != nil, f.like == noLike:
		return nil, nil
	case f.like == "":
		return likeBefore(f.out, plan), nil
	}
	before, file, err := run.LikeOf(f.like)
	if err != nil {
		return nil, fmt.Errorf("--like %s: %w", f.like, err)
	}
	before.Chosen = true
	if differs := otherMachine(file); differs != "" {
		p.Note(fmt.Sprintf("%s was measured elsewhere: %s; its N is taken over where it suits", f.like, differs))
	} else if samePlan(file, plan) {
		before.Said = saidIn(f.like)
	}
	return before, nil
}

// saidIn is what the verdict of the results in dir says; nil if they cannot be
// read, which their N could.
func saidIn(dir string) *benchlog.Said {
	results, err := report.Load(dir)
	if err != nil {
		return nil
	}
	return report.Analyze(results).Said()
}

// likeBefore returns the run before with the same plan, or nil.
func likeBefore(out string, plan run.Config) (best *benchlog.Like) {
	if before, file, err := run.LikeOf(out); err == nil && samePlan(file, plan) && otherMachine(file) == "" {
		before.Said = saidIn(out)
		return before
	}
	var found []string
	for _, below := range []string{"*", filepath.Join("*", "*")} {
		names, _ := filepath.Glob(filepath.Join(filepath.Dir(latest), below, benchlog.BenchFile)) // the pattern is right
		found = append(found, names...)
	}
	here, at := false, ""
	for _, name := range found {
		before, file, err := run.LikeOf(filepath.Dir(name))
		if err != nil || !samePlan(file, plan) {
			continue
		}
		ours := otherMachine(file) == ""
		if best == nil || ours && !here || ours == here && before.Started.After(best.Started.Time) {
			best, here, at = before, ours, filepath.Dir(name)
		}
	}
	if here {
		best.Said = saidIn(at)
	}
	return best
}

// samePlan reports whether an earlier run was asked for the same measurements,
// of the same length.
func samePlan(before *benchlog.File, plan run.Config) bool {
	h := before.Header
	same := len(h.Builds) == 0 && h.Benchtime == plan.Benchtime && h.Budget == plan.Budget && h.Count == plan.Count && max(h.Sessions, 1) == plan.Sessions &&
		slices.Equal(h.Models, plan.Models) && slices.Equal(h.Lanes, plan.Lanes)
	return same && slices.EqualFunc(before.Workloads, plan.Workloads, func(a, b benchlog.WorkloadInfo) bool {
		return a.Name == b.Name && slices.Equal(a.Cases, b.Cases)
	})
}

// otherMachine says in what the machine of an earlier run differs from this
// one, "" if in nothing that decides how fast it is.
func otherMachine(before *benchlog.File) string {
	for _, fact := range host.Facts(".") {
		switch fact.Key {
		case "cpu", "cores":
			if was := before.Fact(fact.Key); was != fact.Value {
				return fmt.Sprintf("its %s is %q, and here it is %q", fact.Key, was, fact.Value)
			}
		}
	}
	return ""
}

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
	for _, fact := range host.Facts("") {
		switch fact.Key {
		case "cpu", "cores", "go", "commit", "kernel":
			if was := past.Fact(fact.Key); was != fact.Value {
				return nil, fmt.Errorf("its %s is %q, and here it is %q; results of two are never mixed", fact.Key, was, fact.Value)
			}
		}
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

// finish reports what was measured and says how it went. It reads no file: the
// report is of what this run has in memory.
func finish(cmd *cobra.Command, f runFlags, log *run.Log, stats run.Stats, runErr error, present func(*report.Run) error) error {
	var err error
	if stats.Results > 0 {
		text, latency := log.Texts()
		var results *report.Run
		if results, err = report.FromMemory(f.out, text, latency); err == nil {
			err = present(results)
		}
	}
	if runErr == nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "switchyard:", err)
	}
	return fmt.Errorf("%w; %s kept in %s, go on with: %s",
		runErr, plural(stats.Results, "result"), f.out, resumeCommand(cmd, f))
}

// resumeCommand returns what resumes a run, for a shell.
func resumeCommand(cmd *cobra.Command, f runFlags) string {
	words := []string{os.Args[0], cmd.Name(), "--resume", "--out", f.out}
	for _, path := range f.runners {
		words = append(words, "--runner", path)
	}
	return shellWords(words)
}

// runnerFlag adds the flag that names runners.
func runnerFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "runner", nil, "a program that measures, with models of its own; may be given several times (default: runner beside this program)")
}

// defaultRunner returns the path of the runner beside this program.
func defaultRunner() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), "runner"), err
}

// openRunners asks the named programs, or the one beside this program, what
// they measure.
func openRunners(ctx context.Context, paths []string) (*run.Runners, error) {
	if len(paths) == 0 {
		path, err := defaultRunner()
		if err != nil {
			return nil, err
		}
		paths = []string{path}
	}
	var programs []*run.Program
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil, usageErrorf("the runner is not there (make builds it): %w", err)
		}
		if !strings.ContainsRune(path, filepath.Separator) {
			path = "." + string(filepath.Separator) + path // not one of $PATH
		}
		programs = append(programs, &run.Program{Path: path})
	}
	return run.OpenRunners(ctx, programs)
}

// chooseLanes returns the sizes of CPU set, smallest first. Beside "all", those
// that this machine has not are left out: "1,2,4,all" is good anywhere.
func chooseLanes(text string, all int) ([]int, error) {
	var lanes []int
	fields := strings.Split(text, ",")
	rest := slices.ContainsFunc(fields, func(f string) bool { return strings.TrimSpace(f) == "all" })
	for _, field := range fields {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if strings.TrimSpace(field) == "all" {
			n, err = all, nil
		}
		if err == nil && n > all && rest {
			continue
		}
		if err != nil || n < 1 || n > all {
			return nil, usageErrorf("--cpu %q: want \"all\" or a number of CPUs from 1 to %d", field, all)
		}
		lanes = append(lanes, n)
	}
	slices.Sort(lanes)
	return slices.Compact(lanes), nil
}

// commandLine returns what the user typed, quoted for a shell, with the
// program's base name: the path to it says nothing to a reader.
func commandLine(args []string) string {
	return shellWords(append([]string{filepath.Base(args[0])}, args[1:]...))
}

// shellWords returns words as a POSIX shell reads them.
func shellWords(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, report.ShellQuote(w))
	}
	return strings.Join(quoted, " ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
