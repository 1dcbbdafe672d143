package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/transport"
)

// ErrAddress means that an address of a listener is malformed.
var ErrAddress = errors.New("connection: malformed address")

// ListenerConfig says how a Listener works. The zero value is a listener that
// admits only processes of this family.
type ListenerConfig struct {
	// AuthKey is what the other side must know, nil: the key of this process
	// (procs.Process.AuthKey), which its children know. An empty key that is
	// not nil admits everybody.
	AuthKey []byte
	// OtherKeys are accepted beside AuthKey.
	OtherKeys [][]byte
	// NoAuth admits everybody who can reach the address, without a key.
	NoAuth bool
	// HandshakeTimeout is how long a new connection may take to prove that it
	// knows the key, from first to last byte. 0: 10 s. It may get less: while
	// 256 connections, or as many as a quarter of the process's descriptors,
	// are in their handshakes, each new one replaces the oldest, which has had
	// at least a tenth of a second.
	HandshakeTimeout time.Duration
	// MaxMessage is the longest message taken over TCP. The connection of a
	// longer one is closed, before memory is used for it. 0: 1 GiB.
	MaxMessage int
	// Refused is called with the listener's address for each connection that
	// failed to prove that it knows the key: err is ErrAuthentication if it did
	// not know it, os.ErrDeadlineExceeded if it was out of time or others took
	// its place, io.EOF or io.ErrUnexpectedEOF if it went away. Calls come one
	// after the other from a goroutine that nothing waits for, so it may do
	// anything, close the listener for instance. Up to 4096 refusals are queued
	// meanwhile; a warning in the log (procs.SetLog) says how many more were
	// dropped.
	Refused func(address string, err error)
	// Poller makes connections that wait in the runtime's poller, not in a
	// system call: an idle one takes no thread, which is for servers with many
	// connections; a message takes longer, and those over Unix sockets cannot
	// be passed on to other processes.
	Poller bool
}

// DialConfig says how to connect to a Listener.
type DialConfig struct {
	// AuthKey, NoAuth and MaxMessage are as in ListenerConfig. Both sides must
	// agree about the first two.
	AuthKey    []byte
	NoAuth     bool
	MaxMessage int
	// LookupHost resolves names in TCP addresses;
	// net.DefaultResolver.LookupHost fits. nil: only IPv4 addresses and
	// "localhost" are understood, because package net would make every start of
	// a process slower.
	LookupHost func(ctx context.Context, host string) ([]string, error)
	// Poller is as in ListenerConfig.
	Poller bool
}

