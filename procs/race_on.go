//go:build race

package procs

import (
	"runtime"
	"unsafe"
)

// The race detector does not see shared memory. These tell it that what happened before a release in this process
// happened before the following acquire.
func raceAcquire[T any](p *T) { runtime.RaceAcquire(unsafe.Pointer(p)) }
func raceRelease[T any](p *T) { runtime.RaceReleaseMerge(unsafe.Pointer(p)) }
