// Command runner measures one result of one case, in this process, and prints
// it. It is started by switchyard, once per result; see the runner protocol in
// package bench. It is also the program of the worker processes that its
// workloads start, which is why it links little.
package main

import (
	"os"

	"switchyard/bench"
	"switchyard/bench/workload"
	"switchyard/procs"
)

func main() {
	procs.Init() // a worker process ends in here
	os.Exit(bench.Runner(os.Args[1:], workload.Suite(), os.Stdout, os.Stderr))
}
