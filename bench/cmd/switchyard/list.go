package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/bench/host"
)

func newList() *cobra.Command {
	var paths []string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the workloads, their parameters, and the models that have them",
		Example: "  switchyard list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runners, err := openRunners(cmd.Context(), paths)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "WORKLOAD\tOP\tMODELS\tCASES\tMORE (--profile full)")
			for _, info := range runners.Workloads {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", info.Name, info.Op, join(info.Models), join(info.Cases), join(info.More))
			}
			fmt.Fprintln(w, "\nMODEL\tWHAT IT IS")
			for _, m := range runners.Models {
				fmt.Fprintf(w, "%s\t%s\n", m.Name, m.Note)
			}
			return w.Flush()
		},
	}
	runnerFlag(cmd, &paths)
	return cmd
}

func join[S ~string](list []S) string {
	var words []string
	for _, s := range list {
		if s != "" {
			words = append(words, string(s))
		}
	}
	return strings.Join(words, " ")
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the commit and the Go version that this program was built with",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprint(cmd.OutOrStdout(), version())
		},
	}
}

// version is the commit and the Go version of this program, a line each.
func version() string {
	var b strings.Builder
	for _, f := range host.Build() {
		if f.Key == "commit" || f.Key == "go" {
			fmt.Fprintf(&b, "%s %s\n", f.Key, f.Value)
		}
	}
	return b.String()
}
