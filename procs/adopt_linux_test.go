package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/shm"
)

// What was adopted of a value that cannot be decoded is closed at once, not
// when the garbage collector comes round: neither the object that turns out to
// be another, nor those before it in the same value keep a descriptor.
func TestAdoptFails(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	first := closing(t, must(NewLock())(t), nil) // another, or the second would be but a reference to it
	lock := closing(t, must(NewLock())(t), nil)
	condition := closing(t, must(NewCondition(must(NewRLock())(t)))(t), nil)
	wrong := closing(t, must(NewCondition(nil))(t), nil)
	wrong.lock.(*RLock).shared.header().kind.Store(kindEvent)
	memory := closing(t, must(NewSharedMemory(1<<12))(t), nil)
	list := closing(t, must(NewShareableList(1, "two"))(t), nil)
	queue := closing(t, must(NewQueue[int](1))(t), nil)
	value := closing(t, must(NewValue(1))(t), nil)
	array := closing(t, must(NewArrayOf(1, 2))(t), nil)
	event := closing(t, must(NewEvent())(t), nil)
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	for _, c := range []struct{ sent, into handle }{
		{event, new(Lock)}, {lock, new(RLock)}, {event, new(Semaphore)},
		{lock, new(Event)}, {lock, new(Condition)}, {event, new(Barrier)},
		{lock, new(Queue[int])}, {queue, new(Value[int])},
		{value, new(Value[int32])}, {array, new(Array[int32])},
		{event, new(Array[int])},
		{memory, new(ShareableList)}, {list, new(Lock)}, {memory, new(Conn)},
		{condition, new(Lock)}, {event, new(RawArray[int])},
		{lock, new(RawValue[int])}, {a, new(SharedMemory)},
		{queue, new(Condition)}, {wrong, new(Condition)}, {list, new(Queue[int])},
	} {
		before := descriptors(t)
		out, in := pair(first, c.sent), pair(new(Lock), c.into)
		var w wire
		b, err := must(codec.MessageFor(out.Type()))(t).Encode(nil, out.Interface(), &w)
		if err != nil {
			t.Fatal(err)
		}
		into := reflect.New(in.Type())
		if err := must(codec.MessageFor(in.Type()))(t).Decode(b, into, &w); err == nil {
			t.Errorf("a %T was taken for a %T", c.sent, c.into)
		}
		w.Close()
		if after := descriptors(t); after != before {
			t.Errorf("a %T that came as a %T: %d descriptors, %d before", c.sent, c.into, after, before)
		}
	}
}

// pair returns a struct of the two.
func pair(a, b any) reflect.Value {
	v := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeOf(a)},
		{Name: "B", Type: reflect.TypeOf(b)},
	})).Elem()
	v.Field(0).Set(reflect.ValueOf(a))
	v.Field(1).Set(reflect.ValueOf(b))
	return v
}

// descriptors counts what is open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// A descriptor that cannot be mapped is not taken for memory, whatever kind of
// object is made of it: a handle without memory would look like a closed one.
func TestAdoptNoMemory(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	null := must(os.Open(os.DevNull))(t)
	defer null.Close()
	empty := must(os.Create(filepath.Join(t.TempDir(), "empty")))(t)
	defer empty.Close()
	for name, f := range map[string]*os.File{"a pipe": r, "a device": null, "an empty file": empty} {
		size := uint64(1 << 12)
		if f == empty {
			size = 0 // all there is
		}
		for _, into := range []handle{new(SharedMemory), new(ShareableList), new(Event), new(Barrier), new(Queue[int])} {
			before := descriptors(t)
			w := wire{Buf: binary.AppendUvarint(nil, size)}
			w.PutString("") // not named
			w.PutFD(int(f.Fd()))
			if err := into.adopt(&w); err == nil {
				t.Errorf("%s was taken for a %T", name, into)
			}
			into.(io.Closer).Close()
			if after := descriptors(t); after != before {
				t.Errorf("%s as a %T: %d descriptors, %d before", name, into, after, before)
			}
		}
	}
}

