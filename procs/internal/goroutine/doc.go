// Package goroutine tells goroutines apart, for locks that belong to one.
package goroutine
