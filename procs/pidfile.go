package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"

	"switchyard/procs/internal/kernel"
)

// A PIDFile is held by one process at a time: by the one instance of a service.
// It rests on a lock of the kernel, which goes with the process however that
// ends, and not on the file being there. Children do not inherit it.
//
// Only Linux has it, and all must see the file from the same machine.
type PIDFile struct {
	mu   sync.Mutex
	file *os.File // nil: released
}

// A HeldError says that a PIDFile is held, by another process or from another
// place in this one.
type HeldError struct {
	Path string
	PID  int // of the holder, as it sees itself; -1: a program that locked it in another way
}

// Error names the file and the holder.
func (e *HeldError) Error() string {
	if e.PID < 0 {
		return fmt.Sprintf("procs: %s is locked by another program", e.Path)
	}
	return fmt.Sprintf("procs: %s is held by process %d", e.Path, e.PID)
}

// HoldPIDFile takes the file at path, made if need be, for this process, and
// writes the process id into it. It does not wait: while somebody else has the
// file, the error is a *HeldError.
func HoldPIDFile(path string) (*PIDFile, error) {
	f, err := openPIDFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("procs: hold: %w", err)
	}
	if err := hold(f, os.Getpid()); err != nil {
		f.Close()
		return nil, err
	}
	return &PIDFile{file: f}, nil
}

func openPIDFile(path string, flags int) (f *os.File, err error) {
	err = kernel.RetryFD(func() (err error) { f, err = os.OpenFile(path, flags, 0o644); return err })
	return f, err
}

func hold(f *os.File, pid int) error {
	holder, err := kernel.LockAs(int(f.Fd()), pid)
	switch {
	case err != nil:
		return fmt.Errorf("procs: lock %s: %w", f.Name(), err)
	case holder != 0:
		return &HeldError{f.Name(), holder}
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt(strconv.AppendInt(nil, int64(pid), 10), 0)
	}
	if err != nil {
		return fmt.Errorf("procs: hold: %w", err)
	}
	return nil
}

// Release empties the file and lets others have it. It does nothing the second
// time. The file stays: if it went, somebody might hold what others no longer
// find.
func (p *PIDFile) Release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Truncate(0), p.file.Close())
	p.file = nil
	if err != nil {
		return fmt.Errorf("procs: release: %w", err)
	}
	return nil
}

// PIDFileHolder returns the id of the process that holds the file at path, and
// 0 if nobody does or there is no file. It takes nothing, so that nobody who
// starts meanwhile is refused.
func PIDFileHolder(path string) (pid int, err error) {
	f, err := openPIDFile(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("procs: holder: %w", err)
	}
	defer f.Close()
	if pid, err = kernel.LockHolder(int(f.Fd())); err != nil {
		return 0, fmt.Errorf("procs: holder of %s: %w", path, err)
	}
	return pid, nil
}
