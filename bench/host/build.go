package host

import (
	"runtime"
	"runtime/debug"

	"switchyard/bench/benchlog"
)

// Build returns what this program is.
func Build() []benchlog.Fact {
	return []benchlog.Fact{
		{Key: "goos", Value: runtime.GOOS},
		{Key: "goarch", Value: runtime.GOARCH},
		{Key: "pkg", Value: "switchyard"},
		{Key: "go", Value: runtime.Version()},
		{Key: "commit", Value: Commit()},
	}
}

// Commit returns the revision that this program was built from, with "+dirty"
// if the tree had changes, or "unknown".
func Commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return commit(info.Settings)
}

func commit(settings []debug.BuildSetting) string {
	commit, dirty := "unknown", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	return commit + dirty
}
