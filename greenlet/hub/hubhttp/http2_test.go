package hubhttp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// A secureServer serves a handler on a hub over TLS; conns counts the
// connections it has accepted.
type secureServer struct {
	*hubhttp.Server
	h      *hub.Hub
	url    string
	conns  atomic.Int32
	loop   *hub.Greenlet
	client *tls.Config // trusts it
}

// serveTLS starts one in h.
func serveTLS(t *testing.T, h *hub.Hub, handler http.HandlerFunc) *secureServer {
	t.Helper()
	made := httptest.NewTLSServer(nil) // for its certificate
	defer made.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &secureServer{
		Server: hubhttp.NewServer(h, handler), h: h, url: "https://" + l.Addr().String(),
		client: made.Client().Transport.(*http.Transport).TLSClientConfig.Clone(),
	}
	s.HTTP.TLSConfig = &tls.Config{Certificates: made.TLS.Certificates}
	s.HTTP.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	s.HTTP.ErrorLog = log.New(io.Discard, "", 0)
	s.loop = h.Spawn(func() error { return s.ServeTLS(l, "", "") })
	return s
}

// ask runs f, which may block, on a goroutine, with a client of net/http that
// speaks HTTP/2 or not.
func (s *secureServer) ask(t *testing.T, two bool, f func(c *http.Client)) {
	t.Helper()
	must(t, outside(s.h, func() {
		tr := &http.Transport{TLSClientConfig: s.client.Clone(), ForceAttemptHTTP2: two}
		if !two {
			tr.TLSClientConfig.NextProtos = nil
			tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		defer tr.CloseIdleConnections()
		f(&http.Client{Transport: tr, Timeout: time.Minute})
	}))
}

// The protocol is the client's choice, by ALPN; bodies are whole either way.
func TestServerTLS(t *testing.T) {
	run(t, func(h *hub.Hub) {
		s := serveTLS(t, h, func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Proto", strings.TrimSpace(r.Proto+" "+r.TLS.NegotiatedProtocol))
			w.Write(b)
		})
		for two, want := range map[bool]string{true: "HTTP/2.0 h2", false: "HTTP/1.1"} {
			s.ask(t, two, func(c *http.Client) {
				for _, n := range []int{0, 1, 2048, 2049, 1 << 20} {
					data := bytes.Repeat([]byte("x"), n)
					resp, err := c.Post(s.url, "x/y", bytes.NewReader(data))
					must(t, err)
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || !bytes.Equal(got, data) || resp.Header.Get("Proto") != want {
						t.Errorf("%d bytes by %q: %d came back, %v", n, resp.Header.Get("Proto"), len(got), err)
					}
				}
			})
		}
		must(t, s.Shutdown(-1))
		must(t, s.loop.Get())
	})
}

// Requests on one connection are handled at once, each in its greenlet, and
// what ends one leaves the others alone: a panic, a kill, a client that gives
// up. Half an answer never looks whole.
func TestServerHTTP2Streams(t *testing.T) {
	quiet := hub.Config{OnError: func(*hub.Greenlet, error) {}}
	must(t, quiet.Run(func(h *hub.Hub) error {
		const good = 20
		paths := []string{"/panic", "/abort", "/killed", "/leaves"}
		here := 0
		all := hub.NewEvent(h)
		gaveUp := errors.New("the handler has not ended")
		leave := make(chan bool, 1)
		s := serveTLS(t, h, func(w http.ResponseWriter, r *http.Request) {
			if here++; here == good+len(paths) {
				all.Set()
			}
			io.WriteString(w, "first half, ")
			w.(http.Flusher).Flush()
			if err := all.Wait(); err != nil {
				t.Error(err)
			}
			switch r.URL.Path {
			case "/panic":
				panic("by design")
			case "/abort":
				panic(http.ErrAbortHandler)
			case "/killed":
				g := h.Current()
				h.SpawnLater(time.Millisecond, func() error { return g.KillWith(hub.ErrExit, 0) })
				for data := make([]byte, 64<<10); ; {
					if _, err := w.Write(data); err != nil {
						return
					}
				}
			case "/leaves":
				leave <- true
				gaveUp = h.WithContext(r.Context(), func() error { return h.Sleep(time.Hour) })
			}
			io.WriteString(w, "second half")
		})
		s.ask(t, true, func(c *http.Client) {
			// The connection is there before the others ask.
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/leaves", nil)
			must(t, err)
			left, err := c.Do(req)
			must(t, err)
			var asked sync.WaitGroup
			for i := range good {
				asked.Go(func() {
					if got, err := fetch(c, "GET", s.url+fmt.Sprint("/", i), ""); got != "200 first half, second half" || err != nil {
						t.Errorf("%q, %v", got, err)
					}
				})
			}
			for _, path := range paths[:3] {
				asked.Go(func() {
					resp, err := c.Get(s.url + path)
					if err == nil {
						_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<30))
						resp.Body.Close()
					}
					var ne net.Error
					if err == nil || errors.As(err, &ne) && ne.Timeout() {
						t.Errorf("%s: %v instead of a broken answer", path, err)
					}
				})
			}
			<-leave
			cancel()
			if _, err := io.ReadAll(left.Body); err == nil {
				t.Error("an answer given up is whole")
			}
			left.Body.Close()
			asked.Wait()
		})
		if n := s.conns.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
		must(t, s.Shutdown(-1))
		if !errors.Is(gaveUp, context.Canceled) {
			t.Errorf("the handler that was left: %v", gaveUp)
		}
		return s.loop.Get()
	}))
}

