//go:build !greenletdebug

package greenlet

import "sync/atomic"

// debug is true in builds with the tag greenletdebug: then every switch checks
// that the calling goroutine is the one it should be, under the thread lock it
// should have, and swaps are counted. Otherwise all this is compiled away.
const debug = false

var swaps atomic.Int64

// A thread tells a goroutine and whether it is locked to its thread.
type thread struct{}

func caller() thread { return thread{} }

func (f *family[T]) check() {}

func (f *family[T]) checkLock(*slot) {}
