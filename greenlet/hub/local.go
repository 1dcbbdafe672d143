package hub

// A Local is a variable of which every greenlet has its own
// (gevent.local.local). It is forgotten when the greenlet ends.
type Local[T any] struct {
	h    *Hub
	init func() T
}

// NewLocal makes a variable whose value in a greenlet is init's result, made
// when the greenlet first asks for it; nil means the zero value.
func NewLocal[T any](h *Hub, init func() T) *Local[T] {
	return &Local[T]{h: h, init: init}
}

// Get returns the running greenlet's value.
func (l *Local[T]) Get() T {
	g := l.greenlet()
	if v, ok := g.extra().locals[l]; ok {
		return v.(T)
	}
	var v T
	if l.init != nil {
		v = l.init()
		l.Set(v)
	}
	return v
}

// Set sets the running greenlet's value.
func (l *Local[T]) Set(v T) {
	g := l.greenlet()
	if g.extra().locals == nil {
		g.more.locals = map[any]any{}
	}
	g.more.locals[l] = v
}

// Delete forgets the running greenlet's value.
func (l *Local[T]) Delete() { delete(l.greenlet().extra().locals, l) }

func (l *Local[T]) greenlet() *Greenlet {
	if l.h.cur == nil {
		panic("hub: Local in a callback")
	}
	return l.h.cur
}