// Shutdown while a stream is open lets it end, and nobody else in; with a
// limit, and by Close, it is cut and never looks whole.
func TestServerHTTP2Stops(t *testing.T) {
	for _, how := range []string{"shutdown", "limit", "close"} {
		t.Run(how, func(t *testing.T) {
			run(t, func(h *hub.Hub) {
				let := hub.NewEvent(h)
				var ended error
				s := serveTLS(t, h, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "first half, ")
					w.(http.Flusher).Flush()
					if ended = let.Wait(); ended == nil {
						io.WriteString(w, "second half")
					}
				})
				stopped := hub.NewEvent(h)
				stop := func() error {
					defer stopped.Set()
					switch how {
					case "shutdown":
						return s.Shutdown(-1)
					case "limit":
						if err := s.Shutdown(20 * time.Millisecond); err != hub.ErrTimeout {
							t.Errorf("%v instead of ErrTimeout", err)
						}
						return nil
					}
					return s.Close()
				}
				var stopping *hub.Greenlet
				s.ask(t, true, func(c *http.Client) {
					resp, err := c.Get(s.url)
					must(t, err)
					defer resp.Body.Close()
					must(t, h.Post(func() { stopping = h.Spawn(stop) }))
					if how == "shutdown" {
						// Wherever it goes, to this connection or another, a
						// new request is refused, once Shutdown has begun.
						for began := time.Now(); ; {
							ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
							req, _ := http.NewRequestWithContext(ctx, "GET", s.url, nil)
							again, err := c.Do(req)
							cancel()
							if err != nil && !errors.Is(err, context.DeadlineExceeded) {
								break
							}
							if err == nil {
								again.Body.Close()
							}
							if time.Since(began) > time.Minute {
								t.Error("a server that stops takes requests")
								break
							}
						}
						must(t, h.Post(func() {
							if stopped.IsSet() {
								t.Error("Shutdown has not waited")
							}
							let.Set()
						}))
					}
					got, err := io.ReadAll(resp.Body)
					if whole := string(got) == "first half, second half" && err == nil; whole != (how == "shutdown") || !whole && err == nil {
						t.Errorf("%q, %v", got, err)
					}
				})
				must(t, stopping.Get())
				must(t, s.loop.Get())
				if how == "shutdown" && ended != nil || how != "shutdown" && !errors.Is(ended, hub.ErrExit) {
					t.Errorf("the handler ended with %v", ended)
				}
				if n := s.Len(); n != 0 {
					t.Errorf("%d handlers are left", n)
				}
			})
		})
	}
}

