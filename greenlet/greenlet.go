package greenlet

import (
	"context"
	"errors"
	"fmt"
	"weak"
)

// A Greenlet is a coroutine that runs only while it is switched to. Greenlets
// that switch to each other form a family: one main greenlet (the goroutine
// that called Main) and all that descend from it. Exactly one of a family runs
// at any time. T is the type of the values they pass; a family that passes
// values of several types uses any or an interface.
//
// A Greenlet re-creates greenlet.greenlet of Python. Its methods may be called
// only from the goroutine of the family's running greenlet.
type Greenlet[T any] struct {
	*core[T]
}

// core is what a greenlet is, apart from its handle. Stacks and lists of the
// package refer to cores only, so that a Greenlet nobody refers to is seen by
// the garbage collector, although its goroutine is parked; see collect.go.
type core[T any] struct {
	// What a switch touches comes first.
	seat
	own     Greenlet[T] // its handle, if it is kept; see Keep
	family  *family[T]
	parent  *Greenlet[T]
	state   state
	refused uint8 // switches refused because the family is closing
	killed  bool  // as garbage
	id      uint32

	run           func(*Greenlet[T], T) (T, error) // nil once started
	before, after *core[T]                         // in family.started
	handle        weak.Pointer[Greenlet[T]]        // once watched
	more          *extra                           // nil: nothing
}

// An extra is what few greenlets have.
type extra struct {
	name string
	ctx  context.Context
}

// extra returns where to put what few have.
func (c *core[T]) extra() *extra {
	if c.more == nil {
		c.more = new(extra)
	}
	return c.more
}

type state uint8

const (
	pending state = iota // not started
	active               // started, not ended: running or suspended
	dead
)

// Main makes the calling goroutine the main greenlet of a new family. The main
// greenlet has no parent, is started, and dies only with the family: call its
// Close when that is no longer needed, or use Run.
func Main[T any]() *Greenlet[T] {
	f := &family[T]{spare: keep}
	g := &Greenlet[T]{core: &core[T]{family: f, state: active}}
	f.main, f.current, f.life = g, g, life(f)
	if debug {
		f.owner = caller()
	}
	return g
}

// Run makes the calling goroutine a main greenlet, calls body with it, and
// closes the family when body returns, panics or exits. It returns body's
// error joined with that of Close.
func Run[T any](body func(main *Greenlet[T]) error) (err error) {
	main := Main[T]()
	defer func() { err = errors.Join(err, main.Close()) }()
	return body(main)
}

// New makes a greenlet that will call run when it is first switched to: with
// itself and the value switched in. What run returns goes to parent: the value,
// or the error, which parent's Switch then returns. An error that is ErrExit is
// dropped and the value goes.
//
// New costs two small allocations, or one after [Greenlet.Keep]; a goroutine is
// needed only from the first switch, and is used again for another greenlet
// after the run function returned.
func New[T any](parent *Greenlet[T], run func(self *Greenlet[T], v T) (T, error)) *Greenlet[T] {
	if parent == nil {
		panic("greenlet: New without a parent")
	}
	if run == nil {
		panic("greenlet: New without a run function")
	}
	f := parent.family
	if debug {
		f.check()
	}
	f.made++
	if f.keeps {
		c := &core[T]{family: f, parent: parent, run: run, id: f.made}
		c.own.core = c
		return &c.own
	}
	w := new(watched[T])
	w.core = &core[T]{family: f, parent: parent, run: run, id: f.made}
	return &w.Greenlet
}

// Switch suspends the running greenlet and runs g: with v as the argument of
// its run function if it is not started yet, else with v as the result of the
// Switch or Throw it is suspended in. It returns when somebody switches back:
// the value they pass, or the error they throw.
//
// A dead g stands for its parent, or the nearest ancestor that is alive. A
// switch to the running greenlet itself returns v at once. In a closing family
// Switch returns ErrClosed without switching. If a child of the running
// greenlet panics or calls runtime.Goexit, then the Switch that the running
// greenlet is suspended in does so too: panics with a *PanicError, or exits.
//
// It costs one coroutine switch and does not allocate.
func (g *Greenlet[T]) Switch(v T) (T, error) {
	c := g.core
	f := c.family
	if debug {
		f.check()
	}
	me := f.current.core
	s := c.at
	if s == nil || f.odd != 0 || c == me {
		return f.send(g, v, nil)
	}
	if debug {
		swaps.Add(1)
		f.checkLock(s)
	}
	_ = me.at // checked for nil here, so that the next two share a write barrier
	f.value = v
	f.current = g
	me.at = s
	if s.inner {
		s.inner = false
		s.yield(struct{}{})
	} else {
		s.inner = true
		s.next()
	}
	// From here on g and the Greenlet of me must not be used: see collect.go.
	if debug {
		f.owner = caller()
	}
	if f.odd != 0 {
		return f.resume(&me.seat)
	}
	v = f.value
	var zero T
	f.value = zero // or the family would keep it alive
	return v, nil
}

