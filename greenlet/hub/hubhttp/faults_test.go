package hubhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
	"switchyard/greenlet/hub/internal/hubtest"
)

// scripted is a server that is not quite one: it answers each connection with
// serve, and closes it after.
func scripted(t *testing.T, serve func(c net.Conn, r *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ended := make(chan bool)
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c, bufio.NewReader(c)) }()
		}
	}()
	return "http://" + l.Addr().String()
}

func fetch(c *http.Client, method, url, body string) (string, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, b), err
}

// A kept connection on which something has come, or which the server has
// closed, is not used again: each request gets its own answer (golang/go#32310,
// requests#4937).
func TestKeptConnectionIsSilent(t *testing.T) {
	for _, x := range []struct {
		name, method, more string
		shut               bool
	}{
		{"408", "GET", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false},
		{"answer", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nBAD", false},
		{"one byte", "GET", "x", false},
		{"end", "POST", "", true},
	} {
		t.Run(x.name, func(t *testing.T) {
			said := make(chan bool, 3)
			url := scripted(t, func(c net.Conn, r *bufio.Reader) {
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s", req.URL.Path)
					time.Sleep(20 * time.Millisecond) // the answer has been taken
					io.WriteString(c, x.more)
					if x.shut {
						c.Close()
					}
					said <- true
				}
			})
			run(t, func(h *hub.Hub) {
				c := &http.Client{Transport: hubhttp.NewTransport(h)}
				for _, p := range []string{"/a", "/b", "/c"} {
					if got, err := fetch(c, x.method, url+p, "x"); got != "200 "+p || err != nil {
						t.Errorf("asked for %s: %q, %v", p, got, err)
					}
					must(t, outside(h, func() { <-said; time.Sleep(20 * time.Millisecond) }))
				}
			})
		})
	}
}

// Answers as servers give them, and what comes of them.
func TestAnswers(t *testing.T) {
	for _, x := range []struct{ name, method, answer, want string }{
		{"extra bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokMORE", "200 ok"},
		{"1xx", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok"},
		{"many 1xx", "GET", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("y", 2000)+"\r\n\r\n", 100), "exceeded"},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 "},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 "},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 "},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=\"v\"\r\nok\r\n0\r\nTrailer-X: v\r\n\r\n", "200 ok"},
		{"until the end", "GET", "HTTP/1.0 200 OK\r\n\r\nok", "200 ok"},
		{"cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "unexpected EOF"},
		{"cut chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", "unexpected EOF"},
		{"bad chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nok", "chunk"},
		{"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", "Content-Length"},
		{"not HTTP", "GET", "SSH-2.0-x\r\n", "malformed"},
		{"long header", "GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n", "exceeded"},
	} {
		t.Run(x.name, func(t *testing.T) {
			url := scripted(t, func(c net.Conn, r *bufio.Reader) {
				http.ReadRequest(r)
				io.WriteString(c, x.answer)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, r)
			})
			run(t, func(h *hub.Hub) {
				tr := hubhttp.NewTransport(h)
				tr.HTTP.MaxResponseHeaderBytes = 64 << 10
				got, err := fetch(&http.Client{Transport: tr}, x.method, url, "")
				if err != nil {
					got = err.Error()
				}
				if got != x.want && (err == nil || !strings.Contains(got, x.want)) {
					t.Errorf("%.200q instead of %q", got, x.want)
				}
			})
		})
	}
}

// An answer that comes before the body is sent is read (requests#2422), an
// answer streams while the body does (http-client#162), and a body that the
// server refuses is not sent (Expect: 100-continue).
func TestBothDirectionsAtOnce(t *testing.T) {
	answered := make(chan bool)
	refuse := scripted(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		<-answered // Close would take back what the client has not read
	})
	var sent atomic.Int64
	expect := scripted(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		n, _ := io.Copy(io.Discard, r)
		sent.Add(n)
	})
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	}))
	defer echo.Close()
	run(t, func(h *hub.Hub) {
		c := &http.Client{Transport: hubhttp.NewTransport(h)}
		data := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
		// hidden, so that it is an upload that greenlets feed
		for _, hidden := range []bool{false, true} {
			body := func() io.Reader {
				if hidden {
					return struct{ io.Reader }{bytes.NewReader(data)}
				}
				return bytes.NewReader(data)
			}
			resp, err := c.Post(refuse, "x/y", body())
			answered <- true
			must(t, err)
			resp.Body.Close()
			if resp.StatusCode != 413 {
				t.Errorf("%s instead of 413", resp.Status)
			}
			resp, err = c.Post(echo.URL, "x/y", body())
			must(t, err)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back, or others, %v", len(got), err)
			}
		}
		req, err := http.NewRequest("POST", expect, bytes.NewReader(data))
		must(t, err)
		req.Header.Set("Expect", "100-continue")
		resp, err := c.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != 417 || sent.Load() != 0 {
			t.Errorf("%s, and %d bytes of body", resp.Status, sent.Load())
		}
	})
}

