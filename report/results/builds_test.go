package results

import (
	"fmt"
	"strings"
	"testing"
)

const abFile = `# switchyard {"format":1,"models":["a"],"builds":[{"name":"old"},{"name":"new"}]}
# workload {"name":"W","story":"s","op":"o","cases":["build=old/n=2","build=new/n=2","build=control/n=2","build=old/n=1"],"models":["a"]}
BenchmarkW/build=old/n=2/model=a-1 10 1 ns/op
BenchmarkW/build=new/n=2/model=a-1 10 2 ns/op
BenchmarkW/build=control/n=2/model=a-1 10 3 ns/op
# block {"block":1,"attempt":1}
BenchmarkW/build=old/n=2/model=a-1 10 4 ns/op
BenchmarkW/build=old/n=1/model=a-1 10 5 ns/op
--- FAIL: BenchmarkW/build=new/n=1/model=a-1
    block 2: wrong answer
# block {"block":2,"attempt":1,"session":2}
BenchmarkW/build=old/n=1/model=a-1 10 6 ns/op
`

// What one build of an A/B run, or one session of any, measured is a run that
// looks as if it had been alone.
func TestBuild(t *testing.T) {
	run, err := Read("x", strings.NewReader(abFile))
	if err != nil || !run.Builds() {
		t.Fatal(err)
	}
	show := func(r *Run) string {
		s := fmt.Sprint(r.Results(), r.Workloads[0].Info.Cases)
		for _, c := range r.Cases() {
			s += " " + c.FullName() + ":"
			for _, res := range c.Cells["a"].Results {
				s += fmt.Sprint(" ", res.Values[0].V)
			}
			s += c.Cells["a"].Failed
			if c.Workload != r.Workloads[0] || c.Cells["a"].Case != c {
				t.Error("a case of another run")
			}
		}
		return s
	}
	for got, want := range map[string]string{
		show(run.Build("old")):     "4 [n=2 n=1] W/n=2: 1 4 W/n=1: 5 6",
		show(run.Build("new")):     "1 [n=2 n=1] W/n=2: 2 W/n=1:block 2: wrong answer",
		show(run.Build("control")): "1 [n=2 n=1] W/n=2: 3",
		// A block that was cut off is of no session: nothing says of which.
		show(run.Build("old").Session(1)): "1 [n=2 n=1] W/n=2: 1 W/n=1:",
		show(run.Build("old").Session(2)): "2 [n=2 n=1] W/n=2: 4 W/n=1: 5",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if run.Results() != 6 || len(run.Cases()) != 5 || run.Cases()[0].FullName() != "W/build=old/n=2" {
		t.Errorf("the whole run was changed: %s", run.Cases()[0].FullName())
	}
	if run.Build("old").Builds() || run.Build("none").Results() != 0 {
		t.Error("one build is an A/B run, or there is one of no name")
	}
}
