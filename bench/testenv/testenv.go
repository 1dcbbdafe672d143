// Package testenv is the environment of the tests, and of the processes that
// they start. What it has for this process alone is taken out of it, so that
// nobody inherits it: a test that calls go test, make or a program of ours
// would else see in the outcome what make, or who types go test, asked of the
// test.
//
// A package whose tests start processes imports it, if for nothing else than
// that; a test of the tree sees to it.
package testenv

import (
	"os"
	"slices"
	"strings"
)

// questions are the variables by which tests are asked for something: more than
// usual, or another part.
var questions = map[string]string{
	"MATRIX":       "", // of the cases of all workloads: long
	"PROCS_FAULTS": "", // long
	"PROCS_MONKEY": "", // the seed of what a test of faults does
	"PROFILE":      "", // of benchmarks: full
	"REAL":         "", // a directory with results, to look at
	"STATS":        "", // long
	"SYNTHETIC":    "", // a directory for results that are made up, to look at
}

// ofMake are the variables in which make tells a make below it what it does
// and was told, its command line's among them, and those of our Makefile that
// it has from the environment.
var ofMake = []string{
	"MAKEFILES", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "GNUMAKEFLAGS",
	"WORKLOADS", "MODELS", "COUNT", "BENCHTIME", "BUDGET", "SESSIONS", "LIKE", "CPU", "SEED", "BASE", "UNIT", "OUT", "PEERS", "OLD", "FAIL_ON",
	"PKGS", "N", "GO",
}

func init() {
	for name := range questions {
		questions[name] = os.Getenv(name)
		os.Unsetenv(name)
	}
	for _, name := range ofMake {
		os.Unsetenv(name)
	}
	if flags, ok := os.LookupEnv("GOFLAGS"); ok {
		os.Setenv("GOFLAGS", buildFlags(flags))
	}
	// A program with the race detector waits for a second before it exits; so
	// would every child.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
}

// Asked returns what this process found in a variable that asks something of
// tests; "" is the usual. Who starts a process that is to be asked the same
// says so.
func Asked(name string) string {
	answer, ok := questions[name]
	if !ok {
		panic("testenv: nobody is asked by " + name)
	}
	return answer
}

// buildFlags returns those of the go command's flags that say how anything is
// built here. The others, such as -short, -v, -run and -race, are for the tests
// that were called for.
func buildFlags(flags string) string {
	if strings.ContainsAny(flags, `"'`) { // a path with spaces, say
		return flags
	}
	return strings.Join(slices.DeleteFunc(strings.Fields(flags), func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		return !slices.Contains([]string{"buildvcs", "mod", "modcacherw", "modfile", "overlay", "p", "tags", "trimpath"}, name)
	}), " ")
}
