package procs

// SimpleQueue is an unbounded Queue: multiprocessing.SimpleQueue. What holds
// for a Queue when a process is killed holds here.
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
