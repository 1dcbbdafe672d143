package run

import (
	"slices"
	"time"
)

// Canary is the noise probe: it runs a fixed piece of arithmetic, less than a
// millisecond long, five times, and returns the median. It touches no memory
// and makes no system call: if it takes longer than before, the machine is busy
// with something else.
func Canary() time.Duration {
	const rounds = 5
	var took [rounds]time.Duration
	for i := range took {
		began := time.Now()
		if spin(400_000) == 0 { // never, but the compiler must not drop the loop
			panic("run: xorshift reached zero")
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took[:])
	return took[rounds/2]
}

// spin does n dependent steps of a xorshift generator.
func spin(n int) uint64 {
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
