//go:build linux

package remote

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

// A wrong key is an error that says so, for callers and for workers, and none
// at all is no key.
func TestWrongKey(t *testing.T) {
	server := serve(t, ServerConfig{})
	for _, config := range []Config{{AuthKey: []byte("another key, also long enough")}, {NoAuth: true}} {
		if s, err := Connect(soon(t), server.URL(), config); !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "does not take this key") {
			t.Error(s, err)
		}
		if err := Work(soon(t), server.URL(), WorkerConfig{Config: config}); !errors.Is(err, ErrAuthentication) {
			t.Error(err)
		}
	}
	connect(t, server.URL())
}

func TestBadConfig(t *testing.T) {
	for _, config := range []ServerConfig{{}, {AuthKey: []byte("short")}, {AuthKey: testKey, NoAuth: true},
		{AuthKey: testKey, Address: "nowhere"}, {AuthKey: testKey, Address: ":x"}, {AuthKey: testKey, MaxMessage: -1}} {
		if s, err := Serve(config); err == nil {
			s.Close()
			t.Errorf("%+v", config)
		}
	}
	for _, config := range []Config{{}, {AuthKey: []byte("short")}, {AuthKey: testKey, NoAuth: true}, {AuthKey: testKey, Namespace: "a.b"}} {
		if _, err := Connect(soon(t), "nats://127.0.0.1:1", config); err == nil || strings.Contains(err.Error(), "refused") {
			t.Errorf("%+v %v", config, err)
		}
	}
}

// Garbage on the port, messages that are too long, and connections that say
// nothing keep nobody from being served.
func TestStrangers(t *testing.T) {
	server := serve(t, ServerConfig{MaxMessage: 1 << 16})
	worksHere(t, server.URL(), WorkerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	dial := func() net.Conn {
		c := must(net.Dial("tcp", strings.TrimPrefix(server.URL(), "nats://")))(t)
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range 50 {
		dial() // and says nothing
	}
	for _, say := range []string{"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 10_000), "PUB a 5\r\nhello\r\n",
		"CONNECT {\"nkey\":\"UABC\"}\r\n", "CONNECT {}\r\nPUB a 999999999\r\n"} {
		c := dial()
		c.SetDeadline(time.Now().Add(wait.Patience))
		c.Write([]byte(say))
		if b, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: not closed: %q %v", say, b, err)
		}
		if v, err := Apply(soon(t), p, square, 9); v != 81 || err != nil {
			t.Fatal(v, err)
		}
	}
	// Who knows the key may be of another program.
	nc := connect(t, server.URL()).nc
	for _, subject := range []string{"here", "who", "task." + p.Workers()[0].ID, "ping.x"} {
		nc.PublishRequest("switchyard."+subject, "nobody", []byte("garbage"))
	}
	nc.Publish("switchyard.task."+p.Workers()[0].ID, []byte("garbage"))
	nc.Publish(p.lane.(*direct).inbox+"t.1", []byte("garbage"))
	nc.Publish(p.lane.(*direct).inbox+"t.?", nil)
	nc.Publish(p.lane.(*direct).inbox+"here", []byte(`{"ID":"x","Slots":-1}`))
	nc.Flush()
	if v, err := Apply(soon(t), p, square, 9); v != 81 || err != nil {
		t.Fatal(v, err)
	}
}

// Connect gives up a server that says nothing when its context is done.
func TestConnectEndsWithContext(t *testing.T) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Connect(ctx, "nats://"+l.Addr().String(), testConfig); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A server's own directory is gone with it, one that it was given stays.
func TestStoreDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	server := serve(t, ServerConfig{})
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Fatal(all)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 0 {
		t.Fatal(all)
	}
	given := filepath.Join(dir, "given")
	serve(t, ServerConfig{StoreDir: given}).Close()
	if _, err := os.Stat(given); err != nil {
		t.Error(err)
	}
}

// An address in use is an error, with its reason, and leaves nothing behind.
func TestAddressInUse(t *testing.T) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if s, err := Serve(ServerConfig{AuthKey: testKey, Address: l.Addr().String()}); err == nil {
		s.Close()
		t.Fatal("two at one address")
	} else if !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 0 {
		t.Error(all)
	}
}

// certificate makes one for loopback, signed by itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	pool := x509.NewCertPool()
	pool.AddCert(must(x509.ParseCertificate(der))(t))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// With TLS both sides show certificates, if the server wants it so, and the key
// is wanted as well.
func TestTLS(t *testing.T) {
	cert, roots := certificate(t)
	other, _ := certificate(t)
	server := serve(t, ServerConfig{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}})
	good := &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots}
	s, err := Connect(soon(t), server.URL(), Config{AuthKey: testKey, TLS: good})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for name, config := range map[string]Config{
		"no certificate":  {AuthKey: testKey, TLS: &tls.Config{RootCAs: roots}},
		"another":         {AuthKey: testKey, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{other}}},
		"another's roots": {AuthKey: testKey, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
		"another key":     {AuthKey: []byte("another key, also long enough"), TLS: good},
	} {
		if s, err := Connect(soon(t), server.URL(), config); err == nil {
			s.Close()
			t.Error(name)
		}
	}
}

// FuzzMessages lets workers and pools take any bytes.
func FuzzMessages(f *testing.F) {
	f.Add((&task{count: 1, body: []byte("abc")}).append((&task{number: 1}).append(newMessage(0))))
	f.Add((&result{outcome: outcomeDone, body: []byte("abc")}).append(newMessage(0)))
	f.Add([]byte{})
	d := &direct{s: &Session{}, peers: map[string]*peer{}, able: map[identity][]*peer{}, waiting: map[identity][]*request{}}
	f.Add([]byte(`{"ID":"a","Slots":1,"Functions":{"f":"00112233445566778899aabbccddeeff","g":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		again := newMessage(0)
		tasks, err := decodeTasks(b)
		for i := range tasks {
			again = tasks[i].append(again)
		}
		if err == nil && string(again) != string(b) {
			t.Errorf("%q", b)
		}
		again = newMessage(0)
		results, err := decodeResults(b)
		for i := range results {
			again = results[i].append(again)
		}
		if err == nil && string(again) != string(b) {
			t.Errorf("%q", b)
		}
		d.meet(b)
	})
}
