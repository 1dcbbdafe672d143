package procs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/fault"
)

// ErrGaveUp means that the children of a Supervisor failed more often than
// SupervisorConfig.MaxRestarts allows.
var ErrGaveUp = errors.New("procs: supervisor gave up")

// Strategy says which children of a Supervisor are started again together with
// one that failed; those of them that still run are stopped before.
type Strategy int

const (
	OneForOne  Strategy = iota // that one alone
	AllForOne                  // all of them, because they cannot do without each other
	RestForOne                 // it, and those that were listed after it
)

// Restart says which end of a supervised process is a failure.
type Restart int

const (
	Permanent Restart = iota // any: it is to run always
	Transient                // an exit code other than 0: it has something to finish
	Temporary                // none: it is never started again
)

// SupervisorConfig says how a Supervisor deals with failures. The zero value
// is Erlang's: one for one, without delay, though with up to 3 restarts in 5 s.
type SupervisorConfig struct {
	Strategy Strategy
	// MaxRestarts is how many failures within Window are met by a restart, all
	// children counted; with the next one Run gives up. 0: 3. Negative: none.
	MaxRestarts int
	// Window is also how long a child has to run for its earlier failures to be
	// forgotten by Backoff. 0: 5 s.
	Window time.Duration
	// Backoff is the delay before a child that failed is started again; it
	// doubles with each failure in a row, up to MaxBackoff. 0: none. Failures
	// that it keeps further apart than Window/MaxRestarts go on for ever.
	Backoff time.Duration
	// MaxBackoff bounds Backoff. 0: 1 minute.
	MaxBackoff time.Duration
}

const (
	defaultMaxRestarts = 3
	defaultWindow      = 5 * time.Second
	defaultMaxBackoff  = time.Minute
	defaultStopGrace   = 5 * time.Second
)

// ChildSpec describes one process of a Supervisor.
type ChildSpec struct {
	// Name is for messages and ChildState. Default: by its place in the list,
	// "child-1", "child-2", ...
	Name string
	// New makes the process; it is called anew for each start, since a Process
	// starts only once.
	New func() *Process
	// Restart says when it is started again.
	Restart Restart
	// Grace is how long the process gets to end after SIGTERM, before it is
	// killed. 0: 5 s. Negative: it is killed at once.
	Grace time.Duration
}

// ChildPhase is what a supervised process is doing.
type ChildPhase int

const (
	ChildWaiting  ChildPhase = iota // to be started, for the first time or after a failure
	ChildRunning                    // started, and not known to have ended
	ChildStopping                   // told to end
	ChildEnded                      // for good, unless its strategy starts it with another one
)

// String returns "waiting", "running", "stopping" or "ended".
func (p ChildPhase) String() string {
	switch p {
	case ChildWaiting:
		return "waiting"
	case ChildRunning:
		return "running"
	case ChildStopping:
		return "stopping"
	case ChildEnded:
		return "ended"
	}
	return "ChildPhase(" + strconv.Itoa(int(p)) + ")"
}

// ChildState is how a supervised process is doing.
type ChildState struct {
	Name     string
	Phase    ChildPhase
	PID      int       // 0 unless it is running or stopping
	Began    time.Time // of the last start that was tried
	Restarts int       // how often it was started again
	Last     error     // a *ChildError of its last end that was not asked for, or nil
}

// ChildError says how a supervised process ended, or that it could not be
// started.
type ChildError struct {
	Name     string
	ExitCode int   // as of Process.ExitCode
	Err      error // nil, or why it was not started
}

// Error says which child it was, and what happened.
func (e *ChildError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("procs: start %s: %s", e.Name, fault.Text(e.Err))
	}
	return fmt.Sprintf("procs: %s ended with exit code %d", e.Name, e.ExitCode)
}

// Unwrap returns why the process was not started.
func (e *ChildError) Unwrap() error { return e.Err }

