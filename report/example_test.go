package report_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"switchyard/report"
)

// Six results of two models, wholly apart, are enough to name a winner.
func ExampleRead() {
	var file strings.Builder
	for i := range 6 {
		fmt.Fprintf(&file, "BenchmarkPingPong/model=greenlet-2 1000 %d ns/op\n", 80+i)
		fmt.Fprintf(&file, "BenchmarkPingPong/model=goroutine-2 1000 %d ns/op\n", 250+i)
	}
	run, err := report.Read("bench.txt", strings.NewReader(file.String()))
	if err != nil {
		log.Fatal(err)
	}
	v := report.Analyze(run).Verdict
	fmt.Println(v.Decisions[0].Winners)
	fmt.Println(v.Decisions[0].Claim())
	// Output:
	// [greenlet]
	// PingPong: greenlet, 3.06× goroutine (next run 2.51 to 3.73; in PingPong).
}

// Any file in Go benchmark format can be read; a table and a verdict come out.
func ExampleWriteText() {
	var file strings.Builder
	for i := range 6 {
		fmt.Fprintf(&file, "BenchmarkLock/tasks=2/model=goroutine-2 1000 %d ns/op\n", 30+i)
		fmt.Fprintf(&file, "BenchmarkLock/tasks=2/model=process-2 1000 %d ns/op\n", 240+i)
	}
	run, err := report.Read("bench.txt", strings.NewReader(file.String()))
	if err != nil {
		log.Fatal(err)
	}
	if err := report.WriteText(os.Stdout, report.Analyze(run), report.TextOptions{Verbose: true}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// What to use, by kind of work:
	// - Lock: goroutine, 7.46× process (next run 6.02 to 9.27; in Lock tasks=2).
	// One model is named where it is 1.5× the others or more, by the mean and in half
	//   of the workloads; smaller differences are numbers. Next run: where at least 9
	//   of 10 more on this machine would be, if each moves a factor by 7 %, which a
	//   run in three sessions measures.
	//
	//       goroutine  process
	// Lock    1.00× *  0.13×
	// Throughput over the row's best; * best, ~ alike, ? undecided
	//
	// Throughput ops/s: median ± 95 %, higher is better; * best, ~ alike, ? undecided
	//                 goroutine        process
	// Lock tasks=2  30.8M ±  7% *  4.12M ±  1%
	//
	// Trust: moderate (1 of 2 intervals wider than ±5 %, results drift with run order,
	//   6 results per case)
}
