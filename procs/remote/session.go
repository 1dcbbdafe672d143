package remote

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/fault"
)

var (
	// ErrAuthentication means that the server does not take our key, or our
	// certificate.
	ErrAuthentication = errors.New("remote: authentication failed")
	// ErrConnectionLost means that the connection to the server was lost while
	// a task or a change was under way: nobody knows whether it was done.
	ErrConnectionLost = errors.New("remote: connection lost")
)

// Config says how to connect to a server.
type Config struct {
	// AuthKey is what the server wants us to know: a random string of at least
	// 16 bytes, as given to Serve. It is not sent: we sign a random number of
	// the server's with an Ed25519 key that is derived from it. On a server
	// that is not of this package, let in the user PublicKey(AuthKey).
	AuthKey []byte
	// NoAuth is for a server that lets everybody in, or whose credentials are
	// in Options. Then AuthKey must be empty.
	NoAuth bool
	// TLS encrypts the connection; its RootCAs say whom we trust, its
	// Certificates who we are. nil: nothing is encrypted, and a server need not
	// prove who it is.
	TLS *tls.Config
	// Namespace begins the subjects of all messages, so that several systems
	// can share one server: letters, digits, '-' and '_'. Default:
	// "switchyard".
	Namespace string
	// Replicas is how many servers of a cluster keep each stream and each
	// shared object, 1 to 5: with 3 or more, one of them may be lost. What is
	// there already stays as it is. 0: 1.
	Replicas int
	// ServerOnly has all messages go through the server. Else workers listen at
	// a free port, where they reach the server from, and pools of the lane
	// AtMostOnce send them tasks there, if they can, which is faster. Both
	// prove that they know the AuthKey. There is no such line with NoAuth or
	// TLS, or by way of a dialer in Options.
	ServerOnly bool
	// Options are further options of the client of NATS, for servers that want
	// other credentials for instance: nats.UserCredentials,
	// nats.NkeyOptionFromSeed.
	Options []nats.Option
}

const (
	defaultNamespace = "switchyard"
	minAuthKey       = 16
	maxReplicas      = 5
	connectTimeout   = 10 * time.Second
	reconnectWait    = 100 * time.Millisecond
	pingInterval     = 10 * time.Second
)

func checkKey(key []byte, noAuth bool) error {
	switch {
	case noAuth && len(key) > 0:
		return errors.New("remote: AuthKey, and NoAuth")
	case !noAuth && len(key) < minAuthKey:
		return fmt.Errorf("remote: AuthKey has %d bytes: use at least %d random ones, or NoAuth", len(key), minAuthKey)
	}
	return nil
}

func (c *Config) check() error {
	if c.Namespace == "" {
		c.Namespace = defaultNamespace
	}
	if strings.ContainsFunc(c.Namespace, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return fmt.Errorf("remote: namespace %q: letters, digits, '-' and '_' only", c.Namespace)
	}
	if c.Replicas < 0 || c.Replicas > maxReplicas {
		return fmt.Errorf("remote: %d Replicas: 1 to %d", c.Replicas, maxReplicas)
	}
	return checkKey(c.AuthKey, c.NoAuth)
}

// keyPair derives the key that signs from the key that is known.
func keyPair(key []byte) (nkeys.KeyPair, string, error) {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("switchyard/remote: seed of a user's key"))
	pair, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, m.Sum(nil))
	if err != nil {
		return nil, "", fmt.Errorf("remote: key: %w", err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, "", fmt.Errorf("remote: key: %w", err)
	}
	return pair, public, nil
}

// PublicKey returns the public half of the key pair that is derived from an
// AuthKey, as it stands in the configuration of a NATS server:
//
//	authorization { users = [ { nkey: U... } ] }
func PublicKey(authKey []byte) (string, error) {
	_, public, err := keyPair(authKey)
	return public, err
}

// Session is a connection to a server, or to a cluster of them. When it is
// lost, it is made again, for as long as it takes.
type Session struct {
	nc        *nats.Conn
	namespace string
	replicas  int

	remembered time.Duration // see askOnce
	lineSecret []byte        // nil: there are no lines
	lineHost   string        // where to listen for them

	mu       sync.Mutex
	watchers map[watcher]bool
	link     context.Context // until the connection is lost
	cut      context.CancelFunc
}

