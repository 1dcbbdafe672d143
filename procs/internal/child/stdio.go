package child

import (
	"fmt"
	"io"
	"os"
	"sync"

	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
)

// Stdio is the pipes between a child's standard files and readers and writers
// that are no files.
type Stdio struct {
	report func(what string, err error)
	child  []*os.File // ends for the child: closed once it runs
	ours   []*os.File
	input  func() // not waited for: a reader may never end
	copies []func()
}

// Open returns the child's standard files: an *os.File as it is, else a pipe.
// nil is nil. report is called when a reader or writer panics.
func (e *Stdio) Open(in io.Reader, out, err io.Writer, report func(what string, err error)) (files [3]*os.File, failed error) {
	e.report = report
	if files[0], failed = e.reader(in); failed != nil {
		return files, fmt.Errorf("stdin: %w", failed)
	}
	if files[1], failed = e.writer(out); failed != nil {
		return files, fmt.Errorf("stdout: %w", failed)
	}
	files[2] = files[1]
	if err == nil || err != out {
		if files[2], failed = e.writer(err); failed != nil {
			return files, fmt.Errorf("stderr: %w", failed)
		}
	}
	return files, nil
}

func (e *Stdio) reader(r io.Reader) (*os.File, error) {
	switch r := r.(type) {
	case nil:
		return nil, nil
	case *os.File:
		return r, usable(r)
	}
	theirs, ours, err := pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, theirs), append(e.ours, ours)
	e.input = func() {
		defer ours.Close()
		e.copy("Stdin", ours, r) // ends when r does, or when the child closes its end
	}
	return theirs, nil
}

func (e *Stdio) writer(w io.Writer) (*os.File, error) {
	switch w := w.(type) {
	case nil:
		return nil, nil
	case *os.File:
		return w, usable(w)
	}
	ours, theirs, err := pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, theirs), append(e.ours, ours)
	e.copies = append(e.copies, func() {
		defer ours.Close()
		e.copy("Stdout or Stderr", w, ours)
	})
	return theirs, nil
}

// copy copies until the end or an error. A panic of a reader or writer of the
// program's is an error like any other: nothing more is copied.
func (e *Stdio) copy(what string, w io.Writer, r io.Reader) {
	var err error
	defer func() {
		if err != nil {
			e.report(what, err)
		}
	}()
	defer fault.Recover(&err)
	io.Copy(w, r)
}

// usable tells why a file cannot be handed on. Without this the child would be
// started, and its output lost.
func usable(f *os.File) error {
	if f == nil {
		return os.ErrInvalid
	}
	if int(f.Fd()) < 0 {
		return os.ErrClosed
	}
	return nil
}

// Copy begins to copy. wg waits for the end of the output.
func (e *Stdio) Copy(wg *sync.WaitGroup) {
	if e.input != nil {
		go e.input()
	}
	for _, c := range e.copies {
		wg.Go(c)
	}
}

// Started closes what is the child's.
func (e *Stdio) Started() {
	for _, f := range e.child {
		f.Close()
	}
}

// Close closes our ends, if nothing is to be copied after all.
func (e *Stdio) Close() {
	for _, f := range e.ours {
		f.Close()
	}
}

func pipe() (r, w *os.File, err error) {
	err = kernel.RetryFD(func() (err error) { r, w, err = os.Pipe(); return err })
	return r, w, err
}

// nullFile is what children read who are given nothing to read, and where they
// write if our own standard files are closed: one descriptor for all.
func nullFile() (*os.File, error) {
	null.Lock()
	defer null.Unlock()
	if null.file != nil {
		return null.file, nil
	}
	err := kernel.RetryFD(func() (err error) { null.file, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); return err })
	return null.file, err
}

var null struct {
	sync.Mutex
	file *os.File // nil: not opened yet
}
