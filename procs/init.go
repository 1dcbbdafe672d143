package procs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/child"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// boot is the first message to a child.
type boot struct {
	name, parent string
	pself        shm.Owner // who the parent is: it may be gone before the child asks the kernel
	daemon       bool
	key          []byte
	logLevel     Level
	id           uint64
	fname        string
	body         []byte
}

// Kinds of messages between a process and its child: the first one says what
// the child is for, the others are a pool's.
const (
	startProcess  byte = 1 + iota // boot: run a function and exit
	startWorker                   // boot: serve a pool
	messageCancel                 // parent to worker: give up the task with this number
	messageAttach                 // either way: descriptors of the task with this number
	messageReady                  // worker to parent: initialised, or why not
	startDetached                 // boot: as startProcess, but live on without the parent
)

func (b *boot) encode() []byte {
	var w wire
	w.PutString(b.name)
	w.PutString(b.parent)
	w.PutUint64(uint64(shm.Self()))
	w.PutUint64(b2u(b.daemon))
	w.PutBytes(b.key)
	w.PutUint64(uint64(b.logLevel))
	w.PutUint64(b.id)
	w.PutString(b.fname)
	w.PutBytes(b.body)
	return w.Buf
}

func (b *boot) decode(p []byte) error {
	w := wire{Buf: p}
	b.name = w.TakeString()
	b.parent = w.TakeString()
	b.pself = shm.Owner(w.TakeUint64())
	b.daemon = w.TakeUint64() != 0
	b.key = w.TakeBytes()
	b.logLevel = Level(w.TakeUint64())
	b.id = w.TakeUint64()
	b.fname = w.TakeString()
	b.body = w.TakeBytes()
	return w.Err()
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// me is what this process knows about itself.
var me struct {
	initialised atomic.Bool
	process     atomic.Pointer[Process]
	parent      atomic.Pointer[Process]
	origin      child.Parent // of parent; immutable after Init
	daemon      atomic.Bool

	mu     sync.Mutex
	key    []byte
	atexit []func()
}

const mainName = "MainProcess"

// Init must be the first call in main. In a process started by the user it
// returns at once. In a process started by this package it never does: it runs
// what the process was started for, and exits. os.Args is only the program's
// name there.
//
// Package-level variables and init functions run before it, in every process,
// so keep them cheap.
//
// go test has a main of its own, so a package whose tests start processes, of
// its own or through others, calls Init in TestMain. Without it whatever starts
// a process returns ErrNotInitialised.
//
//	func TestMain(m *testing.M) {
//		procs.Init()
//		os.Exit(m.Run())
//	}
//
// When main returns, the kernel kills all children that still run, except those
// that are Detached: a Go program can do nothing after main. (Python's waits
// for children that are no daemons.) Join those that are to finish, or let the
// last statement of main be
//
//	procs.Exit(0)
//
// which runs what AtExit registered, terminates daemons and waits for the
// others.
func Init() {
	makePoller()
	me.initialised.Store(true)
	first, err := child.Begin()
	if err != nil {
		fatal(err)
	}
	if first == nil {
		return
	}
	var b boot
	if err := b.decode(first.Body); err != nil {
		fatal(err)
	}
	me.process.Store(&Process{name: b.name, self: true, pid: os.Getpid(), config: ProcessConfig{Name: b.name, Daemon: b.daemon}})
	me.parent.Store(&Process{name: b.parent, parent: true, pid: b.pself.PID()})
	me.origin.Begun(b.pself)
	me.daemon.Store(b.daemon)
	me.key = b.key
	setLogLevel(b.logLevel)
	switch first.Kind {
	case startProcess:
		if err := first.HeedLifeline(); err != nil {
			fatal(err)
		}
		runProcess(&b, first.FDs)
	case startDetached:
		first.Control.Close()
		runProcess(&b, first.FDs)
	case startWorker:
		runWorker(first.Control, &b, first.FDs)
	}
	fatal(fmt.Errorf("unknown start message %d", first.Kind))
}

// makePoller has the runtime make its poller, which it otherwise does for the
// first timer, maybe one of its own: if no descriptor is left then, it ends the
// program.
func makePoller() { time.AfterFunc(time.Hour, func() {}).Stop() }

// fatal ends a child that cannot even begin.
func fatal(err error) {
	name := "child"
	if p := me.process.Load(); p != nil {
		name = p.name
	}
	fmt.Fprintf(os.Stderr, "procs: %s: %v\n", name, err)
	os.Exit(1)
}

// runProcess is the life of a Process, on its side.
func runProcess(b *boot, fds []int) {
	f, err := bootFunc(b)
	if err != nil {
		fatal(err)
	}
	w := &wire{FDs: fds}
	run, err := f.start(b.body, w)
	if err != nil {
		fatal(err)
	}
	w.Close()
	err = runMainly(run)
	if err == nil {
		Exit(0)
	}
	code, ok := ExitCode(1), false
	fault.Apart(func() { code, ok = fault.Find[ExitCode](err) })
	if ok {
		Exit(int(code))
	}
	text, failed := fault.ErrorText(err)
	if failed != nil {
		text = fmt.Sprintf("a %T, whose method Error failed: %v", err, failed)
	}
	fmt.Fprintf(os.Stderr, "procs: %s: %s\n", b.name, text)
	Exit(1)
}

// runMainly runs the function of a process in the main goroutine, which is the
// main thread's if an init function locked it. A panic ends the process, as
// everywhere in Go; runtime.Goexit, after which it would go on without this
// goroutine for ever, ends it as an error does.
func runMainly(run func(context.Context) error) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			panic(v)
		}
		fmt.Fprintf(os.Stderr, "procs: %s: %v\n", CurrentProcess().name, errGoexit)
		Exit(1)
	}()
	err = run(context.Background())
	returned = true
	return err
}

