package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
)

// Advice is about the work that the flags describe, from the results that are
// named; flags that describe none are refused before anything is read.
func TestAdvise(t *testing.T) {
	dir := t.TempDir()
	text := `# workload {"name":"Pipe","story":"s","op":"round trip","cases":["payload=8","payload=4096"]}` + "\n"
	for range 6 {
		text += "BenchmarkPipe/payload=4096/model=a-2 10 1000 ns/op 1e6 ops/s\nBenchmarkPipe/payload=4096/model=b-2 10 2000 ns/op 5e5 ops/s\n"
	}
	if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--payload 4KiB": "a.\n\nA message of 4.00KiB and its answer: time per round trip (Pipe payload at 4096)\n  a  1.00µs  1.00µs to 1.00µs  best\n  b  2.00µs  2.00µs to 2.00µs  behind\n",
		"--payload 4096": "a.\n",
		"--task 1ms":     "Nothing asked can be answered from these results.\n\nA task that computes for 1ms: time per task\n  CPUMap was not measured\n\nWhat would tell more:\n\n  make bench COUNT=20 WORKLOADS=CPUMap\n",
	} {
		status, stdout, stderr := result(t, append([]string{"advise", dir}, strings.Fields(args)...)...)
		if status != 0 || !strings.HasPrefix(stdout, want) || stderr != "" {
			t.Errorf("advise %s: status %d, printed %q and %q", args, status, stdout, stderr)
		}
	}
	for args, want := range map[string]string{
		"":                                    "nothing is asked",
		"--payload 4K":                        "",
		"--payload 4Kib":                      `--payload "4Kib": want a size such as 4KiB`,
		"--payload 0":                         `--payload "0": want a size`,
		"--payload 4ms":                       `--payload "4ms": want a size`,
		"--memory 1GiB":                       "--memory needs --concurrency",
		"--io 1.5":                            "--io is a share from 0 to 1",
		"--io -0.5 --task 1s":                 "--io is a share from 0 to 1",
		"--io NaN":                            "--io is a share from 0 to 1",
		"--task -1s":                          "must not be negative",
		"--concurrency 1 --memory " + "-1GiB": `--memory "-1GiB": want a size`,
	} {
		status, _, stderr := result(t, append([]string{"advise", dir}, strings.Fields(args)...)...)
		if wrong := want != ""; (status == exitUsage) != wrong || !strings.Contains(stderr, want) {
			t.Errorf("advise %s: status %d, printed %q, want %q", args, status, stderr, want)
		}
	}
	if status, _, stderr := result(t, "advise", filepath.Join(dir, "none"), "--task", "1s"); status != exitFailed || !strings.Contains(stderr, "no such file") {
		t.Errorf("no results: status %d, printed %q", status, stderr)
	}
}
