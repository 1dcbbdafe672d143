package hub

// A fileList holds what the hub must close when it ends.
type fileList struct{ first *file }

type file struct {
	close         func()
	before, after *file
}

// AtClose arranges for fn to be called, as a callback, when the hub ends: after
// the greenlets have ended and before awaited calls are waited for, which is
// where the hub closes its descriptors, the last opened first. It is for
// packages that keep something open for a hub. If fn panics or calls
// runtime.Goexit, the rest is closed all the same. cancel takes it back.
func (h *Hub) AtClose(fn func()) (cancel func()) {
	f := h.files.add(func() { h.callback(fn) })
	return func() { h.files.remove(f) }
}

func (l *fileList) add(closeIt func()) *file {
	f := &file{close: closeIt, after: l.first}
	if l.first != nil {
		l.first.before = f
	}
	l.first = f
	return f
}

func (l *fileList) remove(f *file) {
	switch {
	case f.before != nil:
		f.before.after = f.after
	case l.first == f:
		l.first = f.after
	default:
		return // removed before
	}
	if f.after != nil {
		f.after.before = f.before
	}
	f.before, f.after = nil, nil
}

// closeLast closes what was opened last.
func (l *fileList) closeLast() {
	f := l.first
	l.remove(f)
	f.close()
}
