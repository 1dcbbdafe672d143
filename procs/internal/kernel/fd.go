// Package kernel is small things that several packages ask of the kernel: descriptors and random bytes. Package shm has the rest.
package kernel

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		CloseFD(fd)
	}
}
