//go:build !hubportable

package hub

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A poller waits for descriptors, a timer and the inbox, with one epoll.
//
// It may not sleep in epoll_wait for long: a goroutine in a system call keeps
// its processor (until the runtime notices, after 20 us to 10 ms), and with
// GOMAXPROCS=1 nobody else would run, perhaps not even the one who is to wake
// us. So the epoll is itself a descriptor of the runtime's poller, and the hub
// waits for it as any goroutine waits for a socket. But that takes five more
// system calls and the scheduler, and rouses the runtime's monitor, which then
// looks 50 times in vain: so first the hub naps in its own epoll, where a busy
// peer's next event finds it. Beside a hub that only naps, on one processor,
// goroutines and timers of others have their turn between naps, and what waits
// for a socket when the hub, some milliseconds later, does wait in the
// runtime's poller. Timeouts are a timer descriptor in the epoll, which is also
// finer than the milliseconds of epoll_wait.
//
// Descriptors are registered once, edge-triggered, at the first wait for them.
// A desc remembers what is known to be possible; reads and writes are tried
// first and only what the kernel refuses is waited for.
type poller struct {
	epfd, wakefd, timerfd int
	file                  *os.File           // epfd, for the runtime's poller
	raw                   syscall.RawConn    // of file
	try                   func(uintptr) bool // wait, for raw
	n                     int                // events that wait or nap has found
	looks                 int                // of try, since it is in vain once before it waits
	doubt, awake          int                // waits without a nap: after the last, and still
	armed                 instant            // when timerfd fires; zero: not armed
	parked                instant            // when it last waited in the runtime's poller
	descs                 []*desc
	gen                   int32
	events                []unix.EpollEvent
}

const (
	maxEvents = 512
	maxDoubt  = 255
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
	if err = prepareRuntime(); err != nil {
		return err
	}
	p.events = make([]unix.EpollEvent, maxEvents)
	p.try = func(uintptr) bool { p.looks++; return p.wait() > 0 }
	if err = unix.SetNonblock(p.epfd, true); err != nil {
		return fmt.Errorf("fcntl: %w", err)
	}
	p.file = os.NewFile(uintptr(p.epfd), "epoll")
	if err = p.file.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("epoll in the runtime's poller: %w", err)
	}
	runtimePolls.Store(true)
	p.raw, err = p.file.SyscallConn()
	return err
}

// runtimePolls says that the runtime has made its own poller.
var runtimePolls atomic.Bool

// prepareRuntime makes sure that the runtime can make its poller. It does so
// at its first use, and if there is no descriptor left for it, the process is
// ended.
func prepareRuntime() error {
	if runtimePolls.Load() {
		return nil
	}
	for range 2 { // it takes an epoll and an eventfd
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("eventfd for the runtime: %w", err)
		}
		defer unix.Close(fd)
	}
	return nil
}

func (p *poller) close() {
	if p.file != nil {
		p.file.Close()
		p.epfd = -1
	}
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

// poll waits at most timeout (negative: for ever) for events and makes ready
// whoever waits for them. It may return early, with none: who waits calls it
// again, with what is left of the time.
func (p *poller) poll(h *Hub, timeout time.Duration) {
	switch {
	case timeout == 0:
		p.wait()
	case p.awake > 0 || p.parked.until(h.looked) > workTime:
		p.awake = max(p.awake-1, 0)
		p.park(h, timeout)
	default:
		p.nap(h, timeout)
	}
	for i := 0; i < p.n; i++ {
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

// wait collects the events there are, without waiting.
func (p *poller) wait() int {
	n, err := unix.EpollWait(p.epfd, p.events, 0)
	if err != nil && err != unix.EINTR {
		panic("hub: epoll_wait: " + err.Error())
	}
	p.n = max(n, 0)
	return p.n
}

// nap sleeps in the epoll until something comes that the hub waits for, or in
// vain. Each nap in vain doubles how many waits do without one, each that was
// not takes one off. The alarm that ends it is not set each time, but when the
// last has gone off: to set one may cost more than all the rest, in a virtual
// machine. So it may end a nap that has just begun, which was not in vain. The
// runtime is not told: the processor is kept for less than a
// goroutine may run, and the signal by which the runtime stops it, for a
// garbage collection, ends the nap.
func (p *poller) nap(h *Hub, timeout time.Duration) {
	short := timeout > 0 && timeout <= napTime
	if !short {
		timeout = napTime
	}
	begun := p.arm(h, timeout)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epfd),
		uintptr(unsafe.Pointer(&p.events[0])), maxEvents, ^uintptr(0), 0, 0)
	alarm := n == 1 && int(p.events[0].Fd) == p.timerfd && !short
	switch p.n = int(n); {
	case errno == 0 && !alarm:
		p.doubt = max(p.doubt-1, 0)
	case errno == 0 && begun.until(h.now()) < napTime/2:
		p.n = 0
		return
	default:
		p.n, p.doubt = 0, min(2*p.doubt+1, maxDoubt)
	}
	p.awake = p.doubt
}

// park waits for the epoll as goroutines wait for sockets.
func (p *poller) park(h *Hub, timeout time.Duration) {
	if timeout > 0 {
		p.arm(h, timeout)
	}
	p.looks = 0
	if err := p.raw.Read(p.try); err != nil {
		panic("hub: waiting for epoll: " + err.Error())
	}
	if p.looks > 1 { // it has waited
		h.breath = instant{}
		p.parked = h.now()
	}
}

// arm sets the timer descriptor, unless it fires before anyway, and returns the
// present.
func (p *poller) arm(h *Hub, timeout time.Duration) (now instant) {
	now = h.now()
	if when := now.after(timeout); !now.before(p.armed) || when.before(p.armed) {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(timeout))}
		if err := unix.TimerfdSettime(p.timerfd, 0, &spec, nil); err != nil {
			panic("hub: timerfd_settime: " + err.Error())
		}
		p.armed = when
	}
	return now
}

// add registers d, whose events begin with what is possible already. Its
// error is that of epoll_ctl.
func (p *poller) add(d *desc) error {
	for len(p.descs) <= d.fd {
		p.descs = append(p.descs, nil)
	}
	p.gen++
	d.gen = p.gen
	p.descs[d.fd] = d
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(d.fd), Pad: d.gen,
	}
	if err := unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, d.fd, &ev); err != nil {
		p.descs[d.fd] = nil
		return err
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
