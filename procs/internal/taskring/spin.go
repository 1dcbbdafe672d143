package taskring

import (
	"runtime"
	"time"
)

// NapLimit bounds the sleep of a pool that has tasks, and the first one of
// whoever has nothing to do, who then sleeps for RestLimit: what is idle takes
// no processor time. The protocol of asleep words needs no bound; but a wake
// that went missing, for whatever reason, must cost some seconds and not the
// whole pool.
const (
	NapLimit  = 500 * time.Millisecond
	RestLimit = 5 * time.Second
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
