package manager

import "switchyard/procs/internal/codec"

// handle is a shared object of this package: a manager, or a proxy. The methods
// are those of codec.Handles; share may ask the manager.
type handle interface {
	share(w *codec.Wire) error
	adopt(w *codec.Wire) error
}

var _ = codec.AskingHandles(handle.share, handle.adopt)
