package reporttest

import (
	"os/exec"
	"strings"
	"testing"

	_ "switchyard/bench/testenv"
)

// ShellWords lets sh take a command apart.
func ShellWords(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `for w in "$@"; do printf '%s\000' "$w"; done`, "sh").Output()
	if err != nil || len(out) != 0 {
		t.Fatalf("sh: %v", err)
	}
	out, err = exec.Command("sh", "-c", "set -- "+command+"\n"+`for w in "$@"; do printf '%s\000' "$w"; done`).CombinedOutput()
	if err != nil {
		t.Fatalf("sh does not take %s: %v: %s", command, err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
