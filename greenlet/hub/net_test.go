package hub

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDatagramServer(t *testing.T) {
	run(t, func(h *Hub) {
		c, err := h.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		s := &DatagramServer{
			Handle: func(c *PacketConn, data []byte, from net.Addr) error {
				_, err := c.WriteTo(bytes.ToUpper(data), from)
				return err
			},
			OnError: func(err error) { t.Error(err) },
		}
		s.Start(h, c)
		var gs []*Greenlet
		for i := range 5 {
			gs = append(gs, h.Spawn(func() error {
				c, err := h.Dial("udp", c.LocalAddr().String())
				if err != nil {
					return err
				}
				defer c.Close()
				fmt.Fprintf(c, "datagram %d", i)
				buf := make([]byte, 64)
				n, err := c.Read(buf)
				if want := fmt.Sprintf("DATAGRAM %d", i); string(buf[:n]) != want {
					t.Errorf("%q instead of %q", buf[:n], want)
				}
				return err
			}))
		}
		must(t, h.GetAll(gs...))
		must(t, s.Stop(-1))
		if _, _, err := c.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestStreamServerLimitAndStop(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		most := 0
		two := NewEvent(h)
		s := &StreamServer{Limit: 2}
		s.Handle = func(c *Conn) error {
			if most = max(most, s.Len()); most == 2 {
				two.Set()
			}
			if err := two.Wait(); err != nil {
				return err
			}
			return upper(c)
		}
		s.Start(h, l)
		var gs []*Greenlet
		for range 6 {
			gs = append(gs, h.Spawn(func() error {
				c, err := h.Dial("tcp", l.Addr().String())
				if err != nil {
					return err
				}
				defer c.Close()
				return client(c, 3)
			}))
		}
		must(t, h.GetAll(gs...))
		if most != 2 {
			t.Errorf("%d served at once, limit 2", most)
		}
		// A connection that does not end is killed by Stop.
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		must(t, client(c, 1))
		must(t, s.Stop(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("still served")
		}
	})
}

// certificate makes a certificate for 127.0.0.1 and a pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, trust := certificate(t)
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s := &StreamServer{
			Handle: func(c *Conn) error {
				s := h.TLSServer(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				defer s.Close()
				_, err := io.Copy(s, s)
				return err
			},
			OnError: func(_ *Conn, err error) { t.Error(err) },
		}
		s.Start(h, l)
		dial := func() *TLSConn {
			c, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			return h.TLSClient(c, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"})
		}
		// Both directions at once, more than the buffers hold.
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		var gs []*Greenlet
		for range 3 {
			gs = append(gs, h.Spawn(func() error {
				c := dial()
				defer c.Close()
				w := h.Spawn(func() error {
					if _, err := c.Write(data); err != nil {
						return err
					}
					return c.CloseWrite()
				})
				back, err := io.ReadAll(c)
				if err != nil {
					return err
				}
				if !bytes.Equal(back, data) {
					return fmt.Errorf("%d bytes came back, or others", len(back))
				}
				return w.Get()
			}))
		}
		must(t, h.GetAll(gs...))

		c := dial()
		must(t, c.Handshake())
		if !c.ConnectionState().HandshakeComplete {
			t.Error("no handshake")
		}
		must(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		must(t, c.SetReadDeadline(time.Time{}))
		must(t, client(echoUpper{c}, 2)) // goes on after a deadline
		must(t, c.Close())
		must(t, s.Stop(-1))
	})
}

// echoUpper makes an echo that answers as sent look like one in upper case.
type echoUpper struct{ net.Conn }

func (c echoUpper) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	copy(b, bytes.ToUpper(b[:n]))
	return n, err
}

func TestTLSRefusesUnknownAuthority(t *testing.T) {
	cert, _ := certificate(t)
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s := &StreamServer{Handle: func(c *Conn) error {
			return h.TLSServer(c, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		}}
		s.Start(h, l)
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		var unknown x509.UnknownAuthorityError
		if err := h.TLSClient(c, &tls.Config{ServerName: "127.0.0.1"}).Handshake(); !errors.As(err, &unknown) {
			t.Errorf("%v", err)
		}
	})
}

// The server is net/http's, on goroutines of its own.
func TestHTTP(t *testing.T) {
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
		run(t, func(h *Hub) {
			tr := NewHTTPTransport(h)
			tr.TLS = config
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
			got, err := Map(NewPool(h, 10), paths, get)
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
			if !errors.Is(g.Err(), ErrExit) {
				t.Errorf("killed: %v", g.Err())
			}
			tr.CloseIdleConnections()
		})
		server.Close()
	}
}

