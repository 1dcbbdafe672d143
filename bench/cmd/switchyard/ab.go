package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/bench/run"
	"switchyard/report"
)

// abFlags are the flags of "switchyard ab".
type abFlags struct {
	runFlags
	compareFlags
	old, new string
}

func newAB() *cobra.Command {
	var f abFlags
	cmd := &cobra.Command{
		Use:   "ab --old COMMIT|DIR|PROGRAM",
		Short: "Measure two builds of a runner in one run, and print what changed",
		Long: `Ab measures every case with an old and a new build of the runner, one right after
the other, in each block: what drifts meanwhile hits both. The old build is
measured a second time as a control. What differs between old and old is noise,
and stands beside each change.

A build is a runner program of any kind, a directory with the source of ours, or
a commit of the repository that this is called in, which is built in a temporary
directory. Only what both have is measured. N is the same for both. The results
are written as those of "switchyard run" are, but no page; their names have the
build in them: "go tool benchstat -col /build" reads them, and "switchyard compare
DIR" prints the comparison again.

Exit status: 0, or 1 if a case got worse by more than --fail-on, or failed, 2 for
bad arguments, 130 when interrupted, 141 when nobody reads any more what it
prints.`,
		Example: `  switchyard ab --old HEAD~1
  switchyard ab --old ../before --workloads 'PingPong|Lock' --count 20
  switchyard ab --old ./runner-a --new ./runner-b --fail-on 3% --out results/ab
  switchyard ab --resume --out results/ab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return ab(cmd, f) },
	}
	f.runFlags.add(cmd, "results/ab", benchlog.SteadyResults, 1)
	cmd.Flags().StringVar(&f.old, "old", "", "the build to compare with: a commit, a directory or a runner program")
	cmd.Flags().StringVar(&f.new, "new", "", "the build to judge, likewise (default: runner beside this program)")
	f.compareFlags.add(cmd, "5%")
	return cmd
}

func newNull() *cobra.Command {
	var f abFlags
	cmd := &cobra.Command{
		Use:   "null",
		Short: "Measure one build as if it were two, and print what seems to have changed",
		Long: `Null is "switchyard ab" with one and the same build as old and new: every change
that it prints is false. It shows what this machine's noise is, in each metric,
between two sessions of the run, or with --sessions 1 side by side.
"switchyard compare" looks for a null run in the directory "null" beside the
results that it compares; if it is of the same machine, no smaller change is
claimed.`,
		Example: `  switchyard null
  switchyard null --runner ./mine --out results/mine/null`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return ab(cmd, f) },
	}
	f.runFlags.add(cmd, "results/"+nullDir, benchlog.SteadyResults, 2)
	cmd.Flags().StringVar(&f.old, "runner", "", "the program to measure (default: runner beside this program)")
	f.compareFlags.add(cmd, "")
	return cmd
}

// ab measures two builds. Without a new one that is the old one again.
func ab(cmd *cobra.Command, f abFlags) error {
	if err := errors.Join(f.runFlags.check(cmd), f.compareFlags.check()); err != nil {
		return err
	}
	if cmd.Name() == "null" {
		f.new = f.old
	}
	if f.resume {
		was, err := buildsOf(f.out)
		if err != nil {
			return err
		}
		f.old, f.new = was[0].From, was[1].From
	} else if f.old == "" && cmd.Name() == "ab" {
		return usageErrorf("--old says what to compare with: a commit, a directory or a runner program")
	}
	dir, remove, err := makeScratch()
	if err != nil {
		return err
	}
	defer remove()
	ctx := cmd.Context()
	old, older, err := openBuild(ctx, benchlog.OldBuild, f.old, dir)
	if err != nil {
		return err
	}
	new, newer, err := openBuild(ctx, benchlog.NewBuild, f.new, dir)
	if err != nil {
		return err
	}
	runners, onlyOld, onlyNew, err := run.Pair(older, newer)
	if err != nil {
		return err
	}
	old.Only, new.Only = onlyOld, onlyNew
	f.builds = []benchlog.Build{old, new}
	for _, b := range f.builds {
		if len(b.Only) > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "note: not measured, since only the %s build has it: %s\n", b.Name, strings.Join(b.Only, ", "))
		}
	}
	return measure(cmd, f.runFlags, runners, func(results *report.Run) error {
		return f.show(cmd, report.CompareBuilds(results))
	})
}

// buildsOf returns the builds of an interrupted A/B run.
func buildsOf(dir string) ([]benchlog.Build, error) {
	file, err := os.Open(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		return nil, fmt.Errorf("nothing to resume: %w", err)
	}
	defer file.Close()
	past, err := benchlog.Read(file)
	if err != nil {
		return nil, err
	}
	if builds := past.Header.Builds; len(builds) == 2 {
		return builds, nil
	}
	return nil, fmt.Errorf("cannot resume %s: it is no A/B run", dir)
}
