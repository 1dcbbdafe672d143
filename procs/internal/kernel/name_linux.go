package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// IDOfFD returns which file a descriptor is of.
func IDOfFD(fd int) (FileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return FileID{}, os.NewSyscallError("fstat", err)
	}
	return FileID{uint64(st.Dev), uint64(st.Ino)}, nil
}

// Is reports whether path is the name of the file.
func (id FileID) Is(path string) bool {
	got, err := idOf(path)
	return err == nil && got == id
}

func idOf(path string) (FileID, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return FileID{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return FileID{uint64(st.Dev), uint64(st.Ino)}, nil
}

func pin(path string) (*os.File, FileID, error) {
	fd, err := OpenFD(func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, FileID{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	id, err := IDOfFD(fd)
	if err != nil {
		CloseFD(fd)
		return nil, FileID{}, err
	}
	return os.NewFile(uintptr(fd), path), id, nil
}

// RemoveName removes path if it is the name of the file id. If there is no such
// name, or if it is another file's, the error is os.ErrNotExist; of several who
// remove one file, one succeeds.
//
// The kernel removes by name only, so between a look and the removal the name
// could become another file's. Therefore the file is first given a name that
// nobody else uses, in the same directory, looked at there, and removed, or
// given its name back. The second name follows from the file's number: if a
// process is killed between the two steps, whoever else is to remove the file,
// such as the tracker of shared memory, finds it there.
func RemoveName(path string, id FileID) error {
	err := removeName(path, id)
	if err != nil {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

func removeName(path string, id FileID) error {
	aside := asideName(path, id)
	for try := 0; id.Is(path); try++ {
		err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, aside, unix.RENAME_NOREPLACE)
		switch {
		case err == nil:
			return settle(path, aside, id)
		case err == unix.ENOENT && try < 100: // somebody else was faster
		case err == unix.EEXIST && try < 10: // somebody else is at it
			time.Sleep(time.Millisecond)
		case err == unix.EEXIST, err == unix.EINVAL, err == unix.ENOSYS: // the way is blocked, or the file system knows no other
			return unix.Unlink(path)
		default:
			return err
		}
	}
	if id.Is(aside) { // somebody else has not come to the end of it
		return unix.Unlink(aside)
	}
	return unix.ENOENT
}

func asideName(path string, id FileID) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".removed-%x-%x", id.Dev, id.Ino))
}

// settle decides about the file that was renamed from path to aside.
func settle(path, aside string, id FileID) error {
	got, err := idOf(aside)
	switch {
	case err != nil: // who found it there has removed it
		return unix.ENOENT
	case got == id:
		return unix.Unlink(aside)
	}
	if unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE) == unix.EEXIST {
		unix.Unlink(aside) // it would have lost its name to this third one anyway
	}
	return unix.ENOENT
}
