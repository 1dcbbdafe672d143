package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"switchyard/procs/internal/child"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/endsignal"
	"switchyard/procs/internal/fault"
)

var (
	// ErrNotStarted means that the process was not started yet.
	ErrNotStarted = errors.New("procs: process not started")
	// ErrStarted means that the process was started before: it can be started
	// once.
	ErrStarted = errors.New("procs: process already started")
	// ErrRunning means that the process still runs, and so cannot be closed.
	ErrRunning = errors.New("procs: process still running")
	// ErrClosed means that the object was closed or shut down.
	ErrClosed = errors.New("procs: closed")
	// ErrNotParent means that the caller did not start the process: only its
	// parent can do this.
	ErrNotParent = errors.New("procs: not our child")
	// ErrDaemon means that a daemon, such as a worker of a pool, tried to start
	// a process.
	ErrDaemon = errors.New("procs: daemons may not have children")
	// ErrNotInitialised means that Init did not run, so that a child would
	// start its own children for ever.
	ErrNotInitialised = errors.New("procs: Init was not called first in main, or in TestMain of a test")
)

// ProcessConfig says how a Process is started. The zero value is a process like
// its parent: same program, same environment, same standard output and error,
// nothing to read on standard input.
type ProcessConfig struct {
	// Name is shown in logs and in the process list. Default: "Process-1",
	// "Process-2", ...; children of Process-1 are "Process-1:1", ...
	Name string
	// Daemon: the process may not have children, and is terminated rather than
	// waited for when its parent ends by returning from the function it was
	// started with, or by Exit.
	Daemon bool
	// Detached: the process goes on when its parent dies. By default the kernel
	// kills it, so that nothing survives a crash.
	Detached bool
	// NewSession: the process leads a session of its own, without a terminal,
	// as services do: neither Ctrl-C there nor its end reaches it (setsid,
	// Python's start_new_session).
	NewSession bool
	// Stdin is where the child reads; nil: nowhere. An *os.File is handed on,
	// anything else is copied.
	Stdin io.Reader
	// Stdout and Stderr are where the child writes; nil: where we write, or
	// nowhere if we closed that. An *os.File is handed on, anything else is
	// copied, and Join then also waits for the end of the output. If a Write
	// fails or panics, what follows is lost, and the child's next write fails.
	Stdout, Stderr io.Writer
	// Env is the environment, nil: ours.
	Env []string
	// Dir is the working directory, "": ours.
	Dir string
	// GOMAXPROCS of the child, 0: as the environment says, by default all
	// processors.
	GOMAXPROCS int
	// Executable is the path of a program, built with the same registrations,
	// to run instead of ours (Python's set_executable). It is not looked for in
	// PATH; a relative one begins at Dir.
	Executable string
}

// Process is an activity that runs in an operating system process of its own
// (Python's multiprocessing.Process). All methods may be called from any
// goroutine.
type Process struct {
	name   string
	config ProcessConfig
	asked  bool // SIGTERM does not end it: see endsignal
	self   bool // this very process
	parent bool // our parent
	pid    int  // of those two

	run    func(context.Context) error
	encode func(w *wire) (id uint64, fname string, body []byte, err error)

	mu      sync.Mutex
	begun   bool // Start is at it, without the mutex, or was successful
	child   *child.Child
	done    chan struct{} // closed when the child is reaped and its output copied
	copies  sync.WaitGroup
	authKey []byte
	closed  bool
}

// NewProcess returns a process that will run f with in. What f returns is not
// kept: use a Pool, a Queue or a Pipe to get results. An error makes the exit
// code 1 and is printed on the child's standard error.
func NewProcess[In, Out any](f *Func[In, Out], in In, config ProcessConfig) *Process {
	p := newProcess(config)
	p.run = func(ctx context.Context) error { _, err := f.call(ctx, in); return err }
	p.encode = func(w *wire) (uint64, string, []byte, error) {
		b, err := f.in.Encode(nil, &in, w)
		return f.id, f.fname, b, err
	}
	return p
}

// Runner is what a process can be started from instead of a function: a value
// that knows how to run (Python's subclass of Process that overrides run).
type Runner interface {
	Run(ctx context.Context) error
}

// runner carries a Runner as the argument of a built-in function, so that
// programs that start none do not pay for it.
type runner struct{ Runner Runner }

const runnerID = 1

func runnerFunc() *Func[runner, struct{}] {
	in, err := codec.Of[runner]()
	if err != nil {
		panic(err)
	}
	return &Func[runner, struct{}]{fname: "Runner.Run", id: runnerID, in: in,
		call: func(ctx context.Context, r runner) (struct{}, error) { return struct{}{}, r.Runner.Run(ctx) }}
}

