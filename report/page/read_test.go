package page

import (
	"strings"
	"testing"

	"switchyard/report/analysis"
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

func builderOf(run *analysis.Analysis) *builder { return newBuilder(run, modelsOf(run)) }
