//go:build linux || darwin

package output

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const noFollow = unix.O_NOFOLLOW

// lock locks an open file, or returns errLocked if another process has. The
// lock belongs to the open file: it goes when the last descriptor of it is
// closed, at the latest with the process, and the file's other readers do not
// matter.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLocked
		}
		return err
	}
}
