// Package shm is the shared memory under package procs: segments, and what
// several processes do in them. No other package of procs maps memory; package
// transport passes long messages in anonymous files (memfd). Which packages ask
// the kernel by themselves, and what for, is listed in a test of
// bench/internal/tree.
//
//   - Segment: memory known by a descriptor (anonymous, gone with its last
//     process) or by a name (gone with the process that made it). Pages are
//     reserved when it is made or grown, so that a full memory is ErrNoSpace
//     and never a fault.
//   - Mutex: excludes processes and goroutines; a dead owner's lock passes to
//     exactly one other, who is told.
//   - EventCount, Parker: where processes sleep until something changes, many
//     or one. ContextMutex, SharedWaiter: how the goroutines of one process do
//     it with one thread.
//   - Holders: how many of something each process holds, dead ones too.
//   - Ring: messages from one writer to one reader, without a lock.
//   - Queue: messages between any number of processes.
//
// # What all of them have in common
//
//   - A process that dies, at any instruction, leaves a state that others can
//     go on with. Every change takes effect by one store; one that needs two is
//     recorded first, and undone by the next owner of the mutex.
//   - No one waits for ever for a dead process, and no process is taken for
//     dead without evidence: Owner.Alive decides. Sleep is cut into slices of
//     10 to 200 ms, after which the sleeper looks at the state again, and at
//     those it depends on.
//   - An uncontended operation makes no system call. A waiter spins briefly
//     before it sleeps, if there is another CPU.
//   - A Wait says how long, and for whom. A nil *Wait is not allowed; the zero
//     Wait waits for ever. No wait allocates unless its context can be done.
//   - What comes from shared memory is checked before it is used as an index or
//     a length: a corrupt segment is ErrCorrupt, never a panic.
//   - A handle keeps its mapping until it is unreachable. Close only gives the
//     descriptor back.
//
// # Words to sleep on
//
// There are four kinds, because they carry different things: that of a Mutex is
// the lock itself and says who holds it; that of an EventCount counts, so that
// many may sleep and nobody misses what happened since it looked; a Parker is
// one sleeper's, and waking it needs no count; and a Condition of package procs
// has one for each waiter, which says what became of it.
//
// A Spinner learns whether spinning pays. Others do not share it: a pool's
// worker looks a fixed number of times and yields in between, because the
// workers, the pool and its callers often share as many processors as there are
// workers (taskring); a connection in the poller counts looks, each of which is
// a system call (transport); and an end of a manager's lane goes by the clock,
// because its answers take as long as a method does (manager).
//
// # Ring
//
//	seg, err := shm.Create(shm.RingSize(64 << 10)) // a power of two
//	shm.InitRing(seg, 0, 64<<10)                   // before the other side opens it
//	w, err := shm.NewWriter(seg, 0)                // here
//	r, err := shm.NewReader(seg, 0)                // there, after shm.Adopt
//
// Several rings may lie in one segment, each at a multiple of 128 bytes, of
// RingSize(capacity) bytes.
//
// Writing: TryPut (one record, now or never), Put (any length, waits), or in
// batches: Reserve returns the bytes to be filled, as often as there is room,
// and one Publish makes all of them visible. Reading: Next (a record or
// ErrEmpty), Wait, or Get, which is both. The reader sees the bytes in place,
// until its next call.
//
//   - A record of n bytes takes 8 + n bytes, rounded up to 8. Records up to a
//     quarter of the capacity (MaxRecord) are written in place; Put cuts longer
//     ones into fragments and the reader joins them.
//   - One goroutine at a time per end. The ends may be handed on, to a process
//     that replaces a dead one: NewReader goes on after what was released.
//
// # What it is not
//
// Segments work on Linux only; elsewhere making one returns
// errors.ErrUnsupported. The death of a process in another pid namespace cannot
// be detected (see Owner.Alive): what it held stays held. Nothing here protects
// from a process that writes where it should not; it only does not crash
// others.
package shm
