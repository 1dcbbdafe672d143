package hubhttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"switchyard/greenlet/hub"
)

// A Server is net/http's server whose handler runs in greenlets: each request
// has one (gevent.pywsgi.WSGIServer). Connections, parsing and TLS are
// net/http's business, on its goroutines; the handler shares the hub's state
// without a lock.
//
// The handler's ResponseWriter and Request.Body wait as greenlets. It may be
// given to http.NewResponseController for Flush, SetReadDeadline,
// SetWriteDeadline and EnableFullDuplex; it cannot be hijacked. When the
// handler panics, the connection is closed and the hub reports the panic,
// except http.ErrAbortHandler. A kill or a limit that interrupts a Write or a
// Read of the body also closes the connection: the client never takes a
// truncated response for a complete one. With HTTP/2 it is the stream that is
// closed.
//
// The request's context is done when the client has gone, the handler has
// returned, or the hub ends; [hub.Hub.WithContext] ends waits with it.
type Server struct {
	// HTTP does the work. Set its fields before Serve; its Handler is the
	// Server's own. What it calls (ConnState, TLSConfig's functions and so on)
	// runs on its goroutines and must not touch the hub.
	HTTP *http.Server
	// MaxConns is the number of connections open at once; beyond it,
	// connections wait to be accepted. Zero: no limit.
	MaxConns int
	// MaxBodyBytes limits the body of a request. One that is declared longer is
	// answered 413; reading past the limit of another returns an
	// [*http.MaxBytesError]. Both close the connection; the first one does so
	// with HTTP/2 too, once its other streams have ended. Zero: no limit.
	MaxBodyBytes int64

	h        *hub.Hub
	handler  http.Handler
	handlers *hub.Group
	once     sync.Once
	inFlight inFlight
}

// NewServer makes a server for h. Its HTTP gives a client 10 s to send a
// request's header, of at most 1 MiB, and closes connections that are idle for
// 2 minutes. ReadTimeout and WriteTimeout, against slow bodies and slow
// readers, are for the caller to set: they would cut long uploads and streams.
func NewServer(h *hub.Hub, handler http.Handler) *Server {
	if handler == nil {
		panic("hubhttp: server without a handler")
	}
	return &Server{h: h, handler: handler, handlers: hub.NewGroup(h), HTTP: &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 20,
	}}
}

// ListenAndServe listens on a TCP address, such as "127.0.0.1:8080", and
// serves.
func (s *Server) ListenAndServe(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Serve accepts connections from l, which it closes, until Shutdown or Close;
// then it waits for the handlers and returns nil. l is net's, not the hub's. A
// kill of the greenlet, or the end of the hub, closes the server as Close does.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, s.HTTP.Serve) }

// ServeTLS is Serve with TLS, and HTTP/2 for clients that have it. The files
// may be "" if HTTP.TLSConfig has a certificate.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	return s.serve(l, func(l net.Listener) error { return s.HTTP.ServeTLS(l, certFile, keyFile) })
}

func (s *Server) serve(l net.Listener, accept func(net.Listener) error) error {
	s.once.Do(s.prepare)
	if s.MaxConns > 0 {
		l = limitConns(l, s.MaxConns)
	}
	_, err := hub.Await(s.h, func(ctx context.Context) (struct{}, error) {
		defer context.AfterFunc(ctx, func() { s.HTTP.Close() })()
		err := accept(l)
		l.Close()
		s.inFlight.wait()
		return struct{}{}, err
	})
	if err == http.ErrServerClosed {
		return nil
	}
	if err != nil {
		l.Close()
		s.kill()
	}
	return err
}

func (s *Server) prepare() {
	s.HTTP.Handler = http.HandlerFunc(s.enter)
	if s.HTTP.BaseContext == nil {
		s.HTTP.BaseContext = func(net.Listener) context.Context { return s.h.Context() }
	}
}

// Shutdown stops accepting, closes idle connections, and lets the requests in
// flight end for at most d (negative: without limit). If some are left then, it
// does what Close does and returns [hub.ErrTimeout].
func (s *Server) Shutdown(d time.Duration) error {
	_, err := hub.Await(s.h, func(ctx context.Context) (struct{}, error) {
		if d >= 0 {
			limited, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			ctx = limited
		}
		return struct{}{}, s.HTTP.Shutdown(ctx)
	})
	if err != nil {
		s.Close()
	}
	if err == context.DeadlineExceeded {
		return hub.ErrTimeout
	}
	return err
}

// Close closes every connection and kills the handlers, and waits for these.
func (s *Server) Close() error {
	err := s.HTTP.Close()
	if killed := s.handlers.Kill(); err == nil {
		err = killed
	}
	return err
}

// kill is Close's, without waiting.
func (s *Server) kill() {
	s.HTTP.Close()
	s.h.KillAllWith(hub.ErrExit, 0, s.handlers.Greenlets()...)
}

// Len is the number of handlers that run.
func (s *Server) Len() int { return s.handlers.Len() }

// errAborted is the outcome of a handler whose answer must not look whole.
var errAborted = errors.New("hubhttp: handler aborted")

// enter is net/http's handler: it runs the server's in a greenlet.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	s.inFlight.add(1)
	defer s.inFlight.add(-1)
	if s.MaxBodyBytes > 0 {
		if r.ContentLength > s.MaxBodyBytes {
			w.Header().Set("Connection", "close")
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.MaxBodyBytes)
	}
	rw := newResponse(s.h, w, r)
	if err := enter(s.h, func() error { return s.handle(rw, r) }); err != nil {
		rw.interrupt()
		rw.calls.wait()
		panic(http.ErrAbortHandler)
	}
	rw.calls.wait()
	rw.finish()
}

// handle runs in the request's greenlet.
func (s *Server) handle(rw *response, r *http.Request) (err error) {
	s.handlers.Add(s.h.Current())
	defer func() {
		rw.over = true
		if rw.cut {
			err = errAborted
		}
	}()
	defer func() {
		switch v := recover(); v {
		case nil: // or Goexit
		case http.ErrAbortHandler:
			err = errAborted
		default:
			panic(v)
		}
	}()
	s.handler.ServeHTTP(rw, r)
	return nil
}

// inFlight counts net/http's goroutines that are in the handler.
type inFlight struct {
	mu   sync.Mutex
	none sync.Cond
	n    int
}

func (f *inFlight) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n += n; f.n == 0 && f.none.L != nil {
		f.none.Broadcast()
	}
}

func (f *inFlight) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.none.L = &f.mu
	for f.n > 0 {
		f.none.Wait()
	}
}

// limited is a listener with at most so many connections open.
type limited struct {
	net.Listener
	room chan struct{}
	done chan struct{}
	once sync.Once
}

func limitConns(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, room: make(chan struct{}, n), done: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &placed{Conn: c, room: l.room}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// placed is a connection that has a place in a limited listener.
type placed struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *placed) Close() error {
	c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}
