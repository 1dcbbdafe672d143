package procs

import "context"

// Initializer is a function and its argument, to be run in each worker before
// its first task.
type Initializer struct {
	id     uint64
	fname  string
	encode func(*wire) ([]byte, error)
}

// NewInitializer returns an Initializer that calls f with in.
func NewInitializer[In, Out any](f *Func[In, Out], in In) *Initializer {
	return &Initializer{f.id, f.fname, func(w *wire) ([]byte, error) { return f.in.Encode(nil, &in, w) }}
}

func initialise(b *boot, fds []int) error {
	f, err := bootFunc(b)
	if err != nil {
		return err
	}
	w := &wire{FDs: fds}
	defer w.Close()
	run, err := f.start(b.body, w)
	if err != nil {
		return err
	}
	return run(context.Background())
}
