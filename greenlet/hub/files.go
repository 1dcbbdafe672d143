package hub

// A fileList holds what the hub must close when it ends.
type fileList struct{ first *file }

type file struct {
	close         func()
	before, after *file
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

// closeAll closes everything that was left open.
func (l *fileList) closeAll() {
	for l.first != nil {
		f := l.first
		l.remove(f)
		f.close()
	}
}
