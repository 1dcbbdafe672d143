package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/report"
)

// compareFlags say how a comparison is shown, and when it fails.
type compareFlags struct {
	failOn, format string
	verbose        bool
}

func (f *compareFlags) add(cmd *cobra.Command, failOn string) {
	flags := cmd.Flags()
	flags.StringVar(&f.failOn, "fail-on", failOn, "exit with status 1 if anything got worse by more than this, such as 5%")
	flags.StringVar(&f.format, "format", "text", "of the output: "+strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print what did not change too")
	completeWord(cmd, "format", slices.Sorted(maps.Keys(formats)))
}

// formats write a comparison.
var formats = map[string]func(w io.Writer, d *report.Diff, verbose bool) error{
	"text": func(w io.Writer, d *report.Diff, verbose bool) error {
		opt := textOptions(w)
		opt.Verbose = verbose
		return report.WriteCompare(w, d, opt)
	},
	"markdown": report.WriteCompareMarkdown,
	"csv":      func(w io.Writer, d *report.Diff, _ bool) error { return report.WriteCompareCSV(w, d) },
	"json":     func(w io.Writer, d *report.Diff, _ bool) error { return report.WriteCompareJSON(w, d) },
}

// check reports flags that mean nothing.
func (f *compareFlags) check() error {
	if _, err := percent(f.failOn); err != nil {
		return usageErrorf("--fail-on %w", err)
	}
	if err := oneOf("--format", f.format, slices.Sorted(maps.Keys(formats))); err != nil {
		return err
	}
	return nil
}

// percent reads a share such as "5%". Nothing is infinite.
func percent(text string) (float64, error) {
	if text == "" {
		return math.Inf(1), nil
	}
	number, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(v >= 0 && v <= 1e6) {
		return 0, fmt.Errorf("%q: want a percentage such as 5%%", text)
	}
	return v / 100, nil
}

func newCompare() *cobra.Command {
	var f compareFlags
	var null string
	cmd := &cobra.Command{
		Use:   "compare OLD NEW | compare AB",
		Short: "Compare two runs of the same machine, or the builds of an A/B run, case by case",
		Long: `Compare prints what changed between two results directories or files, or between
the builds of one of "switchyard ab": first what makes the two hard to compare,
then what got worse, what got better, geometric means by kind of work with their
range over the workloads, and how many cells did not change or are undecided.

A change is claimed when its whole interval is beyond 5 % (or --fail-on, if that
is less) and beyond the noise of this machine, which a null run shows; of an A/B
run, when it is told from the noise of its row, what differs between the old build
and itself. One correction holds over all cases and metrics: of the changes that
are claimed, one in twenty may be false. Results of other tools are compared in
every unit that both have.

Exit status: 0, or 1 if a benchmark failed in NEW, if anything got worse by more
than --fail-on, or if a file cannot be read; 2 for bad arguments.`,
		Example: `  switchyard compare results/latest/20261120T190311.000 results/latest
  switchyard compare results/ab -v
  switchyard compare old.txt new.txt --fail-on 5% --format markdown >>"$GITHUB_STEP_SUMMARY"`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			d, err := f.compare(args, null)
			if err != nil {
				return err
			}
			return errors.Join(f.show(cmd, d), failures(d.New, args[len(args)-1]))
		},
	}
	f.add(cmd, "")
	cmd.Flags().StringVar(&null, "null", "", "a null run of this machine (default: the directory \"null\" beside NEW, or above it, if there is one)")
	return cmd
}

// compare compares the runs of two paths, or the builds of one run.
func (f *compareFlags) compare(args []string, null string) (*report.Diff, error) {
	if len(args) == 2 && args[0] == report.Stdin && args[1] == report.Stdin {
		return nil, usageErrorf("only one of OLD and NEW can be standard input")
	}
	var runs []*report.Run
	for _, path := range args {
		r, err := report.Load(path)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	if len(runs) == 1 {
		if !runs[0].Builds() {
			return nil, usageErrorf("%s is no A/B run: to compare it, name an older run before it", report.ShellQuote(args[0]))
		}
		return report.CompareBuilds(runs[0]), nil
	}
	opt := report.CompareOptions{Threshold: f.threshold()}
	if null == "" {
		null = nullBeside(args[1])
	}
	if null != "" {
		var err error
		if opt.Null, err = report.Load(null); err != nil {
			return nil, err
		}
	}
	return report.CompareWith(runs[0], runs[1], opt), nil
}

// threshold returns what a change must exceed to matter; 0 is the usual.
func (f *compareFlags) threshold() float64 {
	limit, _ := percent(f.failOn)
	if limit < 0.05 {
		return max(limit, 1e-9)
	}
	return 0
}

// nullBeside returns the null run beside results, or above them, or "".
func nullBeside(path string) string {
	dir, err := filepath.Abs(path)
	here, hereErr := os.Getwd()
	if err != nil || hereErr != nil || path == report.Stdin {
		return ""
	}
	for range 4 {
		dir = filepath.Dir(dir)
		null := filepath.Join(dir, nullDir)
		if _, err := os.Stat(filepath.Join(null, benchlog.BenchFile)); err == nil {
			if near, err := filepath.Rel(here, null); err == nil && filepath.IsLocal(near) {
				return near
			}
			return null
		}
	}
	return ""
}

// nullDir is the name of the directory with a null run's results.
const nullDir = "null"

// show prints a comparison. The error says whether something got worse.
func (f *compareFlags) show(cmd *cobra.Command, d *report.Diff) error {
	if err := formats[f.format](cmd.OutOrStdout(), d, f.verbose); err != nil {
		return err
	}
	limit, _ := percent(f.failOn)
	if worse := d.Worse(limit); worse > 0 && !math.IsInf(limit, 1) {
		return &exitError{exitFailed, fmt.Errorf("worse by more than %s: %s", f.failOn, plural(worse, "comparison"))}
	}
	return nil
}
