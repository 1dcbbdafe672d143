package greenlet

import (
	"errors"
	"runtime"
	"weak"
)

// nursery is the number of started greenlets that a family refers to before it
// looks which of them live on.
const nursery = 64

// A suspended greenlet that nobody refers to can never be switched to again.
// Python kills it with GreenletExit, so that its finally clauses run and its
// memory is freed; so do we, as follows. Nothing in the package that outlives a
// switch refers to a suspended Greenlet, only to its core. A cleanup on the
// Greenlet, run by the garbage collector, puts the core on the list of orphans,
// and the next time the family starts a greenlet it kills those.
//
// A cleanup costs some 200 ns, more than a greenlet. So new ones are first
// kept in a nursery, where most die young, and only those that are alive when
// it is full get one.

// watch sees to it that g is killed once it is garbage.
func (f *family[T]) watch(g *Greenlet[T]) {
	if len(f.young) == nursery {
		f.wean()
	}
	f.young = append(f.young, g)
}

// wean empties the nursery.
func (f *family[T]) wean() {
	for i, g := range f.young {
		if g.state == active {
			g.handle = weak.Make(g)
			runtime.AddCleanup(g, orphan[T], g.core)
		}
		f.young[i] = nil
	}
	f.young = f.young[:0]
}

// orphan is called by the garbage collector, on a goroutine of its own.
func orphan[T any](c *core[T]) {
	f := c.family
	f.mu.Lock()
	f.orphans = append(f.orphans, c)
	f.mu.Unlock()
	f.orphaned.Store(true)
}

// reap kills the orphans, on behalf of the running greenlet.
func (f *family[T]) reap() {
	if !f.orphaned.Load() {
		return
	}
	for {
		f.mu.Lock()
		n := len(f.orphans)
		if n == 0 {
			f.orphaned.Store(false)
			f.mu.Unlock()
			return
		}
		c := f.orphans[0]
		f.orphans = f.orphans[1:]
		f.mu.Unlock()
		if c.state != active || c.handle.Value() != nil {
			continue
		}
		g := c.greenlet()
		if err := f.kill(g); err != nil && !errors.Is(err, ErrExit) {
			f.lost = append(f.lost, err)
		}
		if c.state == active { // it survived
			f.watch(g)
		}
	}
}

// greenlet returns c's Greenlet, a new one if the old one is gone.
func (c *core[T]) greenlet() *Greenlet[T] {
	if g := c.handle.Value(); g != nil {
		return g
	}
	g := &Greenlet[T]{c}
	c.handle = weak.Make(g)
	return g
}
