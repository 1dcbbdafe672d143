//go:build !amd64 && !arm64

package goroutine

// ID returns a number of the calling goroutine that no other has as long as
// this one lives.
func ID() uint64 { return number() }