// Supervisor keeps processes running (Erlang's supervisor, supervisord): it
// starts them in the order of their list, starts those again that fail, and
// stops them in the reverse order. All methods may be called from any
// goroutine.
//
// Start returns before a child has done anything, so one that needs another to
// be ready waits for that by what they share, an Event or a Queue.
//
// When the process of the Supervisor dies, the kernel kills its children. What
// a child does when it is told to end (SIGTERM) is up to its function; see
// os/signal.
type Supervisor struct {
	config   SupervisorConfig
	wake     chan struct{} // a child has ended
	failures []time.Time   // within the window

	mu       sync.Mutex // of what States reads
	begun    bool
	children []*supervised
}

// supervised is a child. Only Run changes it.
type supervised struct {
	ChildState
	spec  ChildSpec
	make  func() (supervisable, error)
	p     supervisable
	inRow int       // failures, none of them after a run as long as the window
	due   time.Time // when it is to be started, while it is waiting
}

// supervisable is a *Process, but for tests of what depends on time.
type supervisable interface {
	Start() error
	Sentinel() <-chan struct{}
	ExitCode() (code int, ok bool)
	PID() int
	Terminate() error
	Kill() error
}

// NewSupervisor returns a supervisor of the children, which Run starts.
func NewSupervisor(config SupervisorConfig, children ...ChildSpec) *Supervisor {
	config.MaxRestarts = orDefault(config.MaxRestarts, defaultMaxRestarts)
	config.Window = orDefault(config.Window, defaultWindow)
	config.MaxBackoff = orDefault(config.MaxBackoff, defaultMaxBackoff)
	s := &Supervisor{config: config, wake: make(chan struct{}, 1)}
	for i, spec := range children {
		if spec.New == nil {
			panic("procs: ChildSpec without New")
		}
		if spec.Name == "" {
			spec.Name = "child-" + strconv.Itoa(i+1)
		}
		spec.Grace = orDefault(spec.Grace, defaultStopGrace)
		c := &supervised{ChildState: ChildState{Name: spec.Name}, spec: spec}
		c.make = c.newProcess
		s.children = append(s.children, c)
	}
	return s
}

// orDefault returns v, the default in place of 0, and 0 for what is negative.
func orDefault[T int | time.Duration](v, standard T) T {
	if v == 0 {
		return standard
	}
	return max(v, 0)
}

// newProcess calls the program's New.
func (c *supervised) newProcess() (supervisable, error) {
	var p *Process
	if err := fault.Apart(func() { p = c.spec.New() }); err != nil {
		return nil, fmt.Errorf("make the process: %w", err)
	}
	if p == nil {
		return nil, errors.New("there is no process")
	}
	return p, nil
}

// Run starts the children and keeps them running. It returns when they have
// ended and are not to be started again: nil; when ctx is done: its error; when
// one could not be started at first, or they fail too often: ErrGaveUp, with
// the *ChildError of the one that failed last. In every case it has stopped all
// children before, and nothing of them is left. A Supervisor runs once; then it
// is ErrStarted.
//
// A child whose output is copied (see ProcessConfig.Stdout) has ended when all
// its output has.
func (s *Supervisor) Run(ctx context.Context) error {
	s.mu.Lock()
	begun := s.begun
	s.begun = true
	s.mu.Unlock()
	if begun {
		return ErrStarted
	}
	defer s.stop(s.children)
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("procs: supervisor: %w", err)
		}
		acted, err := s.step()
		if err != nil {
			return err
		}
		if !acted && !s.wait(ctx) {
			return nil
		}
	}
}

// step deals with one child, and reports whether there was one: one that has
// ended, else one that is to be started.
func (s *Supervisor) step() (acted bool, err error) {
	for i, c := range s.children {
		if c.Phase == ChildRunning && c.hasEnded() {
			s.reap(c, c.end())
			if c.spec.Restart == Permanent || c.spec.Restart == Transient && c.end().ExitCode != 0 {
				return true, s.failed(i)
			}
			return true, nil
		}
	}
	for i, c := range s.children {
		if c.Phase == ChildWaiting && time.Until(c.due) <= 0 {
			if s.start(c) {
				return true, nil
			}
			return true, s.failed(i)
		}
	}
	return false, nil
}

