package child

import (
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// A reserved process has been started for no purpose yet: it waits in Begin for
// its first message.
type reserved struct {
	*Child
	env []string
	dir string

	mu    sync.Mutex
	inbox *Control     // our end of where it has its first message from
	gone  bool         // it has been reaped
	ended func(*Child) // nil, or who is to be told of that
}

// reserve is the processes that Start takes, in place of new ones, for what
// they were started for.
var reserve struct {
	filling    sync.Mutex // held by who changes size and gomaxprocs, or adds to idle; locked before mu
	mu         sync.Mutex
	size       int
	gomaxprocs int
	idle       []*reserved
	refill     *time.Timer
}

// refillAfter is how long after the last start the reserve is filled again: at
// once, it would take the processor from those that were just started, who
// would take twice as long.
const refillAfter = 10 * time.Millisecond

// SetReserve keeps so many processes with this GOMAXPROCS in reserve; 0 ends
// those that are.
func SetReserve(size, gomaxprocs int) error {
	r := &reserve
	r.filling.Lock()
	defer r.filling.Unlock()
	r.mu.Lock()
	over := r.idle
	r.size, r.gomaxprocs, r.idle = size, gomaxprocs, nil
	r.mu.Unlock()
	for _, p := range over {
		p.Signal(syscall.SIGKILL)
	}
	for _, p := range over {
		<-p.Done()
	}
	return fillReserve()
}

// fillReserve starts processes until there are enough that have not ended. The
// caller holds filling.
func fillReserve() error {
	r := &reserve
	for {
		r.mu.Lock()
		r.idle = slices.DeleteFunc(r.idle, func(p *reserved) bool { return !p.Alive() })
		enough := len(r.idle) >= r.size
		r.mu.Unlock()
		if enough {
			return nil
		}
		p, err := startReserved(r.gomaxprocs)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.idle = append(r.idle, p)
		r.mu.Unlock()
	}
}

// startReserved starts a process without a message.
func startReserved(gomaxprocs int) (*reserved, error) {
	ours, theirs, err := newControl()
	if err != nil {
		return nil, err
	}
	defer kernel.CloseFD(theirs)
	inbox, theirInbox, err := newControl()
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer kernel.CloseFD(theirInbox)
	p := &reserved{inbox: inbox, env: syscall.Environ()}
	if p.dir, err = os.Getwd(); err == nil {
		p.Child, err = spawn(&Spec{Name: "reserved", Env: p.env, GOMAXPROCS: gomaxprocs, Ended: p.reaped, inbox: theirInbox}, ours, theirs)
	}
	if err != nil {
		ours.Close()
		inbox.Close()
		return nil, err
	}
	return p, nil
}

// reaped is called when the process has ended.
func (p *reserved) reaped(c *Child) {
	p.mu.Lock()
	p.gone = true
	ended := p.ended
	p.inbox.Close()
	p.mu.Unlock()
	if ended != nil {
		ended(c)
	}
}

// fromReserve gives the first message of spec to a process in reserve, and
// returns nil if there is none that fits.
func fromReserve(spec *Spec) (*Child, error) {
	r := &reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size == 0 || spec.GOMAXPROCS != r.gomaxprocs || spec.Tie != TiedToSocket || spec.Executable != "" || spec.Env != nil ||
		spec.Dir != "" || spec.NewSession || spec.Files != [3]*os.File{} || !standardFile(1) || !standardFile(2) {
		return nil, nil
	}
	if r.refill == nil {
		r.refill = time.AfterFunc(refillAfter, func() {
			r.filling.Lock()
			defer r.filling.Unlock()
			_ = fillReserve() // what fails is tried again after the next start
		})
	} else {
		r.refill.Reset(refillAfter)
	}
	env := syscall.Environ()
	dir, err := os.Getwd()
	for len(r.idle) > 0 && err == nil {
		p := r.idle[0]
		r.idle = r.idle[1:]
		if p.dir != dir || !slices.Equal(p.env, env) { // as a new process would not be
			p.Signal(syscall.SIGKILL)
			continue
		}
		if c, err := p.use(spec); c != nil || err != nil {
			return c, err
		}
	}
	return nil, nil
}

// use gives the process its first message. It returns nil if it has ended
// without.
func (p *reserved) use(spec *Spec) (*Child, error) {
	p.mu.Lock()
	defer p.mu.Unlock() // if it ends now, it has not been told of yet
	if p.gone || !p.Alive() {
		return nil, nil
	}
	err := p.inbox.Send(spec.Kind, spec.Body, spec.FDs)
	if err == nil {
		p.ended = spec.Ended
		p.inbox.Close()
		return p.Child, nil
	}
	p.Signal(syscall.SIGKILL)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil, nil
	}
	return nil, err
}