// A header or a body that is too long never reaches the handler whole, and the
// next request is served.
func TestServerHTTP2Limits(t *testing.T) {
	run(t, func(h *hub.Hub) {
		const limit = 10
		var tooLong *http.MaxBytesError
		var calls []string
		s := serveTLS(t, h, func(w http.ResponseWriter, r *http.Request) {
			calls = append(calls, r.URL.Path)
			b, err := io.ReadAll(r.Body)
			if len(b) > limit || (err != nil) != errors.As(err, &tooLong) {
				t.Errorf("%s: %d bytes, %v", r.URL.Path, len(b), err)
			}
			if err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		})
		s.HTTP.MaxHeaderBytes = 4096
		s.MaxBodyBytes = limit
		s.ask(t, true, func(c *http.Client) {
			send := func(path, header string, body io.Reader, want int) {
				req, err := http.NewRequest("POST", s.url+path, body)
				must(t, err)
				for i, h := range strings.Fields(header) {
					req.Header.Set(fmt.Sprint("X", i), h)
				}
				resp, err := c.Do(req)
				switch {
				case err == nil:
					if resp.Body.Close(); resp.StatusCode != want || resp.ProtoMajor != 2 {
						t.Errorf("%s: %s %s, want %d", path, resp.Proto, resp.Status, want)
					}
				case path == "/huge": // the connection may be closed
				case path != "/header" || !strings.Contains(err.Error(), "header list"):
					t.Errorf("%s: %v", path, err)
				}
			}
			long := strings.Repeat("y", limit+1)
			for range 2 { // the second time the client knows the limit
				send("/header", strings.Repeat(strings.Repeat("y", 90)+" ", 45), nil, http.StatusRequestHeaderFieldsTooLarge)
				send("/huge", strings.Repeat("y", 60000), nil, http.StatusRequestHeaderFieldsTooLarge)
				send("/ok", "", strings.NewReader(long[:limit]), 200)
				send("/declared", "", strings.NewReader(long), http.StatusRequestEntityTooLarge)
				send("/ok", "", nil, 200)
				send("/undeclared", "", io.MultiReader(strings.NewReader(long)), http.StatusRequestEntityTooLarge)
				send("/ok", "", nil, 200)
			}
		})
		if got := strings.Join(calls, ""); got != strings.Repeat("/ok/ok/undeclared/ok", 2) {
			t.Errorf("handled: %s", got)
		}
		must(t, s.Shutdown(-1))
		must(t, s.loop.Get())
	})
}

// The client's requests share one HTTP/2 connection, bodies go both ways at
// once, and a request that is killed, out of time or given up ends its stream
// only.
func TestTransportHTTP2Streams(t *testing.T) {
	var conns, cut atomic.Int32
	let := make(chan bool)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		if r.URL.Path == "/waits" {
			select {
			case <-r.Context().Done():
				cut.Add(1)
			case <-let:
			}
			return
		}
		io.Copy(flushing{w}, r.Body)
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	run(t, func(h *hub.Hub) {
		tr := hubhttp.NewTransport(h)
		tr.HTTP.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
		client := &http.Client{Transport: tr}
		if got, err := fetch(client, "POST", server.URL, "first"); got != "200 first" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		// talk says a word at a time and hears each before it says the next.
		begun, cutAll := 0, hub.NewEvent(h)
		talk := func() error {
			words := hub.NewQueue[string](h, 1)
			resp, err := client.Post(server.URL, "x/y", &said{words: words})
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			for i := range 10 {
				word := fmt.Sprintf("word %d", i)
				if err := words.Put(word); err != nil {
					return err
				}
				got := make([]byte, len(word))
				if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != word {
					return fmt.Errorf("%q instead of %q, %v", got, word, err)
				}
				if begun++; i == 5 { // the others' streams are cut meanwhile
					if err := cutAll.Wait(); err != nil {
						return err
					}
				}
			}
			words.ShutDown(false)
			rest, err := io.ReadAll(resp.Body)
			if len(rest) > 0 {
				return fmt.Errorf("%q comes after the end", rest)
			}
			return err
		}
		var talks []*hub.Greenlet
		for range 10 {
			talks = append(talks, h.Spawn(talk))
		}
		waits := func() error {
			resp, err := client.Get(server.URL + "/waits")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
			if err == nil {
				err = errors.New("half an answer looks whole")
			}
			return err
		}
		killed := h.Spawn(waits)
		limited := h.Spawn(func() error { return h.WithTimeout(50*time.Millisecond, waits) })
		ctx, cancel := context.WithCancel(context.Background())
		given := h.Spawn(func() error { return h.WithContext(ctx, waits) })
		for began := time.Now(); begun < 50 && time.Since(began) < time.Minute; {
			must(t, h.Sleep(time.Millisecond))
		}
		must(t, killed.Kill())
		cancel()
		for g, want := range map[*hub.Greenlet]error{killed: hub.ErrExit, limited: hub.ErrTimeout, given: context.Canceled} {
			if err := g.Get(); !errors.Is(err, want) {
				t.Errorf("%v instead of %v", err, want)
			}
		}
		cutAll.Set()
		must(t, h.GetAll(talks...))
		close(let)
		tr.CloseIdleConnections()
	})
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// said is a body of what others put into a queue.
type said struct {
	words *hub.Queue[string]
	rest  string
}

func (s *said) Read(p []byte) (n int, err error) {
	if s.rest == "" {
		s.rest, err = s.words.Get()
		if errors.Is(err, hub.ErrShutDown) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A flushing writer sends each Write at once.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.w.(http.Flusher).Flush()
	return n, err
}
