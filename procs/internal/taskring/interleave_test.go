package taskring

import (
	"testing"

	"switchyard/procs/internal/interleave"
)

// The model of a worker that waits for tasks, and of a pool that publishes
// them: one word, a futex, and a count on either side.
type napState struct {
	tail     int // tasks published
	head     int // tasks taken
	asleep   bool
	sleeping bool // in the futex
}

type napStep = interleave.Step[napState]

// publisher publishes n tasks: Parent.Publish, n times.
func publisher(n int) []napStep {
	var steps []napStep
	for range n {
		first := len(steps)
		next := first + 4
		steps = append(steps,
			func(s *napState) int { s.tail++; return first + 1 },
			func(s *napState) int { // asleep.Load
				if !s.asleep {
					return next
				}
				return first + 2
			},
			func(s *napState) int { // asleep.Swap(0)
				was := s.asleep
				s.asleep = false
				if !was {
					return next
				}
				return first + 3
			},
			func(s *napState) int { s.sleeping = false; return next }, // the futex wakes
		)
	}
	return append(steps, func(*napState) int { return interleave.End })
}

// taker takes n tasks: Worker.Next and wait, without the bound of a nap. With
// again unset it does not look a second time once it has announced its sleep.
func taker(n int, again bool) []napStep {
	return []napStep{
		func(s *napState) int { // is there a task?
			switch {
			case s.head == n:
				return interleave.End
			case s.tail != s.head:
				s.head++
				return 0
			}
			return 1
		},
		func(s *napState) int { s.asleep = true; return 2 },
		func(s *napState) int { // ready()
			if again && s.tail != s.head {
				return 3
			}
			return 4
		},
		func(s *napState) int { s.asleep = false; return 0 },
		func(s *napState) int { // the futex sleeps
			if !s.asleep {
				return 6
			}
			s.sleeping = true
			return 5
		},
		func(s *napState) int {
			if s.sleeping {
				return interleave.Blocked
			}
			return 6
		},
		func(s *napState) int { // for: asleep.Store(1), ready()
			return 1
		},
	}
}

// A worker never sleeps while there is a task for it, in whatever order it and
// its pool take their steps, and though nothing bounds its sleep.
func TestWorkerSleepsInEveryOrder(t *testing.T) {
	states, err := interleave.Explore(napState{}, [][]napStep{publisher(3), taker(3, true)}, nil)
	if err != nil {
		t.Error(err)
	}
	t.Log(states, "states")
	// The check itself: without the second look there is an order that fails.
	if _, err := interleave.Explore(napState{}, [][]napStep{publisher(3), taker(3, false)}, nil); err == nil {
		t.Error("a worker that looks only once is not found out")
	}
}

// The model of a pool that arms its parker, looks, and sleeps, while two
// workers put results and ring.
type bellState struct {
	results, taken int
	asleep         bool
	sleeping       bool
}

type bellStep = interleave.Step[bellState]

func ringer() []bellStep {
	return []bellStep{
		func(s *bellState) int { s.results++; return 1 },
		func(s *bellState) int { // asleep.Load
			if !s.asleep {
				return interleave.End
			}
			return 2
		},
		func(s *bellState) int { // asleep.Swap(0)
			was := s.asleep
			s.asleep = false
			if !was {
				return interleave.End
			}
			return 3
		},
		func(s *bellState) int { s.sleeping = false; return interleave.End },
	}
}

// collector is the pool's: Arm, look, then Sleep (and its Store) or Disarm.
func collector(n int, arm bool) []bellStep {
	return []bellStep{
		func(s *bellState) int {
			switch {
			case s.taken == n:
				return interleave.End
			case s.results != s.taken:
				s.taken++
				return 0
			}
			return 1
		},
		func(s *bellState) int { s.asleep = arm; return 2 },
		func(s *bellState) int {
			if s.results != s.taken {
				return 3
			}
			return 4
		},
		func(s *bellState) int { s.asleep = false; return 0 },
		func(s *bellState) int { // Sleep
			if arm && !s.asleep {
				return 3
			}
			s.sleeping = true
			return 5
		},
		func(s *bellState) int {
			if s.sleeping {
				return interleave.Blocked
			}
			return 3
		},
	}
}

// A pool never sleeps while a result waits for it, whichever of its workers
// rings when.
func TestPoolSleepsInEveryOrder(t *testing.T) {
	states, err := interleave.Explore(bellState{}, [][]bellStep{collector(3, true), ringer(), ringer(), ringer()}, nil)
	if err != nil {
		t.Error(err)
	}
	t.Log(states, "states")
	if _, err := interleave.Explore(bellState{}, [][]bellStep{collector(2, false), ringer(), ringer()}, nil); err == nil {
		t.Error("a pool that does not arm its parker is not found out")
	}
}
