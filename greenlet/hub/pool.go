package hub

import "time"

// A Pool is a [Group] of at most so many greenlets (gevent.pool.Pool).
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

// SpawnTimeout is Spawn that waits at most d, then returns [ErrFull]; zero
// does not wait (gevent's PoolFull), negative has no limit.
func (p *Pool) SpawnTimeout(d time.Duration, f func() error) (*Greenlet, error) {
	if err := p.room.AcquireTimeout(d); err != nil {
		if err == ErrTimeout {
			err = ErrFull
		}
		return nil, err
	}
	return p.Group.Spawn(f), nil
}

// TrySpawn is Spawn that never waits: [ErrFull] if there is no room.
func (p *Pool) TrySpawn(f func() error) (*Greenlet, error) { return p.SpawnTimeout(0, f) }

// Add is [Group.Add], waiting for room first.
func (p *Pool) Add(g *Greenlet) error {
	if g.dead || p.Has(g) {
		return nil
	}
	if err := p.room.Acquire(); err != nil {
		return err
	}
	p.Group.Add(g)
	if !p.Has(g) { // it has ended meanwhile
		p.room.Release()
	}
	return nil
}

// Full reports whether there is no room (Pool.full).
func (p *Pool) Full() bool { return p.room.Locked() }

// Free is the number of greenlets there is room for (Pool.free_count).
func (p *Pool) Free() int { return p.room.Count() }

// Size is the limit.
func (p *Pool) Size() int { return p.size }

// WaitAvailable waits until there is room (Pool.wait_available).
func (p *Pool) WaitAvailable() error {
	if err := p.room.Acquire(); err != nil {
		return err
	}
	p.room.Release()
	return nil
}
