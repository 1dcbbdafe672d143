//go:build !linux

package run

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"switchyard/bench/benchlog"
)

// A Program is a runner program on disk. Measuring needs CPU sets, which are
// set here on Linux alone.
type Program struct {
	Path string
	CPUs []int
}

// AllCPUs returns the CPUs of the machine.
func AllCPUs() []int {
	cpus := make([]int, runtime.NumCPU())
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

var errNoMeasuring = fmt.Errorf("measuring needs Linux (CPU sets, process trees): %w", errors.ErrUnsupported)

// List returns an error that wraps [errors.ErrUnsupported].
func (p *Program) List(context.Context) ([]benchlog.ModelInfo, []benchlog.WorkloadInfo, error) {
	return nil, nil, errNoMeasuring
}

// Adopt returns an error that wraps [errors.ErrUnsupported].
func Adopt() error { return errNoMeasuring }

// Run returns an error that wraps [errors.ErrUnsupported].
func (p *Program) Run(context.Context, Invocation) (Output, error) { return Output{}, errNoMeasuring }
