package greenlet

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
)

// This file defines the switching of greenlets a second time, with channels
// only: it is slow and obviously right. Random programs must do the same under
// both definitions; see random_test.go.

// A system is one definition, seen from a program. Greenlets are numbered, 0 is
// main.
type system interface {
	create(parent int, body func(self, v int) (int, error)) (id int)
	send(id, v int, err error) (int, error)
	reparent(id, parent int) error
	look(id int) (started, dead bool, parent int)
	current() int
	settrace(log func(kind string, origin, target int))
	close() error
	transfers() int // control passed from one goroutine to another
}

// A ref is the definition in channels: every greenlet is a goroutine that runs
// when a letter arrives.
type ref struct {
	running *refGreenlet
	all     []*refGreenlet // by number
	started []*refGreenlet // undead, in order
	closing bool
	trace   func(kind string, origin, target int)
	passed  int
}

type refGreenlet struct {
	id      int
	parent  *refGreenlet
	state   state
	body    func(self, v int) (int, error)
	mailbox chan letter
	refused int
}

type letter struct {
	v    int
	err  error
	fail any
	exit bool
	from *refGreenlet
}

func (l letter) good() bool { return l.err == nil && l.fail == nil && !l.exit }

func newRef() system {
	main := &refGreenlet{state: active, mailbox: make(chan letter, 1)}
	return &ref{running: main, all: []*refGreenlet{main}}
}

func (r *ref) create(parent int, body func(self, v int) (int, error)) int {
	g := &refGreenlet{id: len(r.all), parent: r.all[parent], body: body, mailbox: make(chan letter, 1)}
	r.all = append(r.all, g)
	return g.id
}

func (r *ref) send(id, v int, err error) (int, error) {
	me := r.running
	if r.closing {
		if me.refused++; me.refused > patience && me.id != 0 {
			me.refused = 0
			runtime.Goexit()
		}
		return 0, ErrClosed
	}
	return r.mail(r.all[id], letter{v: v, err: err})
}

func (r *ref) mail(g *refGreenlet, l letter) (int, error) {
	me := r.running
	l.from = me
	r.post(g, l)
	return r.open(<-me.mailbox)
}

// open is what the greenlet that received l does with it.
func (r *ref) open(l letter) (int, error) {
	if r.trace != nil {
		kind := "switch"
		if !l.good() {
			kind = "throw"
		}
		r.trace(kind, l.from.id, r.running.id)
	}
	if l.fail != nil {
		panic(l.fail)
	}
	if l.exit {
		runtime.Goexit()
	}
	return l.v, l.err
}

// post gives l to g, or to whom it stands for.
func (r *ref) post(g *refGreenlet, l letter) {
	for g.state == dead || g.state == pending && (!l.good() || r.closing) {
		g.state = dead
		if errors.Is(l.err, ErrExit) {
			l.err = nil
		}
		g = g.parent
	}
	same := g == r.running
	r.running = g
	if g.state == pending {
		g.state = active
		r.started = append(r.started, g)
		same = l.from.state == dead // it would run its unstarted parent itself
		go r.life(g)
	}
	if !same {
		r.passed++
	}
	g.mailbox <- l
}

// life is the goroutine of g.
func (r *ref) life(g *refGreenlet) {
	l := letter{exit: true}
	defer func() {
		if p := recover(); p != nil {
			l = letter{fail: p}
		}
		if errors.Is(l.err, ErrExit) {
			l.err = nil
		}
		if r.closing {
			l.exit = false
		}
		g.state = dead
		r.started = slices.DeleteFunc(r.started, func(x *refGreenlet) bool { return x == g })
		l.from = g
		r.post(g.parent, l)
	}()
	v, _ := r.open(<-g.mailbox)
	v, err := g.body(g.id, v)
	l = letter{v: v, err: err}
}

func (r *ref) reparent(id, parent int) error {
	if id == 0 {
		return ErrMain
	}
	if below(r.all[parent], r.all[id]) {
		return ErrCycle
	}
	r.all[id].parent = r.all[parent]
	return nil
}

// below reports whether top is g or one of its ancestors.
func below(g, top *refGreenlet) bool {
	return g == top || g.parent != nil && below(g.parent, top)
}

func (r *ref) look(id int) (started, isDead bool, parent int) {
	g := r.all[id]
	parent = -1
	if g.parent != nil {
		parent = g.parent.id
	}
	return g.state != pending, g.state == dead, parent
}

func (r *ref) current() int { return r.running.id }

func (r *ref) settrace(log func(kind string, origin, target int)) { r.trace = log }

func (r *ref) transfers() int { return r.passed }

func (r *ref) close() error {
	r.closing = true
	var errs []error
	for len(r.started) > 0 {
		g := r.started[0]
		parent := g.parent
		g.parent = r.running
		errs = append(errs, func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			_, err = r.mail(g, letter{err: ErrExit})
			return err
		}())
		if g.parent == r.running && !below(parent, g) {
			g.parent = parent
		}
	}
	return errors.Join(errs...)
}

// A real is the package's own definition.
type real struct {
	all  []*Greenlet[int]
	base int64
}

func newReal(spare int) *real {
	main := Main[int]()
	main.family.spare = spare
	return &real{[]*Greenlet[int]{main}, swaps.Load()}
}

func (r *real) create(parent int, body func(self, v int) (int, error)) int {
	id := len(r.all)
	g := New(r.all[parent], func(_ *Greenlet[int], v int) (int, error) { return body(id, v) })
	r.all = append(r.all, g)
	return id
}

func (r *real) send(id, v int, err error) (int, error) {
	if err != nil {
		return r.all[id].Throw(err)
	}
	return r.all[id].Switch(v)
}

func (r *real) reparent(id, parent int) error { return r.all[id].SetParent(r.all[parent]) }

func (r *real) look(id int) (started, dead bool, parent int) {
	g := r.all[id]
	return g.Started(), g.Dead(), r.number(g.Parent())
}

func (r *real) current() int { return r.number(r.all[0].Current()) }

func (r *real) number(g *Greenlet[int]) int {
	return slices.IndexFunc(r.all, func(x *Greenlet[int]) bool { return x == g })
}

func (r *real) settrace(log func(kind string, origin, target int)) {
	if log == nil {
		r.all[0].SetTrace(nil)
		return
	}
	r.all[0].SetTrace(func(e Event[int]) {
		log(e.Kind.String(), r.number(e.Origin), r.number(e.Target))
	})
}

func (r *real) transfers() int { return int(swaps.Load() - r.base) }

func (r *real) close() error { return r.all[0].Close() }
