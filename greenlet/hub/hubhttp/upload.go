package hubhttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"switchyard/greenlet/hub"
)

// An upload is a request's body on its way out: net/http reads it from a
// goroutine of its own, and each Read runs in a greenlet, for the body may be
// anything of the hub's.
type upload struct {
	h *hub.Hub

	// net/http's side.
	buf  []byte // lent to the greenlet while a Read waits for it
	rest []byte
	err  error

	// The hub's side.
	src     io.ReadCloser
	reading *hub.Greenlet
	closed  bool
	release func()
}

var errUploadClosed = errors.New("hubhttp: request body is closed")

// smallUpload is the length up to which a body is read before the request is
// sent: net/http holds back as much before it writes anything, so nobody can
// tell the difference, and a goroutine need not ask the hub for it.
const smallUpload = 4 << 10

// newUpload makes an upload of src; call stop when it is of no more use.
func newUpload(h *hub.Hub, src io.ReadCloser) *upload {
	return &upload{h: h, src: src, release: h.Hold()}
}

// Read reads from the source, in a greenlet.
func (u *upload) Read(p []byte) (int, error) {
	if len(u.rest) == 0 && u.err == nil {
		if u.buf == nil {
			u.buf = make([]byte, 32<<10)
		}
		n := 0
		err := enter(u.h, func() (err error) {
			if u.closed {
				return errUploadClosed
			}
			u.reading = u.h.Current()
			defer func() { u.reading = nil }()
			n, err = u.src.Read(u.buf)
			return err
		})
		u.rest, u.err = u.buf[:n], err
	}
	n := copy(p, u.rest)
	if u.rest = u.rest[n:]; len(u.rest) == 0 {
		return n, u.err
	}
	return n, nil
}

// Close closes the source, in a greenlet.
func (u *upload) Close() error {
	return enter(u.h, func() error { return u.stop() })
}

// stop ends a Read that waits and closes the source. It is called on the hub
// and does nothing the second time.
func (u *upload) stop() error {
	if u.closed {
		return nil
	}
	u.closed = true
	defer u.release()
	if u.reading != nil {
		u.reading.KillWith(hub.ErrExit, 0)
	}
	return u.src.Close()
}

// outgoing returns req as net/http is to see it, and what must be stopped when
// the request is over, if anything.
func outgoing(h *hub.Hub, req *http.Request) (out *http.Request, up *upload, err error) {
	copied := *req
	out = &copied
	if req.Body == nil || req.Body == http.NoBody {
		return out, nil, nil
	}
	if 0 < req.ContentLength && req.ContentLength <= smallUpload && req.Header.Get("Expect") == "" {
		// One byte more, so that net/http sees a body that is too long.
		data, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength+1))
		if closed := req.Body.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, nil, err
		}
		again := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		out.Body, _ = again()
		if req.GetBody != nil {
			out.GetBody = again
		}
		return out, nil, nil
	}
	up = newUpload(h, req.Body)
	out.Body = up
	if req.GetBody != nil {
		out.GetBody = func() (again io.ReadCloser, err error) {
			err = enter(h, func() error {
				src, err := req.GetBody()
				if err == nil {
					again = newUpload(h, src)
				}
				return err
			})
			return again, err
		}
	}
	return out, up, nil
}
