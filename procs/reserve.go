package procs

import (
	"fmt"

	"switchyard/procs/internal/child"
)

// SetReserve keeps n processes of this program started in advance, with the
// given GOMAXPROCS (0: as the environment says). Process.Start gives its
// function to one of them, in a fraction of the time that a new one takes (what
// Python's start method forkserver is for); BenchmarkProcessReserved tells what
// fraction. Others take their place when nothing was started for 10 ms, so that
// n is how many a burst may be of. n=0, as at first, ends those that are left.
//
// A Process has one from the reserve if its GOMAXPROCS is the same and its
// ProcessConfig says nothing else than Name and Daemon, and if neither
// environment nor working directory have changed since. It has the standard
// output, limits and rights of the time when the reserve was started, and is
// called "[reserved]" in the list of processes; otherwise it is like any.
//
// A process in reserve takes the memory of an idle program, and no CPU time; it
// dies with this one. PoolConfig.Spares does the same for a Pool.
func SetReserve(n, gomaxprocs int) error {
	if err := mayHaveChildren(); err != nil {
		return err
	}
	if err := child.SetReserve(max(n, 0), gomaxprocs); err != nil {
		return fmt.Errorf("procs: reserve: %w", err)
	}
	return nil
}
