package hub

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"time"
)

// A Popen is a command that runs beside the hub (gevent.subprocess.Popen).
// Set up the exec.Cmd, ask for pipes, Start, then talk to it and Wait. The
// methods of exec.Cmd that wait must not be called; those here replace them.
//
// Stdout and Stderr of the Cmd may be writers of Go. They are written to on
// goroutines, so they must be no Conn of the hub; a panic in one is the error
// of Wait. Wait waits until all is written, which is when the last process that
// has the pipe has ended: a grandchild may hold it for longer than the child
// lives (golang/go#23019). Three things end that wait: the limit or the kill of
// the greenlet that waits, which leaves all else as it is; WaitDelay of the
// Cmd, counted from the child's end, or a second after [Popen.Kill] if it is
// zero; and the end of the hub. With the last two what comes later is lost. A
// Stdin that is a reader of Go is waited for as exec.Cmd does: it must end, or
// WaitDelay be set.
//
// A child that still runs when the hub closes is killed. A greenlet that is
// killed while it waits, in Wait or for a pipe, leaves the child running; only
// Communicate and [Hub.Output] kill it then.
type Popen struct {
	*exec.Cmd

	h       *Hub
	theirs  []*os.File // the child's ends of the pipes
	ours    []*Conn
	stdin   *Conn
	stdout  *Conn
	stderr  *Conn
	done    *Event
	err     error
	file    *file
	started bool

	copies []*copying
	busy   int // copies, and the wait for the process, that have not ended
	exited bool
	killed bool // by Kill
}

// A copying takes what the child writes to a writer of the program's.
type copying struct {
	from *os.File
	to   io.Writer
}

// killDelay is how long after its kill a child's output is waited for.
const killDelay = time.Second

// Command prepares a command; see exec.Command.
func (h *Hub) Command(name string, args ...string) *Popen {
	return h.Popen(exec.Command(name, args...))
}

// Popen prepares cmd, which must not have been started.
func (h *Hub) Popen(cmd *exec.Cmd) *Popen {
	return &Popen{Cmd: cmd, h: h, done: NewEvent(h)}
}

// StdinPipe returns a pipe to the child's standard input. Close it to end it.
// If this or another pipe cannot be made, those made before are closed, and
// Popen is as it was without any.
func (p *Popen) StdinPipe() (*Conn, error) {
	c, f, err := p.pipe("Stdin", p.Stdin != nil, p.h.writePipe)
	if err == nil {
		p.Stdin, p.stdin = f, c
	}
	return c, err
}

// StdoutPipe returns a pipe from the child's standard output.
func (p *Popen) StdoutPipe() (*Conn, error) {
	c, f, err := p.pipe("Stdout", p.Stdout != nil, p.h.readPipe)
	if err == nil {
		p.Stdout, p.stdout = f, c
	}
	return c, err
}

// StderrPipe returns a pipe from the child's standard error.
func (p *Popen) StderrPipe() (*Conn, error) {
	c, f, err := p.pipe("Stderr", p.Stderr != nil, p.h.readPipe)
	if err == nil {
		p.Stderr, p.stderr = f, c
	}
	return c, err
}

// pipe makes a pipe for one of the child's standard files.
func (p *Popen) pipe(name string, taken bool, open func() (*Conn, *os.File, error)) (*Conn, *os.File, error) {
	if taken || p.started {
		return nil, nil, fmt.Errorf("hub: %s already set, or child started", name)
	}
	ours, theirs, err := open()
	if err != nil {
		p.release()
		return nil, nil, err
	}
	if len(p.theirs) == 0 { // unless it is started, the hub closes them
		p.file = p.h.files.add(p.closeTheirs)
	}
	p.ours = append(p.ours, ours)
	p.theirs = append(p.theirs, theirs)
	return ours, theirs, nil
}

// release closes the pipes and forgets them.
func (p *Popen) release() {
	p.closeTheirs()
	for _, c := range p.ours {
		c.Close()
	}
	p.ours = nil
	if p.stdin != nil {
		p.Stdin, p.stdin = nil, nil
	}
	if p.stdout != nil {
		p.Stdout, p.stdout = nil, nil
	}
	if p.stderr != nil {
		p.Stderr, p.stderr = nil, nil
	}
}

func (p *Popen) closeTheirs() {
	if p.file != nil {
		p.h.files.remove(p.file)
	}
	for _, f := range p.theirs {
		f.Close()
	}
	p.theirs = nil
}

// Start starts the child. It takes the time of a fork and exec, about a
// millisecond, in which the hub stands still. If it fails, the pipes are
// closed; Wait returns its error.
func (p *Popen) Start() error {
	if p.started {
		return errors.New("hub: child started twice")
	}
	p.started = true
	err := p.takeWriters()
	if err == nil {
		err = p.Cmd.Start()
	}
	p.closeTheirs()
	if err != nil {
		p.stopCopying()
		p.release()
		p.err = err
		p.done.Set()
		return err
	}
	p.file = p.h.files.add(func() {
		p.Process.Kill()
		p.stopCopying()
	})
	p.busy = 1 + len(p.copies)
	p.h.elsewhere(p.Cmd.Wait, func(err error) {
		p.exited = true
		p.limitCopying()
		if err != nil { // it comes before those of the writers
			p.err = err
		}
		p.ended(nil)
	})
	for _, c := range p.copies {
		p.h.elsewhere(c.run, p.ended)
	}
	return nil
}

// takeWriters puts pipes in the place of writers of Go, as exec.Cmd would, but
// their reading ends are ours to close.
func (p *Popen) takeWriters() (err error) {
	out, errs := p.Stdout, p.Stderr
	if p.Stdout, err = p.taken(out); err != nil {
		return err
	}
	if sameWriter(out, errs) {
		p.Stderr = p.Stdout
		return nil
	}
	p.Stderr, err = p.taken(errs)
	return err
}

