//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

type conditionArgs struct {
	Cond  *Condition
	Woken *Semaphore
	State *Value[int]
}

var (
	testConditionWait = Register("test.condition.wait", func(ctx context.Context, a conditionArgs) (int, error) {
		if err := a.Cond.Acquire(ctx); err != nil {
			return 0, err
		}
		if err := a.Cond.Wait(ctx); err != nil {
			return 0, err
		}
		if err := a.Cond.Release(); err != nil {
			return 0, err
		}
		return 0, a.Woken.Release()
	})
	testConditionGiveUp = Register("test.condition.giveup", func(ctx context.Context, a conditionArgs) (int, error) {
		return 0, giveUp(ctx, a)
	})
	testConditionNotify = Register("test.condition.notify", func(ctx context.Context, a conditionArgs) (int, error) {
		return 0, errors.Join(a.Cond.Acquire(ctx), a.Cond.Notify(1), a.Cond.Release())
	})
	testConditionCount = Register("test.condition.count", func(ctx context.Context, a conditionArgs) (int, error) {
		for range 4 {
			if err := a.Cond.Acquire(ctx); err != nil {
				return 0, err
			}
			v := a.State.Raw()
			*v++
			if err := a.Cond.NotifyAll(); err != nil {
				return 0, err
			}
			if err := a.Cond.Release(); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
)

// giveUp waits for what does not come.
func giveUp(ctx context.Context, a conditionArgs) error {
	if err := a.Cond.Acquire(ctx); err != nil {
		return err
	}
	if err := a.Cond.WaitTimeout(shortly); err != ErrTimeout {
		return fmt.Errorf("waited in vain: %w", err)
	}
	return errors.Join(a.Cond.Release(), a.Woken.Release())
}

func newConditionArgs(t *testing.T) conditionArgs {
	t.Helper()
	return conditionArgs{
		closing(t, must(NewCondition(nil))(t), nil),
		closing(t, must(NewSemaphore(0))(t), nil),
		closing(t, must(NewValue(0))(t), nil),
	}
}

// startWaiters makes n processes and n goroutines wait.
func startWaiters(t *testing.T, a conditionArgs, n int) (ps []*Process, done *sync.WaitGroup) {
	t.Helper()
	done = new(sync.WaitGroup)
	for range n {
		ps = append(ps, run(t, testConditionWait, a))
		done.Go(func() {
			a.Cond.Acquire(soon(t))
			if err := a.Cond.Wait(soon(t)); err != nil {
				t.Error(err)
			}
			a.Cond.Release()
			a.Woken.Release()
		})
	}
	eventually(t, "all wait", func() bool { return a.Cond.Waiting() == 2*n })
	return ps, done
}

func notify(t *testing.T, c *Condition, n int) {
	t.Helper()
	if err := c.Acquire(soon(t)); err != nil && err != ErrOwnerDied {
		t.Fatal(err)
	}
	if err := c.Notify(n); err != nil {
		t.Error(err)
	}
	if err := c.Release(); err != nil {
		t.Error(err)
	}
}

func woken(t *testing.T, a conditionArgs, n int) {
	t.Helper()
	for range n {
		if err := a.Woken.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if a.Woken.TryAcquire() {
		t.Errorf("more than %d were woken", n)
	}
}

func TestConditionNotify(t *testing.T) {
	a := newConditionArgs(t)
	ps, done := startWaiters(t, a, 1)
	woken(t, a, 0)
	notify(t, a.Cond, 1)
	woken(t, a, 1)
	if n := a.Cond.Waiting(); n != 1 {
		t.Errorf("%d still wait, want 1", n)
	}
	notify(t, a.Cond, 1)
	woken(t, a, 1)
	notify(t, a.Cond, 1) // nobody
	join(t, ps...)
	done.Wait()
}

func TestConditionNotifyN(t *testing.T) {
	a := newConditionArgs(t)
	ps, done := startWaiters(t, a, 3)
	woken(t, a, 0)
	for _, n := range []int{1, 2, 0, 3} {
		notify(t, a.Cond, n)
		woken(t, a, n)
	}
	notify(t, a.Cond, 5) // nobody
	join(t, ps...)
	done.Wait()
	woken(t, a, 0)
	if n := a.Cond.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestConditionNotifyAll(t *testing.T) {
	a := newConditionArgs(t)
	// Those who gave up are not counted.
	var gave []*Process
	for range 3 {
		gave = append(gave, run(t, testConditionGiveUp, a))
	}
	parties(3, func(int) {
		if err := giveUp(soon(t), a); err != nil {
			t.Error(err)
		}
	})
	join(t, gave...)
	woken(t, a, 6)
	if n := a.Cond.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	ps, done := startWaiters(t, a, 3)
	woken(t, a, 0)
	a.Cond.Acquire(soon(t))
	a.Cond.NotifyAll()
	a.Cond.Release()
	woken(t, a, 6)
	join(t, ps...)
	done.Wait()
}

func TestConditionTimeout(t *testing.T) {
	a := newConditionArgs(t)
	c := a.Cond
	if err := c.WaitTimeout(shortly); err != ErrNotHeld {
		t.Errorf("without the lock: %v", err)
	}
	if err := c.Notify(1); err != ErrNotHeld {
		t.Errorf("without the lock: %v", err)
	}
	for range 2 { // the whole depth is released and restored
		if err := c.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitTimeout(0); err != ErrTimeout {
		t.Error(err)
	}
	start := time.Now()
	if err := c.WaitTimeout(shortly); err != ErrTimeout || time.Since(start) < shortly {
		t.Error(err, time.Since(start))
	}
	p := run(t, testConditionNotify, a)
	if err := c.WaitTimeout(wait.Patience); err != nil { // the child had the lock while we waited
		t.Error(err)
	}
	join(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := c.Wait(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if d := c.Lock().(*RLock).Depth(); d != 2 || c.Waiting() != 0 {
		t.Errorf("depth %d, %d waiting", d, c.Waiting())
	}
	c.Release()
	c.Release()
}

func TestConditionWaitFor(t *testing.T) {
	a := newConditionArgs(t)
	c := a.Cond
	c.Acquire(soon(t))
	defer c.Release()
	p := run(t, testConditionCount, a)
	if err := c.WaitFor(soon(t), func() bool { return *a.State.Raw() == 4 }); err != nil {
		t.Error(err)
	}
	// Notifications that do not make it true do not end it.
	q := run(t, testConditionCount, a)
	start := time.Now()
	if err := c.WaitForTimeout(shortly, func() bool { return *a.State.Raw() == 100 }); err != ErrTimeout || time.Since(start) < shortly {
		t.Error(err, time.Since(start))
	}
	if err := c.WaitFor(soon(t), func() bool { return *a.State.Raw() == 8 }); err != nil {
		t.Error(err)
	}
	if err := c.WaitForTimeout(-1, func() bool { return true }); err != nil {
		t.Error(err)
	}
	c.Release()
	join(t, p, q)
	c.Acquire(soon(t))
}

// A notification does not end with the process it was meant for.
func TestConditionWaiterKilled(t *testing.T) {
	a := newConditionArgs(t)
	dead, alive := run(t, testConditionWait, a), (*Process)(nil)
	eventually(t, "the first waits", func() bool { return a.Cond.Waiting() == 1 })
	alive = run(t, testConditionWait, a)
	eventually(t, "the second waits", func() bool { return a.Cond.Waiting() == 2 })
	slay(t, dead)
	notify(t, a.Cond, 1)
	woken(t, a, 1)
	join(t, alive)
	if n := a.Cond.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// Nor with the process that it reached.
func TestConditionNotifiedWaiterKilled(t *testing.T) {
	a := newConditionArgs(t)
	dead := run(t, testConditionWait, a)
	eventually(t, "the first waits", func() bool { return a.Cond.Waiting() == 1 })
	alive := run(t, testConditionWait, a)
	eventually(t, "the second waits", func() bool { return a.Cond.Waiting() == 2 })
	if err := dead.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	notify(t, a.Cond, 1)
	if n := a.Cond.Waiting(); n != 1 {
		t.Errorf("%d wait after the notification of the first", n)
	}
	slay(t, dead)
	woken(t, a, 1)
	join(t, alive)
}

func TestConditionWithLock(t *testing.T) {
	l := closing(t, must(NewLock())(t), nil)
	c := must(NewCondition(l))(t)
	defer c.Close()
	var n atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := l.Acquire(soon(t)); err != nil {
				t.Error(err)
			}
			if err := c.WaitFor(soon(t), func() bool { return n.Load() >= 1 }); err != nil {
				t.Error(err)
			}
			l.Release()
		})
	}
	eventually(t, "all wait", func() bool { return c.Waiting() == 20 })
	if err := c.NotifyAll(); !errors.Is(err, ErrNotHeld) {
		t.Error(err)
	}
	l.Acquire(soon(t))
	n.Store(1)
	if err := c.NotifyAll(); err != nil {
		t.Error(err)
	}
	l.Release()
	wg.Wait()
	c.Close()
	if err := c.Wait(soon(t)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// More waits than there is room for: an error that says so, and the lock is
// still held. The others are notified as ever.
func TestConditionOfTooManyWaits(t *testing.T) {
	c := closing(t, must(NewCondition(nil))(t), nil)
	for i := range c.table.slots {
		c.table.slots[i].owner = 1 // of a namespace that nobody knows: never dead
		c.table.slots[i].state.Store(slotWaiting)
	}
	c.table.used = conditionSlots
	if err := c.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(soon(t)); !errors.Is(err, ErrNoSpace) || !c.lock.held() {
		t.Errorf("one more: %v", err)
	}
	c.table.slots[conditionSlots-1].state.Store(slotFree)
	if err := c.WaitTimeout(shortly); err != ErrTimeout || !c.lock.held() {
		t.Errorf("there is room: %v", err)
	}
	if err := c.NotifyAll(); err != nil || c.Waiting() != 0 {
		t.Error(err, c.Waiting())
	}
	if err := c.Release(); err != nil {
		t.Error(err)
	}
}

// A WaitFor that nobody notifies looks at its predicate once more when its time
// is over. It needs the lock from the beginning, and ends when the condition is
// closed.
func TestConditionWaitForEnds(t *testing.T) {
	for _, l := range []Locker{must(NewLock())(t), must(NewRLock())(t)} {
		c := must(NewCondition(l))(t)
		calls := 0
		after := func(n int) func() bool { calls = 0; return func() bool { calls++; return calls > n } }
		if err := c.WaitFor(soon(t), after(0)); err != ErrNotHeld || calls != 0 {
			t.Errorf("%T, not held: %v after %d calls", l, err, calls)
		}
		if err := c.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		for _, w := range []struct{ n, calls int }{{0, 1}, {1, 2}, {2, 2}} {
			var want error
			if w.calls <= w.n {
				want = ErrTimeout
			}
			if err := c.WaitForTimeout(time.Millisecond, after(w.n)); err != want || calls != w.calls || !l.held() {
				t.Errorf("%T, true after %d calls: %v after %d", l, w.n, err, calls)
			}
		}
		if err := c.Release(); err != nil {
			t.Error(err)
		}
		ended := make(chan error)
		go func() {
			err := l.Acquire(soon(t))
			ended <- errors.Join(err, c.Wait(soon(t)))
		}()
		eventually(t, "it waits", func() bool { return c.Waiting() == 1 })
		c.Close()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("%T, closed: %v", l, err)
		}
	}
}
