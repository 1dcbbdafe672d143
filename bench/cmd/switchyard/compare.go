package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/report"
)

// compareFlags say how a comparison is shown, and when it fails.
type compareFlags struct {
	failOn string
}

func (f *compareFlags) add(cmd *cobra.Command, failOn string) {
	cmd.Flags().StringVar(&f.failOn, "fail-on", failOn, "exit with status 1 if anything got worse by more than this, such as 5%")
}

// check reports flags that mean nothing.
func (f *compareFlags) check() error {
	if _, err := percent(f.failOn); err != nil {
		return usageErrorf("--fail-on %w", err)
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
	cmd := &cobra.Command{
		Use:   "compare OLD NEW | compare AB",
		Short: "Compare two runs of the same machine, or the builds of an A/B run, case by case",
		Long: `Compare prints what changed between two results directories or files, or between
the builds of one of "switchyard ab", regressions first, with intervals, tests
corrected for their number, and "~" where no difference was seen. A benchmark that
failed in NEW is never a gain: it is named, and the exit status is 1. Results of
other tools are compared in every unit that both have.`,
		Example: `  switchyard compare results/latest/20261120T190311.000 results/latest
  switchyard compare results/ab`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.compare(cmd, args)
		},
	}
	f.add(cmd, "")
	return cmd
}

// compare compares the runs of two paths, or the builds of one run.
func (f *compareFlags) compare(cmd *cobra.Command, args []string) error {
	if len(args) == 2 && args[0] == report.Stdin && args[1] == report.Stdin {
		return usageErrorf("only one of OLD and NEW can be standard input")
	}
	var runs []*report.Run
	for _, path := range args {
		r, err := report.Load(path)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	newer := runs[len(runs)-1]
	if len(runs) == 1 {
		if !newer.Builds() {
			return usageErrorf("%s is no A/B run: to compare it, name another run before it", report.ShellQuote(args[0]))
		}
		runs = []*report.Run{newer.Build(benchlog.OldBuild), newer.Build(benchlog.NewBuild)}
	}
	if err := f.show(cmd, runs[0], runs[1]); err != nil {
		return err
	}
	return failures(newer, args[len(args)-1])
}

// show prints a comparison.
func (f *compareFlags) show(cmd *cobra.Command, older, newer *report.Run) error {
	if err := report.WriteCompare(cmd.OutOrStdout(), older, newer, textOptions(cmd.OutOrStdout())); err != nil {
		return err
	}
	limit, _ := percent(f.failOn)
	if worse := report.Compare(older, newer).Worse(limit); worse > 0 {
		return &exitError{exitFailed, fmt.Errorf("worse by more than %s: %s", f.failOn, plural(worse, "change"))}
	}
	return nil
}
