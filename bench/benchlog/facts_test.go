package benchlog

import (
	"fmt"
	"strings"
	"testing"
)

// Each threshold is itself good, and the first value beyond it is not.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		key    string
		good   []string
		beyond []string
		grade  FactGrade
	}{
		{"cores", []string{"2", "128"}, []string{"1"}, FactNote},
		{"virtual", []string{"no", "none", "No", "false"}, []string{"yes", "kvm", "1"}, FactNote},
		{"smt", []string{"off", "notsupported", "forceoff"}, []string{"on", "On", "1", "active"}, FactNote},
		{"governor", []string{"performance", "none"}, []string{"powersave", "schedutil", "ondemand"}, FactNote},
		{"turbo", []string{"off"}, []string{"on"}, FactNote},
		{"throttled", []string{"0 times"}, []string{"1 times"}, FactNote},
		{"power", []string{"mains"}, []string{"battery"}, FactBad},
		{"numa-nodes", []string{"1"}, []string{"2"}, FactNote},
		{"cgroup-quota", []string{"none", "max", "max 100000", "unlimited"}, []string{"1.50 CPUs", "150000"}, FactBad},
		{"cgroup-memory", []string{"none", "1024 MiB"}, []string{"1023 MiB"}, FactBad},
		{"cgroup-processes", []string{"none", "4096"}, []string{"4095"}, FactBad},
		{"memory-free", []string{"512 MiB"}, []string{"511 MiB"}, FactBad},
		{"swap", []string{"none", "0 of 3 MiB in use"}, []string{"2 of 3 MiB in use"}, FactNote},
		{"thp", []string{"madvise", "never"}, []string{"always"}, FactNote},
		{"load", []string{"0.50"}, []string{"0.51"}, FactBad}, // of two cores
		{"pressure-cpu", []string{"5.00 %"}, []string{"5.01 %"}, FactBad},
		{"steal", []string{"1.00 %"}, []string{"1.01 %"}, FactNote},
		{"nice", []string{"0", "-5"}, []string{"1", "19"}, FactBad},
		{"clock-source", []string{"tsc", "kvm-clock", "arch_sys_counter"}, []string{"hpet", "acpi_pm", "xen"}, FactBad},
		{"clock-read-ns", []string{"200.0", "25.1"}, []string{"200.1"}, FactBad},
		{"timer-slack-ns", []string{"50000", "1"}, []string{"50001"}, FactNote},
		{"aslr", []string{"2", "1"}, []string{"0"}, FactNote},
		{"limit-files", []string{"unlimited", "4096"}, []string{"1024"}, FactBad},
		{"ports", []string{"28232 (32768 to 60999)"}, []string{"100 (60900 to 60999)"}, FactBad},
		{"somaxconn", []string{"4096"}, []string{"128"}, FactBad},
		{"godebug", []string{"not set"}, []string{"gctrace=1", "not"}, FactNote},
		{"gogc", []string{"not set", "100"}, []string{"off", "200"}, FactNote},
		{"gomemlimit", []string{"not set", "off"}, []string{"1GiB"}, FactNote},
		{"perf-counters", []string{"yes"}, []string{"no: the kernel has none", "3 of 6: they may not be read"}, FactNote},
		{"cpu", []string{"AMD EPYC", "0"}, nil, FactGood},
	} {
		judge := func(value string) Judgement {
			facts := []Fact{{tt.key, value}}
			if tt.key != "cores" {
				facts = append(facts, Fact{"cores", "2"})
			}
			for _, j := range Judge(facts) {
				if j.Key == tt.key {
					return j
				}
			}
			t.Fatalf("nothing is held of %s", tt.key)
			return Judgement{}
		}
		for _, v := range tt.good {
			if j := judge(v); j.Grade != FactGood || j.Value != v {
				t.Errorf("%s: %s is %s, want good", tt.key, v, j.Grade)
			}
		}
		for _, v := range tt.beyond {
			if j := judge(v); j.Grade != tt.grade || strings.Contains(j.Title, "%s") {
				t.Errorf("%s: %s is %s (%q), want %s", tt.key, v, j.Grade, j.Title, tt.grade)
			}
		}
		for _, v := range []string{"unknown", ""} {
			if j := judge(v); j.Grade != FactUnknown {
				t.Errorf("%s: %q is %s", tt.key, v, j.Grade)
			}
		}
	}
	// Where the cores are not known there is one.
	for _, cores := range []string{"0", "-1", "x", "unknown"} {
		for load, want := range map[string]FactGrade{"0.25": FactGood, "0.26": FactBad} {
			if all := Judge([]Fact{{"cores", cores}, {"load", load}}); all[len(all)-1].Grade != want {
				t.Errorf("load %s on %q cores is %s, want %s", load, cores, all[len(all)-1].Grade, want)
			}
		}
	}
	if all := Judge([]Fact{{"commit", "x"}, {"pkg", "y"}, {"nofile", "1"}}); len(all) > 0 {
		t.Errorf("something is held of what means nothing: %v", all)
	}
}

// What can be other than good says what that does and what to do about it, in a
// sentence each; a report that warns of it says it in a few words.
func TestRemedies(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range factRules(8) {
		if seen[r.key] {
			t.Errorf("two rules for %s", r.key)
		}
		seen[r.key] = true
		if r.grade == nil {
			if r.trust || r.good+r.effect+r.remedy+r.title != "" {
				t.Errorf("%s is always good, and has a remedy", r.key)
			}
			continue
		}
		if r.good == "" || r.remedy == "" || !strings.HasSuffix(r.effect, ".") || r.trust != (r.title != "") {
			t.Errorf("%s says too little: %+v", r.key, r)
		}
		if g := r.grade(r.good); g != FactGood {
			t.Errorf("%s: what should be, %q, is %s", r.key, r.good, g)
		}
	}
	if got := fmt.Sprint(FactUnknown, FactGood, FactNote, FactBad); got != "unknown good note bad" {
		t.Error(got)
	}
}

func TestKindOfFact(t *testing.T) {
	for key, want := range map[string]FactKind{"cpu": FactOfMachine, "kernel": FactOfMachine, "load": FactOfMoment, "memory-free": FactOfMoment,
		"go": FactOfProgram, "commit": FactOfProgram, "gogc": FactOfProgram, "limit-files": FactOfProgram} {
		if got := KindOfFact(key); got != want {
			t.Errorf("%s is of kind %d, want %d", key, got, want)
		}
	}
}
