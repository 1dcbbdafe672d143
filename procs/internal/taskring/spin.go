package taskring

import (
	"runtime"
	"time"
)

// NapLimit bounds the sleep of a pool that has tasks, and the first one of
// whoever has nothing to do, who then sleeps for RestLimit. The protocol of
// asleep words needs no bound, and no wake goes with a process: a worker's end
// wakes the pool, and that of the pool ends the worker. But a wake that went
// missing, for whatever reason, must cost some time and not the whole pool. The
// look costs a worker's process more than its own time: whoever returns from a
// sleep wakes the runtime's monitor, which sleeps several times before it rests
// again: some 0.2 ms in all where switches are dear, by what an idle pool takes
// (make peers) and the number of its looks.
const (
	NapLimit  = 500 * time.Millisecond
	RestLimit = time.Minute
)

// spins is how often a worker looks before it sleeps: a few microseconds, less
// than a sleep and a wake cost. It is no more because the workers, the pool and
// its callers often share as many processors as there are workers.
const spins = 200

func spin(ready func() bool) bool {
	for i := range spins {
		if ready() {
			return true
		}
		if i&15 == 15 {
			runtime.Gosched()
		}
	}
	return false
}