// Throw switches to g like Switch, but there the suspended Switch or Throw
// returns err, which must not be nil. A greenlet that is not started dies of
// err without running; err goes on to its parent. Thrown into a dead greenlet,
// err goes to the parent. An ErrExit that passes an end in this way is dropped,
// and the parent receives the zero value.
func (g *Greenlet[T]) Throw(err error) (T, error) {
	if err == nil {
		panic("greenlet: Throw of a nil error")
	}
	if debug {
		g.family.check()
	}
	var zero T
	return g.family.send(g, zero, err)
}

// Parent returns the greenlet that receives g's result, or nil for a main
// greenlet.
func (g *Greenlet[T]) Parent() *Greenlet[T] { return g.parent }

// SetParent makes parent receive g's result. It returns ErrMain if g is a main
// greenlet, ErrForeign if parent is of another family, and ErrCycle if parent
// is g or descends from it. It walks up the chain of parents.
func (g *Greenlet[T]) SetParent(parent *Greenlet[T]) error {
	if debug {
		g.family.check()
	}
	switch {
	case parent == nil:
		panic("greenlet: SetParent to nil")
	case g.parent == nil:
		return ErrMain
	case g.family != parent.family:
		return ErrForeign
	}
	if parent.under(g) {
		return ErrCycle
	}
	g.parent = parent
	return nil
}

// under reports whether g is top or descends from it.
func (g *Greenlet[T]) under(top *Greenlet[T]) bool {
	for g != nil && g.core != top.core {
		g = g.parent
	}
	return g != nil
}

// Current returns the running greenlet of g's family.
func (g *Greenlet[T]) Current() *Greenlet[T] { return g.family.current }

// Main returns the main greenlet of g's family.
func (g *Greenlet[T]) Main() *Greenlet[T] { return g.family.main }

// Started reports whether g was switched to, and so is running, suspended or
// dead.
func (g *Greenlet[T]) Started() bool { return g.state != pending }

// Dead reports whether g's run function has returned, or g died unstarted. A
// main greenlet is dead once its family is closed.
func (g *Greenlet[T]) Dead() bool { return g.state == dead }

// Active reports whether g is started and not dead: python's bool(g).
func (g *Greenlet[T]) Active() bool { return g.state == active }

// Name returns the name given by SetName, or "".
func (g *Greenlet[T]) Name() string {
	if g.more == nil {
		return ""
	}
	return g.more.name
}

// SetName names g, for String and whoever reads it.
func (g *Greenlet[T]) SetName(name string) { g.extra().name = name }

// Context returns the context set by SetContext, or context.Background. A new
// greenlet does not inherit the context of the one that made it. It re-creates
// the gr_context of Python, where every greenlet has context variables of its
// own.
func (g *Greenlet[T]) Context() context.Context {
	if g.more == nil || g.more.ctx == nil {
		return context.Background()
	}
	return g.more.ctx
}

// SetContext gives g a context: values that belong to it alone. The package
// does not watch it for cancellation.
func (g *Greenlet[T]) SetContext(ctx context.Context) {
	if debug {
		g.family.check()
	}
	if ctx == nil {
		panic("greenlet: SetContext to nil")
	}
	g.extra().ctx = ctx
}

// String returns the number or name of g and its state: pending, suspended,
// current or dead, and whether it is main.
func (g *Greenlet[T]) String() string {
	return g.describe(g.family.current.core == g.core)
}

func (c *core[T]) describe(current bool) string {
	what := "suspended"
	switch {
	case c.state == pending:
		what = "pending"
	case c.state == dead:
		what = "dead"
	case current:
		what = "current"
	}
	if c.parent == nil {
		what += " main"
	}
	if c.more != nil && c.more.name != "" {
		return fmt.Sprintf("greenlet %q (%s)", c.more.name, what)
	}
	return fmt.Sprintf("greenlet %d (%s)", c.id, what)
}
