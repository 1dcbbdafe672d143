//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
)

type memoryArgs struct {
	Memory *SharedMemory
	List   *ShareableList
	Name   string
}

var (
	testMemoryWrite = Register("test.memory.write", func(ctx context.Context, a memoryArgs) (int, error) {
		copy(a.Memory.Bytes(), "written by a child")
		return 0, a.Memory.Close()
	})
	testMemoryAttach = Register("test.memory.attach", func(ctx context.Context, a memoryArgs) (int, error) {
		m, err := AttachSharedMemory(a.Name)
		if err != nil {
			return 0, err
		}
		copy(m.Bytes(), "attached")
		return 0, m.Close()
	})
	testMemoryCreate = Register("test.memory.create", func(ctx context.Context, a memoryArgs) (int, error) {
		if _, err := CreateSharedMemory(a.Name, 100); err != nil {
			return 0, err
		}
		return 0, hang()
	})
	testListChange = Register("test.list.change", func(ctx context.Context, a memoryArgs) (int, error) {
		if s, ok := a.List.Get(1).(string); !ok || s != "howdy" {
			return 0, fmt.Errorf("%v", a.List.Get(1))
		}
		return 0, errors.Join(a.List.Set(1, "bye"), a.List.Set(0, 2.5), a.List.Close())
	})
)

func memoryName(t testing.TB) string { return fmt.Sprintf("switchyard-%d-%s", os.Getpid(), t.Name()) }

func TestSharedMemory(t *testing.T) {
	m := closing(t, must(NewSharedMemory(100))(t), nil)
	join(t, run(t, testMemoryWrite, memoryArgs{Memory: m}))
	if !bytes.HasPrefix(m.Bytes(), []byte("written by a child")) || m.Size() != 100 || m.Name() != "" {
		t.Errorf("%q", m.Bytes())
	}
	if err := m.Unlink(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := NewSharedMemory(0); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := NewSharedMemory(1 << 50); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
}

func TestSharedMemoryNamed(t *testing.T) {
	name := memoryName(t)
	m := closing(t, must(CreateSharedMemory(name, 100))(t), nil)
	if _, err := CreateSharedMemory(name, 100); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	join(t, run(t, testMemoryAttach, memoryArgs{Name: name}))
	if !bytes.HasPrefix(m.Bytes(), []byte("attached")) || m.Name() != name {
		t.Errorf("%q", m.Bytes())
	}
	join(t, run(t, testMemoryWrite, memoryArgs{Memory: m})) // named ones can be passed on too
	if !bytes.HasPrefix(m.Bytes(), []byte("written")) {
		t.Errorf("%q", m.Bytes())
	}
	if err := m.Unlink(); err != nil {
		t.Error(err)
	}
	if err := m.Unlink(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := AttachSharedMemory(name); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, bad := range []string{"", "a/b", "a\x00b"} {
		if _, err := CreateSharedMemory(bad, 100); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSharedMemoryClosed(t *testing.T) {
	m := must(NewSharedMemory(10))(t)
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Error(err)
	}
	p := NewProcess(testMemoryWrite, memoryArgs{Memory: m}, ProcessConfig{})
	defer p.Close()
	if err := p.Start(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m.Bytes()
}

func TestSharedMemoryGoesWithItsKilledCreator(t *testing.T) {
	name := memoryName(t)
	p := run(t, testMemoryCreate, memoryArgs{Name: name})
	there := func() bool { _, err := os.Lstat("/dev/shm/" + name); return err == nil }
	eventually(t, "it is there", there)
	m := closing(t, must(AttachSharedMemory(name))(t), nil)
	slay(t, p)
	eventually(t, "it is gone", func() bool { return !there() })
	m.Bytes()[99] = 1 // who has it keeps it
}

func TestShareableList(t *testing.T) {
	elems := []any{7, "howdy", []byte("bytes"), -273.25, nil, true, false, "", int64(1) << 60}
	want := []any{int64(7), "howdy", []byte("bytes"), -273.25, nil, true, false, "", int64(1) << 60}
	l := closing(t, must(NewShareableList(elems...))(t), nil)
	var got []any
	for i, e := range l.All {
		if i != len(got) {
			t.Error(i)
		}
		got = append(got, e)
	}
	if !reflect.DeepEqual(got, want) || l.Len() != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	join(t, run(t, testListChange, memoryArgs{List: l}))
	if l.Get(1) != "bye" || l.Get(0) != 2.5 {
		t.Error(l.Get(1), l.Get(0))
	}
	if err := l.Set(1, "howdy!!!"); err != nil { // the room is a multiple of 8
		t.Error(err)
	}
	if err := l.Set(1, "too long a text"); !errors.Is(err, ErrTooLong) || l.Get(1) != "howdy!!!" {
		t.Error(err, l.Get(1))
	}
	if err := l.Set(1, struct{}{}); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	if l.Index(true) != 5 || l.Index("none") != -1 || l.Index([]byte("bytes")) != 2 || l.Count(false) != 1 {
		t.Error(l.Index(true), l.Index("none"), l.Index([]byte("bytes")), l.Count(false))
	}
	if _, err := NewShareableList(1, []string{}); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic for an index out of range")
			}
		}()
		l.Get(9)
	}()
}

func TestShareableListNamed(t *testing.T) {
	name := memoryName(t)
	a := closing(t, must(CreateShareableList(name, 1, "two"))(t), nil)
	b := closing(t, must(AttachShareableList(name))(t), nil)
	b.Set(0, 10)
	if a.Get(0) != int64(10) || b.Get(1) != "two" {
		t.Error(a.Get(0), b.Get(1))
	}
	clear(a.Memory().Bytes()[:8])
	if _, err := AttachShareableList(name); err == nil {
		t.Error("attached to what is not a list")
	}
	if err := a.Memory().Unlink(); err != nil {
		t.Error(err)
	}
}

func TestShareableListClosed(t *testing.T) {
	l := must(NewShareableList(1))(t)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	p := NewProcess(testListChange, memoryArgs{List: l}, ProcessConfig{})
	defer p.Close()
	if err := p.Start(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A process that only attached leaves the name alone when it ends.
func TestSharedMemoryAttachedIsNotTracked(t *testing.T) {
	name := memoryName(t)
	m := closing(t, must(CreateSharedMemory(name, 100))(t), nil)
	join(t, run(t, testMemoryAttach, memoryArgs{Name: name}))
	closing(t, must(AttachSharedMemory(name))(t), nil)
	if err := m.Unlink(); err != nil {
		t.Error(err)
	}
}