// An object of the right kind that is too small for what it says it holds, or
// holds something else than the receiver's type, is not taken: the sender may
// be broken.
func TestAdoptDamaged(t *testing.T) {
	memory := func(words ...uint64) *SharedMemory {
		m := closing(t, must(NewSharedMemory(8*len(words)))(t), nil)
		for i, w := range words {
			binary.NativeEndian.PutUint64(m.Bytes()[8*i:], w)
		}
		return m
	}
	for _, c := range []struct {
		name   string
		kind   uint64
		size   int // beside the header
		params []uint64
		into   handle
		ok     bool
	}{
		{"lock", kindLock, shm.MutexSize, nil, new(Lock), true},
		{"lock, a byte less", kindLock, shm.MutexSize - 1, nil, new(Lock), false},
		{"rlock", kindRLock, int(sizeof[rlockOwner]()), nil, new(RLock), true},
		{"rlock, a byte less", kindRLock, int(sizeof[rlockOwner]()) - 1, nil, new(RLock), false},
		{"semaphore", kindSemaphore, semaphoreSize(), nil, new(Semaphore), true},
		{"semaphore, a byte less", kindSemaphore, semaphoreSize() - 1, nil, new(Semaphore), false},
		{"event", kindEvent, eventSize, nil, new(Event), true},
		{"event, a byte less", kindEvent, eventSize - 1, nil, new(Event), false},
		{"barrier", kindBarrier, barrierSize(3), []uint64{3}, new(Barrier), true},
		{"barrier, a byte less", kindBarrier, barrierSize(3) - 1, []uint64{3}, new(Barrier), false},
		{"barrier of nobody", kindBarrier, barrierSize(3), []uint64{0}, new(Barrier), false},
		{"barrier of most", kindBarrier, barrierSize(maxParties), []uint64{maxParties}, new(Barrier), true},
		{"barrier of too many", kindBarrier, barrierSize(maxParties + 1), []uint64{maxParties + 1}, new(Barrier), false},
		{"value", kindValue, arraySize(1, 8), []uint64{8}, new(Value[int64]), true},
		{"value, a byte less", kindValue, arraySize(1, 8) - 1, []uint64{8}, new(Value[int64]), false},
		{"value of another size", kindValue, arraySize(1, 8), []uint64{4}, new(Value[int64]), false},
		{"array", kindArray, arraySize(5, 8), []uint64{8, 5}, new(Array[int64]), true},
		{"array of one more", kindArray, arraySize(5, 8) - 1, []uint64{8, 6}, new(Array[int64]), false},
		{"array of another size", kindArray, arraySize(5, 8), []uint64{4, 5}, new(Array[int64]), false},
		{"array of far too many", kindArray, arraySize(5, 8), []uint64{8, math.MaxUint64}, new(Array[int64]), false},
		{"queue without one", kindQueue, 0, nil, new(Queue[int64]), false},
	} {
		var s shared
		if err := s.create(c.kind, c.size, c.params...); err != nil {
			t.Fatal(err)
		}
		var w wire
		if err := s.shareAs(&w); err != nil {
			t.Fatal(err)
		}
		if _, ok := c.into.(*Lock); ok {
			w.Buf = append(binary.AppendUvarint(nil, bodyOffset), w.Buf...)
		}
		err := c.into.adopt(&w)
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, codec.ErrWire) && !errors.Is(err, shm.ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := errors.Join(c.into.(io.Closer).Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		off uint64
		ok  bool
	}{{bodyOffset, true}, {bodyOffset + 8, true}, {bodyOffset + 4, false}, {bodyOffset - 8, false}, {1<<20 + 8, false}, {1 << 63, false}} {
		v := must(NewArray[int64](1))(t)
		v.header().kind.Store(kindLock)
		w := wire{Buf: binary.AppendUvarint(nil, c.off)}
		before := descriptors(t)
		l := new(Lock)
		err := errors.Join(v.shareAs(&w), l.adopt(&w))
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, codec.ErrWire) {
			t.Errorf("a lock at %d: %v", c.off, err)
		}
		l.Close()
		if after := descriptors(t); after != before {
			t.Errorf("a lock at %d: %d descriptors, %d before", c.off, after, before)
		}
		v.Close()
	}
	for _, c := range []struct {
		name string
		m    *SharedMemory
		want string
	}{
		{"list", memory(listMagic, 2, 48, 64, 0, 0, 0, 0), ""},
		{"of nothing", memory(listMagic, 0), ""},
		{"cut in the head", memory(listMagic), "not a list"},
		{"of something else", memory(listMagic+1, 0), "not a list"},
		{"of more than there is", memory(listMagic, 2, 0), "list of 2 elements"},
		{"of far more", memory(listMagic, math.MaxUint64, 0), fmt.Sprintf("list of %d elements", uint64(math.MaxUint64))},
		{"with no room", memory(listMagic, 2, 47, 64, 0, 0, 0, 0), "list element 0"},
		{"that goes back", memory(listMagic, 2, 64, 48, 0, 0, 0, 0), "list element 1"},
		{"beyond its end", memory(listMagic, 2, 48, 65, 0, 0, 0, 0), "list element 1"},
	} {
		var w wire
		if err := c.m.share(&w); err != nil {
			t.Fatal(err)
		}
		l := new(ShareableList)
		if err := l.adopt(&w); c.want == "" && err != nil || c.want != "" && (!errors.Is(err, codec.ErrWire) || !strings.HasSuffix(err.Error(), ": "+c.want)) {
			t.Errorf("list %s: %v", c.name, err)
		}
		l.Close()
	}
}
