//go:build linux

package procs

import (
	"context"
	"errors"
	"os"
	"reflect"
	"runtime"
	"testing"
)

type point struct {
	X, Y float64
	N    int32
	On   bool
}

type valueArgs struct {
	Point *Value[point]
	Count *Value[int]
	Raw   *RawValue[[3]uint16]
	Array *Array[int64]
	Bytes *RawArray[byte]
	N     int
}

var (
	testValueChange = Register("test.value.change", func(ctx context.Context, a valueArgs) (int, error) {
		p, err := a.Point.Get()
		if err != nil {
			return 0, err
		}
		p.X, p.On = p.X*2, true
		a.Raw.Raw()[2] = 65535
		a.Bytes.Raw()[a.Bytes.Len()-1] = 'z'
		if err := a.Array.Set(1, 100); err != nil {
			return 0, err
		}
		return 0, a.Point.Set(p)
	})
	testArraySum = Register("test.array.sum", func(ctx context.Context, a arrayArgs) (int, error) {
		sums(a.Raw.Raw())
		return 0, a.Array.Update(ctx, sums)
	})
	testValueCount = Register("test.value.count", func(ctx context.Context, a valueArgs) (int, error) {
		for range a.N {
			if err := a.Count.Update(ctx, func(n *int) { *n++ }); err != nil && err != ErrOwnerDied {
				return 0, err
			}
		}
		return 0, nil
	})
)

func TestValue(t *testing.T) {
	a := valueArgs{
		Point: closing(t, must(NewValue(point{1.5, 2, 3, false}))(t), nil),
		Raw:   closing(t, must(NewRawValue([3]uint16{1, 2, 3}))(t), nil),
		Array: closing(t, must(NewArrayOf[int64](1, 2, 3))(t), nil),
		Bytes: closing(t, must(NewRawArray[byte](1000))(t), nil),
	}
	before, err := a.Point.Get()
	if err != nil || before != (point{1.5, 2, 3, false}) || *a.Raw.Raw() != [3]uint16{1, 2, 3} {
		t.Error(before, err, *a.Raw.Raw())
	}
	join(t, run(t, testValueChange, a))
	if before != (point{1.5, 2, 3, false}) {
		t.Error("what Get returned is no copy:", before)
	}
	if p, err := a.Point.Get(); err != nil || p != (point{3, 2, 3, true}) {
		t.Error(p, err)
	}
	if *a.Raw.Raw() != [3]uint16{1, 2, 65535} || a.Bytes.Raw()[999] != 'z' || a.Bytes.Raw()[0] != 0 {
		t.Error(*a.Raw.Raw())
	}
	if v, err := a.Array.Get(1); v != 100 || err != nil || !reflect.DeepEqual(a.Array.Raw(), []int64{1, 100, 3}) {
		t.Error(v, err)
	}
}

func TestValueLock(t *testing.T) {
	v := closing(t, must(NewValue(0))(t), nil)
	p := run(t, testValueCount, valueArgs{Count: v, N: 20000})
	for range 20000 {
		if err := v.Lock().Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		*v.Raw()++
		v.Lock().Release()
	}
	join(t, p)
	if n, err := v.Get(); n != 40000 || err != nil {
		t.Errorf("%d, want 40000; %v", n, err)
	}
	// The lock may travel without its value.
	join(t, run(t, testLockTwice, lockArgs{Lock: v.Lock()}))
}

