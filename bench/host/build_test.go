package host

import (
	"runtime/debug"
	"testing"
)

// The revision is cut to twelve digits, and a changed tree is said.
func TestCommit(t *testing.T) {
	const hash = "0123456789abcdef0123"
	for want, settings := range map[string][]debug.BuildSetting{
		"unknown":            {{Key: "GOOS", Value: "true"}},
		"0123456789ab":       {{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: hash}, {Key: "vcs.modified", Value: "false"}},
		"0123456789ab+dirty": {{Key: "vcs.revision", Value: hash}, {Key: "vcs.modified", Value: "true"}, {Key: "GOOS", Value: "linux"}},
		"0123+dirty":         {{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: hash[:4]}},
		"unknown+dirty":      {{Key: "vcs.modified", Value: "true"}},
	} {
		if got := commit(settings); got != want {
			t.Errorf("%v: %q, want %q", settings, got, want)
		}
	}
}
