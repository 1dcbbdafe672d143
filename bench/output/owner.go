package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An OwnedError says that another process writes to a directory.
type OwnedError struct {
	Dir   string
	Pid   int       // 0 is unknown
	Since time.Time // zero is unknown
}

func (e *OwnedError) Error() string {
	if e.Pid == 0 {
		return fmt.Sprintf("another process writes to %s: wait for it, or choose another directory", e.Dir)
	}
	return fmt.Sprintf("process %d has been writing to %s since %s: wait for it, or choose another directory",
		e.Pid, e.Dir, e.Since.Local().Format("2006-01-02 15:04:05"))
}

// An Owner is the one process that may write to a directory.
type Owner struct {
	lock *os.File
	path string
}

// lockFile is the file that an owner holds locked. It says who that is, and is
// there for as long as there is an owner, or was when the last was killed.
const lockFile = ".lock"

// errLocked says that another open file holds the lock.
var errLocked = errors.New("locked")

// ownerNote is what the lock file says.
type ownerNote struct {
	Pid   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// Own makes this process the owner of a directory, which is made if need be.
// The error is an [OwnedError] while another process owns it. Ownership ends
// with [Owner.Release] or with the process, however that ends: it rests on a
// lock of the kernel, not on the file.
func Own(dir string) (*Owner, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the directory %s: %w", dir, reason(err))
	}
	o := &Owner{path: filepath.Join(dir, lockFile)}
	for {
		f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE|noFollow, 0o666)
		if err != nil {
			return nil, fmt.Errorf("write to %s: %w", dir, reason(err))
		}
		if err := lock(f); err != nil {
			defer f.Close()
			if errors.Is(err, errLocked) {
				return nil, owned(dir, f)
			}
			return nil, fmt.Errorf("lock %s: %w", o.path, err)
		}
		// The owner before us may have removed the file meanwhile: a lock on it
		// is then worth nothing.
		if same(f, o.path) {
			o.lock = f
			break
		}
		_ = f.Close()
	}
	if err := o.sign(); err != nil {
		o.Release()
		return nil, fmt.Errorf("write to %s: %w", dir, reason(err))
	}
	return o, nil
}

// sign writes into the lock file who holds it.
func (o *Owner) sign() error {
	text, err := json.Marshal(ownerNote{os.Getpid(), time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := o.lock.Truncate(0); err != nil {
		return err
	}
	_, err = o.lock.WriteAt(append(text, '\n'), 0)
	return err
}

// owned reads who holds a lock file. Its holder may be about to write that.
func owned(dir string, f *os.File) error {
	var note ownerNote
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil || json.Unmarshal(text, &note) != nil {
		note = ownerNote{}
	}
	return &OwnedError{Dir: dir, Pid: note.Pid, Since: note.Since}
}

// same reports whether the open file is the one at path.
func same(f *os.File, path string) bool {
	mine, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// Release gives the directory up and removes the lock file. It does nothing
// the second time.
func (o *Owner) Release() {
	if o.lock == nil {
		return
	}
	_ = os.Remove(o.path) // first, while nobody else can hold it
	_ = o.lock.Close()
	o.lock = nil
}
