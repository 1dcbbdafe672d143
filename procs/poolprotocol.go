package procs

import "fmt"

// This file describes how a pool works inside. Taking part are
//
//   - callers: goroutines of the program, which submit jobs, cancel them, and
//     sometimes take their own result (apply.go);
//   - the collector: the pool's goroutine, which takes results, delivers them,
//     calls callbacks and reaps dead workers (poolcollect.go, pooldeath.go);
//   - for each worker a goroutine that reads its control socket, and one that
//     waits for its process to end (poolworker.go);
//   - the worker processes (taskserver.go).
//
// Each worker shares memory with the pool (package taskring): tasks one way,
// results the other. All workers share the Parker that wakes the collector. The
// control socket carries what is rare: descriptors, cancellation, and the
// worker's report that it is ready. What is too long for a ring lies in the
// sender's Store, one message at a time; if that is taken, in memory of its
// own, which goes along as a descriptor.
//
// # States
//
// A pool is open, then closed or terminated; it has ended when the channel
// ended is closed. It may also be broken: no worker can be had. A broken pool
// fails all that it has and accepts nothing.
//
// A worker's states are below. A task, which is a record in shared memory, is
// queued until the worker claims it or the pool revokes it.
//
// A job consists of pieces, each of which becomes a task. A piece is in exactly
// one place: not yet taken from its job (job.next); in Pool.requeued; an entry
// of a worker that was not revoked; or in Pool.failed or Pool.delivering, from
// where it is finished. Pieces move
//
//	job ---> entry ---> delivering ---> finished
//	          |  ^          ^
//	          v  |          |
//	        requeued --> failed
//
// where requeued -> failed is a cancellation or the end of the pool, entry ->
// failed is a cancellation or the worker's death, and a piece that cannot be
// sent goes from its job to failed. A call that no worker has begun may be
// finished by the goroutine that cancels it.
//
// # Locks
//
// Pool.collecting before Pool.mu before attachments.mu. Jobs and futures have
// locks of their own, and finish and callbacks run code of the program: all
// this happens without Pool.mu, but with Pool.collecting held if the collector
// or a caller in pollOwnResult does it.
//
// # Who wakes whom
//
//	who sleeps                        what wakes it
//	collector, on its Parker          a worker's result (Worker.Put), a worker
//	                                  that skipped revoked tasks, and in the
//	                                  parent whoever adds to failed, changes
//	                                  the pool's state, sees a worker's end, or
//	                                  has a task for a pool that rests
//	worker, on its ring               Publish, if it waits for tasks; Release, if
//	                                  for room
//	collector, in attachments.take    the reader of the control socket
//	caller, on its future             who finishes the last piece
//
// The collector's sleep is bounded by taskring.NapLimit while there are tasks,
// which it looks after (rescue), and by RestLimit when nobody has anything to
// do: a worker's death wakes the collector, that of the pool kills the workers,
// so that no wake-up is lost with a process. Time limits are watched by a timer
// that runs only while a task has one (watchLimits).
//
// # Invariants
//
//  1. A task is claimed by its worker, or revoked by the pool, or neither;
//  never
//     both. Test: TestTakeBackInEveryOrder, TestTakeBack.
//  2. A task's memory is used again only after its result was taken, or after
//     it was revoked and the worker has passed it. Test:
//     TestTakeBackInEveryOrder, TestTaskMemory.
//  3. Neither a worker nor the collector sleeps while there is something for it
//     to do. Test: TestWorkerSleepsInEveryOrder, TestPoolSleepsInEveryOrder.
//  4. A worker's results come in the order of its tasks. A result that does not
//     is damage, and the worker is killed. Test: TestResultOutOfOrder.
//  5. A worker's state changes in become only, and only as workerMoves says.
//     Test: TestWorkerMoves, TestWorkerStateHasOneWriter.
//  6. load and attached count a worker's entries that were not revoked, and no
//     piece is in two places. Test: TestPieceInOnePlace.
//  7. Every piece of an accepted job is finished exactly once, before ended is
//     closed, whatever happens to the workers. Only if its finish ends the
//     goroutine is it finished again, with an error. Test:
//     TestPieceFinishedOnce, TestKilledTaskFinishedOnce,
//     TestPoolGoexitInTransport.
//  8. Pool.mu is held when next, head, encode and placed of a job are called,
//     and is not when finish is. Test: TestJobAndMutex.
//  9. Only the holder of Pool.collecting takes results and reaps workers, so it
//     may read the ring of every worker in Pool.workers. Test:
//     TestReapNeedsCollecting.
//  10. A dead worker's tasks go to others if it had not begun them; those that
//     it had fail with ErrWorkerDied, unless PoolConfig.Retries allows more.
//     Test: TestFaultKills, TestFaultRetries.
//  11. Descriptors are sent before the task or result that they belong to is
//     published, and one whose descriptors were not sent is never published as
//     having any. Test: TestAttachFails.
//  12. What lies in a store is overwritten only after the receiver has done
//     with it, and its memory is given back only then. Test: TestStore,
//     TestStoreGivesMemoryBack, TestPoolLargeMessages.

// poolState is what a pool still accepts.
type poolState uint8

const (
	poolOpen       poolState = iota
	poolClosed               // no new jobs
	poolTerminated           // nothing: what it has fails
)

// workerState is where a worker is in its life, as its pool sees it.
type workerState uint8

const (
	workerSpare    workerState = iota // in reserve: gets no tasks
	workerServing                     // gets tasks
	workerStuck                       // does not begin its tasks: gets more only if all are stuck
	workerRetiring                    // gets no more tasks; the stop record is yet to be written
	workerStopping                    // the stop record is the last thing in its ring
	workerEnded                       // its process has ended, after it was retired
	workerDied                        // its process has ended, and should not have
	workerReaped                      // it has no entries, and its memory is unmapped
)

// workerMoves says which states may follow each state.
var workerMoves = [...]uint{
	workerSpare:    1<<workerServing | 1<<workerRetiring | 1<<workerDied,
	workerServing:  1<<workerStuck | 1<<workerRetiring | 1<<workerDied,
	workerStuck:    1<<workerServing | 1<<workerRetiring | 1<<workerDied,
	workerRetiring: 1<<workerStopping | 1<<workerEnded,
	workerStopping: 1 << workerEnded,
	workerEnded:    1 << workerReaped,
	workerDied:     1 << workerReaped,
	workerReaped:   0,
}

// become changes w's state. The pool's mutex is held.
func (w *worker) become(s workerState) {
	if workerMoves[w.state]&(1<<s) == 0 {
		panic(fmt.Sprintf("procs: %s: no way from state %d to %d", w.name, w.state, s))
	}
	w.state = s
}

// exited notes that w's process has ended.
func (w *worker) exited() {
	if w.state < workerRetiring {
		w.become(workerDied)
	} else {
		w.become(workerEnded)
	}
}

// serves reports whether a worker in state s counts as one of the pool's size.
func (s workerState) serves() bool { return s == workerServing || s == workerStuck }

// running reports whether a worker in state s has a process.
func (s workerState) running() bool { return s < workerEnded }