// A kept connection that the server has closed is no failure.
func TestHTTPRetriesStaleConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	run(t, func(h *Hub) {
		client := &http.Client{Transport: NewHTTPTransport(h)}
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

func TestPopen(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	run(t, func(h *Hub) {
		out, errs, err := h.Command("sh", "-c", "tr a-z A-Z; echo oops >&2; exit 3").Communicate([]byte("hello"))
		var exit *exec.ExitError
		if string(out) != "HELLO" || string(errs) != "oops\n" || !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%q, %q, %v", out, errs, err)
		}

		// A conversation, while another greenlet runs.
		p := h.Command("cat")
		in, err := p.StdinPipe()
		must(t, err)
		from, err := p.StdoutPipe()
		must(t, err)
		must(t, p.Start())
		for i := range 3 {
			line := fmt.Sprintf("line %d\n", i)
			io.WriteString(in, line)
			buf := make([]byte, 64)
			if n, err := from.Read(buf); string(buf[:n]) != line || err != nil {
				t.Errorf("%q, %v", buf[:n], err)
			}
		}
		if p.Poll() || p.ExitCode() != -1 {
			t.Error("ended early")
		}
		if err := p.WaitTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		must(t, in.Close())
		must(t, p.Wait())
		if p.ExitCode() != 0 || !p.Poll() {
			t.Errorf("exit code %d", p.ExitCode())
		}

		p = h.Command("sleep", "3600")
		must(t, p.Start())
		must(t, p.Kill())
		if done, err := Wait[Waitable](h, 0, p); err != nil || len(done) != 1 {
			t.Errorf("%v, %v", done, err)
		}
		if err := p.Wait(); !errors.As(err, &exit) {
			t.Errorf("killed: %v", err)
		}
		if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal to a dead child: %v", err)
		}

		if _, _, err := h.Command("/nowhere/at/all").Communicate(nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
		if out, err := h.Output(context.Background(), "echo", "x"); string(out) != "x\n" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		if _, err := h.Output(ctx, "sleep", "3600"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		// One that is left to the hub is killed; Run waits for its end.
		must(t, h.Command("sleep", "3600").Start())
	})
}

func TestLookup(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "localhost:0")
		if err != nil {
			t.Skip(err) // a machine without the name
		}
		c, err := Dialer{Timeout: time.Minute}.Dial(h, "tcp", l.Addr().String())
		must(t, err)
		if c.LocalAddr().String() == "" || c.RemoteAddr().String() != l.Addr().String() {
			t.Errorf("%v to %v", c.LocalAddr(), c.RemoteAddr())
		}
		must(t, c.Close())
	})
}

// Two hubs serve one address; a third asks; a Post to each ends them.
func TestShardedServer(t *testing.T) {
	const shards, conns = 2, 40
	type shard struct {
		h      *Hub
		server *StreamServer
	}
	var served [shards]int
	first := make(chan string, 1)  // the address shard 0 has got
	rest := make(chan string, 1)   // handed on to shard 1
	up := make(chan shard, shards) // who is ready
	done := make(chan error, 1)
	go func() {
		done <- RunSharded(shards, func(h *Hub, i int) error {
			addr := "127.0.0.1:0"
			if i > 0 {
				var err error
				if addr, err = Await(h, func(ctx context.Context) (string, error) {
					select {
					case a := <-rest:
						return a, nil
					case <-ctx.Done():
						return "", ctx.Err()
					}
				}); err != nil {
					return err
				}
			}
			l, err := ListenConfig{ReusePort: true}.Listen(h, "tcp", addr)
			if err != nil {
				return err
			}
			if i == 0 {
				first <- l.Addr().String()
			}
			s := &StreamServer{Handle: func(c *Conn) error { served[i]++; return upper(c) }}
			up <- shard{h, s}
			return s.Serve(h, l)
		})
	}()
	var addr string
	select {
	case addr = <-first:
	case err := <-done:
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	rest <- addr
	var hubs []shard
	for range shards {
		hubs = append(hubs, <-up)
	}
	run(t, func(h *Hub) {
		gs := make([]*Greenlet, conns)
		for i := range gs {
			gs[i] = h.Spawn(func() error {
				c, err := h.Dial("tcp", addr)
				if err != nil {
					return err
				}
				defer c.Close()
				return client(c, 3)
			})
		}
		must(t, h.GetAll(gs...))
	})
	for _, s := range hubs {
		must(t, s.h.Post(func() { s.h.Spawn(func() error { return s.server.Stop(-1) }) }))
	}
	must(t, <-done)
	if sum := served[0] + served[1]; sum != conns {
		t.Errorf("%v served, %d in all, want %d", served, sum, conns)
	}
}
