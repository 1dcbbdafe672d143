// Package procs is Python's multiprocessing and concurrent.futures, re-created
// in Go: real processes, shared memory between them, and the promise that no
// crash of any of them hangs or orphans another.
//
//	var square = procs.Register("square", func(_ context.Context, x int) (int, error) {
//		return x * x, nil
//	})
//
//	func main() {
//		procs.Init() // first of all: in a child it never returns
//		pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
//		...
//		defer pool.Terminate()
//		squares, err := procs.Map(ctx, pool, square, []int{1, 2, 3})
//	}
//
// # What there is
//
//   - Process: one function in a process of its own. Pool and Executor: many
//     tasks on some workers, with AsyncResult or Future. Package threads: an
//     Executor over goroutines.
//   - Supervisor: processes that are started in order, started again when they
//     fail, and stopped in reverse (Erlang's, supervisord).
//   - Lock, RLock, Semaphore, Condition, Event, Barrier, Value, Array: in
//     shared memory, on futexes, robust.
//   - Queue, SimpleQueue, JoinableQueue, Conn (NewPipe), SharedMemory,
//     ShareableList.
//   - Wait (on processes, futures, connections, files, sockets), Heartbeat,
//     PIDFile, SetLog, AtExit, Exit.
//   - Package connection: Listen and Dial, Python's Listener and Client.
//     Package manager: Manager, its dicts, lists and queues, and those of your
//     own types. Package remote: pools whose workers are on other machines.
//     Only programs that import them pay for them at every start.
//   - Package examples: whole programs, a master with its workers and a service
//     in the background.
//
// Free functions stand where Python has methods with a function among their
// arguments (Apply, Map, Submit, ...), because methods in Go have no type
// parameters; the order of arguments is Python's.
//
// # The rules
//
//   - main calls Init first. Functions are registered at package level, in
//     every process of the program alike.
//   - Arguments and results are copied; what cannot be (channels, functions,
//     locks of package sync) is refused by Register. Shared objects of this
//     package, and open files, may stand anywhere inside them, and arrive as
//     handles on the same object.
//   - Children die with their parent, at once, even if it is killed and even if
//     they are stopped: the kernel kills a process when the other end of its
//     socket closes, and a worker when the parent's thread ends that started
//     it. ProcessConfig.Detached is the exception. Nothing has a name that
//     would be left behind: memory and sockets travel as descriptors.
//   - A worker's death fails the task that it was running, and no other: tasks
//     are assigned by the parent, in memory that shows whether a task was
//     begun. It is replaced at once.
//   - A worker runs one task at a time, with GOMAXPROCS=1 unless told
//     otherwise. A Process has the environment's.
//   - Ctrl-C reaches all processes of a terminal. Workers and managers ignore
//     it: the parent decides what happens. So it is with SIGTERM and SIGHUP,
//     which a supervisor sends to all processes of a service, and a terminal
//     that goes away to its group: a worker finishes the task that it runs and
//     is then replaced, its other tasks go to others, and a manager stays as
//     long as anybody is connected. A worker that was sent the signal alone
//     cannot tell the difference and ends in the same way. A second signal, a
//     second or more later, ends either at once, as SIGKILL does. SIGQUIT is
//     like SIGTERM, but prints all stacks first. The workers of a program under
//     nohup ignore SIGHUP as it does. Other processes die by these signals as
//     any does, unless their functions handle them.
//   - Ctrl-Z and fg stop and continue a program with its workers. The time
//     limits of tasks go on meanwhile.
//   - Code of the program that this package calls (functions, callbacks, hooks,
//     methods of errors and of values) can harm only the task that it belongs
//     to: a panic is an error of that task, or is logged, and so is
//     runtime.Goexit. It is called with no lock held, and may use what calls
//     it.
//   - Whatever waits takes a context and returns when that is done, or has a
//     limit (AcquireTimeout) or a deadline (Conn). The exceptions are Get and
//     Set of Value and Array, which wait for the lock, and Executor.Shutdown,
//     Pool.Terminate and Exit, which wait for an end that they bring about. A
//     call that has to stop a task first waits for that, for the pool's Grace
//     and at most a second more.
//   - A waiter spins for some microseconds, then sleeps. It wakes at least
//     every 0.2 s to see whether the processes that it waits for still live.
//
// # Why spawn, and not fork
//
// A Go process is several threads: collector, scheduler, system calls. fork
// copies only the one that calls it; the locks the others hold stay locked for
// ever in the copy. So a child is always a new image of the same program
// (Python's start method "spawn"), made by vfork and exec: started in little
// more time than an empty Go program, whatever the parent's heap, where
// Python's fork takes longer the larger it is. SetReserve keeps processes
// started for Process.Start to use, and PoolConfig.Spares workers of a pool
// (what Python's "forkserver" is for).
//
// # What it costs
//
// On two cores of an AMD EPYC virtual machine: a task there and back 2 to 3 us
// while they follow one another closely (ten times as much if worker and caller
// have to be woken); 0.5 us per task with many in flight; 0.25 us per element
// of a Map with Chunk(1), 0.03 us with automatic chunks; 1.2 ms to start and
// join a process, 1.2 times an empty Go program's. BenchmarkPoolApply,
// BenchmarkPoolApplyAsync, BenchmarkPoolMap and BenchmarkProcessStart measure
// these, each beside its floor.
//
// # What it is not
//
// Not a sandbox: processes of one program trust each other. Not for other
// machines, except through packages connection, manager and remote with a key.
// On Linux
// everything works; elsewhere only what needs no other process (Future, package
// threads, Heartbeat, Log) does, and the rest returns errors.ErrUnsupported.
package procs
