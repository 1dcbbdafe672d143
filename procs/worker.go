package procs

func runWorker(c *control, b *boot, fds []int) {}
