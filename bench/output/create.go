package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Create makes a new file that begins with text, and returns it open for
// appending. The file appears with the whole text or not at all. The error
// wraps [fs.ErrExist] if there is something of that name, be it a link.
func Create(path string, text []byte) (*os.File, error) {
	_, err := os.Lstat(path)
	if err == nil {
		err = fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create %s: %w", path, reason(err))
	}
	err = target{path: path}.replace(func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, reason(err))
	}
	return Append(path, int64(len(text)))
}

// Append opens a regular file to be continued after its first size bytes; what
// follows them is cut off.
func Append(path string, size int64) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", path, reason(err))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", path, reason(err))
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("append to %s: %w", path, reason(err))
	}
	return f, nil
}
