package hub

import (
	"errors"
	"runtime"
	"sync"
)

// RunSharded runs n hubs side by side, each on a goroutine of its own, calling
// f on each with its hub and number; n of zero or less means GOMAXPROCS. It
// waits for all and returns their errors, joined. When one fails the main
// greenlets of the others are killed.
//
// It is how a server uses all processors: every hub listens on the same
// address with [ListenConfig].ReusePort. Hubs share nothing; one talks to
// another with [Hub.Post].
func RunSharded(n int, f func(h *Hub, shard int) error) error {
	return Config{}.RunSharded(n, f)
}

// RunSharded is [RunSharded] with this configuration for each hub.
func (c Config) RunSharded(n int, f func(h *Hub, shard int) error) error {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	s := &shards{hubs: make([]*Hub, n)}
	errs := make([]error, n)
	for i := range n {
		s.all.Go(func() {
			ended := false
			defer func() {
				if !ended { // f panicked or called Goexit: the others end too
					s.fail(i)
				}
			}()
			errs[i] = c.Run(func(h *Hub) error {
				s.join(i, h)
				return f(h, i)
			})
			if errs[i] != nil && s.fail(i) != i && errors.Is(errs[i], ErrExit) {
				errs[i] = nil
			}
			ended = true
		})
	}
	s.all.Wait()
	return errors.Join(errs...)
}

type shards struct {
	all    sync.WaitGroup
	mu     sync.Mutex
	hubs   []*Hub
	failed bool
	first  int // the one that failed first
}

// join makes hub i known; if another has failed already, it is killed.
func (s *shards) join(i int, h *Hub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hubs[i] = h
	if s.failed {
		h.throw(h.main, ErrExit)
	}
}

// fail kills the other hubs, once, and returns who failed first.
func (s *shards) fail(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed {
		return s.first
	}
	s.failed, s.first = true, i
	for k, h := range s.hubs {
		if k != i && h != nil {
			h.Post(func() { h.throw(h.main, ErrExit) })
		}
	}
	return i
}
