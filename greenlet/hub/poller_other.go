//go:build !linux || hubportable

package hub

import "time"

// A poller without epoll waits for the inbox and a timer only; connections
// wait on goroutines (see conn_other.go).
type poller struct{ wakeups chan struct{} }

func (p *poller) open(*Hub) error {
	p.wakeups = make(chan struct{}, 1)
	return nil
}

func (p *poller) close() {}

func (p *poller) wake() {
	select {
	case p.wakeups <- struct{}{}:
	default:
	}
}

func (p *poller) poll(_ *Hub, timeout time.Duration) {
	switch {
	case timeout < 0:
		<-p.wakeups
	case timeout > 0:
		t := time.NewTimer(timeout)
		defer t.Stop()
		select {
		case <-p.wakeups:
		case <-t.C:
		}
	}
}
