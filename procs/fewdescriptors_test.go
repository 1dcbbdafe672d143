//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/taskring"
)

func setFewFiles(n int) error {
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)})
}

// runFew runs a registered function in a process that may have few descriptors.
func runFew(t *testing.T, f *Func[int, int], limit int) {
	t.Helper()
	var errs strings.Builder
	p := NewProcess(f, limit, ProcessConfig{Stderr: &errs})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		p.Kill()
		t.Fatal(err, errs.String())
	}
	if code, _ := p.ExitCode(); code != 0 {
		t.Fatal(code, errs.String())
	}
}

var testNewLock = Register("test.few.newLock", func(context.Context, int) (*Lock, error) { return NewLock() })

var testUseLock = Register("test.few.useLock", func(_ context.Context, l *Lock) (int, error) {
	if !l.TryAcquire() {
		return 0, errors.New("not free")
	}
	return os.Getpid(), l.Release()
})

var testUseLocks = Register("test.few.useLocks", func(_ context.Context, ls []*Lock) (int, error) { return len(ls), nil })

var keptLocks []*Lock

var testKeepLock = Register("test.few.keepLock", func(_ context.Context, l *Lock) (int, error) {
	keptLocks = append(keptLocks, l)
	return os.Getpid(), nil
})

var testDropLocks = Register("test.few.dropLocks", func(context.Context, int) (int, error) {
	keptLocks = nil
	return os.Getpid(), nil
})

var fewLocks = Register("test.few.locks", func(ctx context.Context, limit int) (int, error) {
	if err := setFewFiles(limit); err != nil {
		return 0, err
	}
	p, err := NewPool(PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	l, err := NewLock()
	if err != nil {
		return 0, err
	}
	pid := p.PIDs()[0]
	for i := range 8 * limit {
		if got, err := Apply(ctx, p, testUseLock, l); got != pid || err != nil {
			return 0, fmt.Errorf("argument %d: %d %w", i, got, err)
		}
		if r, err := Apply(ctx, p, testNewLock, i); err != nil || !r.TryAcquire() {
			return 0, fmt.Errorf("result %d: %w", i, err)
		}
	}
	many := make([]*Lock, 15)
	for i := range many {
		many[i] = l
	}
	for i := range limit { // one message needs room for many
		if n, err := Apply(ctx, p, testUseLocks, many); n != len(many) || err != nil {
			return 0, fmt.Errorf("message %d: %d %w", i, n, err)
		}
	}
	return 0, nil
})

// Locks as arguments and results of many tasks, which nobody keeps: what is not
// referred to any more makes room before a descriptor is refused, in the worker
// and here. pytorch#973.
func TestFewDescriptorsGarbage(t *testing.T) {
	for _, limit := range []int{64, 200} {
		runFew(t, fewLocks, limit)
	}
}

var fewKept = Register("test.few.kept", func(ctx context.Context, limit int) (int, error) {
	p, err := NewPool(PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	pid := p.PIDs()[0]
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil); err != nil {
		return 0, err
	}
	l, err := NewLock()
	if err != nil {
		return 0, err
	}
	n := 0
	for err == nil && n <= limit {
		var got int
		if got, err = Apply(ctx, p, testKeepLock, l); err == nil && got != pid {
			return 0, fmt.Errorf("worker %d became %d", pid, got)
		}
		n++
	}
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") || n < limit/2 {
		return 0, fmt.Errorf("after %d locks, not the limit with its remedy: %w", n, err)
	}
	if v, err := Apply(ctx, p, testSquare, 5); v != 25 || err != nil {
		return 0, fmt.Errorf("a task without descriptors: %d %w", v, err)
	}
	if got, err := Apply(ctx, p, testDropLocks, 0); got != pid || err != nil {
		return 0, fmt.Errorf("the worker %d became %d: %w", pid, got, err)
	}
	if got, err := Apply(ctx, p, testUseLock, l); got != pid || err != nil {
		return 0, fmt.Errorf("after it let go: %d %w", got, err)
	}
	return 0, nil
})

// A worker that keeps its descriptors until there is no room fails the task
// that needs one, says why, and lives: its other tasks are not hurt.
func TestFewDescriptorsKept(t *testing.T) { runFew(t, fewKept, 64) }

var fewResults = Register("test.few.results", func(ctx context.Context, limit int) (int, error) {
	if err := setFewFiles(limit); err != nil {
		return 0, err
	}
	p, err := NewPool(PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	pid := p.PIDs()[0]
	var kept []*Lock
	for err == nil && len(kept) <= limit {
		var l *Lock
		if l, err = Apply(ctx, p, testNewLock, 0); err == nil {
			kept = append(kept, l)
		}
	}
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
		return 0, fmt.Errorf("after %d locks, not the limit with its remedy: %w", len(kept), err)
	}
	kept[0].Close()
	kept[1].Close()
	if l, err := Apply(ctx, p, testNewLock, 0); err != nil || !l.TryAcquire() {
		return 0, fmt.Errorf("after two were closed: %w", err)
	}
	if now := p.PIDs()[0]; now != pid {
		return 0, fmt.Errorf("worker %d became %d", pid, now)
	}
	return 0, nil
})

// Results that we keep until there is no room: an error for the one that does
// not fit, and the pool goes on.
func TestFewDescriptorsResults(t *testing.T) { runFew(t, fewResults, 64) }

