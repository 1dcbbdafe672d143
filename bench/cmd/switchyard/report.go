package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"switchyard/bench"
	"switchyard/report"
)

// reportFile is the name of the page in a results directory.
const reportFile = "report.html"

func newReport() *cobra.Command {
	var html, baseline string
	cmd := &cobra.Command{
		Use:   "report [DIR]",
		Short: "Write report.html anew from results, and print the verdict",
		Long: `Report reads a results directory (or any file in Go benchmark format), writes the
page beside it, and prints the verdict and the tables.`,
		Example: `  switchyard report
  switchyard report results/latest --html page.html
  switchyard report results/latest --baseline results/latest-20261120T190311.000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "results/latest"
			if len(args) > 0 {
				dir = args[0]
			}
			return writeReport(cmd.OutOrStdout(), dir, html, baseline)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "where to write the page (default: report.html beside the results)")
	cmd.Flags().StringVar(&baseline, "baseline", "", "older results to compare with, in a section of the page")
	return cmd
}

func newCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Compare two runs of the same machine, case by case",
		Long: `Compare prints what changed between two results directories, regressions first,
with intervals, tests corrected for their number, and "~" where no difference
was seen.`,
		Example: `  switchyard compare results/latest-20261120T190311.000 results/latest`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			older, err := report.Load(args[0])
			if err != nil {
				return err
			}
			newer, err := report.Load(args[1])
			if err != nil {
				return err
			}
			return report.WriteCompare(cmd.OutOrStdout(), older, newer, textOptions(cmd.OutOrStdout()))
		},
	}
}

// writeReport reads results, writes the page and prints the text. The page
// appears whole or not at all.
func writeReport(w io.Writer, path, html, baseline string) error {
	run, err := report.Load(path)
	if err != nil {
		return err
	}
	opt := textOptions(w)
	if baseline != "" {
		if opt.Baseline, err = report.Load(baseline); err != nil {
			return err
		}
	}
	if html == "" {
		dir := path
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			dir = filepath.Dir(path)
		}
		html = filepath.Join(dir, reportFile)
	}
	if err := writeWhole(html, func(w io.Writer) error { return report.WriteHTML(w, run, opt) }); err != nil {
		return err
	}
	return report.WriteText(w, run, opt)
}

func textOptions(w io.Writer) report.Options {
	opt := report.Options{Version: bench.Commit()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		opt.Color = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			opt.Width = width
		}
	}
	return opt
}

// writeWhole writes a file beside its place and then moves it there.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write the report: %w", err), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
