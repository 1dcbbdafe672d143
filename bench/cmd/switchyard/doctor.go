package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
)

func newDoctor() *cobra.Command {
	var format, out string
	var strict bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what of this machine speaks against measuring on it, and what to do about it",
		Long: `Doctor reads the facts of this machine that a run stores with its results, and
says of each whether it is good, to be noted, or bad, with a remedy. The report of
a run goes by the same judgement. It changes nothing. What cannot be read is
unknown.

Exit status: 0; with --strict 1 if anything is bad.`,
		Example: `  switchyard doctor
  switchyard doctor --strict && make bench
  switchyard doctor --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := map[string]func(io.Writer, []benchlog.Judgement) error{"text": doctorText, "json": doctorJSON}[format]
			if !ok {
				return usageErrorf("--format %q: there are text and json", format)
			}
			judged := benchlog.Judge(host.Facts(out))
			if err := write(cmd.OutOrStdout(), judged); err != nil {
				return err
			}
			if n := len(graded(judged, benchlog.FactBad)); n > 0 && strict {
				return &exitError{exitFailed, fmt.Errorf("%s bad", isAre(n, "fact"))}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with status 1 if anything is bad")
	cmd.Flags().StringVar(&out, "out", latest, "directory of the results, for the room on its disk")
	return cmd
}

// graded returns the judgements of a grade.
func graded(judged []benchlog.Judgement, g benchlog.FactGrade) (out []benchlog.Judgement) {
	for _, j := range judged {
		if j.Grade == g {
			out = append(out, j)
		}
	}
	return out
}

// doctorText prints what is bad and what to note first, with remedies.
func doctorText(w io.Writer, judged []benchlog.Judgement) error {
	for _, g := range []benchlog.FactGrade{benchlog.FactBad, benchlog.FactNote, benchlog.FactGood} {
		for _, j := range graded(judged, g) {
			fmt.Fprintf(w, "%-5s %-20s %s\n", g, j.Key, j.Value)
			if g != benchlog.FactGood {
				fmt.Fprintf(w, "      Good is %s. %s\n      %s\n", j.Good, j.Effect, j.Remedy)
			}
		}
	}
	var unknown []string
	for _, j := range graded(judged, benchlog.FactUnknown) {
		unknown = append(unknown, j.Key)
	}
	if len(unknown) > 0 {
		fmt.Fprintf(w, "unknown: %s\n", strings.Join(unknown, " "))
	}
	_, err := fmt.Fprintf(w, "%s: %d good, %d to note, %d bad, %d unknown\n", plural(len(judged), "fact"),
		len(graded(judged, benchlog.FactGood)), len(graded(judged, benchlog.FactNote)), len(graded(judged, benchlog.FactBad)), len(unknown))
	return err
}

// doctorJSON prints one object per fact, in an array, in the order of the
// facts; what is good or unknown has no effect and no remedy.
func doctorJSON(w io.Writer, judged []benchlog.Judgement) error {
	type fact struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Grade  string `json:"grade"` // "good", "note", "bad" or "unknown"
		Good   string `json:"good,omitempty"`
		Effect string `json:"effect,omitempty"`
		Remedy string `json:"remedy,omitempty"`
	}
	facts := make([]fact, 0, len(judged))
	for _, j := range judged {
		f := fact{Key: j.Key, Value: j.Value, Grade: j.Grade.String(), Good: j.Good}
		if j.Grade > benchlog.FactGood {
			f.Effect, f.Remedy = j.Effect, j.Remedy
		}
		facts = append(facts, f)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(facts)
}

func isAre(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " is"
	}
	return plural(n, noun) + " are"
}
