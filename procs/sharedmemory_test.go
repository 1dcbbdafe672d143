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
	"time"
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
	testMemoryAnswer = Register("test.memory.answer", func(ctx context.Context, a memoryArgs) (int, error) {
		if s := string(a.Memory.Bytes()[:5]); s != "asked" {
			return 0, fmt.Errorf("%q", s)
		}
		copy(a.Memory.Bytes(), "given")
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
	testMemoryAttachAndHang = Register("test.memory.attachandhang", func(ctx context.Context, a memoryArgs) (int, error) {
		m, err := AttachSharedMemory(a.Name)
		if err != nil {
			return 0, err
		}
		m.Bytes()[99] = 1
		return 0, hang()
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
	copy(m.Bytes(), "asked")
	join(t, run(t, testMemoryAnswer, memoryArgs{Memory: m}))
	if string(m.Bytes()[:5]) != "given" {
		t.Errorf("%q", m.Bytes())
	}
	if s := m.String(); s != `<SharedMemory "" of 100 bytes>` {
		t.Error(s)
	}
	for _, size := range []int{0, -1} {
		if _, err := NewSharedMemory(size); !errors.Is(err, os.ErrInvalid) {
			t.Error(err)
		}
		if _, err := CreateSharedMemory(memoryName(t), size); !errors.Is(err, os.ErrInvalid) {
			t.Error(err)
		}
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
	if s := m.String(); s != fmt.Sprintf("<SharedMemory %q of 100 bytes>", name) {
		t.Error(s)
	}
	also := closing(t, must(AttachSharedMemory(name))(t), nil)
	if m.Bytes()[0] = 42; also.Bytes()[0] != 42 || also.Size() != 100 || also.Name() != name {
		t.Error(also, also.Bytes()[0])
	}
	if err := also.Unlink(); err != nil { // anyone may, once
		t.Error(err)
	}
	for _, again := range []*SharedMemory{also, m, m} {
		if err := again.Unlink(); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if _, err := AttachSharedMemory(name); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, bad := range []string{"", "a/b", "a\x00b", name + "\x00a"} {
		if _, err := CreateSharedMemory(bad, 100); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("create %q: %v", bad, err)
		}
		if _, err := AttachSharedMemory(bad); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("attach %q: %v", bad, err)
		}
	}
	if m.Bytes()[0] != 42 { // who has it keeps it
		t.Errorf("%q", m.Bytes())
	}
	// The name is free again, and is another block then.
	other := closing(t, must(CreateSharedMemory(name, 10))(t), nil)
	if other.Bytes()[0] != 0 {
		t.Error("the old block under the new name")
	}
	if err := other.Unlink(); err != nil {
		t.Error(err)
	}
}

// Unlink is of the block and not of the name: whoever has an old block, made,
// attached, or passed on, closed or not, leaves the new one of the name alone.
// A supervisor that cleans up after a restart does that (socket-proxy#175).
func TestSharedMemoryUnlinkTakeover(t *testing.T) {
	name := memoryName(t)
	made := must(CreateSharedMemory(name, 100))(t)
	attached := must(AttachSharedMemory(name))(t)
	x, y, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	defer y.Close()
	var passed *SharedMemory
	if err := errors.Join(x.Send(made), y.Recv(&passed)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("/dev/shm/" + name); err != nil {
		t.Fatal(err)
	}
	fresh := closing(t, must(CreateSharedMemory(name, 10))(t), nil)
	for i, old := range []*SharedMemory{made, attached, passed} {
		if i > 0 {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := old.Unlink(); !errors.Is(err, os.ErrNotExist) {
			t.Error(i, err)
		}
		old.Close()
		again, err := AttachSharedMemory(name)
		if err != nil {
			t.Fatal("the new block lost its name:", err)
		}
		again.Close()
	}
	if err := fresh.Unlink(); err != nil {
		t.Error(err)
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
	elems := []any{7, "howdy", []byte("HoWdY"), -273.25, nil, true, false, "", int64(1) << 60, 7}
	want := []any{int64(7), "howdy", []byte("HoWdY"), -273.25, nil, true, false, "", int64(1) << 60, int64(7)}
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
	if s := l.String(); s != fmt.Sprintf("<ShareableList \"\" %v>", want) {
		t.Error(s)
	}
	join(t, run(t, testListChange, memoryArgs{List: l}))
	if l.Get(1) != "bye" || l.Get(0) != 2.5 {
		t.Error(l.Get(1), l.Get(0))
	}
	for _, c := range []struct {
		i    int
		v    any
		want error
	}{
		{1, "howdy!!!", nil},     // the room is a multiple of 8
		{1, "encod\u00e9s", nil}, // bytes count, not letters
		{1, "encod\u00e9es", ErrTooLong},
		{2, []byte("123456789"), ErrTooLong},
		{1, "too long a text", ErrTooLong},
		{4, "some", nil}, // the type may change
		{4, "far too many", ErrTooLong},
		{3, 42, nil},
		{1, struct{}{}, ErrEncode},
	} {
		before := l.Get(c.i)
		err := l.Set(c.i, c.v)
		if c.want == nil {
			if before = c.v; c.v == any(42) {
				before = int64(42)
			}
		}
		if !errors.Is(err, c.want) || err != nil && c.want == nil || !reflect.DeepEqual(l.Get(c.i), before) {
			t.Errorf("%d is %v after %v: %v", c.i, l.Get(c.i), c.v, err)
		}
	}
	if !reflect.DeepEqual(l.Get(2), []byte("HoWdY")) {
		t.Errorf("something was spilt: %v", l)
	}
	if l.Index(true) != 5 || l.Index("none") != -1 || l.Index("7") != -1 || l.Index([]byte("HoWdY")) != 2 || l.Index(7) != 9 {
		t.Error(l.Index(true), l.Index("none"), l.Index("7"), l.Index([]byte("HoWdY")), l.Index(7))
	}
	l.Set(0, 42)
	if l.Count(false) != 1 || l.Count(42) != 2 || l.Count([]byte("HoWdY")) != 1 || l.Count([]byte("adios")) != 0 {
		t.Error(l.Count(false), l.Count(42), l.Count([]byte("HoWdY")), l.Count([]byte("adios")))
	}
	if _, err := NewShareableList(1, []string{}); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	mustPanic(t, "an index out of range", func() { l.Get(10) })
	mustPanic(t, "an index out of range", func() { l.Set(10, 2) })
	mustPanic(t, "an index out of range", func() { l.Get(-1) })

	empty := closing(t, must(NewShareableList())(t), nil)
	if empty.Len() != 0 || empty.Count("any") != 0 || empty.Index(nil) != -1 {
		t.Error(empty)
	}
}

func TestShareableListNamed(t *testing.T) {
	name := memoryName(t)
	a := closing(t, must(CreateShareableList(name, 1, "two"))(t), nil)
	b := closing(t, must(AttachShareableList(name))(t), nil)
	b.Set(0, 10)
	if a.Get(0) != int64(10) || b.Get(1) != "two" || b.Memory().Name() != name || b.String() != fmt.Sprintf("<ShareableList %q [10 two]>", name) {
		t.Error(a, b)
	}
	// A duplicate is another list.
	elems := make([]any, a.Len())
	for i, e := range a.All {
		elems[i] = e
	}
	c := closing(t, must(CreateShareableList(name+"2", elems...))(t), nil)
	if c.Set(0, 77); c.Get(0) != int64(77) || c.Get(1) != "two" || a.Get(0) != int64(10) {
		t.Error(a, c)
	}
	if err := c.Memory().Unlink(); err != nil {
		t.Error(err)
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
	if err := errors.Join(l.Close(), l.Close()); err != nil || l.String() != "<ShareableList closed>" {
		t.Error(err, l)
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
	slay(t, func() *Process {
		p := run(t, testMemoryAttachAndHang, memoryArgs{Name: name, Memory: m})
		eventually(t, "it has attached", func() bool { return m.Bytes()[99] == 1 })
		return p
	}())
	time.Sleep(100 * time.Millisecond) // cannot wait for what must not happen
	closing(t, must(AttachSharedMemory(name))(t), nil)
	if err := m.Unlink(); err != nil {
		t.Error(err)
	}
}
