package greenlet

import (
	"errors"
	"runtime"
)

// patience is how often Switch returns ErrClosed to one greenlet of a closing
// family before it ends that greenlet.
const patience = 100

// Close ends the family: it throws ErrExit into every suspended greenlet, in
// the order in which they were started, and waits until it is dead. When it
// returns no goroutine is left. It must be called by the main greenlet; a
// second call does nothing.
//
// A greenlet that is being closed cannot switch: Switch returns ErrClosed. If
// it goes on regardless, then after a hundred such errors Switch calls
// runtime.Goexit, so that its deferred functions run and it ends.
//
// Close returns the errors and panics of the greenlets it killed, joined, and
// those of greenlets that were killed as garbage before; it is nil when all
// ended quietly.
func (g *Greenlet[T]) Close() error {
	f := g.family
	if debug {
		f.check()
	}
	if f.current.core != f.main.core {
		panic("greenlet: Close outside the main greenlet")
	}
	if f.quit {
		return nil
	}
	if f.closing {
		panic("greenlet: Close called by Close")
	}
	f.closing = true
	f.odd |= oddClosing
	f.wean()
	errs := f.lost
	for f.started != nil {
		errs = append(errs, f.kill(f.started.greenlet()))
	}
	f.quit = true
	me := f.main.core
	for _, w := range f.idle {
		if w.gone {
			continue
		}
		if debug {
			f.checkLock(w.at)
		}
		me.at = w.at
		w.at.swap()
		f.pass(&me.seat)
	}
	me.state = dead
	f.idle, f.young, f.lost = nil, nil, nil
	if debug {
		f.owner = caller()
	}
	return errors.Join(errs...)
}

// refuse answers a switch in a closing family.
func (f *family[T]) refuse() (T, error) {
	c := f.current.core
	if c.parent != nil {
		if c.refused++; c.refused > patience {
			c.refused = 0 // deferred functions may try again
			runtime.Goexit()
		}
	}
	var zero T
	return zero, ErrClosed
}

// kill throws ErrExit into the suspended g as if the running greenlet were its
// parent, and returns the error or panic that g died of. Then g gets its own
// parent again, unless meanwhile it was given another, or became the ancestor
// of its own.
func (f *family[T]) kill(g *Greenlet[T]) (err error) {
	parent, killer := g.parent, f.current
	g.parent = killer
	defer func() {
		if g.parent == killer && !parent.under(g) {
			g.parent = parent
		}
		if p := recover(); p != nil {
			err = asPanic(p, g.String())
		}
	}()
	var zero T
	_, err = f.deliver(g, zero, message{err: ErrExit})
	return err
}
