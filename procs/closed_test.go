//go:build linux

package procs

import (
	"errors"
	"io"
	"os"
	"reflect"
	"testing"

	"switchyard/procs/internal/proctest"
)

// Every method of an object that was closed, or that nobody made, says so, and
// Close may be called again. What counts or tells a state has nothing to tell.
func TestClosed(t *testing.T) {
	lock := must(NewLock())(t)
	for _, o := range []io.Closer{
		lock,
		must(NewRLock())(t),
		must(NewSemaphore(1))(t),
		must(NewBoundedSemaphore(1))(t),
		must(NewCondition(nil))(t),
		must(NewEvent())(t),
		must(NewBarrier(2, nil))(t),
		must(NewQueue[int](1))(t),
		must(NewJoinableQueue[int](1))(t),
		must(NewValue(7))(t),
		must(NewArray[int](2))(t),
	} {
		for range 2 {
			if err := o.Close(); err != nil {
				t.Errorf("%T: %v", o, err)
			}
		}
		none := reflect.New(reflect.TypeOf(o).Elem()).Interface()
		if err := none.(io.Closer).Close(); err != nil {
			t.Errorf("%T, never made: %v", o, err)
		}
		for what, o := range map[string]any{"closed": o, "never made": none} {
			proctest.EachMethod(t, soon(t), o, func(string, reflect.Type) any { return nil }, func(name string, err error) {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			})
			hasNothing(t, what, o)
		}
	}
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Conn{a, b} {
		c.Close()
		raw, err := c.SyscallConn()
		if err == nil {
			err = raw.Control(func(uintptr) { t.Error("the descriptor of a closed Conn is handed out") })
		}
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("SyscallConn: %v", err)
		}
		proctest.EachMethod(t, soon(t), c, func(_ string, in reflect.Type) any {
			switch in {
			case reflect.TypeFor[any]():
				return new(int)
			case reflect.TypeFor[*os.File]():
				return os.Stdin
			}
			return nil
		}, func(name string, err error) {
			if !errors.Is(err, os.ErrClosed) && name != "*procs.Conn.SyscallConn" {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// hasNothing calls the methods of v that return a number or a bool and take
// nothing, and TryAcquire with them. An array keeps its length, and what is
// closed is empty.
func hasNothing(t *testing.T, what string, v any) {
	t.Helper()
	if e, ok := v.(*Event); ok && e.String() != "<Event closed>" {
		t.Errorf("%s, %s", e, what)
	}
	value := reflect.ValueOf(v)
	for i := range value.NumMethod() {
		name, f := value.Type().Method(i).Name, value.Method(i)
		if f.Type().NumIn() > 0 || f.Type().NumOut() != 1 || name == "Len" && value.Type() == reflect.TypeFor[*Array[int]]() {
			continue
		}
		out := f.Call(nil)[0]
		if k := out.Kind(); (k == reflect.Int || k == reflect.Bool) && !out.IsZero() != (name == "Empty") {
			t.Errorf("%T.%s, %s: %v", v, name, what, out)
		}
	}
}
