package procs

import (
	"runtime"
	"time"

	"switchyard/procs/internal/shm"
)

// laneSpin decides how long an end of a lane looks for the other's answer before it sleeps: about twice as long as answers took of late,
// if that is less than what going to sleep and being woken costs the two processes. It learns from the waits that ended asleep as
// well: otherwise two processes that both sleep too early would do so for ever.
type laneSpin struct {
	usual time.Duration // how long waits are, on average
}

const (
	longestSpin = 40 * time.Microsecond
	spinBelow   = 60 * time.Microsecond  // usual waits that are worth it
	longWait    = 400 * time.Microsecond // longer ones count as this, so that the average comes down again soon
)

// next waits for the next record of r: it looks for it, then calls sleep. It may return shm.ErrEmpty after all.
func (s *laneSpin) next(r *shm.Reader, sleep func() error) (b []byte, err error) {
	start := time.Since(processStart)
	err = shm.ErrEmpty
	if s.usual < spinBelow && runtime.NumCPU() > 1 {
		look := func() bool { b, err = r.Next(); return err != shm.ErrEmpty }
		limit := start + min(2*s.usual+5*time.Microsecond, longestSpin)
		for err == shm.ErrEmpty && time.Since(processStart) < limit {
			var once shm.Spinner // a new one looks for some microseconds
			once.Until(look)
		}
	}
	if err == shm.ErrEmpty {
		if err = sleep(); err == nil {
			b, err = r.Next()
		}
	}
	s.usual = (3*s.usual + min(time.Since(processStart)-start, longWait)) / 4
	return b, err
}
