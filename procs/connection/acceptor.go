package connection

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/kernel"
)

// acceptor takes connections at an address and examines each in a goroutine of
// its own: what listeners have in common, whatever the proof and the messages.
// The fields of the first group are set before it starts.
type acceptor[C io.Closer] struct {
	timeout time.Duration // of a handshake
	exam    func(f *os.File) examiner
	open    func(f *os.File) (C, error) // makes a connection of one that passed; owns f unless it fails
	unix    unixKind

	socket    listenSocket
	address   string
	dir       string // to be removed
	ready     chan C
	closed    chan struct{}
	once      sync.Once
	wg        sync.WaitGroup
	strangers *strangers
	refusals  refusals
}

// examiner is the listener's side of a handshake.
type examiner interface {
	// ask asks for a proof, and reads it: what a stranger can make long.
	ask() error
	// mark judges the proof. The error says why it is none.
	mark() error
}

// listen makes the socket and starts.
func (l *acceptor[C]) listen(address string) error {
	if address == "" {
		dir, err := listenerDir()
		if err != nil {
			return err
		}
		l.dir = dir
		address = dir + "/socket"
	}
	if err := l.socket.listen(address, l.unix); err != nil {
		l.removeDir()
		return err
	}
	l.start()
	return nil
}

// start takes connections from the socket.
func (l *acceptor[C]) start() {
	l.address = l.socket.address
	l.refusals.address = l.address
	l.ready, l.closed = make(chan C), make(chan struct{})
	l.strangers = newStrangers(maxStrangers(), l.closed)
	l.wg.Go(l.run)
}

// listenerDir makes a directory for a socket, and removes those of processes
// that were killed.
func listenerDir() (string, error) {
	sweepListenerDirs()
	dir, err := os.MkdirTemp(dirOfDirs(), listenerPrefix()+"*") // mode 0700
	if err != nil {
		return "", fmt.Errorf("connection: directory for a socket: %w", err)
	}
	return dir, nil
}

// dirOfDirs is where directories for sockets are made: that of temporary files,
// or /tmp if its name is too long for a socket in it. It is absolute, to mean
// the same to processes in other directories.
func dirOfDirs() string {
	const longest = len("/procs-socket-0123456789abcdef-0123456789/socket")
	dir, err := filepath.Abs(os.TempDir())
	if err != nil || len(dir)+longest > maxPath {
		return "/tmp"
	}
	return dir
}

// removeDir removes the directory of our own, unless somebody has put something
// there.
func (l *acceptor[C]) removeDir() {
	if l.dir != "" {
		os.Remove(l.dir)
	}
}

func (l *acceptor[C]) accept(ctx context.Context) (c C, err error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.closed:
		return c, procs.ErrClosed
	case <-ctx.Done():
		return c, fmt.Errorf("connection: accept: %w", ctx.Err())
	}
}

func (l *acceptor[C]) close() error {
	l.once.Do(func() {
		close(l.closed)
		l.socket.close()
		l.strangers.close()
		l.wg.Wait()
		l.removeDir()
	})
	return nil
}

// Pauses after a failure to take a connection.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// backoff is the last of these pauses.
type backoff time.Duration

// after returns how long to pause: after a failure that follows another, twice
// as long as then.
func (b *backoff) after(err error) time.Duration {
	if err == nil {
		*b = 0
	} else {
		*b = min(max(2**b, backoff(firstPause)), backoff(longestPause))
	}
	return time.Duration(*b)
}

// run takes connections, each of which proves itself in a goroutine of its own.
func (l *acceptor[C]) run() {
	var failures backoff
	for {
		h, err := l.socket.accept()
		pause := failures.after(err)
		if err == nil {
			l.take(h)
			continue
		}
		if l.isClosed() {
			return
		}
		if kernel.NoRoom(err) && l.strangers.pushOut() {
			continue
		}
		bridge.Logf(int32(procs.LevelWarning), "listener %s: %v", l.address, err)
		select {
		case <-l.closed:
			return
		case <-time.After(pause):
		}
	}
}

func (l *acceptor[C]) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// take lets a connection prove itself.
func (l *acceptor[C]) take(h *os.File) {
	if !l.strangers.enter(h) {
		h.Close()
		return
	}
	l.wg.Go(func() {
		c, err := l.handshake(h)
		if err != nil {
			h.Close()
			if !l.isClosed() {
				bridge.Logf(int32(procs.LevelWarning), "listener %s refused a connection: %v", l.address, err)
				l.refusals.add(err)
			}
			return
		}
		select {
		case l.ready <- c:
		case <-l.closed:
			c.Close()
		}
	})
}

func (l *acceptor[C]) handshake(h *os.File) (c C, err error) {
	h.SetDeadline(clock.In(l.timeout))
	e := l.exam(h)
	err = e.ask()
	if !l.strangers.leave(h) {
		return c, errPushedOut
	}
	if err == nil {
		err = e.mark()
	}
	if err == nil {
		err = h.SetDeadline(time.Time{})
	}
	if err != nil {
		return c, err
	}
	c, err = l.open(h)
	for err != nil && kernel.NoRoom(err) && l.strangers.pushOut() {
		c, err = l.open(h)
	}
	return c, err
}
