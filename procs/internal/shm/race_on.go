//go:build race

package shm

import (
	"runtime"
	"unsafe"
)

// RaceEnabled reports whether the program was built with the race detector.
const RaceEnabled = true

// The race detector does not see shared memory. These tell it that what
// happened before a release in this process happened before the following
// acquire. p is any variable of the handle.

// RaceAcquire comes after everything released at p.
func RaceAcquire[T any](p *T) { runtime.RaceAcquire(unsafe.Pointer(p)) }

// RaceRelease comes before what acquires at p later.
func RaceRelease[T any](p *T) { runtime.RaceReleaseMerge(unsafe.Pointer(p)) }
