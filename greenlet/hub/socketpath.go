package hub

import (
	"os"
	"path/filepath"
)

// A socketPath is the path of a unix socket and the file that was there when
// it was bound.
type socketPath struct {
	path string // absolute: the working directory may change
	file os.FileInfo
}

// newSocketPath returns nil for a name that is no path.
func newSocketPath(name string) *socketPath {
	if name[0] == '@' || name[0] == 0 {
		return nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil
	}
	file, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	return &socketPath{path, file}
}

// remove removes the path unless it belongs to somebody else by now. The
// socket must still be open: it keeps the number of its file from being given
// to another.
func (p *socketPath) remove() {
	if file, err := os.Lstat(p.path); err == nil && os.SameFile(file, p.file) {
		os.Remove(p.path)
	}
}
