package kernel

import (
	"os"
	"path/filepath"
)

// A FileID tells files apart as long as they exist: when a file is gone, its
// number may be another's.
type FileID struct{ Dev, Ino uint64 }

// A Name is the name of a file that this process, or one that it started, has
// made. Whoever removes it removes that file and no other which got the name
// since.
type Name struct {
	path string // absolute: the directory of the process may change
	id   FileID
	pin  *os.File // nil, or the file, which keeps its number as long
}

// NameOf returns the name of a file that was just made, and that exists until
// Remove was called: a socket that is still open, for instance.
func NameOf(path string) (*Name, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	id, err := idOf(path)
	if err != nil {
		return nil, err
	}
	return &Name{path: path, id: id}, nil
}

// PinName is NameOf for a file that may be gone before Remove is called. It
// takes a descriptor until then.
func PinName(path string) (*Name, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, id, err := pin(path)
	if err != nil {
		return nil, err
	}
	return &Name{path: path, id: id, pin: f}, nil
}

// Remove removes the name if it is still that of the file: see RemoveName. It
// does nothing for a nil Name.
func (n *Name) Remove() error {
	if n == nil {
		return nil
	}
	err := RemoveName(n.path, n.id)
	if n.pin != nil {
		n.pin.Close()
	}
	return err
}
