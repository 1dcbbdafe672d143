package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// ErrAddress: an address of a listener is malformed.
var ErrAddress = errors.New("connection: malformed address")

// ListenerConfig says how a Listener works. The zero value is a listener that takes processes of this family only.
type ListenerConfig struct {
	// AuthKey is what the other side must know, nil: the key of this process (procs.Process.AuthKey), which its children know.
	// An empty key that is not nil is a key that everybody knows.
	AuthKey []byte
	// OtherKeys are accepted beside AuthKey.
	OtherKeys [][]byte
	// NoAuth takes everybody who can reach the address, without proof.
	NoAuth bool
	// HandshakeTimeout is how long a new connection may take to prove that it knows the key. 0: 10 s.
	HandshakeTimeout time.Duration
	// MaxMessage is the longest message taken over TCP. The connection of a longer one is closed, before memory is
	// used for it. 0: 1 GiB.
	MaxMessage int
	// Refused is called with each connection that failed to prove that it knows the key. It may be called from several
	// goroutines at once.
	Refused func(address string, err error)
	// Poller makes connections that wait in the runtime's poller, not in a system call: an idle one takes no thread, which is for
	// servers of many; a message takes longer, and those over Unix sockets cannot be passed on to other processes.
	Poller bool
}

// DialConfig says how to connect to a Listener.
type DialConfig struct {
	// AuthKey, NoAuth and MaxMessage are as in ListenerConfig. Both sides must agree about the first two.
	AuthKey    []byte
	NoAuth     bool
	MaxMessage int
	// LookupHost resolves names in TCP addresses; net.DefaultResolver.LookupHost fits. nil: only IPv4 addresses and
	// "localhost" are understood, because package net would make every start of a process slower.
	LookupHost func(ctx context.Context, host string) ([]string, error)
	// Poller is as in ListenerConfig.
	Poller bool
}

const (
	handshakeTimeout = 10 * time.Second
	maxMessage       = 1 << 30
	maxHandshakes    = 256 // connections that have not yet proved that they know the key
)

func (c *ListenerConfig) fill() {
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = handshakeTimeout
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = maxMessage
	}
}

// keys are the keys of which a client must know one, nil if it need not.
func (c *ListenerConfig) keys() [][]byte {
	if c.NoAuth {
		return nil
	}
	key := c.AuthKey
	if key == nil {
		key = procs.CurrentProcess().AuthKey()
	}
	return append([][]byte{key}, c.OtherKeys...)
}

func (c *DialConfig) fill() {
	if c.MaxMessage == 0 {
		c.MaxMessage = maxMessage
	}
	switch {
	case c.NoAuth:
		c.AuthKey = nil
	case c.AuthKey == nil:
		c.AuthKey = procs.CurrentProcess().AuthKey()
	}
}

// Listener waits for connections of other processes (Python's multiprocessing.connection.Listener). Each connection is a procs.Conn, as
// procs.NewPipe makes them, whose two sides have proved to each other that they know the key.
//
// Connections are taken and checked behind the scenes: one that says nothing, or the wrong thing, delays nobody and is never returned
// by Accept.
type Listener struct {
	config  ListenerConfig
	keys    [][]byte
	address string
	socket  listenSocket
	dir     string // to be removed
	ready   chan *procs.Conn
	closed  chan struct{}
	once    sync.Once
	wg      sync.WaitGroup

	mu      sync.Mutex
	pending map[handshaker]struct{} // nil once closed
}

// handshaker is a connection that has not yet proved anything.
type handshaker interface{ Close() error }

// Listen makes a listener. The address is one of
//
//	""                          a Unix socket in a directory of its own that only this user can enter
//	"/path", "./path"           a Unix socket
//	"@name"                     a Unix socket with an abstract name, which needs no file and leaves none
//	"127.0.0.1:5000", ":0"      TCP over IPv4; without a host, on loopback; port 0: one that is free
//
// Connections over Unix sockets carry descriptors; those over TCP carry plain values. Nothing is encrypted: on a network that others
// listen to, use a tunnel.
func Listen(address string, config ListenerConfig) (*Listener, error) {
	l := newListener(config)
	if address == "" {
		dir, err := listenerDir()
		if err != nil {
			return nil, err
		}
		l.dir = dir
		address = dir + "/socket"
	}
	if err := l.socket.listen(address); err != nil {
		l.removeDir()
		return nil, err
	}
	return l.start(), nil
}

// Bind makes a socket that listens at an address, not the empty one, but takes no connections yet: that is for ListenFile, here or in
// another process that f is passed to. bound is the address with its port. A socket in the file system is removed by the Listener;
// if there will be none, remove it yourself.
func Bind(address string) (f *os.File, bound string, err error) {
	var s listenSocket
	if err := s.listen(address); err != nil {
		return nil, "", err
	}
	return s.f, s.address, nil
}

// ListenFile makes a listener of a socket that listens already, at the address that Bind returned. The listener owns f, also if there
// is an error.
func ListenFile(f *os.File, bound string, config ListenerConfig) (*Listener, error) {
	l := newListener(config)
	if err := l.socket.open(f, bound); err != nil {
		f.Close()
		return nil, err
	}
	return l.start(), nil
}

func newListener(config ListenerConfig) *Listener {
	config.fill()
	return &Listener{config: config, keys: config.keys(), ready: make(chan *procs.Conn), closed: make(chan struct{}),
		pending: make(map[handshaker]struct{})}
}

// start takes connections.
func (l *Listener) start() *Listener {
	l.address = l.socket.address
	l.wg.Go(l.run)
	return l
}

// listenerDir makes a directory for a socket, and removes those of processes that were killed.
func listenerDir() (string, error) {
	sweepListenerDirs()
	dir, err := os.MkdirTemp("", listenerPrefix()+"*") // mode 0700
	if err != nil {
		return "", fmt.Errorf("connection: directory for a socket: %w", err)
	}
	return dir, nil
}

