package hub

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"

	"switchyard/greenlet"
)

// ErrGoexit is the outcome of a greenlet, and the error of an awaited call,
// that ended by runtime.Goexit, as testing's FailNow does.
var ErrGoexit = errors.New("hub: runtime.Goexit called")

// An ending is how a function of the user's came back.
type ending uint8

const (
	exited   ending = iota // by runtime.Goexit: the goroutine unwinds
	panicked               // the error is a *PanicError
	returned
)

// call runs f, which is the user's, and passes to ended how it came back and
// its error: f's own, a [*PanicError], or ErrGoexit. After a Goexit ended runs
// while the goroutine unwinds. Everything of the user's that the package runs,
// on whatever goroutine, is run here, and never in the midst of a change.
func call(f func() error, ended func(how ending, err error)) {
	how, err := exited, ErrGoexit
	defer func() { ended(how, err) }()
	how = try(f, &err).confirmed(&err)
}

// confirmed is for what try returned, if it did: then f did not exit, although
// it left no trace of a panic. It was a nil one, under GODEBUG=panicnil=1.
func (how ending) confirmed(err *error) ending {
	if how == exited {
		*err = &PanicError{Value: new(runtime.PanicNilError), Stack: debug.Stack()}
		return panicked
	}
	return how
}

// panicOf returns the panic that ended what was called: also that of a deferred
// function during a Goexit, which goes on regardless.
func panicOf(how ending, err error) *PanicError {
	if how == returned {
		return nil
	}
	p, _ := err.(*PanicError)
	return p
}

// try returns unless f exits. A deferred function of f's that panics during a
// Goexit does not stop it: then the error is set, but try does not return.
func try(f func() error, err *error) (how ending) {
	defer func() {
		if how == returned {
			return
		}
		if v := recover(); v != nil {
			*err = &PanicError{Value: v, Stack: debug.Stack()}
			how = panicked
		}
	}()
	*err = f()
	return returned
}

// apart is call on a goroutine of its own, for which it waits. It is for
// methods of values that the package has been handed: whatever they do to the
// goroutine that they run on, they do it to no greenlet. It returns their
// panic, if any, and costs half a microsecond.
func apart(f func()) (failed *PanicError) {
	var one sync.WaitGroup
	one.Go(func() {
		call(func() error { f(); return nil }, func(how ending, err error) { failed = panicOf(how, err) })
	})
	one.Wait()
	return failed
}

// ask is errors.Is for an error of the user's. If its methods fail, it is not.
func ask(err, target error) (is bool, failed *PanicError) {
	if err == nil || err == target {
		return err == target, nil
	}
	failed = apart(func() { is = errors.Is(err, target) })
	return is, failed
}

// is is ask for those who leave it at that.
func is(err, target error) bool {
	yes, _ := ask(err, target)
	return yes
}

// callback arranges for fn, the user's, to run before the next greenlet.
func (h *Hub) callback(fn func()) {
	h.calls = append(h.calls, fn)
	h.pollAt = 0
}

// Callbacks have a coroutine of their own, the caller, which takes its turn
// like a greenlet whenever there are any. So one that calls runtime.Goexit
// takes no innocent greenlet's stack down with it, and the hub is at rest
// when the user's code looks at it.

// callbackTurn returns the caller. It is no part of next, whose frame is on
// every greenlet's stack.
//
//go:noinline
func (h *Hub) callbackTurn() *Greenlet {
	if h.caller == nil {
		h.caller = &Greenlet{h: h, more: &extra{name: &callbackName}}
		h.caller.co = greenlet.New(h.main.co, h.serveCallbacks)
	}
	return h.caller
}

// serveCallbacks is the caller's life. It ends when it is switched to while
// nobody runs; see retire.
func (h *Hub) serveCallbacks(*greenlet.Greenlet[struct{}], struct{}) (struct{}, error) {
	me := h.caller
	if h.watch != nil {
		me.more.carrier = goroutineID()
	}
	call(func() error {
		for h.cur != nil {
			h.runCallbacks()
			if co := h.pass(me, h.next()); co != nil {
				co.Switch(struct{}{})
			}
		}
		return nil
	}, func(how ending, _ error) {
		if how == exited {
			h.caller = nil // for those that come later: another
			h.passExit(me)
		}
	})
	return struct{}{}, nil
}

// runCallbacks runs the callbacks there are now and those they add. Whoever is
// woken by them runs before those that were ready already; see look.
func (h *Hub) runCallbacks() {
	h.cur = nil
	if h.watch != nil {
		h.watch.note(h.caller)
	}
	head, tail := h.head, h.tail
	h.head = nil
	defer func() { // the more so after a Goexit
		if h.called == len(h.calls) {
			h.calls, h.called = h.calls[:0], 0
		}
		if head != nil {
			h.merge(head, tail)
		}
	}()
	for h.called < len(h.calls) {
		fn := h.calls[h.called]
		h.calls[h.called] = nil
		h.called++
		call(func() error { fn(); return nil }, h.callbackEnded)
	}
	h.setPoll()
}

// callbackEnded reports a callback that panicked. A Goexit goes on; see
// serveCallbacks.
func (h *Hub) callbackEnded(how ending, err error) {
	if p := panicOf(how, err); p != nil {
		h.reportPanic(nil, p)
	}
}

// passExit is called while runtime.Goexit unwinds the coroutine of g. The exit
// goes on to the main greenlet: at once, or, while the hub closes, when it has
// closed; until then the coroutine is parked here, for others to go on.
func (h *Hub) passExit(g *Greenlet) {
	if h.closing {
		h.exited = h.exited || !g.forced
		h.pass(g, h.next()).Switch(struct{}{})
		return
	}
	h.settle(h.main)
	h.cur = h.main
	if h.watch != nil {
		h.watch.note(h.main)
	}
}
