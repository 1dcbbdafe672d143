package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/bench/host"
	"switchyard/report"
)

// mostDifferences bounds those of one page that are printed.
const mostDifferences = 40

func newVerify() *cobra.Command {
	var html, baseline string
	cmd := &cobra.Command{
		Use:   "verify [DIR|FILE]",
		Short: "Compute anew what report.html says, and compare",
		Long: `Verify reads the page of a results directory or file, and computes each of its
numbers and sentences again from the results: the embedded data line by line, the
medians of its tables by code of its own, and all the rest by making the page
anew. It prints what differs, and then exits with status 1. A page that an older
switchyard wrote may say things in other words; report --html writes it anew.`,
		Example: `  switchyard verify results/latest
  switchyard verify results/latest --baseline results/latest/20261120T190311.000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := resultsOf(args)
			if dir == report.Stdin {
				return usageErrorf("standard input has no page")
			}
			if html == "" {
				html = pageBeside(dir)
			}
			return verify(cmd, dir, html, baseline)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "the page (default: report.html in the results directory, or FILE.html beside a file)")
	cmd.Flags().StringVar(&baseline, "baseline", "", "the older results that the page was written with, if it was")
	return cmd
}

func verify(cmd *cobra.Command, dir, html, baseline string) error {
	var older *report.Run
	if baseline != "" {
		var err error
		if older, err = report.Load(baseline); err != nil {
			return err
		}
	}
	r, err := report.Verify(dir, html, older)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	for i, d := range r.Differences {
		if i == mostDifferences {
			fmt.Fprintf(w, "and %d more\n", len(r.Differences)-i)
			break
		}
		fmt.Fprintln(w, d)
	}
	if n := len(r.Differences); n > 0 {
		if now := host.Commit(); r.Version != now {
			fmt.Fprintf(w, "The page is of switchyard %s, and this is %s.\n", r.Version, now)
		}
		return &exitError{exitFailed, fmt.Errorf("%s says in %s what the results do not", report.ShellQuote(html), plural(n, "place"))}
	}
	fmt.Fprintf(w, "%s says what the results say: %s embedded, %s computed again, %s compared with a new page\n",
		report.ShellQuote(html), plural(r.Results, "result"), plural(r.Numbers, "number"), plural(r.Said, "part"))
	return nil
}
