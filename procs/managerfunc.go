package procs

import (
	"context"
	"sync"
)

// lazyFunc is a function of this package that is known in every process, but plans its argument and result only when somebody
// uses it: most processes never do, and all would pay for it before their main.
type lazyFunc[In, Out any] struct {
	name string
	id   uint64
	call func(context.Context, In) (Out, error)
	once sync.Once
	f    *Func[In, Out]
}

var (
	managerMain = registerLazy("switchyard/procs.manager", runManager)
	managedTask = registerLazy("switchyard/procs.managed-task", runManagedTask)
)

func registerLazy[In, Out any](name string, call func(context.Context, In) (Out, error)) *lazyFunc[In, Out] {
	l := &lazyFunc[In, Out]{name: name, id: funcID(name, 0, 0), call: call}
	functions.Lock()
	defer functions.Unlock()
	if functions.byName == nil {
		functions.byName = make(map[uint32]registered)
	}
	functions.byName[uint32(l.id>>32)] = registered{l.id, l}
	return l
}

func (l *lazyFunc[In, Out]) get() *Func[In, Out] {
	l.once.Do(func() {
		in, err := codecOf[In]()
		if err != nil {
			panic(err)
		}
		out, err := codecOf[Out]()
		if err != nil {
			panic(err)
		}
		l.f = &Func[In, Out]{fname: l.name, id: l.id, call: l.call, in: in, out: out}
	})
	return l.f
}

// Name returns the name.
func (l *lazyFunc[In, Out]) Name() string { return l.name }

func (l *lazyFunc[In, Out]) start(in []byte, w *wire) (func(context.Context) error, error) {
	return l.get().start(in, w)
}

func (l *lazyFunc[In, Out]) runOne(ctx context.Context, in []byte, w *wire, out []byte, ow *wire) ([]byte, error) {
	return l.get().runOne(ctx, in, w, out, ow)
}

func (l *lazyFunc[In, Out]) runChunk(ctx context.Context, n int, in []byte, w *wire, out []byte, ow *wire) ([]byte, error) {
	return l.get().runChunk(ctx, n, in, w, out, ow)
}
