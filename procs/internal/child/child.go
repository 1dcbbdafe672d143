// Package child starts processes that run this program again, or another one,
// and gives them their first message. It knows nothing of what they do.
//
//   - Start (spawn_linux.go) makes the process. Standard files that are not
//     files are copied: Stdio.
//   - Control is the socket between the two. Its first message says what the
//     child is for; a pool's worker goes on talking over it.
//   - Begin is what the child does before anything else; Parent tells it of its
//     parent's end.
//
// There are four ways to notice that a process has died, because each sees what
// the others do not: the parent reaps its child by a pidfd (Child); the kernel
// kills a child whose parent dies, by a signal tied to a socket or to a thread
// (Tie), since nothing of the program runs then; a child that is detached
// watches its parent by a pidfd (Parent); and processes that are not related,
// holders of one lock for instance, ask by name (shm.Owner).
//
// A message here has a frame of one byte, unlike one of package transport: it
// is the first thing that a process reads, which pays for every page it
// touches, and it must be whole in the socket before there is a reader.
package child

import (
	"fmt"
	"io"
	"os"
)

// Tie is how the kernel ends a child when its parent dies.
type Tie int

const (
	// TiedToSocket: when our end of the control socket closes, which is when
	// we end. Nothing may be sent over it after the first message. The child
	// must call HeedLifeline of its First.
	TiedToSocket Tie = iota
	// TiedToThread: when the thread ends that started it, which lives as long
	// as we do. It takes 4 % longer to start.
	TiedToThread
	// Detached: not at all.
	Detached
)

// Spec says what to start, and how.
type Spec struct {
	Executable string // "": this program
	Name       string // in the list of processes
	Dir        string
	Env        []string    // nil: ours
	GOMAXPROCS int         // 0: as the environment says
	Files      [3]*os.File // nil: ours, and nothing to read
	Tie        Tie
	NewSession bool         // setsid
	Ended      func(*Child) // nil, or called after the child was reaped

	// The first message.
	Kind byte
	Body []byte
	FDs  []int

	inbox int // 0, or its end of the socket over which that comes: see SetReserve
}

// arg tells a process that it is a child, whose parent listens at descriptor
// controlFD. It is an argument because looking at the environment costs a Go
// program some microseconds.
//
// One in reserve has its first message from inboxFD instead, because nothing
// may be sent over a socket that it is tied to. There may never be one.
const (
	arg         = "--procs-child"
	argReserved = "--procs-reserved"
	controlFD   = 3
	inboxFD     = 4
)

// First is what a child learns first.
type First struct {
	Control *Control // the socket to the parent
	Kind    byte
	Body    []byte
	FDs     []int

	heeded bool // the lifeline
}

// Begin returns the first message, in a process that Start has made, and nil in
// another one. It takes its own argument out of os.Args.
func Begin() (*First, error) {
	if len(os.Args) < 2 || os.Args[1] != arg && os.Args[1] != argReserved {
		return nil, nil
	}
	reserved := os.Args[1] == argReserved
	os.Args = os.Args[:1]
	f := &First{Control: &Control{fd: controlFD}}
	inbox := f.Control
	if reserved {
		if err := f.HeedLifeline(); err != nil {
			return f, err
		}
		inbox = &Control{fd: inboxFD}
		defer inbox.Close()
	}
	var err error
	f.Kind, f.Body, f.FDs, err = inbox.Recv(make([]byte, 0, 1<<10))
	if reserved && err == io.EOF {
		os.Exit(0)
	}
	if err != nil {
		return f, fmt.Errorf("%s is an argument that only package procs gives: there is no parent at descriptor %d: %w", arg, inbox.fd, err)
	}
	return f, nil
}
