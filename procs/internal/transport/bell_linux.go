package transport

import (
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// A lounge is where a receiver sleeps, while it still looks at the handoff, in
// a process with one processor (GOMAXPROCS): in the runtime's poller, with an
// epoll instance that looks at the socket and at the bell, an eventfd that the
// sender of a handoff rings if the receiver is asleep.
//
// A thread that blocks in the system call has its only processor taken away by
// the runtime's monitor after 20 us: the monitor must be woken for that, wakes
// another thread, which finds nothing to run, and goes to sleep again. All that
// costs three times as much as the message's own way. A goroutine that waits in
// the poller gives its processor away by itself. It is not the socket that
// waits there, because that would be woken by the room, too, which each packet
// taken leaves. With more processors nobody takes the one that is blocked, for
// there is another.
type lounge struct {
	f     *os.File
	rc    syscall.RawConn
	since time.Time // when its deadline was set
	ready func(fd uintptr) bool
}

// newBells makes the bells of both ways of a pipe, or of the one in which a
// receives, and both ends' descriptors of them: -1 for what there is not. There
// are none if an eighth of the descriptors are in use: others need them more.
func newBells(duplex bool) (a, b [2]int) {
	a, b = noBells, noBells
	make := func(in, out *int) error {
		fd, err := kernel.OpenFD(func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) })
		if err != nil {
			return err
		}
		if fewLeft(fd, 8) {
			unix.Close(fd)
			return errFewDescriptors
		}
		if *out, err = kernel.DupFD(fd); err != nil {
			unix.Close(fd)
			return err
		}
		*in = fd
		return nil
	}
	if make(&a[0], &b[1]) == nil && duplex {
		_ = make(&b[0], &a[1])
	}
	return a, b
}

var noBells = [2]int{-1, -1}

// useBells gives s its bells, that which wakes it and that which it rings,
// before anybody uses it.
func (s *pipeSocket) useBells(bells [2]int) {
	s.bells = bells
	s.cleanup.Stop()
	s.cleanup = runtime.AddCleanup(s, kernel.CloseAll, []int{s.fd, bells[0], bells[1]})
}

// ring wakes who sleeps in a lounge at the other end. If we die before, they
// notice what has come when their slice of sleep ends.
func (s *pipeSocket) ring() {
	if s.bells[1] < 0 || s.out.asleep.Load() == 0 || s.out.asleep.Swap(0) == 0 {
		return
	}
	one := uint64(1)
	unix.RawSyscall(unix.SYS_WRITE, uintptr(s.bells[1]), uintptr(unsafe.Pointer(&one)), 8)
}

func (s *pipeSocket) newLounge() (*lounge, error) {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) })
	if err != nil {
		return nil, err
	}
	for _, of := range []int{s.fd, s.bells[0]} {
		if err == nil {
			err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, of, &unix.EpollEvent{Events: unix.EPOLLIN})
		}
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // for the runtime
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	l := &lounge{f: os.NewFile(uintptr(fd), "pipe")}
	if l.rc, err = l.f.SyscallConn(); err != nil {
		l.f.Close()
		return nil, err
	}
	h, looking, socket := s.in, uint64(shm.Self())|handoffLooking, s.fd
	l.ready = func(uintptr) bool {
		h.asleep.Store(1)
		return h.state.Load() != looking || h.queued.Load() != 0 || readable(socket)
	}
	return l, nil
}

// readable reports whether there is a packet in a socket, or the end.
func readable(socket int) bool {
	var m unix.Msghdr
	_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(socket), uintptr(unsafe.Pointer(&m)), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return errno != unix.EAGAIN
}

// doze sleeps in the lounge until something comes, for a slice at most, or not
// at all if this is no place to sleep. The caller looks at the handoff.
func (s *pipeSocket) doze() {
	if s.bells[0] < 0 || s.readUntil.IsSet() || s.closed.Load() || runtime.GOMAXPROCS(0) > 1 {
		return
	}
	if s.lounge == nil { // only the receiver asks
		l, err := s.newLounge()
		if err != nil { // no descriptors are left: do without for good
			l = new(lounge)
		}
		s.lounge = l
	}
	if s.lounge.f == nil {
		return
	}
	if now := time.Now(); now.Sub(s.lounge.since) > sleepSlice/2 {
		s.lounge.since = now
		s.lounge.f.SetReadDeadline(now.Add(sleepSlice))
	}
	s.lounge.rc.Read(s.lounge.ready)
}
