// Package threads is Python's ThreadPoolExecutor, re-created in Go: an executor
// of package procs over goroutines of this process, which a pool of package
// ants keeps. What is done with it is the same as over processes:
//
//	// Or procs.NewExecutor.
//	e, err := threads.NewExecutor(threads.Config{Workers: 4})
//	...
//	defer e.Shutdown(true, false)
//	f := procs.Submit(e, square, 3)
//
// # The rules
//
//   - Tasks are begun in the order in which they were submitted. Submit never
//     waits: tasks are queued until a worker is free.
//   - Arguments and results are passed as they are, not copied. procs.Init is
//     not needed.
//   - A worker is made when a task waits and no worker is free. Its goroutine
//     rests between tasks, and ends at Shutdown. An executor that has become
//     unreachable shuts down by itself when its tasks are done.
//   - A panic of a task is its error, a *procs.RemoteError as if it had
//     happened in another process. A task that ends its goroutine
//     (runtime.Goexit) fails, and its worker is replaced.
//   - A running task cannot be ended from outside: Future.Stop and
//     Executor.Terminate cancel its context.
//
// # What it costs
//
// A program that imports it links package ants, which makes a pool when it is
// imported; that is why this is not in package procs, which every worker
// process starts. Each executor has one goroutine that wakes twice a second, as
// every pool of ants has.
//
// # What it is not
//
// Not threads: an initializer that locks its goroutine to an operating system
// thread (runtime.LockOSThread) does so for whichever task comes next on that
// goroutine, not for a certain worker.
package threads
