package shm

import (
	"testing"

	"switchyard/procs/internal/interleave"
)

// The model of an EventCount: two sleepers wait for a permit each, and a ringer
// gives one permit after the other, or all at once.
type bellState struct {
	word    int // notifications times two, plus one if anybody listens
	permits int
	seen    [2]int  // the word each sleeper armed with
	asleep  [2]bool // in the futex
	woken   int     // by the last wake-up
}

type bellStep = interleave.Step[bellState]

// sleeper i: Arm, look, Sleep, until it has a permit. With late set it arms
// after it has looked.
func sleeper(i int, late bool) []bellStep {
	arm := func(s *bellState) { s.word |= listening; s.seen[i] = s.word }
	take := func(s *bellState) bool {
		if s.permits == 0 {
			return false
		}
		s.permits--
		return true
	}
	return []bellStep{
		func(s *bellState) int {
			if !late {
				arm(s)
			}
			return 1
		},
		func(s *bellState) int {
			if take(s) {
				return interleave.End
			}
			return 2
		},
		func(s *bellState) int {
			if late {
				arm(s)
			}
			return 3
		},
		func(s *bellState) int { // futexWait(word, seen)
			if s.word != s.seen[i] {
				return 0
			}
			s.asleep[i] = true
			return 4
		},
		func(s *bellState) int {
			if s.asleep[i] {
				return interleave.Blocked
			}
			return 0
		},
	}
}

// wake is futexWake: it wakes up to n, here the first in the queue.
func (s *bellState) wake(n int) {
	s.woken = 0
	for i := range s.asleep {
		if s.asleep[i] && s.woken < n {
			s.asleep[i] = false
			s.woken++
		}
	}
}

// ringOne gives a permit and calls Ring(1), times times. putBack says whether
// the note of listeners is put back when one was woken, as Ring does.
func ringOne(times int, putBack bool) []bellStep {
	var steps []bellStep
	for range times {
		first := len(steps)
		next := first + 6
		steps = append(steps,
			func(s *bellState) int { s.permits++; return first + 1 },
			func(s *bellState) int {
				if s.word&listening == 0 {
					return next
				}
				return first + 2
			},
			func(s *bellState) int { s.word += 2; return first + 3 },
			func(s *bellState) int { s.word &^= listening; return first + 4 },
			func(s *bellState) int { s.wake(1); return first + 5 },
			func(s *bellState) int {
				if putBack && s.woken >= 1 {
					s.word |= listening
				}
				return next
			},
		)
	}
	return append(steps, func(*bellState) int { return interleave.End })
}

// ringAll gives n permits and calls NotifyAll.
func ringAll(n int) []bellStep {
	return []bellStep{
		func(s *bellState) int { s.permits += n; return 1 },
		func(s *bellState) int { // the exchange
			listened := s.word&listening != 0
			s.word = (s.word + 2) &^ listening
			if !listened {
				return interleave.End
			}
			return 2
		},
		func(s *bellState) int { s.wake(len(s.asleep)); return interleave.End },
	}
}

// Nobody sleeps while there is a permit for it, in whatever order sleepers and
// ringer take their steps.
func TestEventCountInEveryOrder(t *testing.T) {
	for name, ring := range map[string][]bellStep{"Ring": ringOne(2, true), "NotifyAll": ringAll(2)} {
		states, err := interleave.Explore(bellState{}, [][]bellStep{sleeper(0, false), sleeper(1, false), ring}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(name, states, "states")
	}
	// The check itself: each of these mistakes leaves somebody asleep.
	for name, threads := range map[string][][]bellStep{
		"armed after the look":     {sleeper(0, true), sleeper(1, true), ringOne(2, true)},
		"note of others forgotten": {sleeper(0, false), sleeper(1, false), ringOne(2, false)},
	} {
		if _, err := interleave.Explore(bellState{}, threads, nil); err == nil {
			t.Errorf("%s: not found out", name)
		}
	}
}
