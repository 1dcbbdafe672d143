package analysis

import (
	"strings"
	"testing"

	"switchyard/report/results"
)

func read(t testing.TB, text string) *results.Run {
	t.Helper()
	run, err := results.Read("bench.txt", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return run
}
