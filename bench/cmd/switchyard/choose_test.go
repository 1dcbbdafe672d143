package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/run"
)

// A profile says which points of the chosen workloads are measured, and a name
// with a point does so itself; the others are what more there would be.
func TestProfiles(t *testing.T) {
	all := []benchlog.WorkloadInfo{
		{Name: "A", Cases: []benchlog.Params{""}},
		{Name: "B", Cases: []benchlog.Params{"n=10", "n=100"}, More: []benchlog.Params{"n=1", "n=1000"}, Refine: []string{"n"}},
		{Name: "C", Cases: []benchlog.Params{"build=old/m=2", "build=new/m=2", "build=control/m=2"}, More: []benchlog.Params{"build=old/m=1", "build=new/m=1", "build=control/m=1"}},
	}
	for _, tt := range []struct{ names, profile, want string }{
		{"", "default", "A: B:n=10,n=100+n=1,n=1000 C:build=old/m=2,build=new/m=2,build=control/m=2+build=old/m=1,build=new/m=1,build=control/m=1"},
		{"A|B", "full", "A: B:n=1,n=10,n=100,n=1000"},
		{"A|B", "smoke", "A: B:n=1+n=10,n=100,n=1000"},
		{"C", "smoke", "C:build=control/m=1,build=new/m=1,build=old/m=1+build=control/m=2,build=new/m=2,build=old/m=2"},
		{"B", "default", "B:n=10,n=100+n=1,n=1000"},
		{"B/n=1000|A", "default", "A: B:n=1000+n=1,n=10,n=100"},
		{"B/n=1000,B/n=50,B/n=50", "smoke", "B:n=50,n=1000+n=1,n=10,n=100"},
		{"B|B/n=1", "full", "B:n=1+n=10,n=100,n=1000"},
		{"C/m=1", "default", "C:build=control/m=1,build=new/m=1,build=old/m=1+build=control/m=2,build=new/m=2,build=old/m=2"},
		{"A/", "full", "A:"},
	} {
		chosen, err := chooseWorkloads(all, tt.names, tt.profile)
		if err != nil {
			t.Errorf("%s of %q: %v", tt.profile, tt.names, err)
		}
		var got []string
		for _, w := range chosen {
			s := w.Name + ":" + strings.ReplaceAll(join(w.Cases), " ", ",")
			if len(w.More) > 0 {
				s += "+" + strings.ReplaceAll(join(w.More), " ", ",")
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s of %q: %s, want %s", tt.profile, tt.names, s, tt.want)
		}
	}
	for _, tt := range []struct{ names, profile, want string }{
		{"", "ful", `unknown profile "ful"; there are: default full smoke; did you mean "full"?`},
		{"B/n=2000", "full", `B has no point "n=2000"; it has n=1 n=10 n=100 n=1000`},
		{"A/n=1", "default", `A has no point "n=1"; it has `},
		{"D/n=1", "default", `unknown workload "D"; there are: A B C`},
	} {
		var usage *exitError
		if _, err := chooseWorkloads(all, tt.names, tt.profile); err == nil || err.Error() != tt.want || !errors.As(err, &usage) || usage.status != exitUsage {
			t.Errorf("%s of %q: error %v, want %s", tt.profile, tt.names, err, tt.want)
		}
	}
}

// The smoke profile is short, but for what the user says.
func TestSmokeIsShort(t *testing.T) {
	for args, want := range map[string]string{
		"--profile smoke":                               "1 0 1ms",
		"--profile smoke --count 3":                     "3 0 1ms",
		"--profile smoke --repeats 1 --benchtime 200ms": "1 1 200ms",
		"--profile full":                                "6 2 50ms",
		"":                                              "6 2 50ms",
	} {
		cmd := newRun()
		var f runFlags
		cmd.ResetFlags()
		f.add(cmd, "out", benchlog.MinResults, 1)
		if err := errors.Join(cmd.ParseFlags(strings.Fields(args)), f.check(cmd)); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(f.count, f.repeats, f.benchtime); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}

// A run of any choice of points goes on with the runner that it was begun with,
// and not with one that lacks a point.
func TestResumableProfiles(t *testing.T) {
	all := []benchlog.WorkloadInfo{{Name: "B", Cases: []benchlog.Params{"n=10"}, More: []benchlog.Params{"n=1", "n=1000"}}}
	resume := func(names, profile string, has []benchlog.WorkloadInfo) error {
		chosen, err := chooseWorkloads(all, names, profile)
		if err != nil {
			t.Fatal(err)
		}
		past := &run.Checkpoint{File: &benchlog.File{Facts: host.Facts(""), Workloads: chosen, Header: benchlog.Header{CPUs: "0", Lanes: []int{1}}}}
		_, err = resumable(past, &run.Runners{Workloads: has}, []int{0})
		return err
	}
	lacks := []benchlog.WorkloadInfo{{Name: "B", Cases: []benchlog.Params{"n=10"}, More: []benchlog.Params{"n=1"}}}
	for args, fails := range map[[2]string]bool{{"", "default"}: false, {"", "full"}: true, {"", "smoke"}: false, {"B/n=1000", "default"}: true} {
		if err := resume(args[0], args[1], all); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if err := resume(args[0], args[1], lacks); (err != nil) != fails {
			t.Errorf("%q, without n=1000: %v", args, err)
		}
	}
}
