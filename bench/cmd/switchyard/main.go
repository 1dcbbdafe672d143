// Command switchyard measures models of concurrency against each other and
// reports. "make bench" calls it; "switchyard run --help" shows more.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFailed      = 1   // a case failed, or the results could not be written
	exitUsage       = 2   // bad arguments
	exitInterrupted = 130 // Ctrl-C, as a shell would say it
	exitBrokenPipe  = 141 // nobody reads what is printed, likewise
)

// An exitError carries an exit status with its reason. An empty reason has
// been printed already.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageErrorf(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

var errInterrupted = errors.New("interrupted")

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals // the second time at once
		removeScratch()
		os.Exit(exitInterrupted)
	}()
	// A signal by which printing would end the program is an interruption like
	// the others, so that it leaves nothing behind.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	go func() {
		<-broken
		cancel(syscall.EPIPE)
	}()
	root := newRoot()
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintln(os.Stderr, "switchyard:", err)
	}
	os.Exit(status(err))
}

// status returns the exit status for an error of a command.
func status(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, syscall.EPIPE):
		return exitBrokenPipe
	case errors.As(err, &e):
		return e.status
	default:
		return exitFailed
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "switchyard",
		Short: "Greenlets, goroutines or processes: measure which way of running many tasks is best",
		Long: `Switchyard measures each workload in every model, a way of running many tasks at
once, on this machine, and reports which is best, by how much, and from which
task size on. "switchyard list" says which there are.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(badFlag)
	root.Version = version()
	root.SetVersionTemplate("{{.Version}}")
	root.AddCommand(newRun(), newList(), newReport(), newAdvise(), newVerify(), newCompare(), newAB(), newNull(), newDoctor(), newVersion())
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noCommand(cmd, args[0])
		}
		return nil
	}
	return root
}

// usageArgs gives errors about arguments the exit status of bad usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageErrorf("%w\nsee %q", err, cmd.CommandPath()+" --help")
		}
		return nil
	}
}
