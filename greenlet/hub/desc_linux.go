//go:build !hubportable

package hub

import (
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A desc is a non-blocking descriptor of a hub.
type desc struct {
	h          *Hub
	fd         int
	gen        int32
	kind       kind
	registered bool
	closed     bool
	readable   bool // not known to be empty
	writable   bool // not known to be full
	drains     bool // a short read has emptied it
	writing    bool // a write waits in the midst
	in, out    direction
	path       *socketPath // to be removed; may be nil
	file       *file
}

// A kind is what can be read from a descriptor.
type kind uint8

const (
	messages   kind = iota // datagrams, connections
	byteStream             // with marks in it that end a read: see drains
	tcpStream
)

// A direction is one of the two ways through a descriptor.
type direction struct {
	waiters  waitList // for the kernel
	turns    waitList // for another's write to be over
	deadline instant  // zero: none
}

// newDesc takes over a descriptor; closing it is the one way to give back
// what belongs to it, whoever does so.
//
// A short read has emptied a stream, says epoll(7), and what comes later is a
// new edge, so the read that would fail is saved. That holds for TCP only, and
// there until an urgent byte or the end comes: a read stops at the mark. Unix
// sockets end a read after each message that carries descriptors, and pipes
// after each packet once the writer has set O_DIRECT; neither is announced.
func (h *Hub) newDesc(fd int, k kind) *desc {
	d := &desc{h: h, fd: fd, kind: k, drains: k == tcpStream, readable: true, writable: true}
	d.file = h.files.add(func() { d.close() })
	return d
}

// event notes what the kernel reported and wakes who waits for it.
func (d *desc) event(mask uint32) {
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if mask&(end|unix.EPOLLPRI) != 0 {
		// A mark or the end was or will be part of an edge: what lies behind it
		// makes no new one.
		d.drains = false
	}
	if mask&(unix.EPOLLIN|unix.EPOLLPRI|end) != 0 {
		d.readable = true
		d.in.waiters.wakeAll()
	}
	if mask&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		d.writable = true
		d.out.waiters.wakeAll()
	}
}

// register makes the hub hear of the descriptor's events. Its error is a
// system call's.
func (d *desc) register() error {
	if d.registered {
		return nil
	}
	return d.h.io.add(d)
}

// await parks the greenlet until the direction may be tried again.
func (d *desc) await(w *direction) error {
	if err := d.register(); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return d.park(w, &w.waiters, os.ErrDeadlineExceeded)
}

// park parks the greenlet in a list of w until it is woken or w's deadline
// passes, which returns late.
func (d *desc) park(w *direction, l *waitList, late error) error {
	h := d.h
	timeout := time.Duration(-1)
	if w.deadline != (instant{}) {
		if timeout = h.now().until(w.deadline); timeout == 0 {
			return late
		}
	}
	return h.waitIO(l, timeout, late)
}

// check comes before every operation: closed, out of time, or a turn for the
// others after many operations that never had to wait.
func (d *desc) check(w *direction) error {
	h := d.h
	if d.closed {
		return net.ErrClosed
	}
	if h.over(w.deadline) {
		return os.ErrDeadlineExceeded
	}
	if h.switches != h.ioSwitches {
		h.ioSwitches, h.ioStreak = h.switches, 0
	} else if h.ioStreak++; h.ioStreak >= ioTurn && h.cur != nil {
		h.ioStreak = 0
		if err := h.Yield(); err != nil {
			return err
		}
		if d.closed {
			return net.ErrClosed
		}
	}
	return nil
}

// ioTurn is the number of reads and writes in a row after which a greenlet
// that never has to wait lets the others run.
const ioTurn = 128

func (d *desc) read(b []byte) (int, error) {
	if err := d.check(&d.in); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if d.readable {
			n, err := unix.Read(d.fd, b)
			switch {
			case n > 0:
				if n < len(b) && d.drains && d.registered {
					d.readable = false
				}
				return n, nil
			case err == nil && d.kind == messages: // an empty datagram
				return 0, nil
			case err == nil:
				return 0, io.EOF
			case err == unix.EINTR:
				continue
			case err != unix.EAGAIN:
				return 0, os.NewSyscallError("read", err)
			}
			d.readable = false
		}
		if err := d.await(&d.in); err != nil {
			return 0, err
		}
		if d.closed {
			return 0, net.ErrClosed
		}
	}
}

// write writes all of b.
func (d *desc) write(b []byte) (done int, err error) {
	if err := d.check(&d.out); err != nil {
		return 0, err
	}
	if d.writing {
		return d.writeInTurn(b)
	}
	if !d.writable {
		return d.writeOn(b, 0)
	}
	n, err := unix.Write(d.fd, b)
	if err == nil && n == len(b) {
		return n, nil
	}
	return d.wrote(b, max(n, 0), err)
}

// wrote goes on after a system call that has brought the bytes written to
// done, or failed.
func (d *desc) wrote(b []byte, done int, err error) (int, error) {
	switch {
	case err == unix.EAGAIN:
		d.writable = false
	case err != nil && err != unix.EINTR:
		return done, os.NewSyscallError("write", err)
	case err == nil && done >= len(b):
		return done, nil
	}
	return d.writeOn(b, done)
}

// writeOn writes the rest of b, of which done bytes are written.
func (d *desc) writeOn(b []byte, done int) (int, error) {
	d.writing = true
	defer d.endTurn()
	for {
		if d.writable {
			n, err := unix.Write(d.fd, b[done:])
			done += max(n, 0)
			switch {
			case err == unix.EINTR:
				continue
			case err == unix.EAGAIN:
				d.writable = false
			case err != nil:
				return done, os.NewSyscallError("write", err)
			case done >= len(b):
				return done, nil
			default:
				continue
			}
		}
		if err := d.await(&d.out); err != nil {
			return done, err
		}
		if d.closed {
			return done, net.ErrClosed
		}
	}
}

// writeInTurn writes after those who were there before.
func (d *desc) writeInTurn(b []byte) (int, error) {
	if err := d.park(&d.out, &d.out.turns, os.ErrDeadlineExceeded); err != nil {
		return 0, err
	}
	if d.closed {
		d.endTurn()
		return 0, net.ErrClosed
	}
	return d.writeOn(b, 0)
}

// endTurn hands the turn to the next, so that nobody gets in between.
func (d *desc) endTurn() { d.writing = d.out.turns.wakeOne() != nil }

// close closes the descriptor and wakes whoever waits for it.
func (d *desc) close() error {
	if d.closed {
		return net.ErrClosed
	}
	d.closed = true
	if d.path != nil {
		d.path.remove()
	}
	d.h.io.remove(d)
	d.h.files.remove(d.file)
	err := unix.Close(d.fd)
	d.in.waiters.wakeAll()
	d.out.waiters.wakeAll()
	d.out.turns.wakeAll()
	return os.NewSyscallError("close", err)
}

// setDeadline sets w's deadline, also for those who wait already.
func (d *desc) setDeadline(w *direction, t time.Time) error {
	if d.closed {
		return net.ErrClosed
	}
	h := d.h
	w.deadline = instant{}
	if !t.IsZero() {
		w.deadline = h.at(t)
	}
	for _, l := range [...]*waitList{&w.waiters, &w.turns} {
		for g := l.first; g != nil; g = g.waitNext {
			if w.deadline == (instant{}) {
				h.timers.disarm(&g.timer)
			} else {
				h.timers.arm(&g.timer, w.deadline)
			}
		}
	}
	return nil
}
