//go:build !hubportable

package hub

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A poller waits for descriptors, a timer and the inbox, with one epoll.
//
// Descriptors are registered once, edge-triggered, at the first wait for them.
// A desc remembers what is known to be possible; reads and writes are tried
// first and only what the kernel refuses is waited for.
type poller struct {
	epfd, wakefd, timerfd int
	armed                 int64 // when timerfd fires, on the hub's clock; 0: not armed
	descs                 []*desc
	gen                   int32
	events                []unix.EpollEvent
}

const (
	maxEvents = 512
	// fineWait is the wait below which the millisecond of epoll_wait is too
	// coarse and the timer descriptor is set instead.
	fineWait = int64(20 * time.Millisecond)
)

func (p *poller) open(h *Hub) (err error) {
	p.epfd, p.wakefd, p.timerfd = -1, -1, -1
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if p.timerfd, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	// Edge-triggered, these two need never be read: every write to the one and
	// every expiry of the other is an edge.
	for _, fd := range [...]int{p.wakefd, p.timerfd} {
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}
		if err = unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	p.events = make([]unix.EpollEvent, maxEvents)
	return nil
}

func (p *poller) close() {
	for _, fd := range [...]int{p.epfd, p.wakefd, p.timerfd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// wake ends the poll in progress or, if there is none, the next one. It is
// called from any goroutine.
func (p *poller) wake() {
	one := [8]byte{1}
	unix.Write(p.wakefd, one[:])
}

// poll waits at most timeout ns (negative: for ever) for events and makes
// ready whoever waits for them.
func (p *poller) poll(h *Hub, timeout int64) {
	n, err := unix.EpollWait(p.epfd, p.events, p.millis(h, timeout))
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic("hub: epoll_wait: " + err.Error())
	}
	for i := 0; i < n; i++ {
		ev := &p.events[i]
		if int(ev.Fd) >= len(p.descs) {
			continue // the inbox or the timer
		}
		// The generation tells a descriptor from a closed one whose number it
		// got, and which a child process may have kept registered.
		if d := p.descs[ev.Fd]; d != nil && d.gen == ev.Pad {
			d.event(ev.Events)
		}
	}
}

// millis turns the timeout into epoll_wait's, setting the timer descriptor if
// it has to be finer.
func (p *poller) millis(h *Hub, timeout int64) int {
	switch {
	case timeout <= 0:
		return int(timeout)
	case timeout > fineWait:
		return int(min((timeout-fineWait/2)/1e6, 1<<30))
	}
	now := h.now()
	if when := now + timeout; p.armed <= now || when < p.armed {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(timeout)}
		if unix.TimerfdSettime(p.timerfd, 0, &spec, nil) != nil {
			return int((timeout + 1e6 - 1) / 1e6)
		}
		p.armed = when
	}
	return -1
}

// add registers d, whose events begin with what is possible already.
func (p *poller) add(d *desc) error {
	for len(p.descs) <= d.fd {
		p.descs = append(p.descs, nil)
	}
	p.gen++
	d.gen = p.gen
	p.descs[d.fd] = d
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(d.fd), Pad: d.gen,
	}
	if err := unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, d.fd, &ev); err != nil {
		p.descs[d.fd] = nil
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	d.registered = true
	return nil
}

// remove forgets d. Closing the descriptor ends the registration in the
// kernel, unless a child process still has it open; then events of an old
// generation are ignored.
func (p *poller) remove(d *desc) {
	if d.registered {
		d.registered = false
		unix.EpollCtl(p.epfd, unix.EPOLL_CTL_DEL, d.fd, nil)
		p.descs[d.fd] = nil
	}
}
