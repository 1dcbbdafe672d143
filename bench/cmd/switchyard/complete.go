package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/benchlog"
	"switchyard/bench/run"
)

// completeNames lets a shell complete the names of workloads and models, each
// in a list, as the runners of the command line have them.
func completeNames(cmd *cobra.Command) {
	for flag, names := range map[string]func(*run.Runners) []string{
		"workloads": func(r *run.Runners) []string { return workloadNames(r.Workloads) },
		"models":    func(r *run.Runners) []string { return modelNames(r.Models) },
	} {
		// The error would be that there is no such flag.
		_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			paths, _ := cmd.Flags().GetStringArray("runner")                  // none where there is no such flag
			runners, err := openRunners(cmd.Context(), slices.Compact(paths)) // cobra parses them twice
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return completeList(typed, names(runners)), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	}
}

// completeWord lets a shell complete a flag that takes one word of those known.
func completeWord(cmd *cobra.Command, flag string, known []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp))
}

// completeList completes the last of a list of names, with those that are not
// in it.
func completeList(typed string, names []string) []string {
	at := strings.LastIndexAny(typed, "|,") + 1
	done := strings.FieldsFunc(typed[:at], func(r rune) bool { return r == '|' || r == ',' })
	var out []string
	for _, name := range names {
		if !slices.Contains(done, name) && strings.HasPrefix(name, typed[at:]) {
			out = append(out, typed[:at]+name)
		}
	}
	return out
}

func workloadNames(all []benchlog.WorkloadInfo) (names []string) {
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names
}

func modelNames(all []benchlog.ModelInfo) (names []string) {
	for _, m := range all {
		names = append(names, string(m.Name))
	}
	return names
}
