package report

import (
	"strconv"
	"strings"
)

// A name is a benchmark's name taken apart:
// <workload>[/key=value...]/model=<model>-<cpus>.
type name struct {
	workload string
	params   []Param
	model    string
	procs    int
}

// maxParams bounds the parts of one name; more are run together.
const maxParams = 12

// splitName takes a name apart, without its "Benchmark". A name of another
// tool has no model; its sub-benchmark parts are parameters all the same.
func splitName(full string) name {
	at := len(full)
	for at > 0 && full[at-1] >= '0' && full[at-1] <= '9' {
		at--
	}
	if at == len(full) || at == 0 || full[at-1] != '-' {
		return bareName(full)
	}
	n := bareName(full[:at-1])
	n.procs, _ = strconv.Atoi(full[at:])
	return n
}

// bareName takes a name apart that has no number of CPUs at its end.
func bareName(full string) name {
	parts := strings.SplitAfter(full, "/")
	for i := len(parts) - 1; i > 0; i-- { // the slash goes with what follows it
		parts[i-1], parts[i] = parts[i-1][:len(parts[i-1])-1], "/"+parts[i]
	}
	n := name{workload: parts[0]}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimPrefix(part, "/"), "=")
		switch {
		case ok && key == "model":
			n.model = value
		case len(n.params) == maxParams:
			last := &n.params[maxParams-1]
			last.Value += part
		case ok:
			n.params = append(n.params, Param{key, value})
		default:
			n.params = append(n.params, Param{"", key})
		}
	}
	return n
}

// caseName is the name of the case within its workload.
func (n name) caseName() string { return (&Case{Params: n.params}).Name() }

// A quantity is a parameter's value read as a number: "10us" is 10e-6 of
// kind "s", "64KiB" is 65536 of kind "B", "1000" is 1000 of no kind.
type quantity struct {
	v    float64
	kind string
}

var quantityUnits = []struct {
	suffix string
	factor float64
	kind   string
}{
	{"ns", 1e-9, "s"}, {"us", 1e-6, "s"}, {"µs", 1e-6, "s"}, {"ms", 1e-3, "s"}, {"s", 1, "s"},
	{"KiB", 1 << 10, "B"}, {"MiB", 1 << 20, "B"}, {"GiB", 1 << 30, "B"},
	{"kB", 1e3, "B"}, {"KB", 1e3, "B"}, {"MB", 1e6, "B"}, {"B", 1, "B"},
	{"%", 1, "%"}, {"k", 1e3, ""}, {"K", 1e3, ""}, {"M", 1e6, ""}, {"", 1, ""},
}

// parseQuantity reads a parameter's value as a number, if it is one.
func parseQuantity(s string) (quantity, bool) {
	for _, u := range quantityUnits {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok || num == "" {
			continue
		}
		// ParseFloat also takes "inf", "nan" and hexadecimal: not sizes.
		if strings.ContainsAny(num, "xXnNiIpP_") {
			continue
		}
		v, err := strconv.ParseFloat(num, 64)
		if err != nil || !finite(v) {
			continue
		}
		return quantity{v * u.factor, u.kind}, true
	}
	return quantity{}, false
}
