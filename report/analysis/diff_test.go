package analysis

import (
	"fmt"
	"strings"
	"testing"
)

// What was picked out of the output by name says of no package, and is compared
// by name, unless a name is of several packages.
func TestPackagesLeftOut(t *testing.T) {
	bare := "BenchmarkSame-2 1 5 ns/op\n"
	if d := Compare(read(t, "pkg: a\n"+bare), read(t, bare)); len(d.Changes) != 1 {
		t.Errorf("%+v", d)
	}
	two := "pkg: a\n" + bare + "pkg: b\n" + bare
	if d := Compare(read(t, two), read(t, bare)); len(d.Changes) != 0 || len(d.OnlyOld) != 2 {
		t.Errorf("compared with whom? %+v", d.Changes)
	}
	if d := Compare(read(t, two), read(t, two)); len(d.Changes) != 2 || len(d.Apart) != 0 {
		t.Errorf("%+v", d)
	}
}

// A failed benchmark is no gain, however fast its other results were, in the
// first iteration or later, by itself or with the workload that it is part of.
func TestFailedIsNoGain(t *testing.T) {
	six := func(name string, ns int) string {
		s := ""
		for i := range 6 {
			s += fmt.Sprintf("%s 100 %d ns/op\n", name, ns+i)
		}
		return s
	}
	old := read(t, six("BenchmarkSave-8", 200)+six("BenchmarkTree/ok-8", 200))
	for name, failed := range map[string]string{
		"later":      "BenchmarkSave-8 \t--- FAIL: BenchmarkSave-8\n    wrote nothing\n",
		"first":      "--- FAIL: BenchmarkSave\n    wrote nothing\n",
		"the parent": "--- FAIL: BenchmarkTree\n    wrote nothing\n",
		"a panic":    "BenchmarkSave-8 \tpanic: wrote nothing\nFAIL\tx\t1s\n",
	} {
		where := "Save"
		if name == "the parent" {
			where = "Tree"
		}
		new := read(t, six("BenchmarkSave-8", 50)+six("BenchmarkTree/ok-8", 50)+failed)
		d := Compare(old, new)
		if d.Count(Gained) != 1 || len(d.Failed) != 1 || !strings.HasPrefix(d.Failed[0], where+": ") || len(d.WasGood) != 1 || len(d.OnlyOld) != 0 {
			t.Errorf("%s: %d gains, failed %q, was good %q, only old %q", name, d.Count(Gained), d.Failed, d.WasGood, d.OnlyOld)
		}
		if s := d.Sentence(); !strings.HasSuffix(s, " 1 failure in the new run.") {
			t.Errorf("%s: %s", name, s)
		}
		// The other way round it is no regression either, and it is said.
		if back := Compare(new, old); back.Count(Regressed) != 1 || len(back.Failed) != 0 || len(back.Repaired) != 1 {
			t.Errorf("%s, the other way round: %+v", name, back)
		}
	}
	// A package that fell is a failure even when no benchmark of it did.
	if d := Compare(old, read(t, six("BenchmarkSave-8", 50)+"FAIL\tx [build failed]\n")); fmt.Sprint(d.Failed) != "[x: build failed]" {
		t.Errorf("failed %q", d.Failed)
	}
}

func TestCompareFewResults(t *testing.T) {
	d := Compare(read(t, "BenchmarkX/model=a-2 1 5 ns/op\n"), read(t, "BenchmarkX/model=a-2 1 50 ns/op\n"))
	if len(d.Changes) != 1 || d.Changes[0].Kind != Inconclusive {
		t.Errorf("one result each tells nothing: %+v", d.Changes)
	}
}
