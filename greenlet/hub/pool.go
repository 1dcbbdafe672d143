package hub

import "time"

// A Pool is a [Group] of at most so many greenlets (gevent.pool.Pool). A
// greenlet's place is free in the moment in which it ends, however it ends, and
// goes to who waits longest.
type Pool struct {
	Group
	size int
}

// NewPool makes a pool of at most size greenlets.
func NewPool(h *Hub, size int) *Pool {
	if size <= 0 {
		panic("hub: pool without room")
	}
	p := &Pool{Group: *NewGroup(h), size: size}
	p.room = NewSemaphore(h, size)
	return p
}

// Spawn is [Group.Spawn], waiting for room first. The error is that of the
// wait.
func (p *Pool) Spawn(f func() error) (*Greenlet, error) { return p.SpawnTimeout(-1, f) }

// SpawnTimeout is Spawn that waits at most d, then returns [ErrFull] (gevent's
// PoolFull); see the package on limits.
func (p *Pool) SpawnTimeout(d time.Duration, f func() error) (*Greenlet, error) {
	if err := p.room.acquire(d, ErrFull); err != nil {
		return nil, err
	}
	return p.fill(p.h.Spawn(f)), nil
}

// TrySpawn is Spawn that never waits: [ErrFull] if there is no room. Callbacks
// may use it.
func (p *Pool) TrySpawn(f func() error) (*Greenlet, error) {
	if !p.room.TryAcquire() {
		return nil, ErrFull
	}
	return p.fill(p.h.Spawn(f)), nil
}

// Add is [Group.Add], waiting for room first.
func (p *Pool) Add(g *Greenlet) error {
	if g.dead || p.Has(g) {
		return nil
	}
	if err := p.room.Acquire(); err != nil {
		return err
	}
	p.fill(g)
	return nil
}

// fill gives g the place that was acquired, or the place back if g has ended
// meanwhile, or another Add has been faster.
func (p *Pool) fill(g *Greenlet) *Greenlet {
	if !p.add(g) {
		p.room.Release()
	}
	return g
}

// Full reports whether there is no room (Pool.full).
func (p *Pool) Full() bool { return p.room.Locked() }

// Free is the number of greenlets there is room for (Pool.free_count).
func (p *Pool) Free() int { return p.room.Count() }

// Size is the limit.
func (p *Pool) Size() int { return p.size }

// WaitAvailable waits until there is room that nobody who waits to spawn gets
// (Pool.wait_available). It takes none: when it returns, somebody else may
// have.
func (p *Pool) WaitAvailable() error {
	_, err := Wait(p.h, 1, p.room)
	return err
}
