//go:build !race

package shm

// RaceEnabled reports whether the program was built with the race detector.
const RaceEnabled = false

// RaceAcquire does nothing without the race detector.
func RaceAcquire[T any](*T) {}

// RaceRelease does nothing without the race detector.
func RaceRelease[T any](*T) {}
