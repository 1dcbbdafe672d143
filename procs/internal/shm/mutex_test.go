//go:build linux

package shm

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

func makeMutex(t testing.TB) (*Segment, *Mutex) {
	t.Helper()
	seg := makeSegment(t, 4096)
	m := new(Mutex)
	m.Open(seg, 0)
	return seg, m
}

func init() {
	// counts up the plain word at 64, n times, under the mutex at 0.
	children["mutex-count"] = func(seg *Segment, args []string) {
		n, err := strconv.Atoi(args[0])
		check(err)
		var m Mutex
		m.Open(seg, 0)
		for range n {
			if err := m.Lock(patient()); err != nil && err != ErrOwnerDied {
				check(err)
			}
			b := seg.Bytes()[64:]
			binary.NativeEndian.PutUint64(b, binary.NativeEndian.Uint64(b)+1)
			check(m.Unlock())
		}
	}
	// takes the mutex, says so, and holds it until it is killed.
	children["mutex-hold"] = func(seg *Segment, args []string) {
		var m Mutex
		m.Open(seg, 0)
		if err := m.Lock(patient()); err != nil && err != ErrOwnerDied {
			check(err)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Hour)
	}
	// acquires and releases for ever; the word at 64 and the one at 72 are
	// equal whenever the mutex is free.
	children["mutex-churn"] = func(seg *Segment, args []string) {
		var m Mutex
		m.Open(seg, 0)
		a, b := At[atomic.Uint64](seg.Bytes(), 64), At[atomic.Uint64](seg.Bytes(), 72)
		for {
			switch err := m.Lock(patient()); err {
			case nil:
				if a.Load() != b.Load() {
					check(errors.New("two owners at once, or a death that nobody was told of"))
				}
			case ErrOwnerDied:
				b.Store(a.Load()) // repair
			default:
				check(err)
			}
			a.Add(1)
			b.Add(1)
			check(m.Unlock())
		}
	}
	children["mutex-bench"] = func(seg *Segment, args []string) {
		n, err := strconv.Atoi(args[0])
		check(err)
		var m Mutex
		m.Open(seg, 0)
		At[atomic.Uint32](seg.Bytes(), 64).Add(1) // here
		for start := At[atomic.Uint32](seg.Bytes(), 68); start.Load() == 0; {
		}
		for range n {
			check(m.Lock(&Wait{}))
			check(m.Unlock())
		}
	}
}

func TestMutexExcludes(t *testing.T) {
	const procs, perProc, goroutines = 3, 20_000, 4
	seg, m := makeMutex(t)
	var all []*child
	for range procs {
		all = append(all, startChild(t, "mutex-count", seg, strconv.Itoa(perProc)))
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range perProc / goroutines {
				if err := m.Lock(patient()); err != nil {
					t.Error(err)
					return
				}
				b := seg.Bytes()[64:]
				binary.NativeEndian.PutUint64(b, binary.NativeEndian.Uint64(b)+1)
				m.Unlock()
			}
		})
	}
	wg.Wait()
	for _, c := range all {
		c.join(t)
	}
	if got := binary.NativeEndian.Uint64(seg.Bytes()[64:]); got != (procs+1)*perProc {
		t.Errorf("counted to %d, want %d", got, (procs+1)*perProc)
	}
}

func TestMutexOwnerDies(t *testing.T) {
	seg, m := makeMutex(t)
	for range 3 {
		c := startHolder(t, seg)
		if m.TryLock() || m.TryRecover() {
			t.Fatal("took a mutex that a living process holds")
		}
		if got := m.Holder().PID(); got != c.Process.Pid {
			t.Errorf("holder %d, want %d", got, c.Process.Pid)
		}
		const waiters = 5
		var died, held atomic.Int32
		var wg sync.WaitGroup
		for range waiters {
			wg.Go(func() {
				switch err := m.Lock(patient()); err {
				case ErrOwnerDied:
					died.Add(1)
				case nil:
				default:
					t.Error(err)
					return
				}
				held.Add(1)
				m.Unlock()
			})
		}
		c.Process.Kill() // and not waited for: a zombie is dead
		wg.Wait()
		if died.Load() != 1 || held.Load() != waiters {
			t.Errorf("%d of %d were told of the death and %d got the mutex; want 1 and all", died.Load(), waiters, held.Load())
		}
	}
}

func startHolder(t *testing.T, seg *Segment) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprint(childEnv, "=mutex-hold ", seg.Size()))
	c.ExtraFiles = []*os.File{seg.File()}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatal(line, err)
	}
	return c
}

func TestMutexStoppedOwnerIsAlive(t *testing.T) {
	seg, m := makeMutex(t)
	c := startHolder(t, seg)
	c.Process.Signal(syscall.SIGSTOP)
	if err := m.Lock(&Wait{Deadline: time.Now().Add(300 * time.Millisecond)}); err != ErrTimeout {
		t.Errorf("owner stopped: %v, want a timeout", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := m.Lock(&Wait{Context: ctx}); err != context.DeadlineExceeded {
		t.Errorf("context: %v", err)
	}
}

// Processes are killed at random instructions of acquiring and releasing.
// Nobody hangs, and every death within is told.
func TestMutexChurnAndKill(t *testing.T) {
	seg, m := makeMutex(t)
	a, b := At[atomic.Uint64](seg.Bytes(), 64), At[atomic.Uint64](seg.Bytes(), 72)
	var running []*child
	for i := range 40 {
		running = append(running, startChild(t, "mutex-churn", seg))
		if len(running) == 3 {
			// They get it, whoever has died before.
			before := a.Load()
			wait.Until(t, "somebody gets the mutex", func() bool { return a.Load() != before })
			time.Sleep(time.Duration(i) * time.Millisecond)
			running[0].Process.Kill()
			if err := running[0].Wait(); err.Error() != "signal: killed" {
				t.Fatal(err)
			}
			running = running[1:]
		}
	}
	for _, c := range running {
		c.Process.Kill()
		c.Wait()
	}
	switch err := m.Lock(patient()); err {
	case nil:
		if a.Load() != b.Load() {
			t.Error("a death that nobody was told of")
		}
	case ErrOwnerDied:
	default:
		t.Fatal(err)
	}
	m.Unlock()
	if err := m.Unlock(); err != ErrNotLocked {
		t.Errorf("released twice: %v", err)
	}
}

func TestOwnerOfReusedPID(t *testing.T) {
	me := Self()
	if !me.Alive() || me.PID() != os.Getpid() {
		t.Errorf("%x: not alive, or not %d", me, os.Getpid())
	}
	if other := makeOwner(me.PID(), fold(me.start(), startBits), me.place()); other.Alive() {
		t.Error("a process with our pid that started at another time is alive")
	}
}

func BenchmarkMutex(b *testing.B) {
	b.Run("uncontended", func(b *testing.B) {
		_, m := makeMutex(b)
		for range b.N {
			m.Lock(forever)
			m.Unlock()
		}
	})
	b.Run("contended", func(b *testing.B) {
		seg, m := makeMutex(b)
		c := startChild(b, "mutex-bench", seg, strconv.Itoa(b.N/2))
		for here := At[atomic.Uint32](seg.Bytes(), 64); here.Load() == 0; {
			time.Sleep(time.Millisecond)
		}
		b.ResetTimer()
		At[atomic.Uint32](seg.Bytes(), 68).Store(1)
		for range b.N - b.N/2 {
			m.Lock(forever)
			m.Unlock()
		}
		c.join(b)
	})
}
