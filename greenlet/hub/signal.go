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
			h.Post(func() {
				h.Spawn(func() error { f(sig); return nil }).SetName("signal " + sig.String())
			})
		}
	})
	return s
}

// Cancel ends the handler; the signals have their former effect again. A
// second Cancel does nothing.
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
