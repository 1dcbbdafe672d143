package hubhttp_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// Whatever a client sends, it is answered or hung up on, no handler panics or
// stays, and the next client is served.
func FuzzServer(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "",
	} {
		f.Add([]byte(s))
	}
	addr, stop, ended := make(chan string), make(chan bool), make(chan error)
	panics := 0
	go func() {
		ended <- hub.Config{OnError: func(*hub.Greenlet, error) { panics++ }}.Run(func(h *hub.Hub) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			s := hubhttp.NewServer(h, http.HandlerFunc(echoPath))
			s.MaxBodyBytes = 1 << 16
			h.Spawn(func() error { return s.Serve(l) })
			return outside(h, func() { addr <- l.Addr().String(); <-stop })
		})
	}()
	at := <-addr
	f.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil || panics > 0 {
			f.Errorf("%v, %d panics", err, panics)
		}
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := net.Dial("tcp", at)
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			time.Sleep(time.Second)
			t.Skip("no port is left for a while")
		}
		must(t, err)
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		c.Write(raw)
		c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%q is held on to", raw)
		}
		if len(raw)%64 == 0 { // not always: ports are few
			if got := talk(t, at, "GET /next HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "GET /next ") {
				t.Errorf("after %q: %q", raw, got)
			}
		}
	})
}
