package manager

import (
	"runtime"
	"time"

	"switchyard/procs/internal/shm"
)

// laneSpin decides how long an end of a lane spins for the other's answer
// before it sleeps: about twice as long as recent answers took, up to what
// going to sleep and being woken costs. It also learns from waits that ended in
// a sleep: otherwise two processes that both sleep too early would keep each
// other's waits long for ever. Spins that keep failing become rare.
type laneSpin struct {
	usual  time.Duration // how long waits are, on average
	misses int           // failed spins in a row
	waits  uint
}

const (
	longestSpin = 60 * time.Microsecond
	spinBelow   = 150 * time.Microsecond // usual waits that are worth it: two wake-ups of sleepers take this long on a slow machine
	longWait    = 400 * time.Microsecond // longer ones count as this, so that the average comes down again soon
	manyMisses  = 8                      // from then on it looks once in manyWaits
	manyWaits   = 8
)

// spinStart is where the clock of spinning begins: to look at it from here
// costs half of what time.Now does.
var spinStart = time.Now()

// worth reports whether to look.
func (s *laneSpin) worth() bool {
	s.waits++
	return s.usual < spinBelow && (s.misses < manyMisses || s.waits%manyWaits == 0) && runtime.NumCPU() > 1
}

// next waits for the next record of r: it looks for it, then calls sleep. It
// may return shm.ErrEmpty after all.
func (s *laneSpin) next(r *shm.Reader, sleep func() error) (b []byte, err error) {
	start := time.Since(spinStart)
	err = shm.ErrEmpty
	if s.worth() {
		look := func() bool { b, err = r.Next(); return err != shm.ErrEmpty }
		limit := start + min(2*s.usual+5*time.Microsecond, longestSpin)
		for err == shm.ErrEmpty && time.Since(spinStart) < limit {
			var once shm.Spinner // a new one looks for some microseconds
			once.Until(look)
		}
		s.misses++
		if err != shm.ErrEmpty {
			s.misses = 0
		}
	}
	if err == shm.ErrEmpty {
		if err = sleep(); err == nil {
			b, err = r.Next()
		}
	}
	s.usual = (3*s.usual + min(time.Since(spinStart)-start, longWait)) / 4
	return b, err
}
