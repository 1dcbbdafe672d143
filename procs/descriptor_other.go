//go:build !linux

package procs

import (
	"errors"
	"fmt"
	"time"
)

func pollDescriptors(as []awaited, _ int, _ time.Duration) ([]bool, error) {
	for i, a := range as {
		if a.descriptor != nil {
			return nil, fmt.Errorf("procs: wait for object %d, a %T: %w", i, a.object, errors.ErrUnsupported)
		}
	}
	return make([]bool, len(as)), nil
}

func watchDescriptors([]awaited) (<-chan struct{}, func(), error) {
	return nil, nil, errors.ErrUnsupported
}
