package kernel

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		CloseFD(fd)
	}
}
