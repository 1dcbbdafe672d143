package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/proctree"
)

// Bounds of what a runner may print.
const (
	maxStdout = 4 << 20
	maxStderr = 64 << 10
)

// A Program is a runner program on disk; it measures each result in a fresh
// process. On Linux nothing it starts outlives a result: the runner dies with
// this process, and whatever it leaves behind becomes our child, is killed and
// counted as a failure.
type Program struct {
	Path string
	CPUs []int // CPUs that may be used; a case with n CPUs uses the first n
}

// AllCPUs returns the CPUs that this process may use.
func AllCPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var cpus []int
	for i := 0; len(cpus) < set.Count(); i++ {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

// listTimeout is how long a program may take to list what it has.
const listTimeout = time.Minute

// List asks the program for its models and workloads.
func (p *Program) List(ctx context.Context) ([]benchlog.ModelInfo, []benchlog.WorkloadInfo, error) {
	hung := fmt.Errorf("no list within %v: killed", listTimeout)
	timed, cancel := context.WithTimeoutCause(ctx, listTimeout, hung)
	defer cancel()
	text, err := p.call(timed, nil, "-list")
	if err == nil {
		models, workloads, listErr := benchlog.ReadList([]byte(text))
		if listErr == nil {
			return models, workloads, nil
		}
		err = listErr
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return nil, nil, fmt.Errorf("%s -list: %w", p.Path, err)
}

// Adopt makes this process the new parent of orphans among its descendants, so
// that [Program.Run] can find and end what a killed runner left behind.
func Adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// Run measures one result. When ctx ends, the runner is killed with its whole
// tree and the error wraps ctx's cause.
func (p *Program) Run(ctx context.Context, in Invocation) (Output, error) {
	// A child inherits the affinity of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := pin(p.CPUs, in.Case.CPUs)
	if err != nil {
		return Output{}, err
	}
	defer restore()
	text, err := p.call(ctx, []string{"GOMAXPROCS=" + strconv.Itoa(in.Case.CPUs)}, in.Args()...)
	if err != nil {
		return Output{}, err
	}
	return ReadOutput(in.Case, text)
}

// call runs the program once, and returns what it printed.
func (p *Program) call(ctx context.Context, env []string, args ...string) (string, error) {
	// The kernel sends the death signal when the starting *thread* ends: keep
	// it for the whole call.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stdout, stderr := &limitedBuffer{max: maxStdout}, &limitedBuffer{max: maxStderr}
	cmd := exec.Command(p.Path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A worker that outlives the runner holds its standard output open; do not
	// wait for that.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the runner: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { killTree(cmd.Process.Pid) })
	err := cmd.Wait()
	stop()
	left := endOrphans()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", runnerError(cmd.ProcessState, err, stderr.String())
	case stdout.over:
		return "", fmt.Errorf("the runner printed more than %d bytes", maxStdout)
	case left > 0:
		return "", fmt.Errorf("%d worker processes were left behind", left)
	}
	return stdout.String(), nil
}

// pin confines the calling thread to the first n of the given CPUs and returns
// what undoes it.
func pin(cpus []int, n int) (restore func(), err error) {
	if n > len(cpus) {
		return nil, bench.Void("needs %d CPUs, and %d may be used", n, len(cpus))
	}
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, fmt.Errorf("read the CPU set: %w", err)
	}
	for _, cpu := range cpus[:n] {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("set the CPU set: %w", err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }, nil
}

// killTree kills a runner and all below it. The group alone would not do: a
// worker may have a group of its own.
func killTree(pid int) {
	below := proctree.Descendants(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	for _, p := range below {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
}

// endOrphans kills and reaps every child of this process that is left once the
// runner has been waited for, and returns how many were still running a moment
// after the runner ended: workers that die with their parent need that moment.
func endOrphans() (running int) {
	deadline := time.Now().Add(500 * time.Millisecond)
	for {
		kids := proctree.Children(os.Getpid())
		if len(kids) == 0 {
			return running
		}
		late := time.Now().After(deadline)
		for _, pid := range kids {
			if late {
				running++
				killTree(pid)
			}
			var status syscall.WaitStatus
			options := syscall.WNOHANG
			if late {
				options = 0
			}
			_, _ = syscall.Wait4(pid, &status, options, nil)
		}
		time.Sleep(time.Millisecond)
	}
}

// runnerError says in one sentence how a runner failed.
func runnerError(state *os.ProcessState, err error, stderr string) error {
	reason := strings.TrimSpace(stderr)
	if state == nil {
		return fmt.Errorf("the runner: %w", err)
	}
	switch status := state.Sys().(syscall.WaitStatus); {
	case status.Signaled():
		return fmt.Errorf("%s", strings.TrimSpace(fmt.Sprintf("the runner was killed by %v. %s", status.Signal(), reason)))
	case status.ExitStatus() == bench.ExitVoid:
		return &bench.VoidError{Reason: reason}
	case reason != "":
		return errors.New(reason)
	default:
		return fmt.Errorf("the runner: %w", err)
	}
}

// limitedBuffer keeps the first max bytes and notes whether there were more. It
// does not embed bytes.Buffer: its ReadFrom would go round the limit.
type limitedBuffer struct {
	text []byte
	max  int
	over bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	room := b.max - len(b.text)
	b.over = b.over || len(p) > room
	b.text = append(b.text, p[:min(len(p), room)]...)
	return len(p), nil
}

func (b *limitedBuffer) String() string { return string(b.text) }
