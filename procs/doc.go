// Package procs is Python's multiprocessing and concurrent.futures, re-created in Go.
package procs
