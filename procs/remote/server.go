package remote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// ServerConfig says how Serve works.
type ServerConfig struct {
	// Address is where the server listens. Default: "127.0.0.1:0", a free port
	// on loopback.
	Address string
	// AuthKey is what clients must know, a random string of at least 16 bytes.
	// There is no default.
	AuthKey []byte
	// NoAuth lets everybody in who reaches the address. Then AuthKey must be
	// empty.
	NoAuth bool
	// TLS encrypts all connections; it needs a certificate. With
	// ClientAuth: tls.RequireAndVerifyClientCert, clients need one too.
	TLS *tls.Config
	// StoreDir is where streams are kept: tasks and results of the durable
	// lane. A server that is started again with it continues where the last one
	// stopped, even if that was killed. Default: a temporary directory, which
	// Close removes.
	StoreDir string
	// MaxMessage is the longest message. The connection of a longer one is
	// closed. 0: 8 MiB, which is as much as NATS advises.
	MaxMessage int
}

const (
	defaultMaxMessage = 8 << 20
	startTimeout      = 30 * time.Second
	loginTimeout      = 5 // seconds
)

// Server is a NATS server with JetStream in this process.
type Server struct {
	s   *server.Server
	dir string // to be removed
}

// Serve starts a server. Sessions of this process reach it without the network,
// unless it wants TLS; they need the key all the same. It is for one machine,
// or for a few that reach this one: a cluster is made of NATS servers of their
// own, which Connect connects to in the same way.
//
// Who does not know the key, sends what is no NATS, or nothing at all for 5 s,
// is disconnected; the log (procs.SetLog) tells.
func Serve(config ServerConfig) (*Server, error) {
	opts, err := config.options()
	if err != nil {
		return nil, err
	}
	s := &Server{}
	if opts.StoreDir == "" {
		if s.dir, err = os.MkdirTemp("", "switchyard-remote-"); err != nil {
			return nil, fmt.Errorf("remote: store: %w", err)
		}
		opts.StoreDir = s.dir
	}
	if s.s, err = server.NewServer(opts); err != nil {
		s.removeDir()
		return nil, fmt.Errorf("remote: server: %w", err)
	}
	l := &serverLog{}
	s.s.SetLoggerV2(l, false, false, false)
	s.s.Start()
	if !s.starts(l) {
		s.Close()
		return nil, fmt.Errorf("remote: server on %s does not start: %s", net.JoinHostPort(opts.Host, strconv.Itoa(opts.Port)), l.reason())
	}
	if config.TLS == nil {
		serveLocal(s.s)
	}
	return s, nil
}

// starts waits until the server takes connections, and reports whether it does.
func (s *Server) starts(l *serverLog) bool {
	for begin := time.Now(); time.Since(begin) < startTimeout && l.fatal.Load() == nil; {
		if s.s.ReadyForConnections(50 * time.Millisecond) {
			return s.s.JetStreamEnabled()
		}
	}
	return false
}

func (c *ServerConfig) options() (*server.Options, error) {
	if err := checkKey(c.AuthKey, c.NoAuth); err != nil {
		return nil, err
	}
	host, port := "127.0.0.1", server.RANDOM_PORT
	if c.Address != "" {
		h, p, err := net.SplitHostPort(c.Address)
		if err != nil {
			return nil, fmt.Errorf("remote: address: %w", err)
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("remote: address %q: port", c.Address)
		}
		if port = int(n); n == 0 {
			port = server.RANDOM_PORT
		}
		if h != "" {
			host = h
		}
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = defaultMaxMessage
	}
	if c.MaxMessage < 0 || c.MaxMessage > 64<<20 {
		return nil, errors.New("remote: MaxMessage must be at most 64 MiB")
	}
	opts := &server.Options{Host: host, Port: port, NoSigs: true, JetStream: true, DisableJetStreamBanner: true,
		StoreDir: c.StoreDir, MaxPayload: int32(c.MaxMessage), AuthTimeout: loginTimeout, TLSTimeout: loginTimeout}
	if !c.NoAuth {
		_, public, err := keyPair(c.AuthKey)
		if err != nil {
			return nil, err
		}
		opts.Nkeys = []*server.NkeyUser{{Nkey: public}}
	}
	if c.TLS != nil {
		opts.TLS, opts.TLSConfig = true, c.TLS
		opts.TLSVerify = c.TLS.ClientAuth == tls.RequireAndVerifyClientCert
	}
	return opts, nil
}

// URL returns what to give to Connect.
func (s *Server) URL() string { return s.s.ClientURL() }

// Close ends the server, and waits until it has ended. Clients that try to
// reconnect reach the next one at the same address.
func (s *Server) Close() error {
	endLocal(s.s)
	s.s.Shutdown()
	s.s.WaitForShutdown()
	return s.removeDir()
}

func (s *Server) removeDir() error {
	if s.dir == "" {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remote: store: %w", err)
	}
	return nil
}

var _ server.Logger = (*serverLog)(nil)

// serverLog passes warnings and errors on to the log of package procs.
type serverLog struct {
	fatal atomic.Pointer[string] // why it does not start
}

// reason tells why the server did not start.
func (l *serverLog) reason() string {
	if f := l.fatal.Load(); f != nil {
		return *f
	}
	return "it does not say why"
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) {
	bridge.Logf(int32(procs.LevelWarning), "remote: server: "+format, v...)
}

func (l *serverLog) Errorf(format string, v ...any) {
	bridge.Logf(int32(procs.LevelError), "remote: server: "+format, v...)
}

func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.Store(&text)
}
