//go:build linux

package procs

import (
	"context"
	"testing"
)

type rlockArgs struct {
	RLock *RLock
	Try   bool
}

var (
	testRLockHold = Register("test.rlock.hold", func(ctx context.Context, a rlockArgs) (int, error) {
		for range 2 {
			if err := a.RLock.Acquire(ctx); err != nil {
				return 0, err
			}
		}
		return 0, hang()
	})
	testRLockTry = Register("test.rlock.try", func(ctx context.Context, a rlockArgs) (int, error) {
		if a.RLock.TryAcquire() {
			return 0, exit2
		}
		if err := a.RLock.Release(); err != ErrNotHeld {
			return 0, exit2
		}
		return 0, nil
	})
)

// exit2 fails a child.
const exit2 = ExitCode(2)

func TestRLock(t *testing.T) {
	l := closing(t, must(NewRLock())(t), nil)
	for depth := range 3 {
		if err := l.Acquire(soon(t)); err != nil || l.Depth() != depth+1 {
			t.Fatal(err, l.Depth())
		}
	}
	if !l.TryAcquire() || l.Depth() != 4 {
		t.Error("the owner cannot try")
	}
	other := make(chan error)
	go func() {
		if l.TryAcquire() {
			t.Error("another goroutine acquired it")
		}
		if err := l.AcquireTimeout(shortly); err != ErrTimeout {
			t.Errorf("another goroutine: %v", err)
		}
		other <- l.Release()
	}()
	if err := <-other; err != ErrNotHeld {
		t.Errorf("another goroutine released it: %v", err)
	}
	join(t, run(t, testRLockTry, rlockArgs{RLock: l}))
	for range 4 {
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	if err := l.Release(); err != ErrNotHeld {
		t.Errorf("released too often: %v", err)
	}
	go func() { other <- l.Acquire(soon(t)) }()
	if err := <-other; err != nil {
		t.Errorf("not free in the end: %v", err)
	}
}

func TestRLockOwnerKilled(t *testing.T) {
	l := closing(t, must(NewRLock())(t), nil)
	p := run(t, testRLockHold, rlockArgs{RLock: l})
	eventually(t, "the child holds it twice", func() bool { return l.m.Holder() != 0 && l.owner.depth.Load() == 2 })
	slay(t, p)
	if err := l.Acquire(soon(t)); err != ErrOwnerDied || l.Depth() != 1 {
		t.Error(err, l.Depth())
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if err := l.Acquire(soon(t)); err != nil {
		t.Error(err)
	}
}
