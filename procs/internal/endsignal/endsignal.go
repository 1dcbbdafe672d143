// Package endsignal is how a process that works for another one, a pool's
// worker or a manager, takes the signals that ask it to end.
//
// Such a signal often goes to a whole family: Ctrl-C and the end of a terminal
// to a process group, the stop of a service to all processes of its control
// group. Then it is for the first process of the family to say what happens,
// and its children, without whom it cannot finish what it has begun, must be
// there for that. Or it goes to the child alone, which is to end. The kernel
// does not tell which it was, and a child does not learn what signals its
// parent handles. So the child takes the first signal as a request to end as
// soon as nothing is lost by it, which is right in both cases, and one that
// comes a second or more later as an order. SIGKILL is an order always.
package endsignal

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// Told is what a parent sends in place of SIGTERM: the process is to end at
// once, and nobody else gets this.
const Told = syscall.Signal(42) // a real-time signal: SIGRTMIN+8

// insistAfter is how much later than the first a signal is another one: some
// senders send two kinds together, and the end of a session may bring two of
// one kind.
const insistAfter = time.Second

// Watch ignores Ctrl-C, and from now on calls ask, in a goroutine of its own,
// when the process is asked to end, by SIGTERM, SIGHUP or SIGQUIT. now says
// that it must not wait any longer. SIGQUIT prints all goroutines' stacks
// first, as it does in every Go program. What was ignored when the process
// began, as by nohup, stays so.
//
// Told counts from when the channel is closed that Watch returns; SIGTERM and
// SIGQUIT are ignored until then.
func Watch(ask func(s syscall.Signal, now bool)) (ready <-chan struct{}) {
	var heed []os.Signal
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			heed = append(heed, s)
		}
	}
	// Until they are watched. Not SIGHUP, which Go would ignore for ever then,
	// as one that nohup ignores.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	watching := make(chan struct{})
	go func() { // Notify starts a thread, for which the start of a process should not wait
		c := make(chan os.Signal, 8)
		signal.Notify(c, append(heed, Told)...)
		close(watching)
		var h heard
		for got := range c {
			s := got.(syscall.Signal)
			now := h.insists(s, time.Now())
			if s == syscall.SIGQUIT {
				printStacks()
			}
			ask(s, now)
		}
	}()
	return watching
}

// heard is what came so far.
type heard struct{ first time.Time }

// insists reports whether a signal that came at some instant says that the
// process must not wait any longer.
func (h *heard) insists(s syscall.Signal, at time.Time) bool {
	if h.first.IsZero() {
		h.first = at
	}
	return s == Told || at.Sub(h.first) >= insistAfter
}

func printStacks() {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	fmt.Fprintf(os.Stderr, "SIGQUIT: quit\n\n%s\n", b)
}
