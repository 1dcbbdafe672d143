package hubhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// serving runs f, which may block, on a goroutine beside a hub that serves
// handler; set, if not nil, changes the server before it starts.
func serving(t *testing.T, handler http.HandlerFunc, set func(*hubhttp.Server), f func(addr string)) {
	t.Helper()
	servingOn(t, func(*hub.Hub) http.HandlerFunc { return handler }, set, f)
}

func servingOn(t *testing.T, handler func(h *hub.Hub) http.HandlerFunc, set func(*hubhttp.Server), f func(addr string)) {
	t.Helper()
	quiet := hub.Config{OnError: func(*hub.Greenlet, error) {}}
	must(t, quiet.Run(func(h *hub.Hub) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s := hubhttp.NewServer(h, handler(h))
		if set != nil {
			set(s)
		}
		g := h.Spawn(func() error { return s.Serve(l) })
		if err := outside(h, func() { f(l.Addr().String()) }); err != nil {
			return err
		}
		if err := s.Shutdown(10 * time.Second); err != nil {
			return err
		}
		if n := s.Len(); n != 0 {
			t.Errorf("%d handlers after Shutdown", n)
		}
		return g.Get()
	}))
}

// outside runs f on a goroutine.
func outside(h *hub.Hub, f func()) error {
	_, err := hub.Await(h, func(context.Context) (struct{}, error) { f(); return struct{}{}, nil })
	return err
}

// talk sends raw bytes and returns all that comes until the server closes.
func talk(t *testing.T, addr, raw string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, raw)
	b, err := io.ReadAll(c)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		t.Errorf("%.40q: the server keeps silent after %q", raw, b)
	}
	return string(b)
}

