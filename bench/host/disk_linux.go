package host

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// diskFree returns the bytes that a user may still write below dir: on the disk
// of the nearest directory above it that is there.
func diskFree(dir string) (uint64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return s.Bavail * uint64(s.Bsize), err
		}
		dir = filepath.Dir(dir)
	}
}
