package benchlog

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
	for _, part := range p.Split() {
		if part.Key == key {
			return part.Value, true
		}
	}
	return "", false
}

// Cut takes the part with this key out of the point, and returns its value and
// what is left; the point as it is if it has none.
func (p Params) Cut(key string) (value string, rest Params, ok bool) {
	if value, ok = p.Get(key); !ok {
		return "", p, false
	}
	var parts []string
	for part := range strings.SplitSeq(string(p), "/") {
		if ok && part == key+"="+value {
			ok = false // the first of that name
			continue
		}
		parts = append(parts, part)
	}
	return value, Params(strings.Join(parts, "/")), true
}

// A Param is one part of a parameter point, key=value. In names of other tools
// the key may be missing.
type Param struct{ Key, Value string }

func (p Param) String() string {
	if p.Key == "" {
		return p.Value
	}
	return p.Key + "=" + p.Value
}

// maxParams bounds the parts of one point; more are run together.
const maxParams = 12

// Split returns the parts of the point in order.
func (p Params) Split() []Param {
	if p == "" {
		return nil
	}
	parts := strings.SplitN(string(p), "/", maxParams)
	out := make([]Param, len(parts))
	for i, part := range parts {
		if key, value, ok := strings.Cut(part, "="); ok {
			out[i] = Param{key, value}
		} else {
			out[i] = Param{"", part}
		}
	}
	return out
}

// Keys returns the names of the parameters in order.
func (p Params) Keys() []string {
	var keys []string
	for _, part := range p.Split() {
		keys = append(keys, part.Key)
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

// Check reports a point that could not stand in a benchmark's name.
func (p Params) Check() error {
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
