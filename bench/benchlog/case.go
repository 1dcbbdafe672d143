package benchlog

import (
	"strconv"
	"strings"
)

// A Model is a way of running many tasks at once.
type Model string

// A Case is one cell of the comparison: a workload, a parameter point, a model
// and a CPU set size. Its text is the name of a benchmark.
type Case struct {
	Workload string `json:"workload"`
	Params   Params `json:"params"`
	Model    Model  `json:"model"`
	CPUs     int    `json:"cpus"` // 0 if the name does not say
}

// String returns the case's name as it stands in the results, without the
// "Benchmark" prefix: "CPUMap/task=1us/chunk=1/model=greenlet-2". The suffix is
// the size of the CPU set, as in Go's own benchmarks. [ParseCase] is its
// inverse.
func (c Case) String() string {
	s := c.Workload
	if c.Params != "" {
		s += "/" + string(c.Params)
	}
	if c.Model != "" {
		s += modelPart + string(c.Model)
	}
	if c.CPUs > 0 {
		s += "-" + strconv.Itoa(c.CPUs)
	}
	return s
}

const modelPart = "/model="

// ParseCase takes a benchmark's name apart, without its "Benchmark". Any name
// is a case's: one of another tool has no model, its sub-benchmarks are
// parameters, and the number of CPUs may be missing.
func ParseCase(name string) Case {
	at := len(strings.TrimRight(name, "0123456789"))
	if at == len(name) || at == 0 || name[at-1] != '-' || name[at] == '0' {
		return ParseBareCase(name)
	}
	c := ParseBareCase(name[:at-1])
	c.CPUs, _ = strconv.Atoi(name[at:]) // beyond all numbers it is the largest
	return c
}

// ParseBareCase takes a name apart that has no number of CPUs at its end.
func ParseBareCase(name string) Case {
	workload, rest, more := strings.Cut(name, "/")
	c := Case{Workload: workload}
	var params []string
	for more {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if model, ok := strings.CutPrefix(part, modelPart[1:]); ok {
			c.Model = Model(model)
		} else {
			params = append(params, part)
		}
	}
	c.Params = Params(strings.Join(params, "/"))
	return c
}
