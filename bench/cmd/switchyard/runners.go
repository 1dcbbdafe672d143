package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/bench/run"
)

// runnerFlag adds the flag that names runners.
func runnerFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "runner", nil, "a program that measures, with models of its own; may be given several times (default: runner beside this program)")
}

// defaultRunner returns the path of the runner beside this program.
func defaultRunner() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), "runner"), err
}

// openRunners asks the named programs, or the one beside this program, what
// they measure.
func openRunners(ctx context.Context, paths []string) (*run.Runners, error) {
	if len(paths) == 0 {
		path, err := defaultRunner()
		if err != nil {
			return nil, err
		}
		paths = []string{path}
	}
	var programs []*run.Program
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil, usageErrorf("the runner is not there (make builds it): %w", err)
		}
		if !strings.ContainsRune(path, filepath.Separator) {
			path = "." + string(filepath.Separator) + path // not one of $PATH
		}
		programs = append(programs, &run.Program{Path: path})
	}
	return run.OpenRunners(ctx, programs)
}
