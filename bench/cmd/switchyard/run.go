package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

Exit status: 0, or 1 if a case failed, 2 for bad arguments, 130 when
interrupted, 141 when nobody reads any more what it prints.`,
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