// watcher is told of the connection, in one goroutine.
type watcher interface {
	lost()
	back()
}

// Connect connects to the server at url, "nats://host:port"; those of a cluster
// are separated by commas. A wrong key is ErrAuthentication.
func Connect(ctx context.Context, url string, config Config) (*Session, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Session{namespace: config.Namespace, replicas: config.Replicas, remembered: remembered, watchers: map[watcher]bool{}}
	s.newLink()
	d := &dialer{ctx: ctx}
	opts := []nats.Option{
		nats.Name("switchyard"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.Timeout(connectTimeout),
		nats.PingInterval(pingInterval), // two of them without an answer: it is lost
		nats.SetCustomDialer(d),
		nats.IgnoreAuthErrorAbort(), // a server that is started anew may be slow to know its users
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { s.cutLink(); s.each(err, watcher.lost) }),
		nats.ReconnectHandler(func(*nats.Conn) { s.newLink(); s.each(nil, watcher.back) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			bridge.Logf(int32(procs.LevelWarning), "remote: %v", err)
		}),
	}
	if len(config.AuthKey) > 0 {
		pair, public, err := keyPair(config.AuthKey)
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.Nkey(public, pair.Sign))
	}
	if config.TLS != nil {
		opts = append(opts, nats.Secure(config.TLS))
	}
	nc, err := nats.Connect(url, append(opts, config.Options...)...)
	if err != nil {
		return nil, connectError(ctx, url, err)
	}
	s.nc = nc
	s.allowLines(&config, d.connected())
	return s, nil
}

func connectError(ctx context.Context, url string, err error) error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("remote: connect to %s: %w: the server does not take this key", url, ErrAuthentication)
	case refusesCertificate(err):
		return fmt.Errorf("remote: connect to %s: %w: the server does not take this certificate: %w", url, ErrAuthentication, err)
	}
	return fmt.Errorf("remote: connect to %s: %w", url, err)
}

// refusesCertificate reports whether the server wants another certificate from
// us, or one at all. It says so after the handshake; who writes meanwhile finds
// it gone.
func refusesCertificate(err error) bool {
	op, ok := fault.Find[*net.OpError](err)
	return errors.Is(err, nats.ErrTLS) || ok && op.Op == "remote error" && strings.Contains(op.Error(), "certificate")
}

// dialer ends the first attempt to connect when its context is done.
type dialer struct {
	mu    sync.Mutex
	ctx   context.Context // nil once connected
	stops []func() bool
	from  net.Addr // of the last connection
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := dialLocal(address); c != nil {
		d.from = c.LocalAddr()
		return c, nil
	}
	net := net.Dialer{Timeout: connectTimeout}
	if d.ctx == nil {
		return net.Dial(network, address)
	}
	c, err := net.DialContext(d.ctx, network, address)
	if err == nil {
		d.from = c.LocalAddr()
		d.stops = append(d.stops, context.AfterFunc(d.ctx, func() { c.Close() }))
	}
	return c, err
}

// connected returns where we are connected from.
func (d *dialer) connected() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, stop := range d.stops {
		stop()
	}
	d.ctx, d.stops = nil, nil
	return d.from
}

func (s *Session) each(err error, tell func(watcher)) {
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: connection lost: %v", err)
	}
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.watchers))
	s.mu.Unlock()
	for _, w := range all {
		tell(w)
	}
}

func (s *Session) newLink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link, s.cut = context.WithCancel(context.Background())
}

func (s *Session) cutLink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut()
}

// connection returns a context that ends when the connection is lost.
func (s *Session) connection() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

func (s *Session) watch(w watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = true
}

func (s *Session) unwatch(w watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// subject returns the subject of this name.
func (s *Session) subject(parts ...string) string {
	return s.namespace + "." + strings.Join(parts, ".")
}

// Close closes the connection. Pools that use it should have been closed
// before: tasks that are under way fail. It waits, for a second at most, until
// the server has what was sent: it would not read on if we close a connection
// that it writes to, and cancelled tasks would go on.
func (s *Session) Close() error {
	if s.nc.IsConnected() {
		s.nc.FlushTimeout(time.Second)
	}
	s.nc.Close()
	return nil
}
