package procs

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/transport"
)

// Direction says which ways a pipe can be used.
type Direction bool

const (
	OneWay Direction = false // the first end receives, the second sends
	Duplex Direction = true  // both ends do both
)

var (
	// ErrMessageTooLong means that RecvBytes got a message longer than its
	// limit. The message is lost, the connection still works.
	ErrMessageTooLong = transport.ErrMessageTooLong
	// ErrMessageType means that a message has another type than Recv was asked
	// for. The message is lost, the connection still works.
	ErrMessageType = errors.New("procs: message of another type")
	// ErrMessageCut means that what came over TCP is no message: one was cut
	// short, or two processes sent or received at once. The connection has
	// ended, on both sides.
	ErrMessageCut = transport.ErrMessageCut
	// ErrDirection means that the end cannot be used this way.
	ErrDirection = errors.New("procs: this end of the pipe does not go that way")
)

// BufferTooShortError: the message did not fit into the buffer of
// RecvBytesInto. It is here instead.
type BufferTooShortError struct{ Message []byte }

// Error says how long the message is.
func (e *BufferTooShortError) Error() string {
	return fmt.Sprintf("procs: a message of %d bytes does not fit into the buffer", len(e.Message))
}

// Conn is one end of a connection that carries whole messages (Python's
// multiprocessing.connection.Connection). It is a shared object: it may be
// passed to other processes, in messages of other connections too. The
// connection ends for the other side when all processes that hold this end have
// closed it or died: so close your copy of an end that you gave away.
//
// A message is a unit. It is sent or it is not, whatever cuts a call short: a
// deadline, Close, a signal, a lack of memory or of descriptors, the death of
// the process. If Send returned nil the message is on its way, whole; if it
// returned an error, or its process died in it, nobody receives any part of it.
// Several goroutines and several processes may send through one end and receive
// at one end at the same time: each message goes to one receiver, once, and
// those of one sender that one receiver gets are in the order of sending. A
// receiver's deadline takes nothing either: a long message that has begun to
// come is the next one that this process receives. A message is lost if a
// process dies that has received it or begun to, or does not have room for the
// descriptors in it (the error is EMFILE, for that message alone).
//
// Over TCP (package connection) bytes cannot be taken back, and processes must
// not send or receive through one end at the same time. If a message is cut
// short there, or two mix, nobody is given a part of it: the connection ends
// for all who hold it, with the error of the call that was cut short,
// ErrMessageCut or io.ErrUnexpectedEOF.
//
// Messages have any length and, except over TCP, up to 65,535 descriptors. Up
// to 128 KiB are one packet in the socket's buffer, and up to 4 MiB are in
// memory of their own; the few of them that fit do not need a receiver to be
// sent. Send of a longer message waits until a receiver has taken nearly all of
// it, and fails with EPIPE if that receiver dies. A message of more than 128
// KiB takes a descriptor while it is under way, one of more than 4 MiB two.
//
// Receivers and senders may be different goroutines; several of either take
// turns. A call that waits notices a Close, or a deadline set meanwhile, within
// a tenth of a second.
type Conn struct {
	readable, writable bool

	smu  sync.Mutex // senders
	sbuf []byte

	rmu  sync.Mutex // receivers
	rbuf []byte

	t transport.Transport
}

// NewPipe returns the two ends of a new connection. With OneWay, a receives and
// b sends.
func NewPipe(d Direction) (a, b *Conn, err error) {
	first, second, err := transport.NewPipe(d == Duplex)
	if err != nil {
		return nil, nil, err
	}
	both := d == Duplex
	return &Conn{readable: true, writable: both, t: first}, &Conn{readable: both, writable: true, t: second}, nil
}

func (c *Conn) share(w *wire) error { return c.t.Share(w, c.readable, c.writable) }

func (c *Conn) adopt(w *wire) (err error) {
	c.t, c.readable, c.writable, err = transport.Adopt(w)
	return err
}

// kindBytesMessage is the kind of a message of plain bytes. Other kinds are
// hashes of type names.
const kindBytesMessage uint32 = 0

// Send sends v: any value that could be an argument of a registered function,
// shared objects included.
func (c *Conn) Send(v any) error {
	if v == nil {
		return fmt.Errorf("%w: nil has no type; send a pointer", ErrEncode)
	}
	t := reflect.TypeOf(v)
	m, err := codec.MessageFor(t)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, err)
	}
	if !c.writable {
		return ErrDirection
	}
	c.smu.Lock()
	defer c.smu.Unlock()
	var w wire
	defer w.Close()
	b, err := m.Encode(c.sbuf[:0], v, &w)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, err)
	}
	c.keepSend(b)
	return c.t.Send(m.Kind, b, w.FDs)
}

// keepSend keeps the buffer for the next message unless it is large.
func (c *Conn) keepSend(b []byte) {
	if cap(b) <= 64<<10 {
		c.sbuf = b
	}
}