// A body may come from the hub's own things, and its Read may wait.
func TestUploadFromGreenlet(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(echoPath))
	defer echo.Close()
	panics := 0
	quiet := hub.Config{OnError: func(*hub.Greenlet, error) { panics++ }}
	must(t, quiet.Run(func(h *hub.Hub) error {
		c := &http.Client{Transport: hubhttp.NewTransport(h)}
		q := hub.NewQueue[string](h, 0)
		h.Spawn(func() error {
			for range 3 {
				if err := h.Sleep(time.Millisecond); err != nil {
					return err
				}
				q.Put("part ")
			}
			q.Put("")
			return nil
		})
		body := &fromQueue{q: q}
		resp, err := c.Post(echo.URL+"/q", "x/y", body)
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(got) != "POST /q part part part " || err != nil || body.closed != 1 {
			t.Errorf("%q, %v, closed %d times", got, err, body.closed)
		}
		// The end of the request ends the reading.
		body = &fromQueue{q: q}
		g := h.Spawn(func() error { _, err := c.Post(echo.URL, "x/y", body); return err })
		must(t, h.Sleep(50*time.Millisecond)) // it waits for the queue
		must(t, g.Kill())
		if !errors.Is(g.Err(), hub.ErrExit) || body.closed != 1 {
			t.Errorf("%v, closed %d times", g.Err(), body.closed)
		}
		must(t, q.Put("nobody's"))
		must(t, h.Sleep(5*time.Millisecond))
		if n := q.Len(); n != 1 {
			t.Errorf("%d items are left: somebody still reads the body", n)
		}
		// A body that panics fails the request, not the hub.
		_, err = c.Post(echo.URL, "x/y", readerFunc(func([]byte) (int, error) { panic("by design") }))
		var p *hub.PanicError
		if !errors.As(err, &p) {
			t.Errorf("%v instead of the panic", err)
		}
		return nil
	}))
	if panics != 1 {
		t.Errorf("%d panics reported", panics)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type fromQueue struct {
	q      *hub.Queue[string]
	closed int
}

func (f *fromQueue) Read(p []byte) (int, error) {
	s, err := f.q.Get()
	if err == nil && s == "" {
		err = io.EOF
	}
	return copy(p, s), err
}

func (f *fromQueue) Close() error { f.closed++; return nil }

// Kept connections have a bound (async-http-client#168), in all and for one
// host, and an age; the end of the hub closes the rest.
func TestKeptConnectionsAreBounded(t *testing.T) {
	var open atomic.Int32
	newServer := func() *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(echoPath))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		}
		s.Start()
		return s
	}
	var servers []*httptest.Server
	for range 30 {
		s := newServer()
		defer s.Close()
		servers = append(servers, s)
	}
	settles := func(h *hub.Hub, what string, want int32) {
		t.Helper()
		must(t, outside(h, func() {
			for end := time.Now().Add(30 * time.Second); open.Load() != want && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
		}))
		if n := open.Load(); n != want {
			t.Errorf("%s: %d connections instead of %d", what, n, want)
		}
	}
	before := hubtest.OpenFiles()
	run(t, func(h *hub.Hub) {
		tr := hubhttp.NewTransport(h)
		if tr.HTTP.MaxIdleConns != 100 || tr.HTTP.MaxIdleConnsPerHost != 100 || tr.HTTP.IdleConnTimeout != 90*time.Second {
			t.Error("bounds are not what the documentation says")
		}
		tr.HTTP.MaxIdleConns = 7
		c := &http.Client{Transport: tr}
		for _, s := range servers {
			if got, err := fetch(c, "GET", s.URL+"/x", ""); got != "200 GET /x " || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		}
		settles(h, "in all", 7)
		tr.CloseIdleConnections()
		settles(h, "closed", 0)

		tr = hubhttp.NewTransport(h)
		tr.HTTP.IdleConnTimeout = 50 * time.Millisecond
		fetch(&http.Client{Transport: tr}, "GET", servers[0].URL, "")
		settles(h, "age", 0)

		fetch(&http.Client{Transport: hubhttp.NewTransport(h)}, "GET", servers[0].URL, "")
		settles(h, "kept", 1)
	})
	run(t, func(h *hub.Hub) { settles(h, "hub ended", 0) })
	if after := hubtest.OpenFiles(); after > before+1 {
		t.Errorf("descriptors: %d before, %d after", before, after)
	}
}

