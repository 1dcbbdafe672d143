package hub

// A Task is a [Greenlet] with a value (gevent.Greenlet.value).
type Task[T any] struct {
	*Greenlet
	v T
}

// Spawn is [Hub.Spawn] for a function that returns a value.
func Spawn[T any](h *Hub, f func() (T, error)) *Task[T] {
	t := new(Task[T])
	t.Greenlet = h.Spawn(func() (err error) {
		t.v, err = f()
		return err
	})
	return t
}

// Get waits until the task is dead and returns its value and error
// (gevent.Greenlet.get).
func (t *Task[T]) Get() (T, error) {
	if err := t.Join(); err != nil {
		var zero T
		return zero, err
	}
	return t.v, t.Err()
}

// Value returns the value if the task has ended, the zero value before.
func (t *Task[T]) Value() T {
	if !t.dead {
		var zero T
		return zero
	}
	return t.v
}