// wait waits until there may be something to do, and reports whether there can
// be at all.
func (s *Supervisor) wait(ctx context.Context) bool {
	var due *time.Time
	running := false
	for _, c := range s.children {
		running = running || c.Phase == ChildRunning
		if c.Phase == ChildWaiting && (due == nil || c.due.Before(*due)) {
			due = &c.due
		}
	}
	var timer <-chan time.Time
	switch {
	case due != nil:
		t := time.NewTimer(time.Until(*due))
		defer t.Stop()
		timer = t.C
	case !running:
		return false
	}
	select {
	case <-s.wake:
	case <-timer:
	case <-ctx.Done():
	}
	return true
}

// start starts a child, and reports whether it could.
func (s *Supervisor) start(c *supervised) bool {
	s.mu.Lock()
	if !c.Began.IsZero() {
		c.Restarts++
	}
	c.Began = time.Now()
	s.mu.Unlock()
	p, err := c.make()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		s.reap(c, &ChildError{Name: c.Name, Err: err})
		return false
	}
	s.mu.Lock()
	c.p, c.PID, c.Phase = p, p.PID(), ChildRunning
	s.mu.Unlock()
	go func() {
		<-p.Sentinel()
		select {
		case s.wake <- struct{}{}:
		default: // Run will look anyway
		}
	}()
	return true
}

func (c *supervised) hasEnded() bool {
	select {
	case <-c.p.Sentinel():
		return true
	default:
		return false
	}
}

// end says how a process that has ended did.
func (c *supervised) end() *ChildError {
	code, _ := c.p.ExitCode()
	return &ChildError{Name: c.Name, ExitCode: code}
}

// reap notes that a child ended by itself, or was not started.
func (s *Supervisor) reap(c *supervised, how *ChildError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Phase, c.PID, c.Last = ChildEnded, 0, how
}

// failed sees to it that child i, and those that its strategy binds to it, are
// started again, or gives up.
func (s *Supervisor) failed(i int) error {
	c, now := s.children[i], time.Now()
	logf(LevelWarning, "%v", c.Last)
	s.failures = slices.DeleteFunc(s.failures, func(t time.Time) bool { return now.Sub(t) > s.config.Window })
	s.failures = append(s.failures, now)
	switch {
	case c.Restarts == 0 && c.p == nil: // it never ran
		return c.Last
	case len(s.failures) > s.config.MaxRestarts:
		return fmt.Errorf("%w: failure %d within %v: %w", ErrGaveUp, len(s.failures), s.config.Window, c.Last)
	}
	group := s.children[i : i+1]
	switch s.config.Strategy {
	case AllForOne:
		group = s.children
	case RestForOne:
		group = s.children[i:]
	}
	s.stop(group)
	due := clock.In(s.delay(c, now))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range group {
		if c.Phase == ChildWaiting || c.spec.Restart != Temporary {
			c.Phase, c.due = ChildWaiting, due
		}
	}
	return nil
}

// delay returns how long to wait before the child that failed now is started
// again.
func (s *Supervisor) delay(c *supervised, now time.Time) time.Duration {
	if now.Sub(c.Began) >= s.config.Window {
		c.inRow = 0
	}
	c.inRow++
	if doublings := c.inRow - 1; s.config.Backoff <= s.config.MaxBackoff>>min(doublings, 62) {
		return s.config.Backoff << doublings
	}
	return s.config.MaxBackoff
}

// stop stops those of the children that run, the last one first.
func (s *Supervisor) stop(children []*supervised) {
	for _, c := range slices.Backward(children) {
		if c.Phase != ChildRunning {
			continue
		}
		s.mu.Lock()
		c.Phase = ChildStopping
		s.mu.Unlock()
		c.halt()
		s.mu.Lock()
		c.Phase, c.PID = ChildEnded, 0
		s.mu.Unlock()
	}
}

// halt ends the process, and returns when it has been reaped.
func (c *supervised) halt() {
	if c.spec.Grace > 0 {
		_ = c.p.Terminate() // it fails only if the process has ended
		timer := time.NewTimer(c.spec.Grace)
		defer timer.Stop()
		select {
		case <-c.p.Sentinel():
			return
		case <-timer.C:
		}
	}
	_ = c.p.Kill()
	<-c.p.Sentinel()
}

// States returns how the children are doing, in the order of their list.
func (s *Supervisor) States() []ChildState {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]ChildState, len(s.children))
	for i, c := range s.children {
		states[i] = c.ChildState
	}
	return states
}
