package kernel

// CloseAll closes descriptors; those that are -1 are none.
func CloseAll(fds []int) {
	for _, fd := range fds {
		CloseFD(fd)
	}
}
