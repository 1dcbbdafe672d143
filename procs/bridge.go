package procs

import (
	"context"
	"reflect"
	"time"

	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/transport"
)

// What packages connection, manager, remote and threads use beyond the exported
// API.
func init() {
	bridge.NewConn = func(t transport.Transport) any { return &Conn{readable: true, writable: true, t: t} }
	bridge.TransportOf = func(c any) transport.Transport { return c.(*Conn).t }
	bridge.Find = func(id uint64) (bridge.Function, error) { return findFunc(id) }
	bridge.Registered = func(f any) bridge.Registration {
		return f.(interface{ registration() bridge.Registration }).registration()
	}
	bridge.Functions = functions.registrations
	bridge.OptionsOf = func(timeout time.Duration, opts any) bridge.Options {
		o := gather(timeout, opts.([]Option))
		return bridge.Options{OnResult: o.onResult, OnError: o.onError, Timeout: o.timeout, Chunk: o.chunk}
	}
	bridge.CallOf = func(i any, w *codec.Wire) (bridge.Call, error) {
		c := i.(*Initializer)
		body, err := c.encode(w)
		return bridge.Call{ID: c.id, Name: c.fname, Body: body}, err
	}
	bridge.Initializer = func(c bridge.Call) any {
		return &Initializer{c.ID, c.Name, func(*wire) ([]byte, error) { return c.Body, nil }}
	}
	bridge.NewExecutor = func(b bridge.Backend) any { return &Executor{backend: b} }
	bridge.NewScope = func(ctx context.Context) any { return newTaskScope(ctx) }
	bridge.Drive = func(f any, d bridge.Driver) { f.(interface{ drive(bridge.Driver) }).drive(d) }
	bridge.Settle = func(f, v any) bool { return f.(interface{ settleUnheard(any) bool }).settleUnheard(v) }
	bridge.BeforeExit = beforeExit
	bridge.Asked = func(p any) { p.(*Process).asked = true }
	bridge.Logf = func(level int32, format string, args ...any) { logf(Level(level), format, args...) }
	bridge.EncodeError, bridge.DecodeError = encodeRemote, decodeError
}

func (f *Func[In, Out]) registration() bridge.Registration {
	return bridge.Registration{ID: f.id, Name: f.fname, In: f.in, Out: f.out,
		InType: reflect.TypeFor[In](), OutType: reflect.TypeFor[Out]()}
}

func (f *erasedFunc[In, Out]) registration() bridge.Registration {
	return (*Func[In, Out])(f).registration()
}
