package taskring

import (
	"runtime"
	"time"
)

// NapLimit bounds every sleep of pool and worker. The protocol of asleep words
// needs no bound; but a wake that went missing, for whatever reason, must cost
// half a second and not the whole pool. Two looks a second cost nothing.
const NapLimit = 500 * time.Millisecond

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
