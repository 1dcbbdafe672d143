package child

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// Start method: spawn. The child is a new process image of the same program (or
// another), made by vfork and exec: its cost does not depend on how much memory
// the parent uses. Forking without exec, Python's other start method, is
// impossible in Go: of the runtime's threads only one would exist in the child,
// while the locks the others held, the garbage collector's among them, would
// stay locked for ever.

// Child is a process we started: what is needed to signal it and to reap it,
// exactly once and by its own id.
type Child struct {
	PID  int
	done chan struct{} // closed soon after it was reaped

	mu     sync.Mutex // guards reaped, so that a signal never meets a reused id
	reaped bool
	status unix.WaitStatus
	usage  unix.Rusage
}

// Done returns a channel that is closed once the child has been reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// launcher runs functions on one thread that lives as long as the process. The
// kernel kills a child with PDEATHSIG when the *thread* that started it ends;
// on any other thread of a Go program that could happen any time.
var launcher struct {
	once sync.Once
	work chan func()
}

func onLauncher(f func()) {
	launcher.once.Do(func() {
		launcher.work = make(chan func())
		go func() {
			runtime.LockOSThread()
			for f := range launcher.work {
				f()
			}
		}()
	})
	done := make(chan struct{})
	launcher.work <- func() { f(); close(done) }
	<-done
}

// Start starts a child and leaves it its first message, which Begin returns
// there. The descriptors stay the caller's. With TiedToThread the Control is
// our end of the socket to it, in the runtime's poller.
func Start(spec *Spec) (*Child, *Control, error) {
	if c, err := fromReserve(spec); c != nil || err != nil {
		return c, nil, err
	}
	ours, theirs, err := newControl()
	if err != nil {
		return nil, nil, err
	}
	defer kernel.CloseFD(theirs)
	if err = ours.Send(spec.Kind, spec.Body, spec.FDs); err == nil && spec.Tie == TiedToThread {
		err = ours.poll()
	}
	var c *Child
	if err == nil {
		c, err = spawn(spec, ours, theirs)
	}
	if err != nil || spec.Tie == Detached { // what was sent stays readable
		ours.Close()
	}
	if err != nil || spec.Tie != TiedToThread {
		return c, nil, err
	}
	return c, ours, nil
}

func spawn(spec *Spec, ours *Control, theirs int) (*Child, error) {
	exe, argv0 := spec.Executable, spec.Executable
	if exe == "" {
		exe, argv0 = "/proc/self/exe", os.Args[0]
	}
	env := spec.Env
	if env == nil {
		env = syscall.Environ()
	}
	if spec.GOMAXPROCS > 0 {
		env = withProcs(env, spec.GOMAXPROCS)
	}
	files := []uintptr{0, 1, 2, uintptr(theirs)}
	for i, f := range spec.Files {
		if f == nil && (i == 0 || !standardFile(i)) {
			null, err := nullFile()
			if err != nil {
				return nil, fmt.Errorf("procs: start %s: %w", spec.Name, err)
			}
			f = null
		}
		if f != nil {
			files[i] = f.Fd()
		}
	}
	pidfd := -1
	attr := &syscall.ProcAttr{Dir: spec.Dir, Env: env, Files: files, Sys: &syscall.SysProcAttr{PidFD: &pidfd, Setsid: spec.NewSession}}
	first := arg
	if spec.inbox != 0 {
		first, attr.Files = argReserved, append(files, uintptr(spec.inbox))
	}
	var pid int
	var err error
	start := func() {
		for { // other errors, EAGAIN and ENOMEM too, are the caller's to try again
			if pid, err = syscall.ForkExec(exe, []string{argv0, first, "[" + spec.Name + "]"}, attr); err != unix.EINTR {
				return
			}
		}
	}
	launch := start
	if spec.Tie == TiedToThread {
		attr.Sys.Pdeathsig = syscall.SIGKILL
		launch = func() { onLauncher(start) }
	}
	err = kernel.RetryFD(func() error { launch(); return err }) // it makes descriptors of its own
	runtime.KeepAlive(spec)
	if err != nil {
		return nil, fmt.Errorf("procs: start %s: %w", spec.Name, explainStart(err))
	}
	if spec.Tie == TiedToSocket {
		armLifeline(theirs, pid) // an error means that the child has ended
	}
	c := &Child{PID: pid, done: make(chan struct{})}
	go func() {
		c.reap(pidfd)
		if spec.Tie == TiedToSocket {
			ours.Close()
		}
		close(c.done)
		if spec.Ended != nil {
			spec.Ended(c)
		}
	}()
	return c, nil
}

