package procs

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// closedSlice is how often a file that is waited for is looked at, whether it
// was closed: poll does not tell.
const closedSlice = 500 * time.Millisecond

// pollDescriptors tells which objects are descriptors that can be read. It
// waits until one can be, or stop, if it is not negative, or up to d (negative:
// without limit).
//
// The numbers are taken before, and nothing is held meanwhile: to hold a file
// would make its Close wait. If it is closed and the number given to another,
// the answer may be that one's; so what waited has to look again.
func pollDescriptors(as []awaited, stop int, d time.Duration) (readable []bool, err error) {
	readable = make([]bool, len(as))
	fds := make([]unix.PollFd, 1, len(as)+1)
	fds[0] = unix.PollFd{Fd: int32(stop), Events: unix.POLLIN} // a negative number is none
	var which []int
	for i, a := range as {
		if a.descriptor == nil {
			continue
		}
		fd, err := a.descriptor.number()
		if err == nil && fd < 0 {
			err = unix.EBADF
		}
		if err != nil {
			return nil, fmt.Errorf("procs: wait for object %d, a %T: %w", i, a.object, err)
		}
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		which = append(which, i)
	}
	if len(which) == 0 {
		return readable, nil
	}
	timeout := -1
	if d >= 0 {
		timeout = int(d.Milliseconds())
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return nil, fmt.Errorf("procs: poll: %w", err)
	}
	for k, i := range which {
		switch revents := fds[k+1].Revents; {
		case revents&unix.POLLNVAL != 0:
			return nil, fmt.Errorf("procs: wait for object %d, descriptor %d: %w", i, fds[k+1].Fd, unix.EBADF)
		case revents != 0:
			readable[i] = true
		}
	}
	return readable, nil
}

// watchDescriptors returns a channel that is closed when one of the descriptors
// may be readable or closed, and what ends the watching.
func watchDescriptors(as []awaited) (<-chan struct{}, func(), error) {
	bell, err := kernel.OpenFD(func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) })
	if err != nil {
		return nil, nil, fmt.Errorf("eventfd: %w", err)
	}
	slice := time.Duration(-1)
	for _, a := range as {
		if _, ok := a.descriptor.(rawDescriptor); ok {
			slice = closedSlice
		}
	}
	found, over, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		for {
			readable, err := pollDescriptors(as, bell, slice)
			for _, r := range readable {
				if r {
					close(found)
					return
				}
			}
			if err != nil {
				close(found)
				return
			}
			select {
			case <-over:
				return
			default:
			}
		}
	}()
	return found, func() {
		close(over)
		unix.Write(bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-finished
		unix.Close(bell)
	}, nil
}
