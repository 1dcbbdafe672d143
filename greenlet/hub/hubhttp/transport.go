package hubhttp

import (
	"context"
	"io"
	"net/http"
	"time"

	"switchyard/greenlet/hub"
)

// A Transport is an http.RoundTripper whose requests wait as greenlets, while
// net/http's own Transport does the work on its goroutines.
type Transport struct {
	// HTTP does the work. Set its fields before the first request. What it
	// calls (Proxy, DialContext and so on) runs on its goroutines and must not
	// touch the hub.
	HTTP *http.Transport

	h     *hub.Hub
	ready bool
	open  map[*body]context.CancelFunc // responses whose end nobody has seen
}

var _ http.RoundTripper = (*Transport)(nil)

// NewTransport makes a transport for h. Its HTTP is set up as
// http.DefaultTransport is: HTTP/2 where the server has it, proxies from the
// environment, at most 100 idle connections for at most 90 s, 10 s for a
// handshake of TLS, 1 s for the answer to Expect: 100-continue; but all 100 may
// be to one host, for greenlets are many. When the hub ends, its connections
// are closed.
func NewTransport(h *hub.Hub) *Transport {
	return &Transport{h: h, HTTP: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}
}

// RoundTrip sends a request and returns the response as soon as its header is
// there; the body may still be on its way out. A kill, a limit or the end of
// the request's context end the request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.prepare()
	ctx, cancel := context.WithCancel(req.Context())
	var out *http.Request
	var up *upload
	err := t.h.WithContext(ctx, func() (err error) {
		out, up, err = outgoing(t.h, req)
		return err
	})
	if err != nil {
		closeBody(req)
		cancel()
		return nil, err
	}
	over := func() {
		cancel()
		if up != nil {
			up.stop()
		}
	}
	resp, err := t.send(out.WithContext(ctx))
	if err == nil && req.Context().Err() != nil {
		// The server may have answered because we had hung up.
		err = context.Cause(req.Context())
	}
	if err != nil {
		over()
		return nil, err
	}
	resp.Request = req
	t.receive(resp, cancel, over)
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// send lets net/http do the request. If the wait for it is ended, the caller's
// cancelling ends it too; a response that comes all the same is not lost track
// of: net/http closes a connection whose request's context has ended.
func (t *Transport) send(out *http.Request) (*http.Response, error) {
	type answer struct {
		resp *http.Response
		err  error
	}
	a, err := hub.Await(t.h, func(context.Context) (answer, error) {
		resp, err := t.HTTP.RoundTrip(out)
		return answer{resp, err}, nil
	})
	if err != nil {
		return nil, err
	}
	return a.resp, a.err
}

// receive makes resp's body one that greenlets read.
func (t *Transport) receive(resp *http.Response, cancel, over func()) {
	if resp.Body == http.NoBody {
		over()
		return
	}
	b := &body{calls: &calls{h: t.h}, src: resp.Body, interrupt: cancel}
	b.ended = func() { delete(t.open, b); over() }
	t.open[b] = cancel
	if w, ok := resp.Body.(io.Writer); ok {
		resp.Body = &duplex{b, w}
	} else {
		resp.Body = b
	}
}

// CloseIdleConnections closes the connections kept for later.
func (t *Transport) CloseIdleConnections() { t.HTTP.CloseIdleConnections() }

// prepare puts the transport's connections under the hub, once.
func (t *Transport) prepare() {
	if t.ready {
		return
	}
	t.ready = true
	t.open = map[*body]context.CancelFunc{}
	dials := newDials(t.h, t.HTTP.DialContext)
	t.HTTP.DialContext = dials.dial
	t.h.AtClose(func() {
		for _, cancel := range t.open {
			cancel()
		}
		t.HTTP.CloseIdleConnections()
		dials.close()
	})
}
