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

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/output"
	"switchyard/report"
)

// reportFile is the name of the page in a results directory.
const reportFile = benchlog.ReportFile

func newReport() *cobra.Command {
	var html, baseline string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "report [DIR|FILE|-]",
		Short: "Print the verdict on results, and write report.html",
		Long: `Report reads a results directory, any file in Go benchmark format or the output
of go test -json (as it is, or in gzip), or standard input as "-". It prints the
verdict and how the models stand in each workload (-v: and in each case), and
writes the page beside the results unless one is there, which it leaves as it is:
it belongs to the results, as they were reported then. --html writes a page
wherever it says, over an older one too; for standard input a page is written
only there. If a benchmark failed, it is named and the
exit status is 1.`,
		Example: `  switchyard report
  switchyard report results/latest --html page.html
  switchyard report results/latest --html results/latest/report.html
  go test -run - -bench . -count 10 | switchyard report -
  switchyard report results/latest --baseline results/latest/20261120T190311.000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeReport(cmd, resultsOf(args), html, baseline, verbose)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "where to write the page, - for standard output (default: report.html in the results directory, or FILE.html beside a file, unless it is there)")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the tables of all cases too")
	cmd.Flags().StringVar(&baseline, "baseline", "", "older results to compare with, in a section of the page")
	return cmd
}

// writeReport reads results, prints the text and writes the page.
func writeReport(cmd *cobra.Command, path, html, baseline string, verbose bool) error {
	if path == report.Stdin && baseline == report.Stdin {
		return usageErrorf("only one of results and baseline can be standard input")
	}
	run, err := report.Load(path)
	if err != nil {
		return err
	}
	var older *report.Run
	inputs := inputsOf(path)
	if baseline != "" {
		if older, err = report.Load(baseline); err != nil {
			return err
		}
		inputs = append(inputs, inputsOf(baseline)...)
	}
	write := html != ""
	if !write && path != report.Stdin {
		html = pageBeside(path)
		info, err := os.Lstat(html)
		if write = err != nil || info.IsDir(); !write {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is left as it is; to write it anew: --html %[1]s\n", report.ShellQuote(html))
		}
	}
	if err := show(cmd, run, older, html, write, verbose, inputs); err != nil {
		return err
	}
	return failures(run, path)
}

// failures returns an error if a benchmark of the run failed.
func failures(run *report.Run, path string) error {
	n := len(run.Failures())
	if n == 0 {
		return nil
	}
	return &exitError{exitFailed, fmt.Errorf("%s in %s", plural(n, "failure"), report.ShellQuote(path))}
}

// pageBeside is where the page of results goes: into their directory as
// report.html. Beside a file of another name, which may have neighbours of its
// kind, it is named after the file.
func pageBeside(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, reportFile)
	}
	dir, base := filepath.Split(path)
	if base == benchlog.BenchFile {
		return filepath.Join(dir, reportFile)
	}
	if ext := filepath.Ext(base); ext != ".html" {
		base = strings.TrimSuffix(base, ext)
	}
	return filepath.Join(dir, base+".html")
}

// show prints the text of a run and then writes its page, so that the verdict
// is on the terminal whatever becomes of the page. A page that goes to standard
// output has that for itself: the text is then on standard error. A page that
// is not to be written is only named; no path is no page.
func show(cmd *cobra.Command, results, baseline *report.Run, html string, write, verbose bool, inputs []string) error {
	w := cmd.OutOrStdout()
	if output.ToStdout(html) {
		w = cmd.ErrOrStderr()
	}
	a := report.Analyze(results)
	opt := textOptions(w)
	opt.Baseline, opt.Page, opt.Verbose = baseline, html, verbose
	if w != cmd.OutOrStdout() {
		opt.Page = ""
	}
	var pageErr error
	if write {
		pageErr = output.Write(html, inputs, func(w io.Writer) error {
			return report.WriteHTML(w, a, report.PageOptions{Version: host.Commit(), Baseline: baseline})
		})
	}
	if pageErr != nil {
		opt.Page = "" // the text names what there is
	}
	return errors.Join(report.WriteText(w, a, opt), pageErr)
}

// inputsOf returns the files that are read for a path of results.
func inputsOf(path string) []string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return []string{filepath.Join(path, benchlog.BenchFile), filepath.Join(path, benchlog.LatencyFile)}
	}
	return []string{path, filepath.Join(filepath.Dir(path), benchlog.LatencyFile)}
}

func textOptions(w io.Writer) report.TextOptions {
	width, obeys, ok := console(w)
	return report.TextOptions{Width: width, Color: ok && obeys && os.Getenv("NO_COLOR") == ""}
}

// console returns the columns of a terminal, 0 if they are not known or there
// is none, and whether it obeys control sequences: one that calls itself dumb,
// such as an editor's, shows them.
func console(w io.Writer) (width int, obeys, ok bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false, false
	}
	width, _, _ = term.GetSize(int(f.Fd()))
	return width, os.Getenv("TERM") != "dumb", true
}

// latest is where a run writes unless it is told otherwise.
const latest = "results/latest"

// resultsOf returns the results that a command is about.
func resultsOf(args []string) string {
	if len(args) == 0 {
		return latest
	}
	return args[0]
}