// NewProcessOf returns a process that will run a copy of r. The type of r must
// be known to both sides: RegisterType.
func NewProcessOf(r Runner, config ProcessConfig) *Process {
	return NewProcess(runnerFunc(), runner{r}, config)
}

var processCount atomic.Int64

func newProcess(config ProcessConfig) *Process {
	p := &Process{name: config.Name, config: config, done: make(chan struct{})}
	n := processCount.Add(1)
	if p.name == "" {
		p.name = "Process-" + strconv.FormatInt(n, 10)
		if me := CurrentProcess(); me.name != mainName {
			p.name = me.name + ":" + strconv.FormatInt(n, 10)
		}
	}
	return p
}

// Start starts the process, and returns once the kernel has made it. To start
// and join a process that does nothing takes little longer than to run an empty
// Go program, whatever the size of our heap; BenchmarkProcessStart and
// BenchmarkProcessStartHeap tell how much.
func (p *Process) Start() error {
	encode, key, err := p.begin()
	if err != nil {
		return err
	}
	started := false
	defer func() { // also when a method of the argument ends this goroutine
		if !started {
			p.mu.Lock()
			p.begun = false
			p.mu.Unlock()
		}
	}()
	w := new(wire)
	defer func() { w.Close() }()
	id, fname, body, err := encode(w)
	if err != nil {
		return fmt.Errorf("%w: argument of %s: %w", ErrEncode, p.name, err)
	}
	b := boot{name: p.name, parent: CurrentProcess().name, daemon: p.config.Daemon, key: key, logLevel: logLevel(),
		id: id, fname: fname, body: body}
	spec := &child.Spec{Executable: p.config.Executable, Name: p.name, Dir: p.config.Dir, Env: p.config.Env,
		GOMAXPROCS: p.config.GOMAXPROCS, NewSession: p.config.NewSession, Ended: p.ended, Kind: startProcess, Body: b.encode(), FDs: w.FDs}
	if p.config.Detached {
		spec.Kind, spec.Tie = startDetached, child.Detached
	}
	var stdio child.Stdio
	defer stdio.Started()
	if spec.Files, err = stdio.Open(p.config.Stdin, p.config.Stdout, p.config.Stderr, copyFailed); err != nil {
		stdio.Close()
		return fmt.Errorf("procs: standard files of %s: %w", p.name, err)
	}
	p.copies.Add(1) // the child may end before we have begun to copy
	active.add(p)
	c, _, err := child.Start(spec)
	if err != nil {
		active.remove(p)
		p.copies.Done()
		stdio.Close()
		return err
	}
	started = true
	p.mu.Lock()
	p.child, p.authKey = c, key
	p.run, p.encode = nil, nil // the argument is the child's now
	p.mu.Unlock()
	logf(LevelDebug, "%s started with process id %d", p.name, c.PID)
	stdio.Copy(&p.copies)
	p.copies.Done()
	return nil
}

// begin makes the caller the one who starts the process, and returns what it
// needs for that.
func (p *Process) begin() (encode func(*wire) (uint64, string, []byte, error), key []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.self || p.parent:
		return nil, nil, ErrNotParent
	case p.closed:
		return nil, nil, ErrClosed
	case p.begun:
		return nil, nil, ErrStarted
	}
	if err := mayHaveChildren(); err != nil {
		return nil, nil, err
	}
	p.begun = true
	if key = p.authKey; key == nil {
		key = familyKey()
	}
	return p.encode, key, nil
}

// copyFailed reports a panic of a reader or writer of the program's.
func copyFailed(what string, err error) {
	logf(LevelError, "%s of a child: %s", what, fault.Text(err))
}

// ended notes the end of the process.
func (p *Process) ended(c *child.Child) {
	p.copies.Wait()
	active.remove(p)
	logf(LevelDebug, "%s ended with exit code %d", p.name, c.ExitCode())
	close(p.done)
}

// Run runs the function in the calling goroutine of this process, as Python's
// run does. A process that was started or closed has let go of the function and
// its argument: ErrStarted or ErrClosed.
func (p *Process) Run(ctx context.Context) error {
	p.mu.Lock()
	run, closed := p.run, p.closed
	p.mu.Unlock()
	switch {
	case p.self || p.parent:
		return ErrNotParent
	case closed:
		return ErrClosed
	case run == nil:
		return ErrStarted
	}
	return run(ctx)
}

// Join waits until the process has ended, and returns nil, or until ctx is
// done, and returns its error. The exit code tells how it ended.
func (p *Process) Join(ctx context.Context) error {
	if p.self {
		return errors.New("procs: a process cannot join itself")
	}
	if p.parent {
		return p.joinParent(ctx)
	}
	if _, err := p.started(); err != nil {
		return err
	}
	if _, err := receive(ctx, p.done); err != nil {
		return fmt.Errorf("procs: join %s: %w", p.name, err)
	}
	return nil
}

