//go:build linux

package procs

import (
	"os"
	"testing"

	"switchyard/procs/internal/proctest"
)

func TestMain(m *testing.M) {
	Init()
	code := proctest.Main(m)
	if leanMade != "" {
		os.RemoveAll(leanMade)
	}
	os.Exit(code)
}
