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
	stream     bool // a short read has emptied it
	registered bool
	closed     bool
	readable   bool // not known to be empty
	writable   bool // not known to be full
	ended      bool // the peer's end or an error was seen
	in, out    direction
	file       *file
}

// A direction is one of the two ways through a descriptor.
type direction struct {
	waiters  waitList
	deadline int64 // on the hub's clock; 0: none
}

func (h *Hub) newDesc(fd int, stream bool) *desc {
	d := &desc{h: h, fd: fd, stream: stream, readable: true, writable: true}
	d.file = h.files.add(func() { d.close() })
	return d
}

// event notes what the kernel reported and wakes who waits for it.
func (d *desc) event(mask uint32) {
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if mask&end != 0 {
		d.ended = true
	}
	if mask&(unix.EPOLLIN|end) != 0 {
		d.readable = true
		d.in.waiters.wakeAll()
	}
	if mask&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		d.writable = true
		d.out.waiters.wakeAll()
	}
}

// await parks the greenlet until the direction may be tried again.
func (d *desc) await(w *direction) error {
	h := d.h
	if !d.registered {
		if err := h.io.add(d); err != nil {
			return err
		}
	}
	timeout := time.Duration(-1)
	if w.deadline != 0 {
		if timeout = time.Duration(w.deadline - h.now()); timeout <= 0 {
			return os.ErrDeadlineExceeded
		}
	}
	h.ioWait++
	err := h.wait(&w.waiters, timeout)
	h.ioWait--
	if err == ErrTimeout {
		return os.ErrDeadlineExceeded
	}
	return err
}

// check comes before every operation: closed, out of time, or a turn for the
// others after many operations that never had to wait.
func (d *desc) check(w *direction) error {
	h := d.h
	if d.closed {
		return net.ErrClosed
	}
	if w.deadline != 0 && h.now() >= w.deadline {
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
				// A short read has emptied a stream. What comes later is a
				// new edge, so the read that would fail is saved. The end of
				// the stream may have been part of an edge before: then there
				// is no new one.
				if n < len(b) && d.stream && d.registered && !d.ended {
					d.readable = false
				}
				return n, nil
			case err == nil && d.stream:
				return 0, io.EOF
			case err == nil: // an empty datagram
				return 0, nil
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
	for {
		if d.writable {
			n, err := unix.Write(d.fd, b[done:])
			if n > 0 {
				done += n
			}
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

// close closes the descriptor and wakes whoever waits for it.
func (d *desc) close() error {
	if d.closed {
		return net.ErrClosed
	}
	d.closed = true
	d.h.io.remove(d)
	d.h.files.remove(d.file)
	err := unix.Close(d.fd)
	d.in.waiters.wakeAll()
	d.out.waiters.wakeAll()
	return os.NewSyscallError("close", err)
}

// setDeadline sets w's deadline, also for those who wait already.
func (d *desc) setDeadline(w *direction, t time.Time) error {
	if d.closed {
		return net.ErrClosed
	}
	h := d.h
	w.deadline = 0
	if !t.IsZero() {
		w.deadline = max(int64(t.Sub(h.epoch)), 1)
	}
	for g := w.waiters.first; g != nil; g = g.waitNext {
		if w.deadline == 0 {
			h.timers.disarm(&g.timer)
		} else {
			h.timers.arm(&g.timer, w.deadline)
		}
	}
	return nil
}
