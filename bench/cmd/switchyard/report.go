package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
		Use:   "report [DIR|FILE|-]",
		Short: "Write report.html anew from results, and print the verdict",
		Long: `Report reads a results directory, any file in Go benchmark format or the output
of go test -json (as it is, or in gzip), or standard input as "-". It prints the
verdict and the tables, and writes the page beside the results; for standard
input only where --html says.`,
		Example: `  switchyard report
  switchyard report results/latest --html page.html
  go test -run - -bench . -count 10 | switchyard report -
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
	cmd.Flags().StringVar(&html, "html", "", "where to write the page (default: report.html in the results directory, or FILE.html beside a file)")
	cmd.Flags().StringVar(&baseline, "baseline", "", "older results to compare with, in a section of the page")
	return cmd
}

func newCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Compare two runs of the same machine, case by case",
		Long: `Compare prints what changed between two results directories or files, regressions
first, with intervals, tests corrected for their number, and "~" where no
difference was seen. A benchmark that failed in NEW is never a gain: it is named,
and the exit status is 1. Results of other tools are compared in every unit that
both have.`,
		Example: `  switchyard compare results/latest-20261120T190311.000 results/latest`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == report.Stdin && args[1] == report.Stdin {
				return usageErrorf("only one of OLD and NEW can be standard input")
			}
			older, err := report.Load(args[0])
			if err != nil {
				return err
			}
			newer, err := report.Load(args[1])
			if err != nil {
				return err
			}
			if err := report.WriteCompare(cmd.OutOrStdout(), older, newer, textOptions(cmd.OutOrStdout())); err != nil {
				return err
			}
			if n := len(newer.Failures()); n > 0 {
				return &exitError{exitFailed, fmt.Errorf("%s in %s", plural(n, "failure"), report.ShellQuote(args[1]))}
			}
			return nil
		},
	}
}

// writeReport reads results, prints the text and writes the page. The text
// comes first: a page that cannot be written takes nothing from it. The page
// appears whole or not at all.
func writeReport(w io.Writer, path, html, baseline string) error {
	run, err := report.Load(path)
	if err != nil {
		return err
	}
	opt := textOptions(w)
	if baseline != "" {
		if path == report.Stdin && baseline == report.Stdin {
			return usageErrorf("only one of results and baseline can be standard input")
		}
		if opt.Baseline, err = report.Load(baseline); err != nil {
			return err
		}
	}
	opt.Page = html
	if html == "" && path != report.Stdin {
		opt.Page = pageBeside(path)
	}
	if err := report.WriteText(w, run, opt); err != nil || opt.Page == "" {
		return err
	}
	return writeWhole(opt.Page, func(w io.Writer) error { return report.WriteHTML(w, run, opt) })
}

// pageBeside is where the page of results goes: into their directory as
// report.html. Beside a file of another name, which may have neighbours of its
// kind, it is named after the file.
func pageBeside(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, reportFile)
	}
	dir, base := filepath.Split(path)
	if base == report.BenchFile {
		return filepath.Join(dir, reportFile)
	}
	if ext := filepath.Ext(base); ext != ".html" {
		base = strings.TrimSuffix(base, ext)
	}
	return filepath.Join(dir, base+".html")
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
