//go:build !linux

package kernel

import "errors"

// LockAs is not for this system.
func LockAs(fd, pid int) (holder int, err error) { return 0, errors.ErrUnsupported }

// LockHolder is not for this system.
func LockHolder(fd int) (pid int, err error) { return 0, errors.ErrUnsupported }
