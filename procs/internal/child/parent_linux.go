package child

import (
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// wait returns when the parent has ended: told by a descriptor of it, or
// failing that by asking.
func (p *Parent) wait() {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.PidfdOpen(p.owner.PID(), 0) })
	if err == nil {
		defer unix.Close(fd)
	}
	for p.Lives() {
		n := 1
		if err == nil {
			n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		}
		if n != 0 { // no pidfd; or it says that a process has ended, which is not the parent
			time.Sleep(50 * time.Millisecond)
		}
	}
}
