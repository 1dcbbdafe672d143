package procs

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

// spawnSpec is what the kernel needs to know about a child.
type spawnSpec struct {
	exe      string
	name     string
	dir      string
	env      []string // nil: ours
	procs    int      // GOMAXPROCS, 0: as the environment says
	stdio    [3]*os.File
	control  int
	detached bool
	lifeline *control     // nil, or our end of the socket that lets the kernel kill the child: see heedLifeline
	ended    func(*child) // called after the child was reaped
}

// child is a process we started: what is needed to signal it and to reap it,
// exactly once and by its own id.
type child struct {
	pid  int
	done chan struct{} // closed soon after it was reaped

	mu     sync.Mutex // guards reaped, so that a signal never meets a reused id
	reaped bool
	status unix.WaitStatus
	usage  unix.Rusage
}

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

// spawn starts a child. spec.control stays the caller's to close.
func spawn(spec *spawnSpec) (*child, error) {
	exe := spec.exe
	argv0 := os.Args[0]
	if exe == "" {
		exe = "/proc/self/exe"
	} else {
		argv0 = exe
	}
	env := spec.env
	if env == nil {
		env = syscall.Environ()
	}
	if spec.procs > 0 {
		env = withProcs(env, spec.procs)
	}
	files := []uintptr{0, 1, 2, uintptr(spec.control)}
	for i, f := range spec.stdio {
		if f == nil && !standardFile(i) {
			null, err := nullInput()
			if err != nil {
				return nil, fmt.Errorf("procs: start %s: %w", spec.name, err)
			}
			f = null
		}
		if f != nil {
			files[i] = f.Fd()
		}
	}
	pidfd := -1
	attr := &syscall.ProcAttr{Dir: spec.dir, Env: env, Files: files, Sys: &syscall.SysProcAttr{PidFD: &pidfd}}
	onThread := !spec.detached && spec.lifeline == nil
	if onThread {
		attr.Sys.Pdeathsig = syscall.SIGKILL
	}
	var pid int
	var err error
	start := func() {
		for { // other errors, EAGAIN and ENOMEM too, are the caller's to try again
			if pid, err = syscall.ForkExec(exe, []string{argv0, childArg, "[" + spec.name + "]"}, attr); err != unix.EINTR {
				return
			}
		}
	}
	if onThread {
		onLauncher(start)
	} else {
		start()
	}
	runtime.KeepAlive(spec)
	if err != nil {
		return nil, fmt.Errorf("procs: start %s: %w", spec.name, explainStart(err))
	}
	if spec.lifeline != nil {
		armLifeline(spec.control, pid) // an error means that the child has ended
	}
	c := &child{pid: pid, done: make(chan struct{})}
	go func() {
		c.reap(pidfd)
		if spec.lifeline != nil {
			spec.lifeline.close()
		}
		close(c.done)
		if spec.ended != nil {
			spec.ended(c)
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

// heedLifeline is the child's side.
func heedLifeline(fd int) error {
	unix.CloseOnExec(fd)
	if err := armLifeline(fd, os.Getpid()); err != nil {
		return fmt.Errorf("procs: cannot be told of the parent's end: %w", err)
	}
	if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 0); n > 0 { // POLLHUP
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
func (c *child) reap(pidfd int) {
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
func (c *child) tryReap(options int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return true
	}
	var pid int
	var err error
	for {
		pid, err = unix.Wait4(c.pid, &c.status, options, &c.usage)
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
func (c *child) blockingReap() bool {
	err := unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	if err == unix.EINTR {
		return false
	}
	return c.tryReap(0)
}

// signal sends s, unless the child was reaped.
func (c *child) signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return os.ErrProcessDone
	}
	if err := unix.Kill(c.pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("procs: signal %v to %d: %w", s, c.pid, err)
	}
	return nil
}

// alive reports whether the child has not ended yet.
func (c *child) alive() bool {
	return !c.tryReap(unix.WNOHANG)
}

// exitCode is the exit status, or -N after signal N. It is valid once done is
// closed.
func (c *child) exitCode() int {
	if c.status.Signaled() {
		return -int(c.status.Signal())
	}
	return c.status.ExitStatus()
}
