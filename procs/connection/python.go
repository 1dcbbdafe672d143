package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/transport"
)

// PythonConfig says how to talk to programs in Python.
type PythonConfig struct {
	// AuthKey is what both sides must know: authkey in Python. There is no
	// default: the key of this family of processes is none that a Python
	// program has.
	AuthKey []byte
	// NoAuth wants no proof, and gives none: authkey=None, the default in
	// Python. Then AuthKey must be empty.
	NoAuth bool
	// MD5 takes part in the proof of Python before 3.12, which is HMAC-MD5,
	// too. Without it such a program is refused with ErrAuthentication.
	MD5 bool
	// MaxMessage is the longest message, sent or taken. The connection of a
	// longer one is closed, before memory is used for it. 0: 1 GiB.
	MaxMessage int
	// HandshakeTimeout and Refused are as in ListenerConfig, and only for
	// ListenPython.
	HandshakeTimeout time.Duration
	Refused          func(address string, err error)
	// LookupHost is as in DialConfig, and only for DialPython.
	LookupHost func(ctx context.Context, host string) ([]string, error)
}

func (c *PythonConfig) fill() error {
	switch {
	case c.NoAuth && len(c.AuthKey) > 0:
		return errors.New("connection: a key, and NoAuth")
	case !c.NoAuth && len(c.AuthKey) == 0:
		return errors.New("connection: no key for Python programs: set AuthKey, or NoAuth")
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = maxMessage
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = handshakeTimeout
	}
	return nil
}

// PythonConn is a connection to a program in Python, which has a
// multiprocessing.connection.Connection there. It carries messages of bytes, in
// both ways: send_bytes and recv_bytes in Python. What Python sends with send
// is a pickle, which a reader executes; this package does not read any, and
// RecvBytes returns its bytes like others. JSON is a good choice for both
// sides.
//
// As over TCP (see procs.Conn) a message that a deadline, Close or the death of
// its sender cuts short is given to nobody, and ends that way of the
// connection. Several goroutines may send, and several receive. It waits in the
// runtime's poller, so an idle one takes no thread. It cannot be passed to
// another process.
type PythonConn struct{ c *procs.Conn }

// SendBytes sends b as one message.
func (c *PythonConn) SendBytes(b []byte) error { return c.c.SendBytes(b) }

// RecvBytes waits for the next message. It returns io.EOF when nothing is left
// and the other side has closed the connection. A limit above 0 bounds the
// length of the message: a longer one is procs.ErrMessageTooLong, and is lost.
func (c *PythonConn) RecvBytes(limit int) ([]byte, error) { return c.c.RecvBytes(limit) }

// Poll waits up to d for a message, the beginning of one, or the end of the
// connection, and reports whether there is: 0 only looks, a negative d waits
// for ever.
func (c *PythonConn) Poll(d time.Duration) (bool, error) { return c.c.Poll(d) }

// SetDeadline makes the other methods fail with os.ErrDeadlineExceeded after t;
// the zero time removes the deadline.
func (c *PythonConn) SetDeadline(t time.Time) error { return c.c.SetDeadline(t) }

// SyscallConn gives access to the descriptor, for procs.Wait for instance.
func (c *PythonConn) SyscallConn() (syscall.RawConn, error) { return c.c.SyscallConn() }

// Close closes the connection. Calls that wait return os.ErrClosed.
func (c *PythonConn) Close() error { return c.c.Close() }

// PythonListener waits for connections of programs in Python, as a Listener
// does for those in Go.
type PythonListener struct {
	acceptor[*PythonConn]
}

// ListenPython makes a listener for programs in Python:
//
//	multiprocessing.connection.Client(address, authkey=key)
//
// in Python connects to it. The address is one that Listen takes; in Python it
// is a string for a Unix socket, "\0name" for "@name", and ("127.0.0.1", 5000)
// for TCP. Unix sockets are streams here, so that Dial does not reach them.
//
// Use it for Python programs only. Its proof, which is Python's, is weaker than
// Listen's: HMAC-MD5 before Python 3.12; and in every version each side signs
// the other's random number alone, whoever asks, before it knows anything of
// the other. So the proofs are not bound to each other, nor to a side, and who
// makes two programs connect to it, in a network or at a path that it controls,
// can let either prove the key to the other. (An end of this package does not
// answer an end of its own side: two connections of one program cannot be used
// so.) Nothing is encrypted. Use it on loopback, over Unix sockets that only
// one user can reach, or in a tunnel.
func ListenPython(address string, config PythonConfig) (*PythonListener, error) {
	if err := config.fill(); err != nil {
		return nil, err
	}
	l := &PythonListener{acceptor[*PythonConn]{timeout: config.HandshakeTimeout, unix: stream}}
	l.refusals.hook = config.Refused
	l.exam = func(f *os.File) examiner { return &pythonExam{f: f, config: &config} }
	l.open = func(f *os.File) (*PythonConn, error) { return pythonConn(f, config.MaxMessage) }
	if err := l.listen(address); err != nil {
		return nil, err
	}
	return l, nil
}

// Address returns the address to give to DialPython.
func (l *PythonListener) Address() string { return l.address }

// Accept waits for the next connection whose other side knows the key. It
// returns procs.ErrClosed when the listener is closed.
func (l *PythonListener) Accept(ctx context.Context) (*PythonConn, error) { return l.accept(ctx) }

// Close is as Listener.Close.
func (l *PythonListener) Close() error { return l.close() }

// DialPython connects to a multiprocessing.connection.Listener of a program in
// Python, or to a PythonListener, as Client does there. See ListenPython for
// addresses, and for what the proof is worth. A wrong key on either side is
// ErrAuthentication. A side that wants a proof and one that does not wait for
// each other until ctx is done: Python does not say which it is.
func DialPython(ctx context.Context, address string, config PythonConfig) (*PythonConn, error) {
	if err := config.fill(); err != nil {
		return nil, err
	}
	f, _, err := dialSocket(ctx, address, config.LookupHost, stream)
	if err != nil {
		return nil, err
	}
	if !config.NoAuth {
		err = proveIn(ctx, f, func() error { return pythonClient(f, &config) })
	}
	var c *PythonConn
	if err == nil {
		c, err = pythonConn(f, config.MaxMessage)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("connection: dial %s: %w", address, err)
	}
	return c, nil
}

func pythonConn(f *os.File, limit int) (*PythonConn, error) {
	t, err := transport.OfPythonSocket(f, limit)
	if err != nil {
		return nil, err
	}
	return &PythonConn{bridge.NewConn(t).(*procs.Conn)}, nil
}