func bootFunc(b *boot) (function, error) {
	if b.id == runnerID {
		return (*erasedFunc[runner, struct{}])(runnerFunc()), nil
	}
	f, err := findFunc(b.id)
	if err != nil {
		return nil, fmt.Errorf("%w %q with these types: is it registered in this program, in every process?", err, b.fname)
	}
	return f, nil
}

// ExitCode is an error that a process's function returns to end with this exit
// code and no message.
type ExitCode int

// Error says which code.
func (c ExitCode) Error() string { return "exit code " + strconv.Itoa(int(c)) }

// AtExit registers f to be run, last registered first, by Exit and at the end
// of the function that a process was started with.
func AtExit(f func()) {
	me.mu.Lock()
	defer me.mu.Unlock()
	me.atexit = append(me.atexit, f)
}

// Exit ends this process as Python's interpreter does: it runs what AtExit
// registered (a panic there is printed, and the others run), terminates
// children that are daemons, and waits for all that are not Detached. A daemon
// that does not heed SIGTERM within a second is killed. A plain os.Exit, or the
// return of main, leaves its children to the kernel, which kills all that are
// not Detached.
func Exit(code int) {
	beforeExit()
	os.Exit(code)
}

func beforeExit() {
	for {
		me.mu.Lock()
		n := len(me.atexit)
		if n == 0 {
			me.mu.Unlock()
			break
		}
		f := me.atexit[n-1]
		me.atexit = me.atexit[:n-1]
		me.mu.Unlock()
		// Apart: if one of them ended this goroutine, the process would not
		// end.
		if err := fault.Apart(f); err != nil {
			fmt.Fprintf(os.Stderr, "procs: %s: a function of AtExit: %v\n", CurrentProcess().name, err)
		}
	}
	if children := active.list(); len(children) > 0 {
		endChildren(children)
	}
	flushLog(time.Second)
}

// endChildren waits for children, and terminates those that are daemons.
func endChildren(children []*Process) {
	for _, p := range children {
		if p.config.Daemon {
			p.Terminate()
		}
	}
	heed, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, p := range children {
		if p.config.Daemon && p.Join(heed) != nil {
			p.Kill()
		}
	}
	for _, p := range children {
		if !p.config.Detached {
			p.Join(context.Background())
		}
	}
}

// CurrentProcess returns the process that calls it: its name, ids and key. It
// cannot be started or joined.
func CurrentProcess() *Process {
	if p := me.process.Load(); p != nil {
		return p
	}
	me.process.CompareAndSwap(nil, &Process{name: mainName, self: true, pid: os.Getpid(), config: ProcessConfig{Name: mainName}})
	return me.process.Load()
}

// ParentProcess returns the process that started this one with this package, or
// nil in the first process. It can be joined.
func ParentProcess() *Process { return me.parent.Load() }

func mayHaveChildren() error {
	switch {
	case !me.initialised.Load():
		return ErrNotInitialised
	case me.daemon.Load():
		return ErrDaemon
	}
	return nil
}

func familyKey() []byte {
	me.mu.Lock()
	defer me.mu.Unlock()
	if me.key == nil {
		me.key = make([]byte, 32)
		kernel.Random(me.key)
	}
	return append([]byte(nil), me.key...)
}

func setFamilyKey(key []byte) {
	me.mu.Lock()
	defer me.mu.Unlock()
	me.key = append([]byte{}, key...)
}

func (p *Process) joinParent(ctx context.Context) error {
	if _, err := receive(ctx, me.origin.Gone()); err != nil {
		return fmt.Errorf("procs: join %s: %w", p.name, err)
	}
	return nil
}
