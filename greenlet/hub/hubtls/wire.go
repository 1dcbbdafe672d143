package hubtls

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"switchyard/greenlet/hub"
)

// A wire is what the tls.Conn takes for its connection. Its two directions know
// nothing of each other's errors.
type wire struct {
	*hub.Conn
	turn   *hub.Semaphore // to send
	out    []byte         // written, not sent
	err    error          // of sending: the stream is broken since
	shaken bool           // the handshake is done: reading needs no writing
}

// Write keeps b for flush.
func (w *wire) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// Read sends what was written, for the peer may wait for it, then reads. Only
// the handshake fails with the sending: its next message would never come.
func (w *wire) Read(b []byte) (int, error) {
	send := w.flush
	if w.shaken {
		send = w.sendPending
	}
	if err := send(); err != nil {
		return 0, asThrown(err)
	}
	n, err := w.Conn.Read(b)
	return n, asThrown(err)
}

// A thrown error is a kill's, a limit's or a context's: it ends a greenlet's
// wait and says nothing of the connection. It reports Temporary, so that the
// tls.Conn keeps the part of a record that it has and does not keep the error.
type thrown struct{ error }

func (thrown) Timeout() bool   { return true }
func (thrown) Temporary() bool { return true }

// asThrown marks err unless it is the connection's own.
func asThrown(err error) error {
	var system *os.SyscallError
	switch {
	case err == nil, err == io.EOF, errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &system):
		return err
	}
	return thrown{err}
}

// raw returns err without the mark.
func raw(err error) error {
	if t, ok := err.(thrown); ok {
		return t.error
	}
	return err
}

// Close and the deadlines are the Conn's business.
func (*wire) Close() error                     { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// flush sends what was written. An error may leave half a record sent, so
// writing is over: the greenlet that it hit gets it, later ones a cutError.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return w.err
	}
	return w.turn.With(func() error {
		for len(w.out) > 0 && w.err == nil {
			out := w.out
			w.out = nil
			if _, err := w.Conn.Write(out); err != nil {
				w.err = &cutError{"write", err} // should its methods not return
				w.err = afterCut("write", err)
				return err
			} else if w.out == nil {
				w.out = out[:0]
			}
		}
		return w.err
	})
}

// sendPending sends what a Read has answered to the peer (a new key, an alert),
// unless somebody is sending, who then sends that too. Reading does not depend
// on it: it returns only what was thrown into this greenlet meanwhile.
func (w *wire) sendPending() error {
	if len(w.out) == 0 || w.err != nil || w.turn.Locked() {
		return nil
	}
	err := w.flush()
	if _, ok := asThrown(err).(thrown); ok {
		return err
	}
	return nil
}

// A cutError tells later callers that an earlier one was ended in the midst of
// a record or of the handshake. It does not wrap the cause: a kill is not
// theirs.
type cutError struct {
	what  string
	cause error
}

func (e *cutError) Error() string {
	return "hubtls: an earlier " + e.what + " was cut short: " + e.cause.Error()
}

// afterCut returns what err is for those who come later.
func afterCut(what string, err error) error {
	if t, ok := asThrown(err).(thrown); ok {
		return &cutError{what, t.error}
	}
	return err
}