const (
	handshakeTimeout = 10 * time.Second
	maxMessage       = 1 << 30
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

// Listener waits for connections of other processes (Python's
// multiprocessing.connection.Listener). Each connection is a procs.Conn, as
// procs.NewPipe makes them, whose two sides have proved to each other that they
// know the key.
//
// Connections are accepted and authenticated in the background: those that send
// nothing, the wrong bytes, or too few too slowly delay no others and are never
// returned by Accept, however many there are. No byte after the handshake is
// read before Accept has returned the connection. Connections that have passed
// it wait for Accept; their number has no limit.
//
// A listener that ran out of descriptors continues as soon as there are some.
// When its process is killed, connections that nobody had accepted end
// (io.EOF), and those that had been accepted with it; an abstract name and a
// TCP port are free at once; a socket in a directory of its own (the address
// "") is removed by the next Listen("") of a process of the same user in the
// same pid namespace, since no other process can see that its owner is dead; a
// socket with a path stays, and must be removed before the next Listen at that
// path.
type Listener struct {
	acceptor[*procs.Conn]
}

// Listen makes a listener. The address is one of
//
//	""                        a Unix socket in a new directory that only this
//	                          user can enter, in os.TempDir, or in /tmp if the
//	                          name of that is too long
//	"/path", "./path"         a Unix socket
//	"@name"                   a Unix socket with an abstract name, no file
//	"127.0.0.1:5000", ":0"    TCP over IPv4; without a host, on loopback;
//	                          port 0: one that is free
//
// Names and paths have at most 107 bytes. A path must not exist yet.
//
// Connections over Unix sockets carry descriptors; those over TCP carry plain
// values. Nothing is encrypted: on a network that others listen to, use a
// tunnel.
func Listen(address string, config ListenerConfig) (*Listener, error) {
	l := newListener(config)
	if err := l.listen(address); err != nil {
		return nil, err
	}
	return l, nil
}

// Bind makes a socket that listens at an address, not the empty one, but takes
// no connections yet: that is for ListenFile, here or in another process that f
// is passed to. bound is the address with its port. A socket in the file system
// is removed by the Listener; if there will be none, or if its process may be
// killed, remove it yourself.
func Bind(address string) (f *os.File, bound string, err error) {
	var s listenSocket
	if err := s.listen(address, packets); err != nil {
		return nil, "", err
	}
	return s.f, s.address, nil
}

// ListenFile makes a listener of a socket that listens already, at the address
// that Bind returned. The listener owns f, also if there is an error, and the
// socket that lies at the address now.
func ListenFile(f *os.File, bound string, config ListenerConfig) (*Listener, error) {
	l := newListener(config)
	if err := l.socket.open(f, bound); err != nil {
		f.Close()
		return nil, err
	}
	l.start()
	return l, nil
}

func newListener(config ListenerConfig) *Listener {
	config.fill()
	keys := config.keys()
	l := &Listener{acceptor[*procs.Conn]{timeout: config.HandshakeTimeout}}
	l.refusals.hook = config.Refused
	l.exam = func(f *os.File) examiner { return &exam{rw: f, keys: keys} }
	l.open = func(f *os.File) (*procs.Conn, error) {
		return connOf(f, l.socket.network == networkTCP, config.MaxMessage, config.Poller)
	}
	return l
}

// Address returns the address to give to Dial.
func (l *Listener) Address() string { return l.address }

// Accept waits for the next connection. It returns procs.ErrClosed when the
// listener is closed.
func (l *Listener) Accept(ctx context.Context) (*procs.Conn, error) { return l.accept(ctx) }

// Close stops listening, and removes the socket from the file system; if there
// is another socket at its path by now, that one stays. Connections that were
// accepted stay too; those that wait for Accept are closed.
func (l *Listener) Close() error { return l.close() }

// Dial connects to the Listener at address, and proves to it that we know its
// key; it proves the same to us. A wrong key on either side is
// ErrAuthentication.
func Dial(ctx context.Context, address string, config DialConfig) (*procs.Conn, error) {
	config.fill()
	f, network, err := dialSocket(ctx, address, config.LookupHost, packets)
	if err != nil {
		return nil, err
	}
	err = proveIn(ctx, f, func() error { return answerChallenge(f, config.AuthKey) })
	var c *procs.Conn
	if err == nil {
		c, err = connOf(f, network == networkTCP, config.MaxMessage, config.Poller)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("connection: dial %s: %w", address, err)
	}
	return c, nil
}

// proveIn does a handshake over f until ctx is done. A deadline far ahead would
// do nothing but cost a timer.
func proveIn(ctx context.Context, f *os.File, handshake func() error) error {
	stop := context.AfterFunc(ctx, func() { f.SetDeadline(time.Unix(1, 0)) })
	err := handshake()
	if !stop() {
		return ctx.Err()
	}
	return err
}

// connOf makes a Conn of a connected socket. It owns f, unless it fails.
func connOf(f *os.File, tcp bool, limit int, poller bool) (*procs.Conn, error) {
	t, err := transport.OfSocket(f, tcp, limit, poller)
	if err != nil {
		return nil, err
	}
	return bridge.NewConn(t).(*procs.Conn), nil
}

// unixKind is what a Unix socket is.
type unixKind bool

const (
	packets unixKind = false // keeps messages apart
	stream  unixKind = true  // only bytes, as over TCP
)

const (
	networkUnix = "unix"
	networkTCP  = "tcp"

	maxPath = 107 // bytes of a Unix socket's address
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
		if len(address) > maxPath {
			return "", "", 0, fmt.Errorf("%w %q: %d bytes, where a Unix socket may have %d", ErrAddress, address, len(address), maxPath)
		}
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

// parseIPv4 understands dotted numbers. Package net/netip would too, but every
// start of a process would pay for it.
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

// lookupHost is as in DialConfig.
type lookupHost = func(ctx context.Context, host string) ([]string, error)

// resolve turns a host into an address.
func resolve(ctx context.Context, host string, lookup lookupHost) ([4]byte, error) {
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
