//go:build greenletdebug

package greenlet

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
)

// debug is documented in debug_off.go.
const debug = true

// swaps counts the coroutine switches of all families.
var swaps atomic.Int64

// A thread tells a goroutine and whether it is locked to its thread.
type thread struct {
	goroutine uint64
	locked    bool
}

// caller returns the calling goroutine, as the header of its stack trace tells:
// "goroutine 7 [running, locked to thread]:".
func caller() thread {
	var buf [96]byte
	head, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("\n"))
	number, status, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("goroutine ")), []byte(" "))
	id, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		panic("greenlet: cannot read the goroutine's number: " + err.Error())
	}
	return thread{id, bytes.Contains(status, []byte("locked to thread"))}
}

// check panics unless the caller is the goroutine of the running greenlet.
func (f *family[T]) check() {
	if now := caller(); now.goroutine != f.owner.goroutine {
		panic(fmt.Sprintf("greenlet: goroutine %d uses a family that runs on goroutine %d", now.goroutine, f.owner.goroutine))
	}
}

// checkLock panics if swapping into s would make the runtime end the program,
// because runtime.LockOSThread was called, or undone, since s was made.
func (f *family[T]) checkLock(s *slot) {
	if now := caller(); now.locked != s.born.locked {
		panic(fmt.Sprintf("greenlet: locked to thread: %t, but %t when the target's coroutine was made", now.locked, s.born.locked))
	}
}
