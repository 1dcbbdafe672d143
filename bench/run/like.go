package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"switchyard/bench/benchlog"
)

// LikeOf returns what the run whose results are in dir knew of its cases, so
// that another can have the same N, and its plan with the facts of its machine.
func LikeOf(dir string) (*benchlog.Like, *benchlog.File, error) {
	name := filepath.Join(dir, benchlog.BenchFile)
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	file, err := benchlog.Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	like := &benchlog.Like{Started: file.Header.Started}
	if file.Calibration != nil {
		like.Benchtime = file.Calibration.Benchtime
		like.Cases = slices.DeleteFunc(file.Calibration.Cases, func(c benchlog.CalibratedCase) bool {
			return c.N < 1 || c.Batch < 1 || c.Op < 0
		})
		like.LeftOut = file.Calibration.LeftOut
	}
	if len(like.Cases) == 0 || like.Benchtime <= 0 {
		return nil, file, fmt.Errorf("%s: %w", name, errNoN)
	}
	return like, file, nil
}

var errNoN = errors.New("it says of no case how many whole batches its results have")
