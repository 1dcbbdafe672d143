// Package benchlog is the format of results: what may stand in bench.txt and
// latency.hlog, written and read in one place. The harness writes it, resumes
// from it and checks with it what a runner prints; package report draws it.
//
// bench.txt is text in the Go benchmark format, so that benchstat reads it:
//
//	# switchyard {...}                        the plan of the run, [Header]
//	# model {...}                             one per model, [ModelInfo]
//	# workload {...}                          one per workload, [WorkloadInfo]
//	goos: linux                               a property of the machine, [Fact]
//	Unit ops/s better=higher                  which way a unit is better
//	# calibrated {...}                        [Calibration]
//	# begin {...}                             before a block, [BlockStart]
//	BenchmarkLock/tasks=2/model=ants-2 100 1012 ns/op 988142 ops/s
//	--- FAIL: BenchmarkLock/tasks=8/model=process-2
//	    why, in indented lines                [Verdict]
//	--- SKIP: BenchmarkLock/model=serial-2
//	    why
//	# block {...}                             after a block, [BlockNote]
//
// latency.hlog is an HdrHistogram log (version 1.3): one line per result,
// tagged with the name of its [Case].
//
// [Read] reads that, and whatever else go test prints around results, plain or
// with -json: it leaves out what it cannot use, and says so. It never fails on
// damage; who needs a file to be whole looks at [File.Damaged].
package benchlog
