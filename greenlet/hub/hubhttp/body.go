package hubhttp

import (
	"context"
	"io"
	"net/http"
)

// body is a response's. It gives its connection back when it has been read to
// the end.
type body struct {
	t    *Transport
	c    *conn
	body io.ReadCloser
	keep bool            // the connection, if it is read to the end
	ctx  context.Context // the request's
	done bool            // with the connection
	shut bool            // by Close
}

// Read reads the body; the request's context still applies.
func (b *body) Read(p []byte) (n int, err error) {
	if b.shut {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.done {
		return 0, io.EOF
	}
	err = b.t.h.WithContext(b.ctx, func() error {
		n, err = b.body.Read(p)
		return err
	})
	if err != nil {
		b.finish(err == io.EOF)
	}
	return n, err
}

// Close gives up what has not been read, and with it the connection.
func (b *body) Close() error {
	b.shut = true
	b.finish(false)
	return nil
}

// finish ends the use of the connection, once; whole is whether the body was
// read to its end.
func (b *body) finish(whole bool) {
	if b.done {
		return
	}
	b.done = true
	if whole && b.keep {
		b.t.put(b.c)
	} else {
		b.c.Close()
	}
}