// makers make something that needs descriptors.
var makers = map[string]func() (interface{ Close() error }, error){
	"Lock":             func() (interface{ Close() error }, error) { return NewLock() },
	"RLock":            func() (interface{ Close() error }, error) { return NewRLock() },
	"Semaphore":        func() (interface{ Close() error }, error) { return NewSemaphore(1) },
	"BoundedSemaphore": func() (interface{ Close() error }, error) { return NewBoundedSemaphore(1) },
	"Condition":        func() (interface{ Close() error }, error) { return NewCondition(nil) },
	"Event":            func() (interface{ Close() error }, error) { return NewEvent() },
	"Barrier":          func() (interface{ Close() error }, error) { return NewBarrier(1, nil) },
	"Value":            func() (interface{ Close() error }, error) { return NewValue(1) },
	"Array":            func() (interface{ Close() error }, error) { return NewArray[int](3) },
	"Queue":            func() (interface{ Close() error }, error) { return NewQueue[int](1) },
	"JoinableQueue":    func() (interface{ Close() error }, error) { return NewJoinableQueue[int](1) },
	"SharedMemory":     func() (interface{ Close() error }, error) { return NewSharedMemory(1) },
	"ShareableList":    func() (interface{ Close() error }, error) { return NewShareableList(1) },
	"Pipe": func() (interface{ Close() error }, error) {
		a, b, err := NewPipe(Duplex)
		return closers{a, b}, err
	},
	"Process": func() (interface{ Close() error }, error) {
		p := NewProcess(testNothing, 0, ProcessConfig{Stdout: io.Discard})
		return joined{p}, p.Start()
	},
	"PIDFile": func() (interface{ Close() error }, error) {
		name := fmt.Sprintf("%s/procs-test-few-%d", os.TempDir(), os.Getpid())
		defer os.Remove(name)
		f, err := HoldPIDFile(name)
		return released{f}, err
	},
	"named": func() (interface{ Close() error }, error) {
		m, err := CreateSharedMemory("switchyard-test-few", 1)
		if err == nil {
			err = m.Unlink()
		}
		return m, err
	},
}

type closers []*Conn

func (c closers) Close() error { return errors.Join(c[0].Close(), c[1].Close()) }

type joined struct{ *Process }

func (p joined) Close() error {
	return errors.Join(p.Join(context.Background()), p.Process.Close())
}

type released struct{ *PIDFile }

func (f released) Close() error { return f.Release() }

var fewMakers = Register("test.few.makers", func(_ context.Context, limit int) (int, error) {
	if err := setFewFiles(limit); err != nil {
		return 0, err
	}
	for _, name := range []string{"SharedMemory", "Process"} { // the runtime's own descriptors are made, and those that stay
		o, err := makers[name]()
		if err == nil {
			err = o.Close()
		}
		if err != nil {
			return 0, err
		}
	}
	for name, make := range makers {
		for room := range 9 {
			if err := makeWithRoom(make, room); err != nil {
				return 0, fmt.Errorf("%s with room for %d: %w", name, room, err)
			}
		}
		o, err := make()
		if err == nil {
			err = o.Close()
		}
		if err != nil {
			return 0, fmt.Errorf("%s afterwards: %w", name, err)
		}
	}
	return 0, nil
})

// makeWithRoom calls make when there is room for so many descriptors.
func makeWithRoom(make func() (interface{ Close() error }, error), room int) error {
	runtime.GC() // what was forgotten does not make room in the midst
	segments := shm.Live()
	var filled []int
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			break
		}
		filled = append(filled, fd)
	}
	kernel.CloseAll(filled[:min(room, len(filled))])
	o, err := make()
	rest := filled[min(room, len(filled)):]
	if err == nil {
		err = o.Close()
	} else if errors.Is(err, syscall.EMFILE) && strings.Contains(err.Error(), "ulimit -n") {
		err = nil
	}
	if left := countFree(); err == nil && left < room {
		err = fmt.Errorf("%d descriptors leaked", room-left)
	}
	if n := shm.Live(); err == nil && n > segments {
		err = fmt.Errorf("%d segments leaked", n-segments)
	}
	kernel.CloseAll(rest)
	return err
}

func countFree() int {
	var fds []int
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			kernel.CloseAll(fds)
			return len(fds)
		}
		fds = append(fds, fd)
	}
}

var fewStore = Register("test.few.store", func(_ context.Context, limit int) (int, error) {
	if err := setFewFiles(limit); err != nil {
		return 0, err
	}
	var s taskring.Store
	defer s.Close()
	var w wire
	defer w.Close()
	long := make([]byte, 1<<20)
	var filled []int
	for err := error(nil); err == nil; {
		var fd int
		if fd, err = unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			filled = append(filled, fd)
		}
	}
	kernel.CloseFD(filled[0]) // for the memory, but not for what is sent
	if _, flags, err := fit(&s, long, &w); !errors.Is(err, syscall.EMFILE) {
		return 0, fmt.Errorf("with room for one: flags %#x, %w", flags, err)
	}
	kernel.CloseAll(filled[1:])
	if _, flags, err := fit(&s, long, &w); flags != taskring.Stored|taskring.NewStore || err != nil {
		return 0, fmt.Errorf("with room: flags %#x, %w", flags, err)
	}
	return 0, nil
})

// A store in which nothing lies, since it could not be sent, is used again.
func TestFewDescriptorsStore(t *testing.T) { runFew(t, fewStore, 32) }

// Whatever is made where there is room for 0, 1, 2... descriptors is made, or
// there is an error that says which limit it was; nothing stays behind.
func TestFewDescriptorsMakers(t *testing.T) { runFew(t, fewMakers, 32) }
