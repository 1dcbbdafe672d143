// Command go is a runner of models that other Go modules make: conc and
// errgroup for tasks, gnet for connections. It is a module of its own, so that
// the runner beside it, and every worker process, links none of them. "make
// bench PEERS=go" builds it and measures both in one run.
package main

import (
	"os"
	"runtime/debug"

	"switchyard/bench"
	"switchyard/bench/workload"
	"switchyard/procs"
)

func main() {
	procs.Init() // the server of Fetch is a process of this program
	os.Exit(bench.Runner(os.Args[1:], suite(), os.Stdout, os.Stderr))
}

// The models.
const (
	Conc     bench.Model = "conc"
	Errgroup bench.Model = "errgroup"
	Gnet     bench.Model = "gnet"
)

// suite is what this runner can measure: workloads of ours in these models.
func suite() bench.Suite {
	s := bench.Suite{Models: []bench.ModelInfo{
		{Name: Conc, Note: "goroutines of " + module("github.com/sourcegraph/conc") + ": its pool, its wait group for trees, and its iterator to map"},
		{Name: Errgroup, Note: "goroutines of " + module("golang.org/x/sync") + ": errgroup, with a limit where only so many may run at once"},
		{Name: Gnet, Note: "event loops of " + module("github.com/panjf2000/gnet/v2") + ", one per CPU"},
	}}
	for _, has := range []struct {
		workload string
		impls    map[bench.Model]bench.Func
	}{
		{"Chain", map[bench.Model]bench.Func{Conc: workload.Chaining(launchConc), Errgroup: workload.Chaining(launchErrgroup)}},
		{"Spawn", map[bench.Model]bench.Func{Conc: spawnConc, Errgroup: spawnErrgroup}},
		{"Skynet", map[bench.Model]bench.Func{Conc: workload.Dividing(forkConc), Errgroup: workload.Dividing(forkErrgroup)}},
		{"CPUMap", map[bench.Model]bench.Func{Conc: cpuMapConc, Errgroup: cpuMapErrgroup}},
		{"Submit", map[bench.Model]bench.Func{Conc: submitConc, Errgroup: submitErrgroup}},
		{"Sleep", map[bench.Model]bench.Func{Conc: workload.Sleeping(launchConc), Errgroup: workload.Sleeping(launchErrgroup)}},
		{"Echo", map[bench.Model]bench.Func{Gnet: echoGnet(workload.AskEcho)}},
		{"EchoOpen", map[bench.Model]bench.Func{Gnet: echoGnet(workload.AskEchoOpen)}},
		{"Fetch", map[bench.Model]bench.Func{Conc: workload.Fetching(eachConc), Errgroup: workload.Fetching(eachErrgroup)}},
		{"Files", map[bench.Model]bench.Func{Conc: workload.Filing(eachConc), Errgroup: workload.Filing(eachErrgroup)}},
	} {
		w := *workload.Find(has.workload)
		w.Impls, w.NA = has.impls, make(map[bench.Model]string)
		for _, m := range s.Models {
			switch {
			case w.Impls[m.Name] != nil:
			case m.Name == Gnet:
				w.NA[m.Name] = "it serves connections"
			default:
				w.NA[m.Name] = "it starts tasks: its goroutines serve as others do"
			}
		}
		s.Workloads = append(s.Workloads, &w)
	}
	return s
}

// module returns the path of a module with the version that is linked.
func module(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return path
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return path + " " + m.Version
		}
	}
	return path
}
