package bench

import (
	"fmt"
	"strings"
)

// A Case is one cell of the comparison: a workload, a parameter point, a model
// and a CPU set size.
type Case struct {
	Workload string `json:"workload"`
	Params   Params `json:"params"`
	Model    Model  `json:"model"`
	CPUs     int    `json:"cpus"`
}

// String returns the case's name as it stands in the results, without the
// "Benchmark" prefix: "CPUMap/task=1us/chunk=1/model=greenlet-2". The suffix is
// the size of the CPU set, as in Go's own benchmarks.
func (c Case) String() string {
	var s strings.Builder
	s.WriteString(c.Workload)
	if c.Params != "" {
		s.WriteByte('/')
		s.WriteString(string(c.Params))
	}
	fmt.Fprintf(&s, "/model=%s-%d", c.Model, c.CPUs)
	return s.String()
}
