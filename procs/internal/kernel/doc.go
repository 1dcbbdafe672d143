// Package kernel is what several packages of procs ask of the kernel in one
// way: descriptors that are made although the table is full of garbage, packets
// that lose no descriptor, names that are removed from one's own files only,
// locks of files that say who holds them, sentences for the kernel's limits,
// random bytes, and a clock.
package kernel
