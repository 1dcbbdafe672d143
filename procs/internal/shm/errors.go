package shm

import "errors"

var (
	// ErrNoSpace means that memory for a segment could not be reserved. It is
	// found when the segment is made or grows, never as a fault while it is
	// used.
	ErrNoSpace = errors.New("shm: no space for the segment")
	// ErrClosed means that this end, or the whole object, was closed.
	ErrClosed = errors.New("shm: closed")
	// ErrTimeout means that the deadline of a Wait passed.
	ErrTimeout = errors.New("shm: timeout")
	// ErrPeerDied means that Wait.Alive said no while waiting for the other
	// side.
	ErrPeerDied = errors.New("shm: the other side died")
	// ErrOwnerDied means that the mutex was acquired, and its former owner had
	// died holding it.
	ErrOwnerDied = errors.New("shm: the former owner died")
	// ErrNotLocked means that a mutex was released that nobody held, or a task
	// done that nobody had.
	ErrNotLocked = errors.New("shm: not locked, or no task left")
	// ErrEmpty and ErrFull: nothing to take, no room, and the caller did not
	// want to wait.
	ErrEmpty = errors.New("shm: empty")
	ErrFull  = errors.New("shm: full")
	// ErrCorrupt means that the bytes of a segment contradict each other.
	ErrCorrupt = errors.New("shm: corrupt segment")
)
