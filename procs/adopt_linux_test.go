package procs

import (
	"os"
	"reflect"
	"runtime/debug"
	"testing"

	"switchyard/procs/internal/codec"
)

// What was adopted of a value that cannot be decoded is closed at once, not
// when the garbage collector comes round: neither the object that turns out to
// be another, nor those before it in the same value keep a descriptor.
func TestAdoptFails(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	lock := closing(t, must(NewLock())(t), nil)
	condition := closing(t, must(NewCondition(must(NewRLock())(t)))(t), nil)
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
	} {
		before := descriptors(t)
		out, in := pair(lock, c.sent), pair(new(Lock), c.into)
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
