package hub

import "time"

// A Group keeps track of greenlets until they end (gevent.pool.Group).
type Group struct {
	h    *Hub
	gs   map[*Greenlet]*Link
	done waitList   // woken when the group becomes empty
	room *Semaphore // of a Pool: a permit comes back with each that leaves
}

// NewGroup makes a group of greenlets that run already, or of none.
func NewGroup(h *Hub, gs ...*Greenlet) *Group {
	p := &Group{h: h, gs: map[*Greenlet]*Link{}}
	for _, g := range gs {
		p.Add(g)
	}
	return p
}

// Spawn is [Hub.Spawn] into the group. A greenlet leaves the group in the
// moment in which it ends.
func (p *Group) Spawn(f func() error) *Greenlet {
	g := p.h.Spawn(f)
	p.Add(g)
	return g
}

// Add puts g into the group until it ends or is discarded.
func (p *Group) Add(g *Greenlet) { p.add(g) }

// add adds g unless it has ended or is there, and reports whether it did.
func (p *Group) add(g *Greenlet) bool {
	if g.dead || p.gs[g] != nil {
		return false
	}
	p.gs[g] = g.rawLink(func() { p.Discard(g) })
	return true
}

// Discard takes g out of the group; it goes on running.
func (p *Group) Discard(g *Greenlet) {
	if l := p.gs[g]; l != nil {
		l.Unlink()
		delete(p.gs, g)
		if p.room != nil {
			p.room.Release()
		}
		if len(p.gs) == 0 {
			p.done.wakeAll()
		}
	}
}

// Has reports whether g is in the group.
func (p *Group) Has(g *Greenlet) bool { return p.gs[g] != nil }

// Len is the number of greenlets in the group.
func (p *Group) Len() int { return len(p.gs) }

// Greenlets returns those in the group, in no order.
func (p *Group) Greenlets() []*Greenlet {
	gs := make([]*Greenlet, 0, len(p.gs))
	for g := range p.gs {
		gs = append(gs, g)
	}
	return gs
}

// Join waits until the group is empty. The error is that of the wait.
func (p *Group) Join() error { return p.JoinTimeout(-1) }

// JoinTimeout is Join for at most d, then [ErrTimeout]; see the package on
// limits.
func (p *Group) JoinTimeout(d time.Duration) error { return p.join(d, ErrTimeout) }

func (p *Group) join(d time.Duration, late error) error {
	if len(p.gs) == 0 {
		return nil
	}
	return p.h.wait(&p.done, d, late)
}

// Kill kills all in the group and waits until they are dead, those too that
// are added meanwhile. The running greenlet is left out.
func (p *Group) Kill() error {
	for len(p.gs) > 0 {
		gs := p.Greenlets()
		if len(gs) == 1 && gs[0] == p.h.cur {
			return nil
		}
		if err := p.h.KillAll(gs...); err != nil {
			return err
		}
	}
	return nil
}