func echoPath(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

// What a client may send as raw bytes, and what comes back first.
func TestServerRawRequests(t *testing.T) {
	long := strings.Repeat("y", 9000)
	serving(t, echoPath, func(s *hubhttp.Server) {
		s.HTTP.MaxHeaderBytes = 4096
		s.MaxBodyBytes = 10
	}, func(addr string) {
		for _, x := range []struct{ name, raw, want string }{
			{"1.0", "GET /a HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
			{"close", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
			{"no host", "GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
			{"two hosts", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400"},
			{"garbage", "\x16\x03\x01\x02 what\r\n\r\n", "HTTP/1.1 400"},
			{"version", "GET / HTTP/3.7\r\nHost: x\r\n\r\n", "HTTP/1.1 505"},
			{"header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n", "HTTP/1.1 431"},
			{"header name", "GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", "HTTP/1.1 400"},
			{"header value", "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", "HTTP/1.1 400"},
			{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400"},
			{"bad length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", "HTTP/1.1 400"},
			{"bad coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501"},
			{"bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400"},
			{"chunk with LF", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", "HTTP/1.1 400"},
			{"too long", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901", "HTTP/1.1 413"},
			{"expect", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 42\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 417"},
		} {
			if got := talk(t, addr, x.raw); !strings.HasPrefix(got, x.want) {
				t.Errorf("%s: %.80q instead of %s", x.name, got, x.want)
			}
		}
		// Longer than the limit without having said so.
		if got := talk(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"); !strings.Contains(got, "request body too large") {
			t.Errorf("chunks: %q", got)
		}
		// Pipelined, the middle one chunked with an extension and a trailer.
		got := talk(t, addr, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"+
			"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;e=1\r\nab\r\n0\r\nT: v\r\n\r\n"+
			"HEAD /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		a, b, c := strings.Index(got, "GET /1"), strings.Index(got, "POST /2 ab"), strings.Index(got, "Connection: close")
		if a < 0 || b < a || c < b || strings.Contains(got, "HEAD /3") || strings.Count(got, "HTTP/1.1 200 OK") != 3 {
			t.Errorf("pipelined: %q", got)
		}
		if strings.Count(got, "\r\nDate: ") != 3 || strings.Count(got, "Content-Type: text/plain; charset=utf-8") != 3 {
			t.Errorf("header: %q", got)
		}
		// Of two lengths the chunks count, so nothing is smuggled: what follows
		// them is the next request.
		got = talk(t, addr, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"+
			"GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if strings.Count(got, "HTTP/1.1 ") != 2 || !strings.Contains(got, "POST /1 a") || !strings.Contains(got, "GET /2 ") {
			t.Errorf("both lengths: %q", got)
		}
	})
}

// Bodies of every size both ways, at once and one after the other.
func TestServerBodies(t *testing.T) {
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/duplex":
			must(t, http.NewResponseController(w).EnableFullDuplex())
			io.Copy(w, r.Body)
		case "/whole":
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(b)
		}
	}, nil, func(addr string) {
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		client := &http.Client{Transport: tr}
		for _, path := range []string{"/duplex", "/whole"} {
			for _, n := range []int{0, 1, 2047, 2048, 2049, 4096, 32 << 10, 32<<10 + 1, 100_000, 8 << 20} {
				data := bytes.Repeat([]byte("0123456789abcdef!"), n/17+1)[:n]
				resp, err := client.Post("http://"+addr+path, "x/y", bytes.NewReader(data))
				if err != nil {
					t.Errorf("%s %d: %v", path, n, err)
					continue
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s %d: %d bytes came back, or others, %v", path, n, len(got), err)
				}
				if path == "/whole" && n <= 2048 && resp.ContentLength != int64(n) {
					t.Errorf("%d bytes declared as %d", n, resp.ContentLength)
				}
			}
		}
	})
}

// A client that waits for "100 Continue" gets it when the body is asked for,
// and not when it is refused (requests#713).
func TestServerExpectContinue(t *testing.T) {
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		echoPath(w, r)
	}, nil, func(addr string) {
		for _, path := range []string{"/yes", "/no"} {
			c, err := net.Dial("tcp", addr)
			must(t, err)
			c.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", path)
			r := bufio.NewReader(c)
			first, err := r.ReadString('\n')
			must(t, err)
			if path == "/yes" {
				if !strings.Contains(first, "100 Continue") {
					t.Errorf("%q", first)
				}
				io.WriteString(c, "hi")
				rest, _ := io.ReadAll(r)
				if !strings.Contains(string(rest), "POST /yes hi") {
					t.Errorf("%q", rest)
				}
			} else if !strings.Contains(first, "403") {
				t.Errorf("%q", first)
			}
			c.Close()
		}
	})
}

// Slow clients hold nobody up for longer than the limits: in the header
// (gunicorn#2334), in the body, and in reading the answer.
func TestServerSlowClients(t *testing.T) {
	ended := make(chan error, 8)
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			var err error
			for data := make([]byte, 64<<10); err == nil; {
				_, err = w.Write(data)
			}
			ended <- err
			return
		}
		_, err := io.ReadAll(r.Body)
		ended <- err
	}, func(s *hubhttp.Server) {
		s.HTTP.ReadHeaderTimeout = 100 * time.Millisecond
		s.HTTP.ReadTimeout = 300 * time.Millisecond
		s.HTTP.WriteTimeout = 300 * time.Millisecond
		s.HTTP.IdleTimeout = 100 * time.Millisecond
	}, func(addr string) {
		if got := talk(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nX: "); got != "" {
			t.Errorf("slow header: %q", got)
		}
		if got := talk(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("idle: %q", got)
		}
		must(t, <-ended)
		talk(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
		if err := <-ended; err == nil {
			t.Error("a body that does not come was read")
		}
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
		io.WriteString(c, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
		select {
		case err := <-ended:
			if err == nil {
				t.Error("an answer that nobody reads was written")
			}
		case <-time.After(20 * time.Second):
			t.Error("a reader that does not read holds a handler up")
		}
	})
}

// How a handler may end, and what its client sees of it: never half an answer
// as a whole one.
func TestServerHandlerEnds(t *testing.T) {
	servingOn(t, func(h *hub.Hub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/panic":
				io.WriteString(w, "half")
				panic("by design")
			case "/abort":
				io.WriteString(w, "half")
				panic(http.ErrAbortHandler)
			case "/killed":
				g := h.Current()
				h.SpawnLater(10*time.Millisecond, func() error { return g.KillWith(hub.ErrExit, 0) })
				for data := make([]byte, 64<<10); ; {
					if _, err := w.Write(data); err != nil {
						return
					}
				}
			case "/limit":
				h.WithTimeout(10*time.Millisecond, func() error { _, err := io.ReadAll(r.Body); return err })
				io.WriteString(w, "too late")
			}
			io.WriteString(w, "ok")
		}
	}, nil, func(addr string) {
		for _, path := range []string{"/panic", "/abort", "/killed", "/limit"} {
			c, err := net.Dial("tcp", addr)
			must(t, err)
			c.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", path)
			if path != "/limit" {
				io.WriteString(c, "12345")
			}
			if path == "/killed" {
				time.Sleep(100 * time.Millisecond) // it is stuck in Write
			}
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			var ne net.Error
			if err == nil || errors.As(err, &ne) && ne.Timeout() {
				t.Errorf("%s: %v instead of a broken answer", path, err)
			}
			c.Close()
		}
		if got := talk(t, addr, "GET /fine HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nok") {
			t.Errorf("afterwards: %q", got)
		}
	})
}

// The request's context ends with its client, and with the hub.
func TestServerContext(t *testing.T) {
	ended := make(chan error, 1)
	begun := make(chan bool, 1)
	servingOn(t, func(h *hub.Hub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			begun <- true
			ended <- h.WithContext(r.Context(), func() error { return h.Sleep(time.Minute) })
		}
	}, nil, func(addr string) {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		<-begun
		c.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Shutdown lets a request in flight end, closes an idle connection, and has a
// limit; the end of the hub and a kill of Serve close all.
func TestServerStops(t *testing.T) {
	for _, how := range []string{"shutdown", "limit", "close", "kill", "hub"} {
		t.Run(how, func(t *testing.T) {
			answers := make(chan string, 1)
			begun := make(chan bool, 1)
			run(t, func(h *hub.Hub) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				must(t, err)
				let := hub.NewEvent(h)
				s := hubhttp.NewServer(h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/idle" {
						return
					}
					begun <- true
					if err := let.Wait(); err != nil {
						return
					}
					io.WriteString(w, "done")
				}))
				g := h.Spawn(func() error { return s.Serve(l) })
				var idle net.Conn
				must(t, outside(h, func() {
					idle, err = net.Dial("tcp", l.Addr().String())
					must(t, err)
					io.WriteString(idle, "GET /idle HTTP/1.1\r\nHost: x\r\n\r\n")
					_, err = http.ReadResponse(bufio.NewReader(idle), nil)
					must(t, err)
					go func() { answers <- talk(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
					<-begun
				}))
				defer idle.Close()
				switch how {
				case "shutdown":
					h.SpawnLater(20*time.Millisecond, func() error { let.Set(); return nil })
					must(t, s.Shutdown(-1))
				case "limit":
					if err := s.Shutdown(20 * time.Millisecond); err != hub.ErrTimeout {
						t.Errorf("%v instead of ErrTimeout", err)
					}
				case "close":
					must(t, s.Close())
				case "kill":
					must(t, g.Kill())
				case "hub":
					return
				}
				if err := g.Get(); how == "kill" != errors.Is(err, hub.ErrExit) || how != "kill" && err != nil {
					t.Errorf("Serve: %v", err)
				}
				must(t, outside(h, func() {
					idle.SetDeadline(time.Now().Add(20 * time.Second))
					if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
						t.Errorf("idle: %v", err)
					}
				}))
			})
			if got := <-answers; (how == "shutdown") != strings.HasSuffix(got, "done") {
				t.Errorf("in flight: %q", got)
			}
		})
	}
}

// No more connections than MaxConns are served at once; the others wait.
func TestServerMaxConns(t *testing.T) {
	now, most := 0, 0
	servingOn(t, func(h *hub.Hub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			now++
			most = max(most, now)
			h.Sleep(5 * time.Millisecond)
			now--
		}
	}, func(s *hubhttp.Server) { s.MaxConns = 2 }, func(addr string) {
		done := make(chan string)
		for range 8 {
			go func() { done <- talk(t, addr, "GET / HTTP/1.0\r\n\r\n") }()
		}
		for range 8 {
			if got := <-done; !strings.HasPrefix(got, "HTTP/1.0 200") {
				t.Errorf("%q", got)
			}
		}
	})
	if most != 2 {
		t.Errorf("%d at once instead of 2", most)
	}
}

// The programs that people try a server with.
func TestServerWithTools(t *testing.T) {
	serving(t, echoPath, nil, func(addr string) {
		url := "http://" + addr + "/page"
		for _, x := range []struct {
			want string
			args []string
		}{
			{"POST /page body", []string{"curl", "-sS", "-d", "body", url}},
			{"GET /page ", []string{"curl", "-sS", "--http1.0", url}},
			{"Failed requests:        0", []string{"ab", "-q", "-k", "-n", "500", "-c", "10", url}},
			{"Requests/sec", []string{"wrk", "-t1", "-c10", "-d1s", url}},
		} {
			t.Run(x.args[0], func(t *testing.T) {
				if _, err := exec.LookPath(x.args[0]); err != nil {
					t.Skip(x.args[0] + " is not in PATH")
				}
				out, err := exec.Command(x.args[0], x.args[1:]...).CombinedOutput()
				if err != nil || !strings.Contains(string(out), x.want) || strings.Contains(string(out), "Non-2xx") {
					t.Errorf("%v: %v\n%s", x.args, err, out)
				}
			})
		}
	})
}
