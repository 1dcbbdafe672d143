package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// ErrInput says that a path names a file that is being read.
var ErrInput = errors.New("it is an input of this command")

// Write has the file at path written by a function, according to the rules of
// the package. Inputs are the paths of the files that are being read; "-" among
// them is standard input.
func Write(path string, inputs []string, write func(io.Writer) error) error {
	t, err := find(path, inputs)
	if err == nil {
		err = t.write(write)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, reason(err))
	}
	return nil
}

// ToStdout reports whether path leads to where standard output goes: what is
// written there shall not be mixed with anything else. Devices do not count: a
// terminal is for all.
func ToStdout(path string) bool {
	if path == Stdout {
		return true
	}
	info, err1 := os.Stat(path)
	out, err2 := os.Stdout.Stat()
	return err1 == nil && err2 == nil && info.Mode()&fs.ModeDevice == 0 && os.SameFile(info, out)
}

// A target is what a path leads to.
type target struct {
	path   string      // links followed
	mode   fs.FileMode // of the file that is there; 0 if there is none
	stream bool        // written in place
	file   *os.File    // a stream that is open already
}

// find follows a path and decides how it is written.
func find(path string, inputs []string) (target, error) {
	switch {
	case path == Stdout:
		return standard(os.Stdout, inputs)
	case path == "":
		return target{}, errors.New("the path is empty")
	case os.IsPathSeparator(path[len(path)-1]):
		return target{}, syscall.EISDIR
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		dest, err := follow(path)
		return target{path: dest}, err
	}
	if err != nil {
		return target{}, err
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if there, err := f.Stat(); err == nil && os.SameFile(there, info) {
			return standard(f, inputs)
		}
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return target{}, syscall.EISDIR
	case !mode.IsRegular():
		return target{path: path, stream: true}, nil
	case isInput(info, inputs):
		return target{}, ErrInput
	}
	return regular(path, info)
}

// standard is a stream that this process was given.
func standard(f *os.File, inputs []string) (target, error) {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && isInput(info, inputs) {
		return target{}, ErrInput
	}
	return target{stream: true, file: f}, nil
}

// isInput reports whether a file is one of those that are being read.
func isInput(info fs.FileInfo, inputs []string) bool {
	for _, name := range inputs {
		in, err := os.Stat(name)
		if name == "-" {
			in, err = os.Stdin.Stat()
		}
		if err == nil && os.SameFile(in, info) {
			return true
		}
	}
	return false
}

// regular is a file that is there and will be replaced.
func regular(path string, info fs.FileInfo) (target, error) {
	dest, err := follow(path)
	if err != nil {
		return target{}, err
	}
	// A link of /proc to an open file may lead elsewhere than its text says.
	if there, err := os.Lstat(dest); err != nil || !os.SameFile(there, info) {
		return target{path: path, stream: true}, nil
	}
	// Whoever made it read-only did not want it replaced.
	f, err := os.OpenFile(dest, os.O_WRONLY, 0)
	if err != nil {
		return target{}, err
	}
	return target{path: dest, mode: info.Mode().Perm()}, f.Close()
}

// maxLinks is how many symbolic links in a row the kernel follows.
const maxLinks = 40

// follow returns where the last element of a path leads. It resolves as the
// kernel does, so it never cleans a path: "link/.." is not ".".
func follow(path string) (string, error) {
	for range maxLinks + 1 { // and once for what the last leads to
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !os.IsPathSeparator(link[0]) {
			link = path[:base(path)] + link
		}
		path = link
	}
	return "", syscall.ELOOP
}

// base returns where the last element of a path begins.
func base(path string) int {
	return strings.LastIndexFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) }) + 1
}

func (t target) write(write func(io.Writer) error) error {
	if !t.stream {
		return t.replace(write)
	}
	f := t.file
	if f == nil {
		var err error
		// Truncation is for a file that has no name any more; streams have no
		// length.
		if f, err = os.OpenFile(t.path, os.O_WRONLY|os.O_TRUNC, 0); err != nil {
			return err
		}
		return errors.Join(buffered(f, write), f.Close())
	}
	return buffered(f, write)
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replace writes a file beside its place, and moves it there once it is on
// disk.
func (t target) replace(write func(io.Writer) error) (err error) {
	f, err := temporary(t.path)
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if err == nil {
			return
		}
		if open {
			_ = f.Close()
		}
		_ = os.Remove(f.Name())
	}()
	if err := buffered(f, write); err != nil {
		return err
	}
	if t.mode != 0 {
		if err := f.Chmod(t.mode); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	open = false
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), t.path); err != nil {
		return err
	}
	syncDirectory(t.path[:base(t.path)])
	return nil
}

// temporary creates an empty file in the directory of path. Unlike
// os.CreateTemp it leaves the mode to the umask, and its name is short: that of
// path may be as long as a name can be.
func temporary(path string) (*os.File, error) {
	for {
		name := path[:base(path)] + ".switchyard-" + strconv.FormatUint(uint64(rand.Uint32()), 36)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// syncDirectory makes a rename last. Some file systems cannot, and the file is
// whole either way.
func syncDirectory(dir string) {
	if dir == "" {
		dir = "."
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// reason leaves out the operation and the path that package os puts before an
// error: the path may be that of a temporary file.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