func (p *Process) started() (*child.Child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.self || p.parent:
		return nil, ErrNotParent
	case p.closed:
		return nil, ErrClosed
	case p.child == nil:
		return nil, ErrNotStarted
	}
	return p.child, nil
}

// Terminate asks the process to end, with SIGTERM. One that does not handle the
// signal ends with exit code -15. Ending one that has ended already is no
// error.
func (p *Process) Terminate() error { return p.Signal(syscall.SIGTERM) }

// Kill ends the process at once, with SIGKILL.
func (p *Process) Kill() error { return p.Signal(syscall.SIGKILL) }

// Signal sends any signal.
func (p *Process) Signal(s syscall.Signal) error {
	c, err := p.started()
	if err != nil {
		return err
	}
	if s == syscall.SIGTERM && p.asked {
		s = endsignal.Told
	}
	if err := c.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// IsAlive reports whether the process was started and has not ended.
func (p *Process) IsAlive() bool {
	if p.self {
		return true
	}
	if p.parent {
		return me.origin.Lives()
	}
	c, err := p.started()
	return err == nil && c.Alive()
}

// ExitCode returns the exit code: 0 if the function returned nil, 1 if it
// returned an error, 2 if it panicked, N after os.Exit(N), and -N if signal N
// ended it. ok is false as long as the process has not ended.
func (p *Process) ExitCode() (code int, ok bool) {
	c, err := p.started()
	if err != nil || c.Alive() {
		return 0, false
	}
	return c.ExitCode(), true
}

// Name returns the process's name.
func (p *Process) Name() string { return p.name }

// PID returns the process id, 0 before Start.
func (p *Process) PID() int {
	if p.self || p.parent {
		return p.pid
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return 0
	}
	return p.child.PID
}

// PPID returns the id of the parent of the process: ours, if we started it or
// are to start it. That of our own parent is not known, and 0.
func (p *Process) PPID() int {
	switch {
	case p.self:
		return os.Getppid()
	case p.parent:
		return 0
	}
	return os.Getpid()
}

// Daemon reports whether the process was configured as a daemon.
func (p *Process) Daemon() bool { return p.config.Daemon }

// AuthKey returns the key that processes of one family share; both sides of
// package connection prove with it that they belong together. The first process
// of the family draws it at random, children get their parent's: a process that
// was not started yet has ours, unless SetAuthKey gave it another.
func (p *Process) AuthKey() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.authKey == nil {
		return familyKey()
	}
	return append([]byte(nil), p.authKey...)
}

// SetAuthKey changes the key: ours and our future children's for the current
// process, that of the child for one not yet started. It has no effect on one
// that runs, or on our parent, who have theirs.
func (p *Process) SetAuthKey(key []byte) {
	if p.self {
		setFamilyKey(key)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun && !p.parent {
		p.authKey = append([]byte{}, key...)
	}
}

// Sentinel returns a channel that is closed when the process has ended: for
// select, or for Wait. That of the current process is nil.
func (p *Process) Sentinel() <-chan struct{} {
	if p.parent {
		return me.origin.Gone()
	}
	return p.done
}

// Close lets go of the process: ErrRunning if it has not ended. All but its
// name and PID is gone then; to close it again is no error.
func (p *Process) Close() error {
	if p.self || p.parent {
		return ErrNotParent
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun && (p.child == nil || p.child.Alive()) {
		return ErrRunning
	}
	p.closed = true
	p.run, p.encode = nil, nil
	return nil
}

// String describes the process, for logs.
func (p *Process) String() string {
	state := "initial"
	if p.self || p.parent {
		state = "started"
	} else if c, err := p.started(); err == nil {
		state = "started"
		if !c.Alive() {
			state = "stopped exitcode=" + strconv.Itoa(c.ExitCode())
		}
	} else if errors.Is(err, ErrClosed) {
		state = "closed"
	}
	daemon := ""
	if p.config.Daemon {
		daemon = " daemon"
	}
	return fmt.Sprintf("<Process name=%q pid=%d %s%s>", p.name, p.PID(), state, daemon)
}

// active lists the children that run.
var active processSet

type processSet struct {
	mu  sync.Mutex
	all map[*Process]struct{}
}

func (s *processSet) add(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*Process]struct{})
	}
	s.all[p] = struct{}{}
}

func (s *processSet) remove(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, p)
}

func (s *processSet) list() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Process
	for p := range s.all {
		out = append(out, p)
	}
	return out
}

// ActiveChildren returns the processes that were started here and run, in no
// order. Workers of pools are not among them: a pool looks after its own.
func ActiveChildren() []*Process { return active.list() }
