package hub

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// RunSharded runs n hubs side by side, each on a goroutine of its own, calling
// f on each with its hub and number; n of zero or less means GOMAXPROCS. It
// waits for all and returns their errors, joined. When one fails the main
// greenlets of the others are killed; that they end with ErrExit then is no
// error. An f that panics fails too, and when all have ended RunSharded panics
// with its [*PanicError]; one that calls runtime.Goexit fails with [ErrGoexit].
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
	panics := make([]*PanicError, n)
	for i := range n {
		s.all.Go(func() {
			call(func() error {
				return c.Run(func(h *Hub) error {
					s.join(i, h)
					return f(h, i)
				})
			}, func(how ending, err error) {
				panics[i] = panicOf(how, err)
				if err != nil && s.fail(i) != i && is(err, ErrExit) {
					err = nil
				}
				errs[i] = err
			})
		})
	}
	s.all.Wait()
	for i, p := range panics {
		if p != nil {
			p.Greenlet = fmt.Sprintf("main of hub %d", i)
			panic(p)
		}
	}
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
			h.notify(func() { h.throw(h.main, ErrExit) })
		}
	}
	return i
}
