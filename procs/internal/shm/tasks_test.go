//go:build linux

package shm

import "testing"

// A wait for the end of all tasks ends neither with a notification that is
// late, for an end that others have heeded before they put more, nor with one
// for nothing; and it ends with an end that came and went while it slept.
//
// CPython's JoinableQueue counts and notifies under one lock, so it knows no
// late notification (multiprocessing/queues.py, task_done).
func TestAllDoneSince(t *testing.T) {
	put := func(q *Queue, n int) {
		for range n {
			if err := q.TryPut(forever, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	work := func(q *Queue, n int) {
		for range n {
			if _, err := q.Get(forever, nil); err != nil {
				t.Fatal(err)
			}
			if err := q.TaskDone(forever); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(q *Queue)
		over      bool
	}{
		"nothing": {func(*Queue) {}, false},
		"a notification for nothing": {func(q *Queue) {
			q.allDone.NotifyAll()
		}, false},
		"that of an earlier end, late": {func(q *Queue) {
			q.h.tasks.emptied.Store(uint32(q.h.tasks.done.Load()))
			q.allDone.NotifyAll()
		}, false},
		"some are done":                {func(q *Queue) { work(q, 1) }, false},
		"more are put, as many done":   {func(q *Queue) { put(q, 2); work(q, 2) }, false},
		"all are done":                 {func(q *Queue) { work(q, 2) }, true},
		"all are done, then more put":  {func(q *Queue) { work(q, 2); put(q, 3) }, true},
		"more put, all done, more put": {func(q *Queue) { put(q, 1); work(q, 3); put(q, 1) }, true},
	} {
		for _, earlier := range []uint64{0, 1, 7, countMask - 1, countMask} {
			_, q := makeQueue(t, 100)
			q.CountTasks()
			// As if so many had been put and done before.
			q.h.head.Store(advance(q.h.head.Load(), 0, earlier))
			q.h.tail.Store(advance(q.h.tail.Load(), 0, earlier))
			q.h.tasks.done.Store(earlier)
			q.h.tasks.emptied.Store(uint32(earlier-1) & countMask) // the last end is not noted yet
			put(q, 2)
			over := q.allDoneSince()
			c.meanwhile(q)
			if over() != c.over {
				t.Errorf("%s after %d: over is %t", name, earlier, !c.over)
			}
		}
	}
}
