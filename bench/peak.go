package bench

import "sync/atomic"

// Peak counts units that are alive at the same moment and remembers the most
// there were. The zero value is ready; it is safe for concurrent use.
type Peak struct {
	now  atomic.Int64
	most atomic.Int64
}

// Enter counts one unit more.
func (p *Peak) Enter() {
	n := p.now.Add(1)
	for {
		m := p.most.Load()
		if n <= m || p.most.CompareAndSwap(m, n) {
			return
		}
	}
}

// Leave counts one unit less.
func (p *Peak) Leave() { p.now.Add(-1) }

// Most returns the most units there were at one moment.
func (p *Peak) Most() int { return int(p.most.Load()) }