var testLockTwice = Register("test.lock.twice", func(ctx context.Context, a lockArgs) (int, error) {
	for range 2 {
		if err := a.Lock.Acquire(ctx); err != nil {
			return 0, err
		}
		if err := a.Lock.Release(); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

type ownLockArgs struct {
	Lock  *Lock
	Value *RawValue[int]
	Array *RawArray[int]
}

func (a ownLockArgs) count(ctx context.Context, n int) error {
	for range n {
		if err := a.Lock.Acquire(ctx); err != nil {
			return err
		}
		*a.Value.Raw()++
		a.Array.Raw()[1]++
		if err := a.Lock.Release(); err != nil {
			return err
		}
	}
	return nil
}

var testOwnLock = Register("test.value.ownlock", func(ctx context.Context, a ownLockArgs) (int, error) { return 0, a.count(ctx, 5000) })

// A lock of one's own for a value and an array without one.
func TestRawValueWithOwnLock(t *testing.T) {
	a := ownLockArgs{closing(t, must(NewLock())(t), nil), closing(t, must(NewRawValue(0))(t), nil), closing(t, must(NewRawArray[int](2))(t), nil)}
	p := run(t, testOwnLock, a)
	if err := a.count(soon(t), 5000); err != nil {
		t.Error(err)
	}
	join(t, p)
	if *a.Value.Raw() != 10000 || !reflect.DeepEqual(a.Array.Raw(), []int{0, 10000}) {
		t.Error(*a.Value.Raw(), a.Array.Raw())
	}
}

func TestValueHolderKilled(t *testing.T) {
	v := closing(t, must(NewValue(0))(t), nil)
	p := run(t, testLockHold, lockArgs{Lock: v.Lock()})
	eventually(t, "the child holds the lock", v.Lock().Locked)
	slay(t, p)
	if err := v.Set(5); err != ErrOwnerDied {
		t.Error(err)
	}
	if n, err := v.Get(); n != 5 || err != nil {
		t.Error(n, err)
	}
}

func TestValueRefusesPointers(t *testing.T) {
	_, text := NewValue("text")
	_, slice := NewValue([]int{1})
	_, pointers := NewArray[*int](3)
	_, raw := NewRawValue(&pointers)
	_, queue := NewSimpleQueue[func()]()
	for what, err := range map[string]error{"a string": text, "a slice": slice, "pointers": pointers, "a pointer": raw, "functions": queue} {
		if !errors.Is(err, ErrEncode) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := NewArray[int](-1); !errors.Is(err, os.ErrInvalid) {
		t.Error("a negative number of elements:", err)
	}
	if _, err := NewArray[int](1 << 60); !errors.Is(err, os.ErrInvalid) {
		t.Error("more elements than bytes:", err)
	}
	closing(t, must(NewValue(struct{}{}))(t), nil)
	v := must(NewValue(1))(t)
	v.Close()
	if _, err := v.Get(); err != ErrClosed {
		t.Error(err)
	}
}

type arrayArgs struct {
	Array *Array[int32]
	Raw   *RawArray[int32]
}

// sums replaces each element by the sum of those up to it.
func sums(e []int32) {
	for i := 1; i < len(e); i++ {
		e[i] += e[i-1]
	}
}

// A child sees the elements and changes them, with a lock and without.
func TestArrayInChild(t *testing.T) {
	want := []int32{680, 626, 934, 821, 150, 233, 548, 982, 714, 831}
	a := arrayArgs{closing(t, must(NewArrayOf(want...))(t), nil), closing(t, must(NewRawArray[int32](len(want)))(t), nil)}
	copy(a.Raw.Raw(), want)
	if v, err := a.Array.Get(3); v != 821 || err != nil || a.Array.Len() != len(want) || a.Raw.Len() != len(want) {
		t.Error(v, err, a.Array.Len(), a.Raw.Len())
	}
	change := func(e []int32) { copy(e[4:8], []int32{1, 2, 3, 4}) }
	change(want)
	change(a.Raw.Raw())
	if err := a.Array.Update(soon(t), change); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(a.Array.Raw(), want) || !reflect.DeepEqual(a.Raw.Raw(), want) {
		t.Error(a.Array.Raw(), a.Raw.Raw())
	}
	sums(want)
	join(t, run(t, testArraySum, a))
	if !reflect.DeepEqual(a.Array.Raw(), want) || !reflect.DeepEqual(a.Raw.Raw(), want) {
		t.Error(a.Array.Raw(), a.Raw.Raw())
	}
	// The lock may travel without its array.
	join(t, run(t, testLockTwice, lockArgs{Lock: a.Array.Lock()}))
}

// A new array is zero, also where one that was closed was not.
func TestArrayIsZero(t *testing.T) {
	for range 3 {
		a := must(NewArray[int](1000))(t)
		for i, v := range a.Raw() {
			if v != 0 {
				t.Fatalf("element %d is %v", i, v)
			}
			a.Raw()[i] = i + 1
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestArray(t *testing.T) {
	a := closing(t, must(NewArray[float64](10))(t), nil)
	if a.Len() != 10 {
		t.Error(a.Len())
	}
	for i, v := range a.Raw() {
		if v != 0 {
			t.Errorf("element %d is %v", i, v)
		}
	}
	if err := a.Update(soon(t), func(e []float64) { copy(e[2:], []float64{1, 2, 3}) }); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(a.Raw(), []float64{0, 0, 1, 2, 3, 0, 0, 0, 0, 0}) {
		t.Error(a.Raw())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic for an index out of range")
			}
		}()
		a.Set(10, 1)
	}()
	if a.Lock().Locked() {
		t.Error("the lock is held after the panic")
	}
	empty := closing(t, must(NewArray[int](0))(t), nil)
	if empty.Len() != 0 {
		t.Error(empty.Len())
	}
}

// A panic or Goexit of the user's function leaves the lock free, and the value
// as the function left it.
func TestValueUpdateDoesNotReturn(t *testing.T) {
	v := closing(t, must(NewValue(1))(t), nil)
	for i, leave := range []func(){func() { panic("no") }, runtime.Goexit} {
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			v.Update(soon(t), func(p *int) {
				*p = i + 10
				leave()
			})
		}()
		<-done
		if v.Lock().Locked() {
			t.Fatal("the lock is held")
		}
		if got, err := v.Get(); got != i+10 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
	}
}
