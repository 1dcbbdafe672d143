// Package shm is the shared memory under package procs: segments, futexes, a robust mutex, rings. It holds the only raw system
// calls of procs.
//
// # Ring
//
// A ring carries messages from one writer to one reader, in different processes or not. Both sides share a piece of a segment:
//
//	seg, err := shm.Create(shm.RingSize(64 << 10)) // capacity: a power of two
//	shm.InitRing(seg, 0, 64<<10)                   // once, before the other side opens it
//	w, err := shm.NewWriter(seg, 0)                // here
//	r, err := shm.NewReader(seg, 0)                // there, after shm.Adopt(file, 0)
//
// Several rings may lie in one segment, each at a multiple of 128 bytes, of RingSize(capacity) bytes.
//
// Writing: TryPut (one record, now or never), Put (any length, waits), or in batches: Reserve returns the bytes to be filled, as often
// as there is room, and one Publish makes all of them visible. Reading: Next (a record or ErrEmpty), Wait, or Get, which is both.
// The reader sees the bytes in place, until its next call.
//
//   - A record of n bytes takes 8 + n bytes, rounded up to 8. Records up to a quarter of the capacity (MaxRecord) are written in
//     place; Put cuts longer ones into fragments and the reader joins them.
//   - One goroutine at a time per end. The ends may be handed on (to a process that replaces a dead one: NewReader goes on
//     after what was released).
//   - Nobody makes a system call while the other side is awake. A side that has nothing to do spins shortly, then sleeps.
//   - Waits take a *Wait: context, deadline, and Alive, which is asked several times a second while asleep.
//   - A side killed at any instruction loses nothing that was published, and publishes nothing that was not complete.
//   - The bytes are not trusted: a corrupt ring gives ErrCorrupt, never a panic or a read outside.
//
// It is not for several writers or readers: see Queue.
package shm
