// Command remote is a runner of models that share work out between machines, by
// package procs/remote, so that the runner beside it, and every worker process,
// does not link a server. "make bench PEERS=remote" builds it and measures both
// in one run.
package main

import (
	"os"

	"switchyard/bench"
	"switchyard/bench/workload"
	"switchyard/procs"
	"switchyard/procs/remote"
)

func main() {
	procs.Init() // a worker process ends in here
	os.Exit(bench.Runner(os.Args[1:], suite(), os.Stdout, os.Stderr))
}

// The models: one for each lane.
const (
	Remote        bench.Model = "remote"
	RemoteDurable bench.Model = "remote-durable"
)

// suite is what this runner can measure: a workload of ours in these models.
func suite() bench.Suite {
	w := *workload.Find("TaskQueue")
	w.NA = nil
	w.Impls = map[bench.Model]bench.Func{
		Remote:        taskQueue(remote.AtMostOnce, workload.Manage),
		RemoteDurable: taskQueue(remote.AtLeastOnce, workload.Manage),
	}
	return bench.Suite{
		Models: []bench.ModelInfo{
			{Name: Remote, Note: "processes that find each other through a server of NATS, as on many machines, and talk over TCP: each task at most once", Processes: true},
			{Name: RemoteDurable, Note: "processes that reach each other through a server of NATS over TCP, as on many machines: each task at least once, in streams on disk", Processes: true},
		},
		Workloads: []*bench.Workload{&w},
	}
}
