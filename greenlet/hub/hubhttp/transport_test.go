package hubhttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// The server is net/http's, on goroutines of its own.
func TestTransport(t *testing.T) {
	var conns atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/redirect":
			http.Redirect(w, r, "/to", http.StatusFound)
		case "/echo":
			io.Copy(w, r.Body)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		default:
			fmt.Fprint(w, "you asked for ", r.URL.Path)
		}
	})
	for _, secure := range []bool{false, true} {
		conns.Store(0)
		server := httptest.NewUnstartedServer(handler)
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				conns.Add(1)
			}
		}
		server.Config.ErrorLog = nil
		var config *tls.Config
		if secure {
			server.StartTLS()
			config = server.Client().Transport.(*http.Transport).TLSClientConfig
		} else {
			server.Start()
		}
		run(t, func(h *hub.Hub) {
			tr := hubhttp.NewTransport(h)
			tr.HTTP.TLSClientConfig = config
			tr.HTTP.MaxConnsPerHost = 10
			client := &http.Client{Transport: tr}
			get := func(path string) (string, error) {
				resp, err := client.Get(server.URL + path)
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				return string(b), err
			}
			// Many downloads, ten at a time, over ten connections.
			paths := make([]string, 50)
			for i := range paths {
				paths[i] = fmt.Sprintf("/page/%d", i)
			}
			got, err := hub.Map(hub.NewPool(h, 10), paths, get)
			must(t, err)
			for i, g := range got {
				if g != "you asked for "+paths[i] {
					t.Errorf("%q for %s", g, paths[i])
				}
			}
			if n := conns.Load(); n > 10 {
				t.Errorf("%d connections for ten at a time", n)
			}
			if g, err := get("/redirect"); g != "you asked for /to" || err != nil {
				t.Errorf("redirect: %q, %v", g, err)
			}
			if g, err := get("/empty"); g != "" || err != nil {
				t.Errorf("empty: %q, %v", g, err)
			}
			resp, err := client.Post(server.URL+"/echo", "text/plain", strings.NewReader("posted"))
			must(t, err)
			if b, err := io.ReadAll(resp.Body); string(b) != "posted" || err != nil {
				t.Errorf("post: %q, %v", b, err)
			}
			resp.Body.Close()

			client.Timeout = 20 * time.Millisecond
			_, err = get("/slow")
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("timeout: %v", err)
			}
			client.Timeout = 0
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(5*time.Millisecond, cancel)
			req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/slow", nil)
			if _, err := client.Do(req); !errors.Is(err, context.Canceled) {
				t.Errorf("context: %v", err)
			}
			g := h.Spawn(func() error { _, err := get("/slow"); return err })
			must(t, h.Sleep(5*time.Millisecond))
			must(t, g.Kill())
			if !errors.Is(g.Err(), hub.ErrExit) {
				t.Errorf("killed: %v", g.Err())
			}
			tr.CloseIdleConnections()
		})
		server.Close()
	}
}

// A kept connection that the server has closed is no failure.
func TestRetriesStaleConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	run(t, func(h *hub.Hub) {
		client := &http.Client{Transport: hubhttp.NewTransport(h)}
		for range 3 {
			resp, err := client.Get(server.URL)
			must(t, err)
			if b, _ := io.ReadAll(resp.Body); string(b) != "ok" {
				t.Errorf("%q", b)
			}
			resp.Body.Close()
			server.CloseClientConnections()
		}
	})
}

// What is thrown into a greenlet that waits for the answer on a kept connection
// is no failure of that connection: it is returned, and nothing is sent again.
func TestThrownIsNotRetried(t *testing.T) {
	own := errors.New("enough")
	var slow atomic.Int32
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" && slow.Add(1) == 1 {
			asked <- struct{}{}
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	for _, tt := range []struct {
		name  string
		throw func(h *hub.Hub, get func() error, whenAsked func(func())) error
	}{
		{"kill", func(h *hub.Hub, get func() error, whenAsked func(func())) error {
			g := h.Spawn(get)
			whenAsked(func() { g.KillWith(own, 0) })
			return g.Get()
		}},
		{"context", func(h *hub.Hub, get func() error, whenAsked func(func())) error {
			ctx, cancel := context.WithCancelCause(context.Background())
			g := h.Spawn(func() error { return h.WithContext(ctx, get) })
			whenAsked(func() { cancel(own) })
			return g.Get()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			slow.Store(0)
			run(t, func(h *hub.Hub) {
				client := &http.Client{Transport: hubhttp.NewTransport(h)}
				get := func(path string) error {
					resp, err := client.Get(server.URL + path)
					if err != nil {
						return err
					}
					defer resp.Body.Close()
					_, err = io.Copy(io.Discard, resp.Body)
					return err
				}
				must(t, get("/")) // leaves a connection to be kept
				err := tt.throw(h, func() error { return get("/slow") }, func(then func()) {
					_, err := hub.Await(h, func(context.Context) (struct{}, error) { return <-asked, nil })
					must(t, err)
					then()
				})
				if !errors.Is(err, own) {
					t.Errorf("%v instead of %v", err, own)
				}
			})
			if n := slow.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A request that cannot be sent has its body closed, as http.RoundTripper asks.
func TestClosesBodyOfWhatIsNotSent(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	run(t, func(h *hub.Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		addr := l.Addr().String()
		must(t, l.Close()) // nobody is there
		for _, tt := range []struct {
			name, url string
			ctx       context.Context
		}{
			{"no host", "http:", context.Background()},
			{"scheme", "gopher://" + addr, context.Background()},
			{"refused", "http://" + addr, context.Background()},
			{"context", "http://" + addr, ended},
		} {
			body := &closes{Reader: strings.NewReader("x")}
			req, err := http.NewRequestWithContext(tt.ctx, http.MethodPost, tt.url, body)
			must(t, err)
			if resp, err := hubhttp.NewTransport(h).RoundTrip(req); err == nil || resp != nil {
				t.Errorf("%s: %v, %v", tt.name, resp, err)
			}
			if body.n != 1 {
				t.Errorf("%s: body closed %d times", tt.name, body.n)
			}
		}
	})
}

// closes counts its closing.
type closes struct {
	io.Reader
	n int
}

func (c *closes) Close() error { c.n++; return nil }
