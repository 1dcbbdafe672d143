package kernel

import "golang.org/x/sys/unix"

// Random fills b from the kernel; crypto/rand would be linked into, and set up
// in, every child.
func Random(b []byte) {
	for n := 0; n < len(b); {
		k, err := unix.Getrandom(b[n:], 0)
		if err != nil && err != unix.EINTR {
			panic("procs: no random numbers: " + err.Error())
		}
		n += max(k, 0)
	}
}