func (p *Popen) taken(w io.Writer) (io.Writer, error) {
	if _, ok := w.(*os.File); ok || w == nil {
		return w, nil
	}
	from, theirs, err := os.Pipe()
	if err != nil {
		return w, err
	}
	p.theirs = append(p.theirs, theirs)
	p.copies = append(p.copies, &copying{from, w})
	return theirs, nil
}

// sameWriter reports whether a and b are one writer; if so, the child has one
// pipe for both.
func sameWriter(a, b io.Writer) bool {
	return a != nil && b != nil && reflect.ValueOf(a).Comparable() && a == b
}

// run copies until the last writer of the pipe has ended, or ours is closed.
func (c *copying) run() error {
	defer c.from.Close()
	_, err := io.Copy(c.to, c.from)
	if is(err, os.ErrClosed) {
		return exec.ErrWaitDelay
	}
	return err
}

// stopCopying gives up what has not been written yet.
func (p *Popen) stopCopying() {
	for _, c := range p.copies {
		c.from.Close()
	}
}

// limitCopying sets the time for what a child that has ended has left.
func (p *Popen) limitCopying() {
	d := p.WaitDelay
	if d == 0 && p.killed {
		d = killDelay
	}
	if d <= 0 || p.done.set || len(p.copies) == 0 {
		return
	}
	t := timer{fn: p.stopCopying}
	p.h.timers.arm(&t, p.h.now().after(d))
}

// ended counts what has ended; the first error is that of Wait.
func (p *Popen) ended(err error) {
	if p.err == nil {
		p.err = err
	}
	if p.busy--; p.busy == 0 {
		p.h.files.remove(p.file)
		p.done.Set()
	}
}

// Wait waits until the child has ended; its error is that of exec.Cmd.Wait,
// such as [*exec.ExitError]. Pipes stay open until they are closed.
func (p *Popen) Wait() error { return p.WaitTimeout(-1) }

// WaitTimeout is Wait for at most d, then [ErrTimeout]; see the package on
// limits.
func (p *Popen) WaitTimeout(d time.Duration) error {
	if !p.started {
		return errors.New("hub: child not started")
	}
	if err := p.done.WaitTimeout(d); err != nil {
		return err
	}
	return p.err
}

// Poll reports whether the child has ended, without waiting.
func (p *Popen) Poll() bool { return p.done.set }

// Ready is [Popen.Poll].
func (p *Popen) Ready() bool { return p.done.set }

// ExitCode is the exit status of a child that has ended, -1 if it was ended by
// a signal or has not ended.
func (p *Popen) ExitCode() int {
	if !p.done.set || p.ProcessState == nil {
		return -1
	}
	return p.ProcessState.ExitCode()
}

// Signal sends the child a signal; to one that has ended it returns
// os.ErrProcessDone.
func (p *Popen) Signal(s os.Signal) error {
	if p.Process == nil {
		return errors.New("hub: child not started")
	}
	return p.Process.Signal(s)
}

// Kill ends the child by force; see [Popen.Signal]. Wait then waits a second at
// most for what its own children write, unless WaitDelay says how long.
func (p *Popen) Kill() error {
	p.killed = true
	if p.exited {
		p.limitCopying()
	}
	return p.Signal(os.Kill)
}

// Communicate starts the child unless it runs, sends input to its standard
// input and ends that, collects its standard output and error as far as they
// are pipes, and waits for it. Before Start it makes the pipes that are
// missing, standard input only if there is input.
//
// If the greenlet is killed or times out, so is the child: it is killed.
func (p *Popen) Communicate(input []byte) (stdout, stderr []byte, err error) {
	if err := p.prepare(input); err != nil {
		return nil, nil, err
	}
	var out, errs bytes.Buffer
	var failed error // to read
	tasks := NewGroup(p.h)
	defer func() {
		for _, c := range p.ours {
			c.Close()
		}
		if err != nil && !p.done.set {
			p.Kill()
		}
	}()
	if p.stdin != nil {
		tasks.Spawn(func() error {
			defer p.stdin.Close()
			p.stdin.Write(input) // the child may not want it all
			return nil
		})
	}
	for _, pipe := range []struct {
		from *Conn
		to   *bytes.Buffer
	}{{p.stdout, &out}, {p.stderr, &errs}} {
		if pipe.from != nil {
			tasks.Spawn(func() error {
				if _, err := io.Copy(pipe.to, pipe.from); failed == nil {
					failed = err
				}
				return nil
			})
		}
	}
	if err = tasks.Join(); err == nil {
		err = cmp.Or(p.Wait(), failed)
	}
	return out.Bytes(), errs.Bytes(), err
}

// prepare makes missing pipes and starts the child if it does not run.
func (p *Popen) prepare(input []byte) (err error) {
	if p.started {
		return nil
	}
	if p.Stdin == nil && input != nil {
		_, err = p.StdinPipe()
	}
	if p.Stdout == nil && err == nil {
		_, err = p.StdoutPipe()
	}
	if p.Stderr == nil && err == nil {
		_, err = p.StderrPipe()
	}
	if err == nil {
		err = p.Start()
	}
	return err
}

func (p *Popen) attach(l *Link) { p.done.attach(l) }

// Output runs a command and returns its standard output
// (gevent.subprocess.check_output). A failure's error quotes what it wrote to
// standard error.
func (h *Hub) Output(ctx context.Context, name string, args ...string) (out []byte, err error) {
	err = h.WithContext(ctx, func() error {
		var errs []byte
		p := h.Command(name, args...)
		out, errs, err = p.Communicate(nil)
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(errs) > 0 {
			return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(errs))
		}
		return err
	})
	return out, err
}
