//go:build linux

package procs

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"switchyard/procs/internal/shm"
)

type lockArgs struct {
	Lock *Lock
	File string
	N    int
}

var (
	testLockCount = Register("test.lock.count", func(ctx context.Context, a lockArgs) (int, error) {
		return 0, countInFile(ctx, a)
	})
	testLockHold = Register("test.lock.hold", func(ctx context.Context, a lockArgs) (int, error) {
		if err := a.Lock.Acquire(ctx); err != nil && err != ErrOwnerDied {
			return 0, err
		}
		return 0, hang()
	})
	testLockRelease = Register("test.lock.release", func(ctx context.Context, a lockArgs) (int, error) {
		return 0, a.Lock.Release()
	})
)

// countInFile adds N to the number in a file, one by one, with nothing but the
// lock to make that right.
func countInFile(ctx context.Context, a lockArgs) error {
	for range a.N {
		if err := a.Lock.Acquire(ctx); err != nil {
			return err
		}
		b, err := os.ReadFile(a.File)
		if err != nil {
			return err
		}
		if err := os.WriteFile(a.File, append(b, 'x'), 0o600); err != nil {
			return err
		}
		if err := a.Lock.Release(); err != nil {
			return err
		}
	}
	return nil
}

func TestLock(t *testing.T) {
	l := closing(t, must(NewLock())(t), nil)
	if err := l.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	if l.TryAcquire() || !l.Locked() {
		t.Error("acquired twice")
	}
	if err := l.AcquireTimeout(shortly); err != ErrTimeout {
		t.Errorf("timeout: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := l.Acquire(ctx); err != context.DeadlineExceeded {
		t.Errorf("context: %v", err)
	}
	if err := l.Release(); err != nil || l.Locked() {
		t.Error(err)
	}
	if err := l.Release(); err != ErrNotHeld {
		t.Errorf("released twice: %v", err)
	}
}

func TestLockExcludesProcesses(t *testing.T) {
	l := closing(t, must(NewLock())(t), nil)
	a := lockArgs{l, t.TempDir() + "/count", 150}
	if err := os.WriteFile(a.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p, q := run(t, testLockCount, a), run(t, testLockCount, a)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := countInFile(soon(t), a); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	join(t, p, q)
	if info, err := os.Stat(a.File); err != nil || info.Size() != 4*150 {
		t.Errorf("counted to %v, want 600; %v", info, err)
	}
}

func TestLockReleasedByAnotherProcess(t *testing.T) {
	l := closing(t, must(NewLock())(t), nil)
	if err := l.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	join(t, run(t, testLockRelease, lockArgs{Lock: l}))
	if !l.TryAcquire() {
		t.Error("still held")
	}
	l.Release()
}

func TestLockOwnerKilled(t *testing.T) {
	for _, how := range []string{"acquire", "timeout", "try"} {
		l := closing(t, must(NewLock())(t), nil)
		p := run(t, testLockHold, lockArgs{Lock: l})
		eventually(t, "the child holds the lock", l.Locked)
		slay(t, p)
		switch how {
		case "acquire":
			if err := l.Acquire(soon(t)); err != ErrOwnerDied {
				t.Errorf("Acquire: %v", err)
			}
		case "timeout":
			if err := l.AcquireTimeout(0); err != ErrOwnerDied {
				t.Errorf("AcquireTimeout: %v", err)
			}
		case "try":
			if !l.TryAcquire() {
				t.Error("TryAcquire: no")
			}
		}
		if !l.OwnerDied() {
			t.Error("OwnerDied: no")
		}
		if err := l.Release(); err != nil || l.OwnerDied() {
			t.Error(err, l.OwnerDied())
		}
		if err := l.Acquire(soon(t)); err != nil {
			t.Errorf("after the recovery: %v", err)
		}
		l.Release()
	}
}

func TestLockClosed(t *testing.T) {
	l := must(NewLock())(t)
	live := shm.Live()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if shm.Live() != live-1 {
		t.Error("the segment was not closed, or twice")
	}
	if err := l.Acquire(soon(t)); err != ErrClosed {
		t.Error(err)
	}
	if err := l.Release(); err != ErrClosed {
		t.Error(err)
	}
	p := NewProcess(testLockRelease, lockArgs{Lock: l}, ProcessConfig{})
	if err := p.Start(); !errors.Is(err, ErrClosed) {
		t.Errorf("passed a closed lock to a child: %v", err)
		p.Join(soon(t))
	}
	p.Close()
}

func TestLockDoesNotAllocate(t *testing.T) {
	if shm.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	l := closing(t, must(NewLock())(t), nil)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { l.Acquire(ctx); l.Release() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
