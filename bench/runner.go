package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

const runnerUsage = `runner measures one result of one case; switchyard starts it.
To run everything, type "make bench"; to measure one case by hand:

  runner -workload PingPong -model greenlet -cpus 1 -benchtime 100ms

  -list             print the models and workloads, each as JSON
  -workload NAME    what to measure
  -model MODEL      in which way
  -params P         at which parameter point, such as task=10us/chunk=1
  -cpus N           size of the CPU set, for the result's name (default 1)
  -benchtime D      time a result should take (default 50ms)
  -n N              ops to measure; without it N is calibrated
  -op D             expected length of an op; chooses which ops are timed
`

// Runner is the main function of a runner program, without the process: it
// measures what the arguments say, of what the suite has, and returns the exit
// status.
func Runner(args []string, suite Suite, stdout, stderr io.Writer) int {
	var (
		flags  = flag.NewFlagSet("runner", flag.ContinueOnError)
		list   = flags.Bool("list", false, "")
		name   = flags.String("workload", "", "")
		model  = flags.String("model", "", "")
		params = flags.String("params", "", "")
		cpus   = flags.Int("cpus", 1, "")
		o      Options
	)
	flags.IntVar(&o.N, "n", 0, "")
	flags.DurationVar(&o.Op, "op", 0, "")
	flags.DurationVar(&o.Benchtime, "benchtime", 50*time.Millisecond, "")
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, runnerUsage) }
	if err := flags.Parse(args); err != nil {
		return ExitUsage
	}
	if *list {
		return exitStatus(suite.WriteList(stdout), stderr)
	}
	w, c, err := findCase(suite.Workloads, *name, Model(*model), Params(*params))
	if err != nil || flags.NArg() > 0 || *cpus < 1 || o.N < 0 || o.Benchtime <= 0 {
		if err == nil {
			err = errors.New("bad arguments")
		}
		fmt.Fprintln(stderr, "runner:", err)
		flags.Usage()
		return ExitUsage
	}
	c.CPUs = *cpus
	o.Processes = slices.ContainsFunc(suite.Models, func(m ModelInfo) bool { return m.Name == c.Model && m.Processes })
	r, err := Measure(w, c, o)
	if err != nil {
		return exitStatus(err, stderr)
	}
	return exitStatus(WriteOutput(stdout, r), stderr)
}

// findCase returns the workload and its case, or an error if there is none
// such.
func findCase(all []*Workload, name string, m Model, p Params) (*Workload, Case, error) {
	for _, w := range all {
		if w.Name != name {
			continue
		}
		if w.Info(nil).Has(p) {
			return w, Case{Workload: name, Params: p, Model: m}, nil
		}
		return nil, Case{}, fmt.Errorf("%s has no parameter point %q; it has %q", name, p, w.Points())
	}
	return nil, Case{}, fmt.Errorf("no workload %q", name)
}

// exitStatus prints an error and returns the exit status for it.
func exitStatus(err error, stderr io.Writer) int {
	if err == nil {
		return ExitOK
	}
	var void *VoidError
	if errors.As(err, &void) {
		fmt.Fprintln(stderr, void.Reason)
		return ExitVoid
	}
	fmt.Fprintln(stderr, err)
	return ExitFailed
}
