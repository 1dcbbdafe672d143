package main

import (
	"time"

	"github.com/spf13/cobra"

	"switchyard/report"
)

// adviseFlags say what is known of the work.
type adviseFlags struct {
	task            time.Duration
	io              float64
	concurrency     int
	payload, memory string
}

func newAdvise() *cobra.Command {
	var f adviseFlags
	cmd := &cobra.Command{
		Use:   "advise [DIR|FILE|-]",
		Short: "Say which model suits some work, by the curves that were measured",
		Long: `Advise answers from results, by default those of the last run, which model suits
work that is known by its numbers. Each number is asked of one curve: how long a
task computes of CPUMap, the share that it waits of Mixed, how many there are at
once of Parked and Sleep, the size of a message of Pipe. Between two measured
sizes, at most 20 times apart, it interpolates. It says how far each model's
number is known, on which cases it rests, and what to measure where it is not
known or not decided.`,
		Example: `  switchyard advise --task 200us --io 0.8 --concurrency 1000 --payload 4KiB --memory 1GiB
  switchyard advise results/ci --task 2ms`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.question(cmd)
			if err != nil {
				return err
			}
			run, err := report.Load(resultsOf(args))
			if err != nil {
				return err
			}
			return report.Advise(report.Analyze(run), q).Write(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.task, "task", 0, "how long a task takes, with its waiting")
	flags.Float64Var(&f.io, "io", 0, "the share of that time which it waits, from 0 to 1")
	flags.IntVar(&f.concurrency, "concurrency", 0, "how many tasks are there at once")
	flags.StringVar(&f.payload, "payload", "", "size of a message between them, such as 4KiB")
	flags.StringVar(&f.memory, "memory", "", "what they may take together, such as 1GiB")
	return cmd
}

// question returns what the flags ask.
func (f *adviseFlags) question(cmd *cobra.Command) (q report.Question, err error) {
	q = report.Question{Task: f.task, IO: -1, Concurrency: f.concurrency}
	if cmd.Flags().Changed("io") {
		q.IO = f.io
	}
	for _, size := range []struct {
		name, text string
		to         *float64
	}{{"payload", f.payload, &q.Payload}, {"memory", f.memory, &q.Memory}} {
		if size.text == "" {
			continue
		}
		v, ok := report.Bytes(size.text)
		if !ok {
			return q, usageErrorf("--%s %q: want a size such as 4KiB", size.name, size.text)
		}
		*size.to = v
	}
	switch {
	case f.task < 0 || f.concurrency < 0 || q.IO > 1 || cmd.Flags().Changed("io") && !(f.io >= 0):
		return q, usageErrorf("--task and --concurrency must not be negative, and --io is a share from 0 to 1")
	case q.Memory > 0 && q.Concurrency == 0:
		return q, usageErrorf("--memory needs --concurrency: how many tasks share it")
	case q.Task == 0 && q.IO < 0 && q.Concurrency == 0 && q.Payload == 0:
		return q, usageErrorf("nothing is asked: give one of --task, --io, --concurrency and --payload")
	}
	return q, nil
}
