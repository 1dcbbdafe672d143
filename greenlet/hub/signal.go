package hub

import (
	"os"
	"os/signal"
	"sync"
)

// A SignalHandler runs a function whenever a signal comes.
type SignalHandler struct {
	h    *Hub
	file *file
	ch   chan os.Signal
	done sync.WaitGroup
}

// Signal calls f, in a greenlet of its own, whenever one of sigs comes
// (gevent.signal_handler). While the handler is there, waiting is no deadlock:
// a signal may end it. Cancel it, or let the hub do so when it ends.
//
// f's panic is reported to [Config].OnError. f is killed, as every greenlet,
// when the hub ends; a signal that comes while the hub closes has no effect.
// Signals that come faster than the hub looks are delivered in order, up to a
// backlog of 16; see [signal.Notify].
func (h *Hub) Signal(f func(os.Signal), sigs ...os.Signal) *SignalHandler {
	if len(sigs) == 0 {
		panic("hub: Signal without signals")
	}
	s := &SignalHandler{h: h, ch: make(chan os.Signal, 16)}
	s.file = h.files.add(s.Cancel)
	h.holds++
	signal.Notify(s.ch, sigs...)
	s.done.Go(func() {
		for sig := range s.ch {
			h.notify(func() { s.deliver(f, sig) })
		}
	})
	return s
}

// deliver calls f unless the handler has ended by the time at which f would
// begin.
func (s *SignalHandler) deliver(f func(os.Signal), sig os.Signal) {
	s.h.Spawn(func() error {
		if s.ch != nil {
			f(sig)
		}
		return nil
	}).SetName("signal " + sig.String())
}

// Cancel ends the handler; the signals have their former effect again. A
// second Cancel does nothing. No call of f begins after it, not even for a
// signal that came before; one that has begun goes on. Any greenlet, f itself,
// or a callback may call it, and it does not wait.
func (s *SignalHandler) Cancel() {
	if s.ch == nil {
		return
	}
	signal.Stop(s.ch)
	close(s.ch)
	s.done.Wait()
	s.ch = nil
	s.h.holds--
	s.h.files.remove(s.file)
}
