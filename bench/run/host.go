package run

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"switchyard/bench/benchlog"
)

// HostFacts returns what a reader must know to trust or to compare a number.
// Facts that change by the minute (load, stolen time) are noted per block.
func HostFacts() []benchlog.Fact {
	facts := []benchlog.Fact{
		{Key: "goos", Value: runtime.GOOS},
		{Key: "goarch", Value: runtime.GOARCH},
		{Key: "pkg", Value: "switchyard"},
		{Key: "go", Value: runtime.Version()},
		{Key: "commit", Value: Commit()},
		{Key: "cores", Value: strconv.Itoa(runtime.NumCPU())},
	}
	for _, f := range hostFacts() {
		facts = append(facts, benchlog.Fact{Key: f.Key, Value: oneLine(f.Value)})
	}
	return facts
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

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