func (l *Listener) removeDir() {
	if l.dir != "" {
		os.RemoveAll(l.dir)
	}
}

// Address returns the address to give to Dial.
func (l *Listener) Address() string { return l.address }

// Accept waits for the next connection. It returns procs.ErrClosed when the listener is closed.
func (l *Listener) Accept(ctx context.Context) (*procs.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.closed:
		return nil, procs.ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("connection: accept: %w", ctx.Err())
	}
}

// Close stops listening, and removes the socket from the file system. Connections that were accepted stay.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.socket.close()
		l.mu.Lock()
		for c := range l.pending {
			c.Close()
		}
		l.pending = nil
		l.mu.Unlock()
		l.wg.Wait()
		l.removeDir()
	})
	return nil
}

// run takes connections, each of which proves itself in a goroutine of its own.
func (l *Listener) run() {
	for {
		h, err := l.socket.accept()
		if err != nil {
			select {
			case <-l.closed:
				return
			case <-time.After(50 * time.Millisecond): // out of descriptors, most likely: that passes
				procs.Log(procs.LevelWarning, fmt.Sprintf("listener %s: %v", l.address, err))
				continue
			}
		}
		if !l.enter(h) {
			h.Close()
			continue
		}
		l.wg.Go(func() { l.handshake(h) })
	}
}

// enter counts a connection among the unproved ones, unless there are too many.
func (l *Listener) enter(h handshaker) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil || len(l.pending) >= maxHandshakes {
		return false
	}
	l.pending[h] = struct{}{}
	return true
}

func (l *Listener) leave(h handshaker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, h)
}

func (l *Listener) handshake(h *os.File) {
	h.SetDeadline(time.Now().Add(l.config.HandshakeTimeout))
	err := deliverChallenge(h, l.keys)
	l.leave(h)
	if err == nil {
		err = h.SetDeadline(time.Time{})
	}
	var c *procs.Conn
	if err == nil {
		c, err = connOf(h, l.socket.network == networkTCP, l.config.MaxMessage, l.config.Poller)
	}
	if err != nil {
		h.Close()
		procs.Log(procs.LevelWarning, fmt.Sprintf("listener %s refused a connection: %v", l.address, err))
		if l.config.Refused != nil {
			l.config.Refused(l.address, err)
		}
		return
	}
	select {
	case l.ready <- c:
	case <-l.closed:
		c.Close()
	}
}

// Dial connects to the Listener at address, and proves to it that we know its key; it proves the same to us. A wrong key on either
// side is ErrAuthentication.
func Dial(ctx context.Context, address string, config DialConfig) (*procs.Conn, error) {
	config.fill()
	f, network, err := dialSocket(ctx, address, &config)
	if err != nil {
		return nil, err
	}
	// A context that is done ends the wait; a deadline far ahead would do nothing but cost a timer.
	stop := context.AfterFunc(ctx, func() { f.SetDeadline(time.Unix(1, 0)) })
	err = answerChallenge(f, config.AuthKey)
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		c, err := connOf(f, network == networkTCP, config.MaxMessage, config.Poller)
		if err == nil {
			return c, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("connection: dial %s: %w", address, err)
}

// connOf makes a Conn of a connected socket. It owns f, unless it fails.
func connOf(f *os.File, stream bool, limit int, poller bool) (*procs.Conn, error) {
	c, err := bridge.Conn(f, stream, limit, poller)
	if err != nil {
		return nil, err
	}
	return c.(*procs.Conn), nil
}

const (
	networkUnix = "unix"
	networkTCP  = "tcp"
)

// splitAddress tells Unix sockets from TCP.
func splitAddress(address string) (network, host string, port uint16, err error) {
	switch {
	case address == "":
		return "", "", 0, fmt.Errorf("%w: empty", ErrAddress)
	case strings.ContainsRune(address, 0):
		return "", "", 0, fmt.Errorf("%w %q", ErrAddress, address)
	case strings.HasPrefix(address, "/"), strings.HasPrefix(address, "./"), strings.HasPrefix(address, "../"),
		strings.HasPrefix(address, "@") && len(address) > 1:
		return networkUnix, "", 0, nil
	}
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", "", 0, fmt.Errorf("%w %q: neither a path, nor @name, nor host:port", ErrAddress, address)
	}
	n, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return "", "", 0, fmt.Errorf("%w %q: port", ErrAddress, address)
	}
	return networkTCP, address[:i], uint16(n), nil
}

// parseIPv4 understands dotted numbers. Package net/netip would too, but every start of a process would pay for it.
func parseIPv4(s string) (ip [4]byte, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return ip, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(p) > 1 && p[0] == '0' {
			return ip, false
		}
		ip[i] = byte(n)
	}
	return ip, true
}

// resolve turns a host into an address.
func resolve(ctx context.Context, host string, lookup func(context.Context, string) ([]string, error)) ([4]byte, error) {
	if host == "" || host == "localhost" {
		return [4]byte{127, 0, 0, 1}, nil
	}
	if ip, ok := parseIPv4(host); ok {
		return ip, nil
	}
	if lookup == nil {
		return [4]byte{}, fmt.Errorf("%w: host %q is no IPv4 address, and there is no LookupHost", ErrAddress, host)
	}
	names, err := lookup(ctx, host)
	if err != nil {
		return [4]byte{}, fmt.Errorf("connection: host %q: %w", host, err)
	}
	for _, n := range names {
		if ip, ok := parseIPv4(n); ok {
			return ip, nil
		}
	}
	return [4]byte{}, fmt.Errorf("%w: host %q has no IPv4 address", ErrAddress, host)
}
