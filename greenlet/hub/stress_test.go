package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A thousand greenlets use everything at random and are killed at random; what
// goes round (permits, items) is counted at the end, and nothing may be lost.
func TestRandomKills(t *testing.T) {
	greenlets, kills := 1000, 20_000
	if raceEnabled {
		greenlets, kills = 200, 2_000
	}
	const permits, items = 7, 50
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			run(t, func(h *Hub) {
				sem := NewSemaphore(h, permits)
				q := NewQueue[int](h, items)
				lost := 0 // items in the hands of those who were killed
				for range items {
					must(t, q.Put(1))
				}
				inside := 0
				work := func() error {
					for {
						var err error
						switch rnd.IntN(5) {
						case 0:
							err = h.Yield()
						case 1:
							err = h.Sleep(time.Duration(rnd.IntN(50)) * time.Microsecond)
						case 2:
							err = sem.With(func() error {
								if inside++; inside > permits {
									t.Errorf("%d inside", inside)
								}
								defer func() { inside-- }()
								return h.Yield()
							})
						case 3:
							err = h.WithTimeout(time.Duration(rnd.IntN(50))*time.Microsecond, func() error {
								if err := sem.Acquire(); err != nil {
									return err
								}
								sem.Release()
								return nil
							})
							if errors.Is(err, ErrTimeout) {
								err = nil
							}
						case 4:
							var v int
							if v, err = q.Get(); err == nil {
								if err = q.Put(v); err != nil {
									lost += v
								}
							}
						}
						if err != nil {
							return err
						}
					}
				}
				gs := make([]*Greenlet, greenlets)
				for i := range gs {
					gs[i] = h.Spawn(work)
				}
				for range kills {
					i := rnd.IntN(len(gs))
					must(t, gs[i].KillWith(ErrExit, 0))
					gs[i] = h.Spawn(work)
					if rnd.IntN(4) == 0 {
						must(t, h.Yield())
					}
				}
				must(t, h.KillAll(gs...))
				must(t, h.WaitQuiet())
				if sem.Count() != permits || !sem.waiters.none() {
					t.Errorf("%d of %d permits", sem.Count(), permits)
				}
				if n := q.Len() + lost; n != items || !q.getters.none() || !q.putters.none() {
					t.Errorf("%d of %d items", n, items)
				}
				if h.Len() != 0 || h.timers.armed != 0 || len(h.timers.s) != 0 {
					t.Errorf("%d live, %d timers of %d", h.Len(), h.timers.armed, len(h.timers.s))
				}
				t.Logf("%d switches", h.Switches())
			})
		})
	}
}

func (l *waitList) none() bool { return l.first == nil }

func TestManySleepers(t *testing.T) {
	n := 100_000
	if raceEnabled {
		n = 5_000 // the race detector allows 8128 goroutines
	}
	run(t, func(h *Hub) {
		woken := 0
		for i := range n {
			d := time.Duration(1+i*7919%n) * time.Microsecond
			h.Spawn(func() error {
				err := h.Sleep(d)
				woken++
				return err
			})
		}
		must(t, h.WaitQuiet())
		if woken != n || h.Len() != 0 {
			t.Errorf("%d of %d woken", woken, n)
		}
	})
}
