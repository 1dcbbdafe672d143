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
	fmt.Println(v.Winner)
	fmt.Println(v.Sentence)
	// Output:
	// greenlet
	// greenlet is the best choice for PingPong: 3.06× the throughput of goroutine, the runner-up (95 % interval 2.99 to 3.14).
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
	if err := report.WriteText(os.Stdout, report.Analyze(run), report.TextOptions{Width: 80}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Throughput ops/s: median ± 95 % interval, higher is better; * best, ~ no difference from it, ? cannot tell
	//                 goroutine        process
	// Lock tasks=2  30.8M ±  8% *  4.12M ±  1%
	//
	// goroutine is the best choice for Lock tasks=2: 7.46× the throughput of process,
	// the runner-up (95 % interval 7.00 to 8.00).
	// Trust: moderate (1 of 2 intervals wider than ±5 %, results drift with run order,
	//   6 results per case)
}
