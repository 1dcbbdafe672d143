package hubhttp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubtls"
)

// A Transport is an http.RoundTripper whose requests wait as greenlets. Set its
// fields before the first request.
type Transport struct {
	// DialTimeout limits connecting, the handshake of TLS not included. Zero:
	// the request's context only.
	DialTimeout time.Duration
	// TLS configures https. Nil: the defaults of crypto/tls.
	TLS *tls.Config
	// MaxIdlePerHost is the number of connections kept for later requests to
	// one host. Zero: 100. Negative: none.
	MaxIdlePerHost int

	h    *hub.Hub
	idle map[string][]*conn
}

var _ http.RoundTripper = (*Transport)(nil)

// NewTransport makes a transport for h.
func NewTransport(h *hub.Hub) *Transport {
	return &Transport{h: h, idle: map[string][]*conn{}}
}

// conn is a connection and what has been read ahead from it.
type conn struct {
	net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	key  string
	used bool
}

// RoundTrip sends a request and returns the response as soon as its header is
// there.
func (t *Transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if req.URL == nil || req.URL.Host == "" {
		closeBody(req)
		return nil, errors.New("hubhttp: request without a host")
	}
	if err := context.Cause(req.Context()); err != nil {
		closeBody(req)
		return nil, err
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
func (t *Transport) roundTrip(req *http.Request) (*http.Response, error) {
	for {
		c, err := t.get(req)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		resp, answered, err := t.exchange(c, req)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if !c.used || answered || !broken(err) || !replayable(req) {
			return nil, err
		}
		if req.GetBody != nil {
			again := *req
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
			req = &again
		}
	}
}

// broken tells a failure of the connection from what was thrown into the
// greenlet: a kill, with whatever error, a limit or the end of a context.
func broken(err error) bool {
	var system *os.SyscallError
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &system) || errors.As(err, &op)
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

// get returns a kept connection or makes one.
func (t *Transport) get(req *http.Request) (*conn, error) {
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
		return nil, fmt.Errorf("hubhttp: unsupported scheme %q", u.Scheme)
	}
	c, err := hub.Dialer{Timeout: t.DialTimeout}.Dial(t.h, "tcp", net.JoinHostPort(u.Hostname(), port))
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
		s := hubtls.Client(t.h, c, config)
		if err := s.Handshake(); err != nil {
			c.Close()
			return nil, err
		}
		nc = s
	}
	return &conn{Conn: nc, r: bufio.NewReader(nc), w: bufio.NewWriter(nc), key: key}, nil
}

// exchange sends req on c and reads the header of the response; answered is
// whether anything came back.
func (t *Transport) exchange(c *conn, req *http.Request) (resp *http.Response, answered bool, err error) {
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
	if s, ok := c.Conn.(*hubtls.Conn); ok {
		state := s.ConnectionState()
		resp.TLS = &state
	}
	keep := !resp.Close && !req.Close && resp.StatusCode >= 200
	b := &body{t: t, c: c, body: resp.Body, keep: keep, ctx: req.Context()}
	resp.Body = b
	if resp.ContentLength == 0 || req.Method == http.MethodHead {
		b.finish(true)
	}
	return resp, true, nil
}

// put keeps c for a later request.
func (t *Transport) put(c *conn) {
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
func (t *Transport) CloseIdleConnections() {
	for key, kept := range t.idle {
		for _, c := range kept {
			c.Close()
		}
		delete(t.idle, key)
	}
}
