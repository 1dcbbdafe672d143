package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hosts are machines that we have not. The files of each are in
// testdata/doctor, and beside them what the doctor says of it.
var hosts = map[string]host.Machine{
	"laptop":    {Cores: 8, ClockRead: func() float64 { return 18.2 }},
	"vm":        {Cores: 4, ClockRead: func() float64 { return 1021.7 }},
	"container": {Cores: 8, ClockRead: func() float64 { return 41 }},
	"nothing":   {Cores: 1, ClockRead: func() float64 { return 25 }},
}

// machine returns a host by its name.
func machine(t *testing.T, name string) *host.Machine {
	t.Helper()
	m := hosts[name]
	root := fstest.MapFS{}
	if name != "nothing" {
		text := "\n" + readFile(t, "testdata/doctor", name+".txt")
		for _, part := range strings.Split(text, "\n-- ")[1:] {
			file, body, ok := strings.Cut(part, " --\n")
			if !ok {
				file, body = strings.TrimSuffix(part, " --"), ""
			}
			root[file] = &fstest.MapFile{Data: []byte(body + "\n")}
		}
	}
	m.Root = root
	m.Env = func(key string) string {
		if name == "container" && key == "GOMEMLIMIT" {
			return "400MiB"
		}
		return ""
	}
	m.Counters = func() string {
		return map[string]string{"laptop": "yes", "vm": "no: the processor shows none, as in most virtual machines", "container": "3 of 6: they may not be read: see perf-event-paranoid"}[name]
	}
	m.DiskFree = func() (uint64, error) { return 100 << 20, nil }
	if name == "nothing" {
		m.DiskFree = func() (uint64, error) { return 0, errors.ErrUnsupported }
	}
	return &m
}

// What the doctor says of a laptop on battery, a virtual machine, a container
// with quotas, and a machine of which nothing can be read.
func TestDoctorHosts(t *testing.T) {
	for name := range hosts {
		var got bytes.Buffer
		judged := benchlog.Judge(machine(t, name).Facts())
		if err := doctorText(&got, judged); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata/doctor", name+".golden")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readFile(t, "", golden); got.String() != want {
			t.Errorf("%s: the doctor says\n%s\nwant\n%s\n(go test -update writes it anew)", name, &got, want)
		}
	}
}

// The JSON has what the text has.
func TestDoctorJSON(t *testing.T) {
	judged := benchlog.Judge(machine(t, "laptop").Facts())
	var out bytes.Buffer
	if err := doctorJSON(&out, judged); err != nil {
		t.Fatal(err)
	}
	var facts []map[string]string
	if err := json.Unmarshal(out.Bytes(), &facts); err != nil || len(facts) != len(judged) || len(facts) < 25 {
		t.Fatalf("%d facts, want %d: %v", len(facts), len(judged), err)
	}
	i := slices.IndexFunc(facts, func(f map[string]string) bool { return f["key"] == "power" })
	if f := facts[i]; f["value"] != "battery" || f["grade"] != "bad" || f["good"] != "mains" || f["remedy"] != "Plug the machine in." || f["effect"] == "" {
		t.Errorf("power: %v", f)
	}
	if f := facts[0]; f["grade"] != "good" || f["remedy"] != "" {
		t.Errorf("%v", f)
	}
}
