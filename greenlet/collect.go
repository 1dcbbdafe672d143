package greenlet

import (
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
// and a later switch that is not a plain one, say to a new greenlet, kills
// those.
//
// A cleanup costs some 200 ns, more than a greenlet. So new ones are first
// kept in a nursery, where most die young, and only those that are alive when
// it is full get one.

// watched is how a Greenlet is allocated that is to be killed as garbage.
//
// The runtime keeps weak pointers and cleanups of a span of 8 KiB in one list,
// in order, and walks along it to add one. With a thousand greenlets of eight
// bytes in a span, that walk was most of what a parked greenlet costs: hence
// the size, which leaves 128.
type watched[T any] struct {
	Greenlet[T]
	_ [56]byte
}

// Keep makes g's family keep the greenlets that New makes from now on: while
// one is suspended it is not killed for being referred to by nobody, but lives
// until it ends or Close ends it. It is for programs that end all of theirs:
// one that is suspended for long costs less time and memory.
func (g *Greenlet[T]) Keep() {
	f := g.family
	if debug {
		f.check()
	}
	f.keeps = true
}

// Collect kills the suspended greenlets that nobody refers to, as far as the
// garbage collector has found them, and returns how many: it throws ErrExit
// into each, as if the running greenlet were its parent. What they end with is
// dropped, but errors other than ErrExit are kept for Close to return.
//
// There is no need to call it, since every start of a greenlet does the same:
// except that of the 64 greenlets started last all are considered referred to,
// and Collect looks at those too. It finds them only if a garbage collection
// has run after the last Collect (or 64 starts).
func (g *Greenlet[T]) Collect() (killed int) {
	f := g.family
	if debug {
		f.check()
	}
	f.wean()
	return f.reap()
}

// watch sees to it that g is killed once it is garbage, unless it is kept.
func (f *family[T]) watch(g *Greenlet[T]) {
	if g.own.core != nil {
		return
	}
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

// nextOrphan returns one of the orphans, or nil.
func (f *family[T]) nextOrphan() (c *core[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.orphans) == 0 {
		f.orphans = nil
		f.orphaned.Store(false)
		return nil
	}
	c = f.orphans[0]
	f.orphans = f.orphans[1:]
	return c
}

// reap kills the orphans on behalf of the running greenlet. One that switches
// instead of ending lives on with a new Greenlet, and is watched again.
func (f *family[T]) reap() (killed int) {
	for c := f.nextOrphan(); c != nil && !f.closing; c = f.nextOrphan() {
		if c.state != active || c.handle.Value() != nil {
			continue
		}
		c.handle = weak.Pointer[Greenlet[T]]{}
		g := c.greenlet()
		c.killed = true
		if err := f.kill(g); err != nil {
			f.lost = append(f.lost, err)
		}
		c.killed = false
		if c.state == active {
			f.watch(g)
		} else {
			killed++
		}
	}
	return killed
}

// greenlet returns c's Greenlet, a new one if the old one is gone.
func (c *core[T]) greenlet() *Greenlet[T] {
	if c.own.core != nil {
		return &c.own
	}
	if g := c.handle.Value(); g != nil {
		return g
	}
	g := &Greenlet[T]{core: c}
	c.handle = weak.Make(g)
	return g
}
