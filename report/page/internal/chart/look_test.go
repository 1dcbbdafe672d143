package chart

import (
	"fmt"
	"testing"
)

// No two markers are the same, nor two dashes.
func TestLooksDiffer(t *testing.T) {
	seen := map[string]bool{fmt.Sprint(baselineDashes): true}
	for _, m := range markers {
		seen[fmt.Sprint("marker", m)] = true
	}
	for _, d := range dashes {
		seen[fmt.Sprint(d)] = true
	}
	if len(seen) != len(markers)+len(dashes)+1 {
		t.Errorf("%d looks of %d markers and %d dashes", len(seen), len(markers), len(dashes))
	}
}
