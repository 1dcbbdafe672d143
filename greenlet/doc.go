// Package greenlet provides coroutines that switch explicitly: python-greenlet,
// re-created in Go.
package greenlet
