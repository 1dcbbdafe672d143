//go:build amd64 || arm64

package shm

// pause tells the processor n times (n > 0) that this is a spinning loop: the
// other hyper-thread gets the core, and the loop ends without a mis-speculated
// load.
//
//go:noescape
func pause(n uint32)
