//go:build !race

package procs

func raceAcquire[T any](*T) {}
func raceRelease[T any](*T) {}
