package hubtls

import (
	"time"

	"switchyard/greenlet/hub"
)

// A wire is what the tls.Conn takes for its connection.
type wire struct {
	*hub.Conn
	turn *hub.Semaphore // to send
	out  []byte         // written, not sent
	err  error          // of sending: the stream is broken since
}

// Write keeps b for flush.
func (w *wire) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// Read sends what was written, for the peer may wait for it, then reads.
func (w *wire) Read(b []byte) (int, error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	return w.Conn.Read(b)
}

// Close and the deadlines are the Conn's business.
func (*wire) Close() error                     { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// flush sends what was written. An error may leave half a record sent, so it
// stays.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return w.err
	}
	return w.turn.With(func() error {
		for len(w.out) > 0 && w.err == nil {
			out := w.out
			w.out = nil
			if _, err := w.Conn.Write(out); err != nil {
				w.err = err
			} else if w.out == nil {
				w.out = out[:0]
			}
		}
		return w.err
	})
}
