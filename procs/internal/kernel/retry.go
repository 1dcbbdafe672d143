package kernel

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// RetryFD calls open, which makes descriptors, and returns its error. If there
// is no room for them, descriptors of objects that nobody refers to any more
// may be waiting for the garbage collector: RetryFD collects garbage, lets the
// cleanups run and calls open again, a bounded number of times (about 0.1 s
// beside the collections). What remains is an error that Explain has explained.
//
// Every call that makes a descriptor goes through RetryFD or OpenFD: memfd,
// socket, accept, pipe, open, dup, epoll, pidfd, eventfd, and the start of a
// process. Packets with descriptors are received with Receive. Success at once
// costs nothing beyond the call of open.
func RetryFD(open func() error) error {
	err := open()
	if err != nil && NoRoom(err) {
		return collectAndRetry(open)
	}
	return err
}

// OpenFD is RetryFD for a call that returns one descriptor; -1 if it failed.
func OpenFD(open func() (int, error)) (int, error) {
	fd, err := open()
	if err != nil && NoRoom(err) {
		err = collectAndRetry(func() (err error) {
			fd, err = open()
			return err
		})
	}
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// NoRoom reports whether err says that there was no room for a descriptor: in
// this process, in the machine, or among those that are on their way in Unix
// sockets.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ETOOMANYREFS)
}

const (
	collections  = 3  // that made room for nobody, before giving up
	mostTries    = 50 // collections while others find room
	firstPause   = time.Millisecond
	longestPause = 16 * time.Millisecond
)

// collectAndRetry collects before each row of tries. Cleanups and finalizers
// run beside us after a collection, so there is a pause before each try; one
// that needs another object's cleanup first takes a second collection.
// Where others take the room that a collection has made, there may be more.
func collectAndRetry(open func() error) error {
	var err error
	for vain, tries := 0, 0; vain < collections && tries < mostTries; tries++ {
		found := collector.found.Load()
		collect()
		for pause := firstPause; pause <= longestPause; pause *= 2 {
			time.Sleep(pause)
			if err = open(); err == nil || !NoRoom(err) {
				collector.found.Add(1)
				return err
			}
		}
		if collector.found.Load() == found {
			vain++
		}
	}
	return Explain(err)
}

var collector struct {
	mu   sync.Mutex
	done atomic.Uint64 // collections that have ended

	found atomic.Uint64 // how often a collection made room
}

// collect runs the garbage collector. Of those who call it at the same time
// one does the work: a collection that began after the call is enough.
func collect() { collectAfter(collector.done.Load()) }

// collectAfter is collect of a caller who came when so many had ended.
func collectAfter(before uint64) {
	collector.mu.Lock()
	defer collector.mu.Unlock()
	if collector.done.Load() > before+1 { // the last one began after our call
		return
	}
	runtime.GC()
	collector.done.Add(1)
}
