package transport

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A lounge is where the receiver of a pipe waits in a process with one
// processor (GOMAXPROCS): in the runtime's poller, though not with the socket,
// but with an epoll instance that looks at what comes in, and at nothing else.
//
// A thread that blocks in the system call has its processor taken away after
// 20 us. Then nothing of the process runs, so the runtime's monitor goes to
// sleep, and each message wakes it again: that costs as much as all the rest of
// a message's way. A goroutine that waits in the poller gives its processor
// away by itself, and the monitor sleeps on, as long as nobody makes a system
// call that it is told of: those that cannot block do without that. With more
// processors nobody takes the one that is blocked, for there is another.
type lounge struct {
	f  *os.File
	rc syscall.RawConn
}

func newLounge(socket int) (*lounge, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, socket, &unix.EpollEvent{Events: unix.EPOLLIN})
	if err == nil {
		err = unix.SetNonblock(fd, true) // for the runtime
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	l := &lounge{f: os.NewFile(uintptr(fd), "pipe")}
	if l.rc, err = l.f.SyscallConn(); err == nil {
		err = l.nextSlice()
	}
	return l, err
}

// nextSlice bounds the waits from now on, so that Close and deadlines of the
// pipe are noticed.
func (l *lounge) nextSlice() error { return l.f.SetReadDeadline(time.Now().Add(sleepSlice)) }

// inLounge waits there for some time at most, until take says true, which got
// then is. It returns false if this is no place to wait.
func (s *pipeSocket) inLounge(take func(how int) bool, got *bool) bool {
	if runtime.GOMAXPROCS(0) > 1 {
		return false
	}
	if s.lounge == nil { // only the receiver asks
		if *got = take(unix.MSG_DONTWAIT); *got {
			return true // it may never have to wait
		}
		l, err := newLounge(s.fd)
		if err != nil { // few descriptors are left
			return false
		}
		s.lounge = l
	}
	// It looks first: what came before this wait will not be told of again.
	err := s.lounge.rc.Read(func(uintptr) bool { *got = take(unix.MSG_DONTWAIT); return *got })
	if err != nil { // the slice is over
		s.lounge.nextSlice()
	}
	return true
}