// explainStart says what to do about the limits of the kernel that forbid a new
// process.
func explainStart(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%w (as many processes and threads exist as may: see ulimit -u, and pids.max of the control group)", err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w (no memory for another process: start fewer, or raise memory.max of the control group)", err)
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("%w (the environment: set ProcessConfig.Env or PoolConfig.Env to what the child needs)", err)
	}
	return kernel.Explain(err)
}

// standardFile reports whether our descriptor fd is a standard file still. If
// we closed it, it is free, or some file that we opened since, which Go does
// close-on-exec: a child must not write there.
func standardFile(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// armLifeline makes the kernel kill process pid when the other end of its
// socket fd is closed, which is when the parent ends, however that happens:
// that end is the parent's alone. Nothing may be sent through the socket any
// more. PDEATHSIG, which does the same for workers, is tied to a thread, and
// starting children there alone makes a start 4 % longer.
//
// The setting belongs to the socket, not to who holds it: the parent makes it
// as soon as there is a child, and the child once more, because the parent may
// have died before.
func armLifeline(fd, pid int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	for _, set := range []struct{ cmd, arg int }{
		{unix.F_SETOWN, pid},
		{unix.F_SETSIG, int(unix.SIGKILL)},
		{unix.F_SETFL, flags | unix.O_ASYNC},
	} {
		if err == nil {
			_, err = unix.FcntlInt(uintptr(fd), set.cmd, set.arg)
		}
	}
	return err
}

// HeedLifeline is the side of a child that is TiedToSocket. It ends the process
// if the parent has ended already. One in reserve has done it before its first
// message.
func (f *First) HeedLifeline() error {
	if f.heeded {
		return nil
	}
	f.heeded = true
	unix.CloseOnExec(controlFD)
	if err := armLifeline(controlFD, os.Getpid()); err != nil {
		return fmt.Errorf("procs: cannot be told of the parent's end: %w", err)
	}
	if n, _ := unix.Poll([]unix.PollFd{{Fd: controlFD}}, 0); n > 0 { // POLLHUP
		os.Exit(1) // the parent has ended already
	}
	return nil
}

// withProcs sets GOMAXPROCS: in place of another, because the Go runtime takes
// the first of two.
func withProcs(env []string, n int) []string {
	const key = "GOMAXPROCS="
	out := make([]string, 1, len(env)+1)
	out[0] = key + strconv.Itoa(n)
	for _, v := range env {
		if !strings.HasPrefix(v, key) {
			out = append(out, v)
		}
	}
	return out
}

// reap waits for the child's end. With a pidfd this takes a place in the
// runtime's poller, and no thread.
func (c *Child) reap(pidfd int) {
	if pidfd >= 0 {
		if unix.SetNonblock(pidfd, true) == nil {
			f := os.NewFile(uintptr(pidfd), "pidfd")
			defer f.Close()
			if raw, err := f.SyscallConn(); err == nil {
				if err := raw.Read(func(uintptr) bool { return c.tryReap(unix.WNOHANG) }); err == nil {
					return
				}
			}
		} else {
			unix.Close(pidfd)
		}
	}
	for !c.blockingReap() {
	}
}

// tryReap collects the exit status if there is one.
func (c *Child) tryReap(options int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return true
	}
	var pid int
	var err error
	for {
		pid, err = unix.Wait4(c.PID, &c.status, options, &c.usage)
		if err != unix.EINTR {
			break
		}
	}
	if pid == 0 && err == nil {
		return false
	}
	if err != nil { // someone else waited for our child: its status is lost
		c.status = unix.WaitStatus(255 << 8)
	}
	c.reaped = true
	return true
}

// blockingReap is for kernels without pidfd: a thread waits until the child is
// a zombie, and leaves it one, so that the status is collected under the lock.
func (c *Child) blockingReap() bool {
	err := unix.Waitid(unix.P_PID, c.PID, nil, unix.WEXITED|unix.WNOWAIT, nil)
	if err == unix.EINTR {
		return false
	}
	return c.tryReap(0)
}

// Signal sends s, unless the child was reaped.
func (c *Child) Signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return os.ErrProcessDone
	}
	if err := unix.Kill(c.PID, s); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("procs: signal %v to %d: %w", s, c.PID, err)
	}
	return nil
}

// Alive reports whether the child has not ended yet.
func (c *Child) Alive() bool {
	return !c.tryReap(unix.WNOHANG)
}

// ExitCode is the exit status, or -N after signal N. It is valid once done is
// closed.
func (c *Child) ExitCode() int {
	if c.status.Signaled() {
		return -int(c.status.Signal())
	}
	return c.status.ExitStatus()
}
