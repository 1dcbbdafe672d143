package threads

import "switchyard/procs/internal/bridge"

// queue holds tasks, first in, first out. It is a list of blocks: a slice that
// grows would be copied into new memory, several times what the tasks need, and
// where new memory is dear that costs more than running them.
type queue struct {
	first, last *block // nil: nothing was put so far
	out         int    // the next to take, in first
	in          int    // the next to put, in last
	spare       *block // or nil
}

type block struct {
	tasks [63]bridge.Task // a KiB with next
	next  *block
}

func (q *queue) put(t bridge.Task) {
	if q.last == nil || q.in == len(q.last.tasks) {
		b := q.spare
		if q.spare = nil; b == nil {
			b = new(block)
		}
		if q.last == nil {
			q.first = b
		} else {
			q.last.next = b
		}
		q.last, q.in = b, 0
	}
	q.last.tasks[q.in] = t
	q.in++
}

// take returns nil if the queue is empty.
func (q *queue) take() bridge.Task {
	b := q.first
	if b == q.last && q.out == q.in {
		return nil
	}
	t := b.tasks[q.out]
	b.tasks[q.out] = nil
	if q.out++; q.out == len(b.tasks) {
		if q.first, q.out = b.next, 0; q.first == nil {
			q.last, q.in = nil, 0
		}
		b.next, q.spare = nil, b
	}
	return t
}

// fail fails all tasks, which are taken out.
func (q *queue) fail(err error) {
	for t := q.take(); t != nil; t = q.take() {
		t.Fail(err)
	}
}
