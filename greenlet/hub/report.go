package hub

import (
	"fmt"
	"os"
	"time"
)

// Failures that nobody would hear of go to [Config].OnError
// (gevent.hub.Hub.handle_error): panics at once, and the error of a greenlet
// when the hub next has nothing to run, so that a greenlet which is about to
// ask for it still can.

// An error is kept back while the hub is busy, but not for ever: for a second,
// and for so many looks outside that whoever was ready has had a turn, even if
// the program was stopped for that second.
const (
	maxUnread   = 1024
	unreadTime  = time.Second
	unreadLooks = 1000
)

// keepUnread keeps g's error back, for nobody has asked for it yet.
func (h *Hub) keepUnread(g *Greenlet) {
	if len(h.unread) == maxUnread {
		h.reportUnread()
	}
	if len(h.unread) == 0 {
		h.unreadAt, h.unreadLooks = h.now(), 0
	}
	h.unread = append(h.unread, g)
}

// lookUnread is the part of look that reports the errors kept back once the
// hub is at rest, or they are old.
func (h *Hub) lookUnread(now instant) {
	h.unreadLooks++
	rests := h.head == nil && h.idlers.first == nil
	if rests || h.unreadLooks > unreadLooks && h.unreadAt.until(now) > unreadTime {
		h.reportUnread()
	}
}

// reportUnread reports the errors kept back, except those that somebody has
// asked for meanwhile.
func (h *Hub) reportUnread() {
	for _, g := range h.unread {
		if !g.heard {
			h.callback(func() { h.handle(g, g.err) })
		}
	}
	clear(h.unread)
	h.unread = h.unread[:0]
}

// reportPanic reports a panic of g, or of a callback if g is nil.
func (h *Hub) reportPanic(g *Greenlet, p *PanicError) {
	if g == nil {
		p.Greenlet = callbackName
	}
	if h.config.OnError == nil {
		printError(g, p)
		return
	}
	h.callback(func() { h.handle(g, p) })
}

// handle hands err to the configured handler, unless a kill is all that it
// says. It is called as a callback, since it runs the user's code.
func (h *Hub) handle(g *Greenlet, err error) {
	handler := h.config.OnError
	if handler == nil {
		handler = printError
	}
	call(func() error {
		if _, ok := err.(*PanicError); !ok {
			killed, failed := ask(err, ErrExit)
			if failed != nil {
				printError(nil, failed)
			}
			if killed {
				return nil
			}
		}
		handler(g, err)
		return nil
	}, func(how ending, failed error) {
		if worse := panicOf(how, failed); worse != nil {
			printError(g, err)
			printError(nil, worse)
		}
	})
}

// printError prints an error to standard error, a panic with its stack.
func printError(g *Greenlet, err error) {
	who := callbackName
	if g != nil {
		who = g.String()
	}
	fmt.Fprintf(os.Stderr, "hub: %s: %s\n", who, textOf(err))
}

// textOf returns what err says, if its methods, the user's, end at all.
// printError is also called in the midst of a change.
func textOf(err error) string {
	const mute = "(a %T whose own text cannot be had)"
	text := fmt.Sprintf(mute, err)
	if p, ok := err.(*PanicError); ok {
		text = (&PanicError{Value: fmt.Sprintf(mute, p.Value), Stack: p.Stack, Greenlet: p.Greenlet}).Error()
	}
	apart(func() { text = fmt.Sprint(err) })
	return text
}
