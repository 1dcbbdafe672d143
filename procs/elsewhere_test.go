//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

// held is objects of which the parent holds something.
type held struct {
	Chroot    bool
	Lock      *Lock
	RLock     *RLock
	Semaphore *Semaphore
	Queue     *JoinableQueue[int]
	Barrier   *Barrier
	Condition *Condition
	Ready     *Event
}

const aWhile = 700 * time.Millisecond // several slices of sleep

// testElsewhere asks for what its parent holds from where the parent cannot be
// seen: nothing is given up, and all is got when the parent lets go.
var testElsewhere = Register("test.elsewhere", func(ctx context.Context, h *held) (int, error) {
	if h.Chroot {
		dir, err := os.MkdirTemp("", "root")
		if err != nil {
			return 0, err
		}
		if err := errors.Join(os.Chdir(dir), os.Remove(dir), syscall.Chroot(".")); err != nil {
			return 0, err
		}
	}
	if !ParentProcess().IsAlive() {
		return 0, errors.New("the parent is taken for dead")
	}
	waits := map[string]func(time.Duration) error{
		"Lock":      h.Lock.AcquireTimeout,
		"RLock":     h.RLock.AcquireTimeout,
		"Semaphore": h.Semaphore.AcquireTimeout,
		"Queue": func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			err := h.Queue.Join(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = ErrTimeout
			}
			return err
		},
	}
	type outcome struct {
		what string
		err  error
	}
	out := make(chan outcome)
	for what, waits := range waits {
		go func() {
			if err := waits(aWhile); !errors.Is(err, ErrTimeout) {
				out <- outcome{what, fmt.Errorf("while the parent holds it: %w", err)}
				return
			}
			out <- outcome{what, nil}
			out <- outcome{what, waits(wait.Patience)}
		}()
	}
	for i := range 2 * len(waits) {
		if i == len(waits) {
			h.Ready.Set()
		}
		if o := <-out; o.err != nil {
			return 0, fmt.Errorf("%s: %w", o.what, o.err)
		}
	}
	// The parent waits at the barrier: it is not taken for dead there either.
	for h.Barrier.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	party := func() { _, err := h.Barrier.WaitTimeout(wait.Patience); out <- outcome{"Barrier", err} }
	go party()
	time.Sleep(aWhile)
	go party()
	for range 2 {
		if o := <-out; o.err != nil {
			return 0, fmt.Errorf("%s: %w", o.what, o.err)
		}
	}
	// It waits for the condition: its place is kept while we look for the dead.
	for h.Condition.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := h.Condition.Acquire(ctx); err != nil {
		return 0, err
	}
	if err := h.Condition.WaitTimeout(aWhile); !errors.Is(err, ErrTimeout) {
		return 0, err
	}
	if n := h.Condition.Waiting(); n != 1 {
		return 0, fmt.Errorf("%d wait for the condition", n)
	}
	return 0, errors.Join(h.Condition.Notify(1), h.Condition.Release())
})

// The holder of a lock, of permits, of tasks, a party of a barrier and one who
// waits for a condition cannot be seen by a process that entered a root
// directory without /proc (as preforking servers do), or runs in a pid
// namespace of its own: they are alive nevertheless. gbrain#2840.
func TestHolderSeenFromElsewhere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change its root directory and its namespaces")
	}
	exe := must(os.Executable())(t)
	wrapper := filepath.Join(t.TempDir(), "wrapper")
	for _, c := range []struct{ name, script string }{
		{"chroot", ""},
		{"namespace", "exec unshare -p -f --mount-proc"},
		{"namespace without its proc", "exec unshare -p -f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &held{
				Chroot:    c.script == "",
				Lock:      must(NewLock())(t),
				RLock:     must(NewRLock())(t),
				Semaphore: must(NewSemaphore(1))(t),
				Queue:     must(NewJoinableQueue[int](0))(t),
				Barrier:   must(NewBarrier(3, nil))(t),
				Condition: must(NewCondition(nil))(t),
				Ready:     must(NewEvent())(t),
			}
			ctx := soon(t)
			var n int
			if err := errors.Join(h.Lock.Acquire(ctx), h.RLock.Acquire(ctx), h.Semaphore.Acquire(ctx), h.Queue.Put(ctx, 1)); err != nil {
				t.Fatal(err)
			}
			n, err := h.Queue.Get(ctx)
			if n != 1 || err != nil {
				t.Fatal(n, err)
			}
			var errs strings.Builder
			config := ProcessConfig{Stderr: &errs}
			if c.script != "" {
				config.Executable = wrapper
				text := fmt.Sprintf("#!/bin/sh\n%s %s \"$@\"\n", c.script, exe)
				if err := os.WriteFile(wrapper, []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			p := NewProcess(testElsewhere, h, config)
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			ready := make(chan error, 1)
			go func() { ready <- h.Ready.Wait(ctx) }()
			select {
			case err := <-ready:
				if err != nil {
					t.Fatal(err)
				}
			case <-p.Sentinel():
				if strings.Contains(errs.String(), syscall.EPERM.Error()) {
					t.Skip("may not make a namespace here")
				}
				t.Fatal(errs.String())
			}
			if err := errors.Join(h.Lock.Release(), h.RLock.Release(), h.Semaphore.Release(), h.Queue.TaskDone()); err != nil {
				t.Fatal("what the parent held was taken from it:", err)
			}
			if _, err := h.Barrier.Wait(ctx); err != nil {
				t.Fatal(err, errs.String())
			}
			if err := errors.Join(h.Condition.Acquire(ctx), h.Condition.Wait(ctx), h.Condition.Release()); err != nil {
				t.Fatal(err, errs.String())
			}
			if err := p.Join(ctx); err != nil {
				t.Fatal(err)
			}
			if code, _ := p.ExitCode(); code != 0 {
				t.Fatal(code, errs.String())
			}
		})
	}
}