// However a request is given up, its connection is closed: the server sees the
// end.
func TestGivenUpRequestCloses(t *testing.T) {
	for _, secure := range []bool{false, true} {
		var begun, gone atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/body" {
				io.WriteString(w, "half")
				w.(http.Flusher).Flush()
			}
			begun.Add(1)
			<-r.Context().Done()
			gone.Add(1)
		}))
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		for _, x := range []struct {
			name string
			give func(h *hub.Hub, get func(path string) (*http.Response, error)) error
		}{
			{"killed before the answer", func(h *hub.Hub, get func(string) (*http.Response, error)) error {
				g := h.Spawn(func() error { _, err := get("/"); return err })
				for before := begun.Load(); begun.Load() == before && !g.Ready(); {
					h.Sleep(time.Millisecond)
				}
				g.Kill()
				return g.Err()
			}},
			{"killed in the body", func(h *hub.Hub, get func(string) (*http.Response, error)) error {
				g := h.Spawn(func() error {
					resp, err := get("/body")
					if err != nil {
						return err
					}
					_, err = io.ReadAll(resp.Body)
					if n, again := resp.Body.Read(make([]byte, 9)); n != 0 || again == nil || again == io.EOF || errors.Is(again, hub.ErrExit) {
						t.Errorf("after a cut: %d, %v", n, again)
					}
					return err
				})
				for before := begun.Load(); begun.Load() == before && !g.Ready(); {
					h.Sleep(time.Millisecond)
				}
				h.Sleep(20 * time.Millisecond) // it reads the body, most likely
				g.Kill()
				return g.Err()
			}},
			{"limit", func(h *hub.Hub, get func(string) (*http.Response, error)) error {
				var err error
				before := begun.Load()
				for d := 30 * time.Millisecond; begun.Load() == before && d < time.Minute; d *= 2 { // until it is long enough
					err = h.WithTimeout(d, func() error { _, err := get("/"); return err })
				}
				if errors.Is(err, hub.ErrTimeout) {
					err = hub.ErrExit
				}
				return err
			}},
			{"closed half-way", func(h *hub.Hub, get func(string) (*http.Response, error)) error {
				resp, err := get("/body")
				if err == nil {
					_, err = io.ReadFull(resp.Body, make([]byte, 4))
					resp.Body.Close()
				}
				if err == nil {
					_, err = resp.Body.Read(make([]byte, 1))
				}
				if errors.Is(err, http.ErrBodyReadAfterClose) {
					err = hub.ErrExit
				}
				return err
			}},
			{"hub ends", func(h *hub.Hub, get func(string) (*http.Response, error)) error {
				_, err := get("/body")
				if err == nil {
					err = hub.ErrExit
				}
				return err
			}},
		} {
			before := begun.Load()
			wantGone := func() {
				end := time.Now().Add(30 * time.Second)
				for begun.Load() == before || gone.Load() < begun.Load() {
					if time.Now().After(end) {
						t.Errorf("%s: %d requests began and %d ended", x.name, begun.Load(), gone.Load())
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
			run(t, func(h *hub.Hub) {
				tr := hubhttp.NewTransport(h)
				tr.HTTP.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
				c := &http.Client{Transport: tr}
				if err := x.give(h, func(p string) (*http.Response, error) { return c.Get(s.URL + p) }); !errors.Is(err, hub.ErrExit) {
					t.Errorf("%s: %v", x.name, err)
				}
				if x.name != "hub ends" {
					must(t, outside(h, wantGone))
				}
			})
			if x.name == "hub ends" {
				wantGone()
			}
		}
		s.Close()
	}
}

// Names beyond ASCII are looked up as their ASCII form, and what must not be in
// a request is refused before it is sent.
func TestRequestsAreChecked(t *testing.T) {
	run(t, func(h *hub.Hub) {
		tr := hubhttp.NewTransport(h)
		looked := ""
		tr.HTTP.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
			looked = addr
			return nil, errors.New("no")
		}
		c := &http.Client{Transport: tr}
		c.Get("http://b\u00fccher.invalid/")
		if looked != "xn--bcher-kva.invalid:80" {
			t.Errorf("looked up %q", looked)
		}
		looked = ""
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("X", "a\r\nSmuggled: b") },
			func(r *http.Request) { r.Header["Bad Name"] = []string{"x"} },
			func(r *http.Request) { r.Method = "GET /x HTTP/1.1\r\n" },
			func(r *http.Request) { r.URL.Scheme = "gopher" },
		} {
			req, err := http.NewRequest("GET", "http://x.invalid/", nil)
			must(t, err)
			change(req)
			if _, err := tr.RoundTrip(req); err == nil || looked != "" {
				t.Errorf("%q %v was let through, %v", req.Method, req.Header, err)
			}
		}
	})
}

// What only net/http's transport has: HTTP/2, proxies, gzip.
func TestFeatures(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "proxied ", r.URL)
	}))
	defer proxy.Close()
	run(t, func(h *hub.Hub) {
		tr := hubhttp.NewTransport(h)
		tr.HTTP.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		if got, err := fetch(&http.Client{Transport: tr}, "GET", s.URL, ""); got != "200 HTTP/2.0" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		tr = hubhttp.NewTransport(h)
		tr.HTTP.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
		if got, err := fetch(&http.Client{Transport: tr}, "GET", "http://far.invalid/", ""); got != "200 proxied http://far.invalid/" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
