package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Params is one parameter point of a workload, spelled as it stands in the
// benchmark's name: "task=10us/chunk=1". The empty string is a workload without
// parameters.
type Params string

// Get returns the value of key, and whether the point has it.
func (p Params) Get(key string) (value string, ok bool) {
	for part := range strings.SplitSeq(string(p), "/") {
		if k, v, found := strings.Cut(part, "="); found && k == key {
			return v, true
		}
	}
	return "", false
}

// Keys returns the names of the parameters in order.
func (p Params) Keys() []string {
	var keys []string
	for part := range strings.SplitSeq(string(p), "/") {
		if k, _, found := strings.Cut(part, "="); found {
			keys = append(keys, k)
		}
	}
	return keys
}

// Int returns the value of key as an integer. A missing or malformed value
// panics: a workload asks only for parameters that it declared.
func (p Params) Int(key string) int {
	v, _ := p.Get(key)
	n, err := strconv.Atoi(v)
	if err != nil {
		panic(fmt.Sprintf("bench: parameter %q of %q is not an integer", key, string(p)))
	}
	return n
}

// Duration returns the value of key ("10us", "1ms") as a duration. It panics as
// [Params.Int] does.
func (p Params) Duration(key string) time.Duration {
	v, _ := p.Get(key)
	d, err := time.ParseDuration(v)
	if err != nil {
		panic(fmt.Sprintf("bench: parameter %q of %q is not a duration", key, string(p)))
	}
	return d
}

// check reports a point that could not stand in a benchmark's name.
func (p Params) check() error {
	if p == "" {
		return nil
	}
	for part := range strings.SplitSeq(string(p), "/") {
		k, v, found := strings.Cut(part, "=")
		if !found || k == "" || v == "" || strings.ContainsAny(part, " \t\r\n,\"-") || k == "model" {
			return fmt.Errorf("parameter %q of %q is not key=value", part, string(p))
		}
	}
	return nil
}
