package proctest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// EachMethod calls every method of v that returns an error, besides Close, and
// checks the error, and that nothing else comes with it. Durations are a
// minute, functions do nothing, other arguments are zero unless special has
// one.
func EachMethod(t *testing.T, ctx context.Context, v any, special func(method string, in reflect.Type) any, check func(name string, err error)) {
	t.Helper()
	value := reflect.ValueOf(v)
	called := 0
	for i := range value.NumMethod() {
		name, f := value.Type().Method(i).Name, value.Method(i)
		ft := f.Type()
		if ft.NumOut() == 0 || ft.Out(ft.NumOut()-1) != reflect.TypeFor[error]() || name == "Close" {
			continue
		}
		var args []reflect.Value
		for j := range ft.NumIn() {
			in := ft.In(j)
			switch {
			case in == reflect.TypeFor[context.Context]():
				args = append(args, reflect.ValueOf(ctx))
			case in == reflect.TypeFor[time.Duration]():
				args = append(args, reflect.ValueOf(time.Minute))
			case ft.IsVariadic() && j == ft.NumIn()-1:
			case in.Kind() == reflect.Func:
				args = append(args, reflect.MakeFunc(in, nothing(in)))
			default:
				if arg := special(name, in); arg != nil {
					args = append(args, reflect.ValueOf(arg))
				} else {
					args = append(args, reflect.Zero(in))
				}
			}
		}
		out := f.Call(args)
		err, _ := out[len(out)-1].Interface().(error)
		check(fmt.Sprintf("%T.%s", v, name), err)
		for _, o := range out[:len(out)-1] {
			if err != nil && !o.IsZero() {
				t.Errorf("%T.%s: %v comes with %v", v, name, o, err)
			}
		}
		called++
	}
	if called == 0 {
		t.Errorf("%T has no methods that return an error", v)
	}
}

// nothing is a function of the type that returns zeros.
func nothing(of reflect.Type) func([]reflect.Value) []reflect.Value {
	return func([]reflect.Value) (out []reflect.Value) {
		for k := range of.NumOut() {
			out = append(out, reflect.Zero(of.Out(k)))
		}
		return out
	}
}
