//go:build !linux

package kernel

// Random is never called: nothing that needs it works here.
func Random([]byte) {}

// Monotonic is never called either.
func Monotonic() int64 { return 0 }
