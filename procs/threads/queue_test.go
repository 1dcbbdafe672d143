package threads

import (
	"math/rand/v2"
	"os"
	"testing"

	"switchyard/procs/internal/bridge"
)

// numbered is a task that notes its failure.
type numbered struct {
	n   int
	err error
}

func (t *numbered) Run(any)        {}
func (t *numbered) Fail(err error) { t.err = err }

// What is put comes out in order, however long the queue gets meanwhile.
func TestQueue(t *testing.T) {
	var q queue
	in, out := 0, 0
	for _, most := range []int{1, 2, len(block{}.tasks) - 1, len(block{}.tasks), len(block{}.tasks) + 1, 1000, 1} {
		for range 200 {
			for n := rand.IntN(most + 1); n > 0; n-- {
				q.put(&numbered{n: in})
				in++
			}
			for n := rand.IntN(most + 1); n > 0 || most == 1 && out < in; n-- {
				task := q.take()
				if task == nil {
					if out != in {
						t.Fatalf("empty after %d of %d", out, in)
					}
					break
				}
				if got := task.(*numbered).n; got != out {
					t.Fatalf("task %d comes instead of %d", got, out)
				}
				out++
			}
		}
	}
	if q.take() != nil || in != out {
		t.Fatal(in, out)
	}
	var all []*numbered
	for range 200 {
		all = append(all, new(numbered))
		q.put(all[len(all)-1])
	}
	q.take()
	q.fail(os.ErrClosed)
	for i, task := range all {
		if (task.err != nil) != (i > 0) {
			t.Error(i, task.err)
		}
	}
	if q.take() != nil {
		t.Error("what failed is still there")
	}
}

// A queue keeps nothing that was taken out, and needs no new memory while it
// stays short.
func TestQueueMemory(t *testing.T) {
	var q queue
	task := bridge.Task(new(numbered))
	if n := testing.AllocsPerRun(1000, func() {
		for range 40 {
			q.put(task)
		}
		for range 40 {
			q.take()
		}
	}); n != 0 {
		t.Error(n, "allocations")
	}
	for _, b := range []*block{q.first, q.spare} {
		for i := 0; b != nil && i < len(b.tasks); i++ {
			if b.tasks[i] != nil {
				t.Error("a task is kept at", i)
			}
		}
	}
}
