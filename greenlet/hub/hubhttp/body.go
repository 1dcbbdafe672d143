package hubhttp

import (
	"fmt"
	"io"
	"net/http"
	"sync"
)

// A body is one that net/http receives, for greenlets to read: a response's in
// the client, a request's in the server.
type body struct {
	calls     *calls
	src       io.ReadCloser
	interrupt func() // makes a Read of src that waits return
	ended     func() // called once, at the end, however it came
	buf       *[bodyBuffer]byte
	rest      []byte // of buf: read and not yet delivered
	err       error  // what comes after rest
	shut      bool
}

// bodyBuffer is how much is read at once. It is not the caller's memory that is
// read into: a greenlet that is killed leaves the reading behind.
const bodyBuffer = 32 << 10

var bodyBuffers = sync.Pool{New: func() any { return new([bodyBuffer]byte) }}

// Read reads what there is. A kill or a limit in the midst of it ends the body,
// for nobody knows what of it had come.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.shut:
		return 0, http.ErrBodyReadAfterClose
	case len(p) == 0:
		return 0, nil
	case len(b.rest) == 0 && b.err == nil:
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) > 0 || b.err == nil {
		return n, nil
	}
	if b.err == io.EOF && b.buf != nil { // else a call may still hold it
		bodyBuffers.Put(b.buf)
		b.buf = nil
	}
	b.end()
	return n, b.err
}

// fill reads once. The error is the wait's only.
func (b *body) fill() error {
	if b.buf == nil {
		b.buf = bodyBuffers.Get().(*[bodyBuffer]byte)
	}
	var got struct {
		n   int
		err error
	}
	buf, src := b.buf, b.src
	if err := b.calls.do(func() { got.n, got.err = src.Read(buf[:]) }); err != nil {
		b.buf = nil
		b.err = &cutError{"read of the body", err}
		b.interrupt()
		b.end()
		return err
	}
	b.rest, b.err = buf[:got.n], got.err
	return nil
}

// A cutError tells later callers that an earlier one was ended in the midst of
// what it did. It does not wrap the cause: a kill is not theirs. The cause is
// asked for its text by who reads this one, not where there is more to tidy up.
type cutError struct {
	what  string
	cause error
}

func (e *cutError) Error() string {
	return fmt.Sprintf("hubhttp: an earlier %s was cut short: %v", e.what, e.cause)
}

// Close gives up what has not been read, and with it an HTTP/1 connection.
func (b *body) Close() error {
	if !b.shut {
		b.shut = true
		b.rest = nil
		b.end()
	}
	return nil
}

func (b *body) end() {
	if f := b.ended; f != nil {
		b.ended = nil
		f()
	}
}

// A duplex is the body of a response 101: the connection itself.
type duplex struct {
	*body
	dst io.Writer
}

// Write writes p, a copy of it, so that a killed greenlet's p is its own again.
func (d *duplex) Write(p []byte) (n int, err error) {
	var got struct {
		n   int
		err error
	}
	own := append([]byte(nil), p...)
	if err := d.calls.do(func() { got.n, got.err = d.dst.Write(own) }); err != nil {
		d.interrupt()
		return 0, err
	}
	return got.n, got.err
}
