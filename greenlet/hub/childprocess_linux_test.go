//go:build !hubportable

package hub

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// children are what this program does instead of the tests if runChild has
// started it: for what changes a process for good.
var children = map[string]func() error{
	"no IPv6":      withoutIPv6,
	"dials itself": dialsItself,
	"first hub":    firstHubWithFewFiles,
}

// runChild runs one of the children and fails t if it returns an error. With a
// skip it skips t.
func runChild(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HUB_TEST_CHILD="+name)
	out, err := cmd.CombinedOutput()
	if reason, skipped := strings.CutPrefix(string(out), "skip: "); skipped {
		t.Skip(reason)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// skip is an error that says why a child cannot do what it should.
func skip(what string, err error) error { return fmt.Errorf("skip: %s: %w", what, err) }

func init() {
	if name := os.Getenv("HUB_TEST_CHILD"); name != "" {
		if err := children[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}
