package kernel

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// LockAs locks an open file for writing, in the name of the process pid. It
// does not wait: holder is who has locked another open file of the file, -1 if
// that cannot be told, and then nothing is locked. The lock belongs to the open
// file, and goes when its last descriptor is closed, at the latest with the
// process.
//
// What is locked is as many bytes as the process id says, from the first on:
// so the kernel itself knows who holds the lock, from the instant on at which
// it is taken, and no file says what was true yesterday. (Of such a lock it
// does not know the process, and the other kind is lost when any descriptor of
// the file is closed.)
func LockAs(fd, pid int) (holder int, err error) {
	for {
		l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Len: int64(pid)}
		err := fcntlFlock(fd, unix.F_OFD_SETLK, &l)
		if err == nil || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return 0, err
		}
		if holder, err = LockHolder(fd); holder != 0 || err != nil {
			return holder, err
		}
	}
}

// LockHolder returns who has locked another open file of the file, 0 if nobody,
// and -1 if somebody has who did not use LockAs.
func LockHolder(fd int) (pid int, err error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart} // to the end
	switch err := fcntlFlock(fd, unix.F_OFD_GETLK, &l); {
	case err != nil || l.Type == unix.F_UNLCK:
		return 0, err
	case l.Pid > 0: // a lock of the other kind
		return int(l.Pid), nil
	case l.Start != 0 || l.Len == 0:
		return -1, nil
	}
	return int(l.Len), nil
}

func fcntlFlock(fd, cmd int, l *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(uintptr(fd), cmd, l); err != unix.EINTR {
			return err
		}
	}
}
