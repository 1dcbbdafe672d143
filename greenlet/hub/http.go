package hub

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// An HTTPTransport is an http.RoundTripper whose requests wait as greenlets:
//
//	client := &http.Client{Transport: hub.NewHTTPTransport(h)}
//
// makes the whole of net/http's client usable on a hub (redirects, cookies,
// timeouts, contexts), for as many downloads at once as there are greenlets,
// as gevent does with requests. Client and responses are used from the hub's
// greenlets only.
//
// It speaks HTTP/1.1 over TCP and TLS and keeps connections alive. It does not
// do HTTP/2, proxies or transparent decompression, and does not limit
// connections: limit the greenlets, with a [Pool].
type HTTPTransport struct {
	// DialTimeout limits connecting. Zero: the request's context only.
	DialTimeout time.Duration
	// TLS configures https. Nil: the defaults of crypto/tls.
	TLS *tls.Config
	// MaxIdlePerHost is the number of connections kept for later requests to
	// one host. Zero: 100. Negative: none.
	MaxIdlePerHost int

	h    *Hub
	idle map[string][]*httpConn
}

var _ http.RoundTripper = (*HTTPTransport)(nil)

// NewHTTPTransport makes a transport for h.
func NewHTTPTransport(h *Hub) *HTTPTransport {
	return &HTTPTransport{h: h, idle: map[string][]*httpConn{}}
}

// httpConn is a connection and what has been read ahead from it.
type httpConn struct {
	net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	key  string
	used bool
}

// RoundTrip sends a request and returns the response as soon as its header is
// there.
func (t *HTTPTransport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if req.URL == nil || req.URL.Host == "" {
		closeBody(req)
		return nil, errors.New("hub: http: request without a host")
	}
	err = t.h.WithContext(req.Context(), func() error {
		resp, err = t.roundTrip(req)
		return err
	})
	return resp, err
}

// roundTrip tries kept connections first: the server may have closed them
// meanwhile, so a failure before any answer is no failure if the request can
// be sent again.
func (t *HTTPTransport) roundTrip(req *http.Request) (*http.Response, error) {
	for {
		c, err := t.conn(req)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		resp, answered, err := t.exchange(c, req)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if !c.used || answered || interruption(err) || !replayable(req) {
			return nil, err
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			again := *req
			again.Body = body
			req = &again
		}
	}
}

// interruption tells a kill, a timeout or the end of a context from a failure
// of the connection.
func interruption(err error) bool {
	var c *cancelled
	return errors.Is(err, ErrExit) || errors.Is(err, ErrTimeout) || errors.As(err, &c)
}

// replayable reports whether req may be sent twice.
func replayable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return req.Header.Get("Idempotency-Key") != ""
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// conn returns a kept connection or makes one.
func (t *HTTPTransport) conn(req *http.Request) (*httpConn, error) {
	u := req.URL
	key := u.Scheme + "://" + u.Host
	if kept := t.idle[key]; len(kept) > 0 {
		c := kept[len(kept)-1]
		kept[len(kept)-1] = nil
		t.idle[key] = kept[:len(kept)-1]
		c.used = true
		return c, nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("hub: http: unsupported scheme %q", u.Scheme)
	}
	c, err := Dialer{Timeout: t.DialTimeout}.Dial(t.h, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	var nc net.Conn = c
	if u.Scheme == "https" {
		config := t.TLS.Clone()
		if config == nil {
			config = &tls.Config{}
		}
		if config.ServerName == "" {
			config.ServerName = u.Hostname()
		}
		s := t.h.TLSClient(c, config)
		if err := s.Handshake(); err != nil {
			c.Close()
			return nil, err
		}
		nc = s
	}
	return &httpConn{Conn: nc, r: bufio.NewReader(nc), w: bufio.NewWriter(nc), key: key}, nil
}

// exchange sends req on c and reads the header of the response; answered is
// whether anything came back.
func (t *HTTPTransport) exchange(c *httpConn, req *http.Request) (resp *http.Response, answered bool, err error) {
	if err := req.Write(c.w); err != nil {
		return nil, false, err
	}
	if err := c.w.Flush(); err != nil {
		return nil, false, err
	}
	if _, err := c.r.Peek(1); err != nil {
		return nil, false, err
	}
	for {
		resp, err = http.ReadResponse(c.r, req)
		if err != nil {
			return nil, true, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	if s, ok := c.Conn.(*TLSConn); ok {
		state := s.ConnectionState()
		resp.TLS = &state
	}
	keep := !resp.Close && !req.Close && resp.StatusCode >= 200
	body := &httpBody{t: t, c: c, body: resp.Body, keep: keep, ctx: req.Context()}
	resp.Body = body
	if resp.ContentLength == 0 || req.Method == http.MethodHead {
		body.finish(true)
	}
	return resp, true, nil
}

// put keeps c for a later request.
func (t *HTTPTransport) put(c *httpConn) {
	limit := t.MaxIdlePerHost
	if limit == 0 {
		limit = 100
	}
	if len(t.idle[c.key]) >= limit || c.r.Buffered() > 0 {
		c.Close()
		return
	}
	t.idle[c.key] = append(t.idle[c.key], c)
}

// CloseIdleConnections closes the connections kept for later.
func (t *HTTPTransport) CloseIdleConnections() {
	for key, kept := range t.idle {
		for _, c := range kept {
			c.Close()
		}
		delete(t.idle, key)
	}
}

// httpBody gives its connection back when it has been read to the end.
type httpBody struct {
	t    *HTTPTransport
	c    *httpConn
	body io.ReadCloser
	keep bool
	ctx  context.Context
	done bool
	shut bool
}

// Read reads the body; the request's context still applies.
func (b *httpBody) Read(p []byte) (n int, err error) {
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
func (b *httpBody) Close() error {
	b.shut = true
	b.finish(false)
	return nil
}

// finish ends the use of the connection, once; whole is whether the body was
// read to its end.
func (b *httpBody) finish(whole bool) {
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
