package procs

import "switchyard/procs/internal/codec"

// handle is a shared object: a *Lock, *Queue[T], *Conn, *SharedMemory and their
// like. The methods are those of codec.Handles. An adopted object that is never
// closed must let go of its descriptors when the garbage collector finds it
// (runtime.AddCleanup): a pool task that takes a *Lock adopts one per task.
type handle interface {
	share(w *wire) error
	adopt(w *wire) error
}

var _ = codec.Handles(handle.share, handle.adopt)

// wire carries what handles inside a value need beyond its bytes.
type wire = codec.Wire
