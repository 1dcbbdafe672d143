package procs

import (
	"fmt"
	"io"
	"os"
	"sync"

	"switchyard/procs/internal/fault"
)

// stdioEnds are the pipes between a child's standard files and readers and
// writers that are no files.
type stdioEnds struct {
	child  []*os.File // ends for the child, and /dev/null: closed once it runs
	ours   []*os.File
	input  func() // not waited for: a reader may never end
	copies []func()
}

// openStdio fills in the child's standard files.
func (p *Process) openStdio(spec *spawnSpec) (*stdioEnds, error) {
	e := new(stdioEnds)
	if err := e.open(&p.config, spec); err != nil {
		e.closeChildEnds()
		e.closeOurEnds()
		return nil, fmt.Errorf("procs: standard files of %s: %w", p.name, err)
	}
	return e, nil
}

func (e *stdioEnds) open(config *ProcessConfig, spec *spawnSpec) error {
	in, err := e.reader(config.Stdin)
	if err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	out, err := e.writer(config.Stdout)
	if err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	errf := out
	if config.Stderr == nil || config.Stderr != config.Stdout {
		if errf, err = e.writer(config.Stderr); err != nil {
			return fmt.Errorf("stderr: %w", err)
		}
	}
	spec.stdio = [3]*os.File{in, out, errf}
	return nil
}

func (e *stdioEnds) reader(r io.Reader) (*os.File, error) {
	switch r := r.(type) {
	case nil:
		return nullInput()
	case *os.File:
		return r, usable(r)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, theirs), append(e.ours, ours)
	e.input = func() {
		defer ours.Close()
		copyGuarded("Stdin", ours, r) // ends when r does, or when the child closes its end
	}
	return theirs, nil
}

func (e *stdioEnds) writer(w io.Writer) (*os.File, error) {
	switch w := w.(type) {
	case nil:
		return nil, nil
	case *os.File:
		return w, usable(w)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, theirs), append(e.ours, ours)
	e.copies = append(e.copies, func() {
		defer ours.Close()
		copyGuarded("Stdout or Stderr", w, ours)
	})
	return theirs, nil
}

// copyGuarded copies until the end or an error. A panic of a reader or writer
// of the program's is logged, and is an error like any other: nothing more is
// copied.
func copyGuarded(what string, w io.Writer, r io.Reader) {
	var err error
	defer func() {
		if err != nil {
			logf(LevelError, "%s of a child: %s", what, fault.Text(err))
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

func (e *stdioEnds) copy(wg *sync.WaitGroup) {
	if e.input != nil {
		go e.input()
	}
	for _, c := range e.copies {
		wg.Go(c)
	}
}

func (e *stdioEnds) closeChildEnds() {
	for _, f := range e.child {
		f.Close()
	}
}

func (e *stdioEnds) closeOurEnds() {
	for _, f := range e.ours {
		f.Close()
	}
}

// nullInput is what children read who are given nothing to read, and where they
// write if our own standard files are closed: one descriptor for all.
func nullInput() (*os.File, error) {
	null.once.Do(func() { null.file, null.err = os.OpenFile(os.DevNull, os.O_RDWR, 0) })
	return null.file, null.err
}

var null struct { // no sync.OnceValues: every process would pay for it before main
	once sync.Once
	file *os.File
	err  error
}
