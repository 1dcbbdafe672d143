// Package inproc is the seam between an executor of package procs and
// goroutines that run its tasks: procs links nothing of what makes and keeps
// them (package procs/threads does), because every child would pay for that at
// its start.
package inproc

import "context"

// Task is one call. It does not panic, but it may end its goroutine
// (runtime.Goexit).
type Task interface {
	// Run does it, and settles its future.
	Run(ctx context.Context)
	// Fail settles the future of a task that will not be run.
	Fail(err error)
}

// Crew runs tasks in goroutines of this process. All methods may be called from
// any goroutine.
type Crew interface {
	// Submit queues a task, and returns at once. The error says why it will
	// never run: procs.ErrClosed or procs.ErrBroken.
	Submit(Task) error
	// Shutdown is Executor.Shutdown.
	Shutdown(wait, cancelFutures bool)
	// Stop cancels the contexts of all tasks, also of those that come.
	Stop()
	// Size is how many tasks run at the same time.
	Size() int
}
