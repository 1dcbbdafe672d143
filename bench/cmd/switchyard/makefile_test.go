package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makeWords returns the words with which a rule of the Makefile would call the
// program, for these variables.
func makeWords(t *testing.T, program, target string, vars ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make here")
	}
	cmd := exec.Command("make", append([]string{"-C", "../../..", "--no-print-directory", "-n", target, "GO=:"}, vars...)...)
	recipe, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, recipe)
	}
	script := strings.ReplaceAll(string(recipe), program+" ", `printf '%s\0' `)
	if script == string(recipe) {
		t.Fatalf("make %s does not call %s:\n%s", target, program, recipe)
	}
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// What a variable holds reaches the program as it is, be it a name with spaces,
// quotes or what else means something to a shell.
func TestMakefileQuotes(t *testing.T) {
	for _, out := range []string{"results/x", "it's", "a b", `"x"`, "`false`", "a;false", "(b)", "x*", "-x", "a,b", `back\slash`, "'", "''"} {
		got := makeWords(t, "bin/switchyard", "bench", "OUT="+out, "WORKLOADS=A|B", "PROFILE=it's", "MODELS=a,b c", "BENCHTIME=it's", "BUDGET=1 s", "SESSIONS=2 2", "LIKE=a b", "CPU=1,all", "COUNT=$$(false)", "SEED=;")
		want := []string{"run", "--workloads", "A|B", "--profile", "it's", "--models", "a,b c", "--count", "$(false)", "--benchtime", "it's", "--budget", "1 s", "--sessions", "2 2", "--like", "a b", "--cpu", "1,all", "--seed", ";", "--out", out}
		if !slices.Equal(got, want) {
			t.Errorf("make bench OUT=%s calls it with %q, want %q", out, got, want)
		}
		if got, want := makeWords(t, "bin/switchyard", "report", "OUT="+out), []string{"report", out, "--html", out + "/report.html"}; !slices.Equal(got, want) {
			t.Errorf("make report OUT=%s calls it with %q, want %q", out, got, want)
		}
		if got, want := makeWords(t, ":", "compare", "OUT="+out, "BASE=a", "MODELS=a,b,c", "UNIT=p99-ns"), slices.Concat(compareWords("a", "b", out), compareWords("a", "c", out)); !slices.Equal(got, want) {
			t.Errorf("make compare OUT=%s calls it with %q, want %q", out, got, want)
		}
		help, err := exec.Command("make", "-C", "../../..", "--no-print-directory", "help", "OUT="+out).CombinedOutput()
		if err != nil || !strings.Contains(string(help), "OUT="+out+", such as:") {
			t.Errorf("make help OUT=%s: %v\n%s", out, err, help)
		}
	}
}

// The runners of peers stand beside ours, and have time of their own.
func TestMakefilePeers(t *testing.T) {
	got := makeWords(t, "bin/switchyard", "bench", "PEERS=python,it's go")
	peers := []string{"--runner", "bin/runner", "--runner", "bench/peers/python/runner", "--runner", "bench/peers/it's/runner", "--runner", "bench/peers/go/runner"}
	if len(got) < len(peers) || !slices.Equal(got[len(got)-len(peers):], peers) {
		t.Errorf("%q, want in the end %q", got, peers)
	}
	without := makeWords(t, "bin/switchyard", "bench")
	if at := slices.Index(got, "--budget"); at < 0 || got[at+1] == without[at+1] || slices.Contains(without, "--runner") {
		t.Errorf("%q, and without peers %q", got, without)
	}
	if got := makeWords(t, "bin/switchyard", "bench", "PEERS=python", "BUDGET=7s"); !slices.Contains(got, "7s") {
		t.Errorf("%q", got)
	}
	// Those in Go are built: in their own directories, as they may be modules.
	for peers, want := range map[string][]string{"": {"bin/"}, "python": {"bin/"}, "go": {"bin/", "bench/peers/go"},
		"remote,python go": {"bin/", "bench/peers/go", "bench/peers/remote"}} {
		recipe, err := exec.Command("make", "-C", "../../..", "--no-print-directory", "-n", "bench", "GO=go", "PEERS="+peers).CombinedOutput()
		var got []string
		for _, m := range regexp.MustCompile(`\bgo (?:-C (\S+) build -trimpath -o runner \.|build .*-o (\S+) )`).FindAllStringSubmatch(string(recipe), -1) {
			got = append(got, m[1]+m[2])
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("PEERS=%s builds %q, want %q: %v\n%s", peers, got, want, err, recipe)
		}
	}
}

// The builds of an A/B run are measured as often and as long as one can tell
// them apart, in directories of their own, unless the user says otherwise.
func TestMakefileBuilds(t *testing.T) {
	measure := func(count, budget, sessions, out string) []string {
		return []string{"--workloads", "", "--profile", "default", "--models", "", "--count", count, "--benchtime", "50ms", "--budget", budget,
			"--sessions", sessions, "--like", "", "--cpu", "all", "--seed", "1", "--out", out}
	}
	for _, tt := range []struct {
		target     string
		vars, want []string
	}{
		{"ab", nil, append([]string{"ab", "--old", "HEAD", "--fail-on", "5%"}, measure("10", "10m", "1", "results/ab")...)},
		{"ab", []string{"OLD=it's", "FAIL_ON=1 %", "OUT=a b", "COUNT=20", "BUDGET=1h"}, append([]string{"ab", "--old", "it's", "--fail-on", "1 %"}, measure("20", "1h", "1", "a b")...)},
		{"null", nil, append([]string{"null"}, measure("10", "10m", "2", "results/null")...)},
		{"null", []string{"SESSIONS=5", "OUT=null"}, append([]string{"null"}, measure("10", "10m", "5", "null")...)},
	} {
		if got := makeWords(t, "bin/switchyard", tt.target, tt.vars...); !slices.Equal(got, tt.want) {
			t.Errorf("make %s %q calls it with %q, want %q", tt.target, tt.vars, got, tt.want)
		}
	}
}

// compareWords are those that benchstat is called with for a model beside
// another.
func compareWords(base, model, out string) []string {
	return []string{"tool", "benchstat", "-table", "pkg", "-col", "/model@(" + base + " " + model + ")",
		"-filter", ".unit:p99-ns /model:(" + base + " OR " + model + ")", out + "/bench.txt"}
}
