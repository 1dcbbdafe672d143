//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"switchyard/procs"
)

func sharedMemoryManager(t testing.TB) *SharedMemoryManager {
	t.Helper()
	s := must(NewSharedMemoryManager(Config{}))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

// isThere reports whether a block can be found by its name.
func isThere(t testing.TB, name string) bool {
	t.Helper()
	m, err := procs.AttachSharedMemory(name)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return false
	}
	m.Close()
	return true
}

func TestSharedMemoryManager(t *testing.T) {
	if _, err := new(SharedMemoryManager).SharedMemory(9); !errors.Is(err, procs.ErrClosed) {
		t.Fatal("made by a manager that was not started:", err)
	}
	for name, end := range map[string]func(*SharedMemoryManager) error{
		"shutdown": func(s *SharedMemoryManager) error { return s.Shutdown(soon(t)) },
		"close":    (*SharedMemoryManager).Close,
		"killed":   func(s *SharedMemoryManager) error { slay(t, s.Process()); return s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := sharedMemoryManager(t)
			var names []string
			for i := 5; i < 10; i++ {
				elems := make([]any, i)
				for k := range elems {
					elems[k] = k
				}
				l := must(s.ShareableList(elems...))(t)
				defer l.Close()
				twin := must(procs.AttachShareableList(l.Memory().Name()))(t)
				defer twin.Close()
				if err := l.Set(i-1, -1); err != nil || twin.Len() != i || twin.Get(0) != int64(0) || twin.Get(i-1) != int64(-1) {
					t.Fatal(err, twin.Len(), twin.Get(0), twin.Get(i-1))
				}
				names = append(names, l.Memory().Name())
			}
			var blocks []*procs.SharedMemory
			for size := 32; size < 128; size += 16 {
				m := must(s.SharedMemory(size))(t)
				defer m.Close()
				if len(m.Bytes()) < size || !isThere(t, m.Name()) {
					t.Fatal(len(m.Bytes()), size)
				}
				blocks, names = append(blocks, m), append(names, m.Name())
			}
			if err := blocks[0].Unlink(); err != nil { // its name is gone before the manager is
				t.Fatal(err)
			}
			if _, err := s.SharedMemory(0); err == nil {
				t.Fatal("a block of no bytes")
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				eventually(t, "the name is gone", func() bool { return !isThere(t, n) })
			}
			blocks[1].Bytes()[0] = 1 // who has it keeps it
			if _, err := s.SharedMemory(9); err == nil {
				t.Fatal("made by a manager that has ended")
			}
		})
	}
}

// Ctrl-C reaches the manager's process as well, and does not end it.
func TestSharedMemoryManagerIgnoresInterrupt(t *testing.T) {
	s := sharedMemoryManager(t)
	for range 3 {
		if err := s.Process().Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		l := must(s.ShareableList("a", 1, true))(t)
		if l.Len() != 3 || l.Get(0) != "a" {
			t.Fatal(l.Len())
		}
		l.Close()
	}
	if !s.Process().IsAlive() {
		t.Fatal("it ended")
	}
	// It is the manager that ignores it, not we.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	defer signal.Stop(interrupts)
	if signal.Ignored(syscall.SIGINT) {
		t.Error("we ignore it")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-interrupts:
	case <-soon(t).Done():
		t.Error("it did not reach us")
	}
}

var testBlockInChild = procs.Register("test.manager.blockInChild", func(ctx context.Context, a *blockArgs) (int, error) {
	m, err := a.Manager.SharedMemory(100)
	if err != nil {
		return 0, err
	}
	copy(m.Bytes(), "from the child")
	return 0, errors.Join(a.Out.Send(m.Name()), m.Close(), a.Manager.Close())
})

type blockArgs struct {
	Manager *SharedMemoryManager
	Out     *procs.Conn
}

// A block that a child asked for outlives the child.
func TestSharedMemoryManagerInChild(t *testing.T) {
	s := sharedMemoryManager(t)
	r, w, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := run(t, testBlockInChild, &blockArgs{s, w})
	w.Close()
	var name string
	if err := r.Recv(&name); err != nil {
		t.Fatal(err)
	}
	join(t, p)
	m := must(procs.AttachSharedMemory(name))(t)
	defer m.Close()
	if got := string(m.Bytes()[:14]); got != "from the child" {
		t.Fatal(got)
	}
}

var testBlockCreator = procs.Register("test.manager.blockCreator", func(ctx context.Context, out *procs.Conn) (int, error) {
	s, err := NewSharedMemoryManager(Config{})
	if err != nil {
		return 0, err
	}
	m, err := s.SharedMemory(100)
	if err != nil {
		return 0, err
	}
	if err := out.Send(m.Name()); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	return 0, hang()
})

// The process that started the manager is killed, and the manager with it: no
// name stays behind.
func TestSharedMemoryManagerCreatorKilled(t *testing.T) {
	r, w, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := run(t, testBlockCreator, w)
	w.Close()
	var name string
	if err := r.Recv(&name); err != nil {
		t.Fatal(err)
	}
	if !isThere(t, name) {
		t.Fatal("not there at all")
	}
	slay(t, p)
	eventually(t, "the name is gone", func() bool { return !isThere(t, name) })
}

// All names go when the blocks are closed, of which some may be gone: that is
// no error.
func TestBlocksClose(t *testing.T) {
	b := new(blocks)
	var names []string
	for range 3 {
		names = append(names, must(b.memory(soon(t), 10))(t))
	}
	names = append(names, must(b.list(soon(t), []any{1, "two"}))(t))
	m := must(procs.AttachSharedMemory(names[1]))(t)
	if err := errors.Join(m.Unlink(), m.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil || len(b.all) != 0 {
			t.Error(err, len(b.all))
		}
	}
	for _, name := range names {
		if isThere(t, name) {
			t.Errorf("%s is there", name)
		}
	}
	if name, err := b.memory(soon(t), -1); name != "" || err == nil || len(b.all) != 0 {
		t.Error(name, err)
	}
	if name, err := b.list(soon(t), []any{struct{}{}}); name != "" || err == nil || len(b.all) != 0 {
		t.Error(name, err)
	}
}