// Recv waits for the next message and stores its value in *into, a pointer to
// the type that was sent. It returns io.EOF when nothing is left and the other
// end is gone.
func (c *Conn) Recv(into any) error {
	p := reflect.ValueOf(into)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic("procs: Recv needs a pointer")
	}
	t := p.Type().Elem()
	m, err := codec.MessageFor(t)
	if err != nil {
		return err
	}
	return c.receive(nil, func(kind uint32, b []byte, w *wire) error {
		if kind != m.Kind {
			return fmt.Errorf("%w: wanted a %v", ErrMessageType, t)
		}
		return m.Decode(b, p, w)
	})
}

// receive gets one message, into buf if it fits there well, and hands its
// bytes, valid during the call, to take.
func (c *Conn) receive(buf []byte, take func(kind uint32, b []byte, w *wire) error) error {
	if !c.readable {
		return ErrDirection
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	keep := cap(buf) <= cap(c.rbuf) || cap(buf) < 128<<10
	if keep {
		if c.rbuf == nil {
			c.rbuf = c.newBuffer()
		}
		buf = c.rbuf
	}
	kind, b, fds, err := c.t.Recv(buf[:0])
	if err != nil {
		return err
	}
	if keep && cap(b) <= 128<<10 {
		c.rbuf = b
	}
	w := wire{FDs: fds}
	defer w.Close()
	return take(kind, b, &w)
}

// newBuffer is for messages to come. One of a local connection is received in
// one piece, whose length is not known before.
func (c *Conn) newBuffer() []byte {
	if !c.t.Local() {
		return nil
	}
	return make([]byte, 0, transport.PacketBody)
}

// SendBytes sends b as one message.
func (c *Conn) SendBytes(b []byte) error {
	if !c.writable {
		return ErrDirection
	}
	c.smu.Lock()
	defer c.smu.Unlock()
	return c.t.Send(kindBytesMessage, b, nil)
}

// RecvBytes waits for the next message of SendBytes. A limit above 0 bounds its
// length: a longer one is ErrMessageTooLong.
func (c *Conn) RecvBytes(limit int) (out []byte, err error) {
	err = c.receive(nil, func(kind uint32, b []byte, _ *wire) error {
		switch {
		case kind != kindBytesMessage:
			return fmt.Errorf("%w: wanted bytes", ErrMessageType)
		case limit > 0 && len(b) > limit:
			return ErrMessageTooLong
		case cap(b) > cap(c.rbuf): // receive keeps no reference to it
			out = b
		default:
			out = append(make([]byte, 0, len(b)), b...)
		}
		return nil
	})
	return out, err
}

// RecvBytesInto waits for the next message of SendBytes, copies it into buf and
// returns its length. If it does not fit, the error is a *BufferTooShortError
// that holds the message.
func (c *Conn) RecvBytesInto(buf []byte) (n int, err error) {
	err = c.receive(buf, func(kind uint32, b []byte, _ *wire) error {
		if kind != kindBytesMessage {
			return fmt.Errorf("%w: wanted bytes", ErrMessageType)
		}
		if len(b) > len(buf) {
			return &BufferTooShortError{append([]byte(nil), b...)}
		}
		n = copy(buf, b)
		return nil
	})
	return n, err
}

// Poll waits up to d for something to receive, a message or the end of the
// connection, and reports whether there is: 0 only looks, a negative d waits
// for ever. A message of more than 4 MiB counts from when its sender begins; if
// the sender then dies, or gives up, Recv waits for the next one.
func (c *Conn) Poll(d time.Duration) (bool, error) {
	if !c.readable {
		return false, ErrDirection
	}
	return c.t.Poll(d)
}

// SetDeadline makes Send, Recv and Poll fail with os.ErrDeadlineExceeded after
// t; the zero time removes the deadline. Calls that wait already notice it
// within a tenth of a second. It is kept on the monotonic clock: setting the
// system's clock does not move it.
func (c *Conn) SetDeadline(t time.Time) error { return c.t.SetDeadline(t, t) }

// SyscallConn gives access to the descriptor.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.t.SyscallConn() }

// SendFile sends an open file: the receiver gets a descriptor of its own (see
// also *os.File inside messages).
func (c *Conn) SendFile(f *os.File) error { return c.Send(f) }

// RecvFile receives a file sent by SendFile.
func (c *Conn) RecvFile() (f *os.File, err error) {
	err = c.Recv(&f)
	return f, err
}

// Readable reports whether the end can receive.
func (c *Conn) Readable() bool { return c.readable }

// Writable reports whether the end can send.
func (c *Conn) Writable() bool { return c.writable }

// Close closes this process's copy of the end. Calls that wait return
// os.ErrClosed.
func (c *Conn) Close() error {
	if c.t == nil { // never opened
		return nil
	}
	return c.t.Close()
}
