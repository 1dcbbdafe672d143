package threads

import (
	"errors"
	"fmt"
	"runtime"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// Config says how an executor over goroutines works. The zero value has
// Python's number of workers.
type Config struct {
	// Workers is how many tasks run at the same time. 0: four more than there
	// are processors, at most 32.
	Workers int
	// Initializer is run by each worker before its first task. If it fails, all
	// tasks fail with procs.ErrBroken.
	Initializer func() error
}

// NewExecutor returns an executor over goroutines
// (concurrent.futures.ThreadPoolExecutor).
func NewExecutor(config Config) (*procs.Executor, error) {
	if config.Workers < 0 {
		return nil, errors.New("threads: NewExecutor: Workers must not be negative")
	}
	if config.Workers == 0 {
		config.Workers = min(32, runtime.NumCPU()+4)
	}
	w, err := newWorkers(config)
	if err != nil {
		return nil, fmt.Errorf("threads: NewExecutor: %w", err)
	}
	e := bridge.NewExecutor(w).(*procs.Executor)
	runtime.AddCleanup(e, func(w *workers) { w.Shutdown(false, false) }, w)
	return e, nil
}
