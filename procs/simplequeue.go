package procs

// SimpleQueue is a Queue without a bound and with less to say: multiprocessing.SimpleQueue.
type SimpleQueue[T any] struct{ queue[T] }

type queue[T any] = Queue[T]

// NewSimpleQueue returns an empty queue.
func NewSimpleQueue[T any]() (*SimpleQueue[T], error) {
	q, err := NewQueue[T](0)
	if err != nil {
		return nil, err
	}
	return &SimpleQueue[T]{*q}, nil
}
