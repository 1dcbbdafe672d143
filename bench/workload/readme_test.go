package workload

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The workload that the README shows is added to the list as the README says,
// in an overlay: the matrix test builds it, runs every case, and finds it
// right.
func TestReadmeWorkload(t *testing.T) {
	notWithRace(t)
	if testing.Short() {
		t.Skip("short: builds the package anew")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Add a workload\n")
	_, code, _ := strings.Cut(section, "\n```go\n")
	code, _, found := strings.Cut(code, "\n```\n")
	if !found || !strings.HasPrefix(code, "package workload") {
		t.Fatal("the README has no workload")
	}
	if formatted, err := format.Source([]byte(code + "\n")); err != nil || string(formatted) != code+"\n" {
		t.Errorf("not as gofmt writes it (%v):\n%s", err, formatted)
	}
	list, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	const last = "\t\techo,\n"
	if !strings.Contains(string(list), last) {
		t.Fatalf("all.go does not end with %q", last)
	}
	dir := t.TempDir()
	overlay := map[string]string{}
	for name, text := range map[string]string{
		"checksum.go": code + "\n",
		"all.go":      strings.Replace(string(list), last, last+"\t\tchecksum,\n", 1),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		overlay[abs] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	replace := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replace, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "test", "-vet=off", "-count=1", "-v", "-overlay", replace, "-run", "^TestMatrix$/^Checksum$", ".").CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS: TestMatrix/Checksum/") != 12 {
		t.Errorf("%v, want 12 cases that pass:\n%s", err, out)
	}
}
