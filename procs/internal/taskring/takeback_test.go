package taskring

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"switchyard/procs/internal/interleave"

	"switchyard/procs/internal/shm"
)

// The model of one task: a worker that claims and runs it and may be killed
// before any of its steps, a pool that takes it back, and the pool's collector,
// which takes the result, or sees to what a dead worker left, and then uses the
// memory again.
type taskState struct {
	word      uint32 // Task.state
	ran       bool
	published bool
	passed    bool // Worker.Done
	dead      bool

	back, result, failed, requeued int  // what became of it, as the pool sees it
	gone                           bool // the pool has no entry for it any more
	reused                         bool // its memory is another task's
	torn                           bool // the worker read memory that was another task's
	revoking                       bool // the step of a take-back that is none: see below
}

type taskStep = interleave.Step[taskState]

// server is taskServer.serve: Next, Claim, run, Put, Done.
func server() []taskStep {
	steps := []taskStep{
		func(s *taskState) int { s.torn = s.torn || s.reused; return 1 }, // Next
		func(s *taskState) int { // Claim
			s.torn = s.torn || s.reused
			if s.word != queued {
				return 4
			}
			s.word = claimed
			return 2
		},
		func(s *taskState) int { s.torn = s.torn || s.reused; s.ran = true; return 3 },
		func(s *taskState) int { s.published = true; return 4 },           // Put
		func(s *taskState) int { s.passed = true; return interleave.End }, // Done
	}
	for i, step := range steps {
		steps[i] = func(s *taskState) int {
			if s.dead {
				return interleave.End
			}
			return step(s)
		}
	}
	return steps
}

// taker is worker.revoke. Unless atomic is set it looks and then writes, as
// nobody should.
func backTaker(atomic bool) []taskStep {
	return []taskStep{
		func(s *taskState) int {
			switch {
			case s.gone || s.word != queued:
				return interleave.End
			case !atomic:
				s.revoking = true
				return 1
			}
			s.word, s.back = revoked, s.back+1
			return interleave.End
		},
		func(s *taskState) int {
			s.word, s.back, s.revoking = revoked, s.back+1, false
			return interleave.End
		},
	}
}

// reaper is the collector: drain, reclaim and requeueFrom. It holds the pool's
// mutex in each step. With early set it does not wait until the worker has
// passed a revoked task.
func reaper(early bool) []taskStep {
	return []taskStep{
		func(s *taskState) int {
			switch {
			case s.revoking:
				return interleave.Blocked // by the mutex
			case s.published: // also of a worker that has died since
				s.result++
			case s.back > 0 && (s.passed || early):
			case s.dead && s.word == claimed:
				s.failed++
			case s.dead && s.word == queued:
				s.requeued++
			case s.dead:
			default:
				return interleave.Blocked
			}
			s.gone, s.reused = true, true
			return interleave.End
		},
	}
}

func killer(s *taskState) int { s.dead = true; return interleave.End }

func onlyOneFate(s taskState) error {
	switch {
	case s.torn:
		return errors.New("the worker read a task whose memory was in use again")
	case s.back+s.result+s.failed+s.requeued != 1:
		return errors.New("not exactly one outcome")
	case s.ran && s.back+s.requeued > 0:
		return errors.New("it ran and was given away")
	case s.result > 0 && !s.ran:
		return errors.New("a result of what did not run")
	}
	return nil
}

// A task that the pool takes back while the worker begins it, and the worker is
// perhaps killed, is run or given away, never both, in whatever order the steps
// are taken; and the worker reads it only while its memory is its own.
func TestTakeBackInEveryOrder(t *testing.T) {
	explore := func(atomic, early bool, more ...[]taskStep) error {
		threads := append([][]taskStep{server(), backTaker(atomic), reaper(early)}, more...)
		states, err := interleave.Explore(taskState{}, threads, onlyOneFate)
		t.Log(states, "states")
		return err
	}
	death := []taskStep{killer}
	for _, more := range [][][]taskStep{nil, {death}} {
		if err := explore(true, false, more...); err != nil {
			t.Error(err)
		}
		// The check itself: two ways to do it wrong are found out.
		if explore(false, false, more...) == nil {
			t.Error("a take-back in two steps is not found out")
		}
		if explore(true, true, more...) == nil {
			t.Error("memory that is used again too early is not found out")
		}
	}
}

// ringsOf returns both ends of rings of these sizes in ordinary memory.
func ringsOf(t *testing.T, tasks, results int) (*Parent, *Worker) {
	mem := make([]byte, Size(tasks, results)+8)
	p := NewParent(mem, tasks, results)
	w, err := OpenWorker(mem, new(shm.Parker))
	if err != nil {
		t.Fatal(err)
	}
	return p, w
}

// The same with a worker and a pool that run: each task is run or taken back.
func TestTakeBack(t *testing.T) {
	const n = 20000
	p, w := ringsOf(t, 1<<20, 1<<20)
	tasks := make([]*Task, n)
	ran, back := make([]bool, n), make([]bool, n)
	var both sync.WaitGroup
	for seq := 0; seq < n; {
		first := seq
		for ; seq < n && seq < first+100; seq++ {
			if tasks[seq] = p.Put(uint64(seq), 1, 0, 0, []byte("argument")); tasks[seq] == nil {
				t.Fatal("no room for task", seq)
			}
		}
		p.Publish()
		both.Go(func() {
			for range seq - first {
				task, _, _ := w.Next()
				ran[task.Seq] = w.Claim(task)
				w.Done()
			}
		})
		both.Go(func() {
			for i := seq - 1; i >= first; i-- {
				back[i] = tasks[i].Revoke()
			}
		})
		both.Wait()
		p.Free(p.Passed())
	}
	for i := range n {
		if ran[i] == back[i] || tasks[i].Claimed() != ran[i] && i > n-100 {
			t.Fatal("task", i, "ran:", ran[i], "taken back:", back[i])
		}
	}
}

// Tasks of all sizes arrive as they were put, and there is room again exactly
// when it was given back.
func TestTaskMemory(t *testing.T) {
	p, w := ringsOf(t, 1<<12, 1<<12)
	next, taken := 0, 0
	body := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, i*37%p.MaxTask()) }
	for taken < 2000 {
		var ends []uint64
		for p.Put(uint64(next), 1, 0, 0, body(next)) != nil {
			ends = append(ends, p.Tail())
			next++
		}
		p.Publish()
		for range ends {
			task, payload, err := w.Next()
			if err != nil || task.Seq != uint64(taken) || !bytes.Equal(payload, body(taken)) || !w.Claim(task) {
				t.Fatal("task", taken, "arrives as", task.Seq, "with", len(payload), "bytes")
			}
			taken++
			w.Done()
		}
		if p.Passed() != slices.Max(ends) {
			t.Fatal("the worker passed", p.Passed(), "of", ends)
		}
		if p.Put(uint64(next), 1, 0, 0, body(next)) != nil {
			t.Fatal("there is room that was not given back")
		}
		p.Free(p.Passed())
	}
}

// Only what is new wakes a worker.
func TestPublishNothing(t *testing.T) {
	p, _ := ringsOf(t, 1<<12, 1<<12)
	p.h.idle.Arm()
	if p.Publish(); !p.h.idle.Armed() {
		t.Error("nothing new woke the worker")
	}
	p.Put(0, 1, 0, 0, nil)
	if p.Publish(); p.h.idle.Armed() {
		t.Error("a task did not wake the worker")
	}
}
