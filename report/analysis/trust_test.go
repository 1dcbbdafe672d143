package analysis

import (
	"testing"

	"switchyard/report/internal/reporttest"
)

func TestMixedMachines(t *testing.T) {
	run := read(t, "cpu: A\nBenchmarkX/model=a-2 10 100 ns/op\ncpu: B\nBenchmarkX/model=a-2 10 100 ns/op\n")
	ws := Of(run).Warnings
	if len(ws) == 0 || ws[0].Grade != Grave || Of(run).Verdict.Trust.Level != "low" {
		t.Errorf("results of two machines are mixed silently: %+v", ws)
	}
}

func TestTrust(t *testing.T) {
	quiet := tabled(t, reporttest.Table{Count: 12, Noise: 0.002, Order: []string{"A"}, Rates: map[string]map[string]float64{"A": {"greenlet": 200, "goroutine": 100}}})
	if tr := quiet.Verdict.Trust; tr.Level != "high" {
		t.Errorf("a quiet run has trust %s: %v", tr.Level, tr.Reasons)
	}
	for id, lines := range map[string]string{
		"virtual":   "virtual: kvm\n",
		"governor":  "governor: powersave\n",
		"smt":       "smt: on\n",
		"quota":     "cgroup-quota: 150000\n",
		"disturbed": "# block {\"block\":1,\"disturbed\":true}\n",
		"steal":     "# block {\"block\":1,\"steal_pct\":7}\n",
		"canary":    "# block {\"block\":1,\"canary_ns\":[100,130],\"canary_base_ns\":100}\n",
		"load":      "cores: 2\n# block {\"block\":1,\"load1\":9}\n",
		"failed":    "--- FAIL: BenchmarkX/model=a-2\n    no\n",
		"few":       "",
		"short":     "",
	} {
		run := read(t, "BenchmarkX/model=a-2 1 5 ns/op\n"+lines)
		found := false
		for _, w := range Of(run).Warnings {
			if w.ID == id {
				found = true
				if w.Value == "" || w.Threshold == "" || w.Effect == "" || w.Remedy == "" || w.Title == "" {
					t.Errorf("%s says too little: %+v", id, w)
				}
			}
		}
		if !found {
			t.Errorf("no warning %q", id)
		}
	}
}
