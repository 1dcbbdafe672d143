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
// Close may be called again.
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
