package tree

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The workflow on GitHub and the script that any other CI runs cannot differ:
// the one calls the other, and the script runs targets of make.
func TestCI(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	runs := regexp.MustCompile(`(?m)^ *- run: (.*)$`).FindAllStringSubmatch(read(".github/workflows/ci.yml"), -1)
	if len(runs) != 1 || runs[0][1] != ".ci/run" {
		t.Errorf("the workflow runs %q, want only .ci/run", runs)
	}
	if info, err := os.Stat(filepath.Join(root, ".ci/run")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf(".ci/run cannot be executed: %v", err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^make (.*)$`).FindAllStringSubmatch(read(".ci/run"), -1) {
		targets = append(targets, strings.Fields(m[1])...)
	}
	if want := []string{"fmt", "vet", "staticcheck", "test"}; !slices.Equal(targets, want) {
		t.Errorf(".ci/run makes %q, want %q", targets, want)
	}
	check := regexp.MustCompile(`(?m)^check: (.*)$`).FindStringSubmatch(read("Makefile"))
	for _, target := range targets {
		if check == nil || !slices.Contains(strings.Fields(check[1]), target) {
			t.Errorf("make check leaves out %s, which .ci/run makes", target)
		}
	}
}
