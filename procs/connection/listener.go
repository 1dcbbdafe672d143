package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/kernel"
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
	config    ListenerConfig
	keys      [][]byte
	address   string
	socket    listenSocket
	dir       string // to be removed
	ready     chan *procs.Conn
	closed    chan struct{}
	once      sync.Once
	wg        sync.WaitGroup
	strangers *strangers
	refusals  refusals
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

// Bind makes a socket that listens at an address, not the empty one, but takes
// no connections yet: that is for ListenFile, here or in another process that f
// is passed to. bound is the address with its port. A socket in the file system
// is removed by the Listener; if there will be none, or if its process may be
// killed, remove it yourself.
func Bind(address string) (f *os.File, bound string, err error) {
	var s listenSocket
	if err := s.listen(address); err != nil {
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
	return l.start(), nil
}

func newListener(config ListenerConfig) *Listener {
	config.fill()
	closed := make(chan struct{})
	return &Listener{config: config, keys: config.keys(), ready: make(chan *procs.Conn), closed: closed,
		strangers: newStrangers(maxStrangers(), closed)}
}

// start takes connections.
func (l *Listener) start() *Listener {
	l.address = l.socket.address
	l.refusals.hook, l.refusals.address = l.config.Refused, l.address
	l.wg.Go(l.run)
	return l
}

// listenerDir makes a directory for a socket, and removes those of processes
// that were killed.
func listenerDir() (string, error) {
	sweepListenerDirs()
	dir, err := os.MkdirTemp(dirOfDirs(), listenerPrefix()+"*") // mode 0700
	if err != nil {
		return "", fmt.Errorf("connection: directory for a socket: %w", err)
	}
	return dir, nil
}

// dirOfDirs is where directories for sockets are made: that of temporary files,
// or /tmp if its name is too long for a socket in it. It is absolute, to mean
// the same to processes in other directories.
func dirOfDirs() string {
	const longest = len("/procs-socket-0123456789abcdef-0123456789/socket")
	dir, err := filepath.Abs(os.TempDir())
	if err != nil || len(dir)+longest > maxPath {
		return "/tmp"
	}
	return dir
}

// removeDir removes the directory of our own, unless somebody has put something
// there.
func (l *Listener) removeDir() {
	if l.dir != "" {
		os.Remove(l.dir)
	}
}

// Address returns the address to give to Dial.
func (l *Listener) Address() string { return l.address }

// Accept waits for the next connection. It returns procs.ErrClosed when the
// listener is closed.
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

// Close stops listening, and removes the socket from the file system; if there
// is another socket at its path by now, that one stays. Connections that were
// accepted stay too; those that wait for Accept are closed.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.socket.close()
		l.strangers.close()
		l.wg.Wait()
		l.removeDir()
	})
	return nil
}

// Pauses after a failure to take a connection.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// run takes connections, each of which proves itself in a goroutine of its own.
func (l *Listener) run() {
	pause := time.Duration(0)
	for {
		h, err := l.socket.accept()
		if err == nil {
			pause = 0
			l.take(h)
			continue
		}
		if l.isClosed() {
			return
		}
		if kernel.NoRoom(err) && l.strangers.pushOut() {
			continue
		}
		pause = min(max(2*pause, firstPause), longestPause)
		bridge.Logf(int32(procs.LevelWarning), "listener %s: %v", l.address, err)
		select {
		case <-l.closed:
			return
		case <-time.After(pause):
		}
	}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// take lets a connection prove itself.
func (l *Listener) take(h *os.File) {
	if !l.strangers.enter(h) {
		h.Close()
		return
	}
	l.wg.Go(func() {
		c, err := l.handshake(h)
		if err != nil {
			h.Close()
			if !l.isClosed() {
				bridge.Logf(int32(procs.LevelWarning), "listener %s refused a connection: %v", l.address, err)
				l.refusals.add(err)
			}
			return
		}
		select {
		case l.ready <- c:
		case <-l.closed:
			c.Close()
		}
	})
}

func (l *Listener) handshake(h *os.File) (*procs.Conn, error) {
	h.SetDeadline(clock.In(l.config.HandshakeTimeout))
	e := exam{keys: l.keys}
	err := e.ask(h)
	if !l.strangers.leave(h) {
		return nil, errPushedOut
	}
	if err == nil {
		err = e.mark(h)
	}
	if err == nil {
		err = h.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, err
	}
	stream := l.socket.network == networkTCP
	c, err := connOf(h, stream, l.config.MaxMessage, l.config.Poller)
	for err != nil && kernel.NoRoom(err) && l.strangers.pushOut() {
		c, err = connOf(h, stream, l.config.MaxMessage, l.config.Poller)
	}
	return c, err
}

// Dial connects to the Listener at address, and proves to it that we know its
// key; it proves the same to us. A wrong key on either side is
// ErrAuthentication.
func Dial(ctx context.Context, address string, config DialConfig) (*procs.Conn, error) {
	config.fill()
	f, network, err := dialSocket(ctx, address, &config)
	if err != nil {
		return nil, err
	}
	// A context that is done ends the wait; a deadline far ahead would do
	// nothing but cost a timer.
	stop := context.AfterFunc(ctx, func() { f.SetDeadline(time.Unix(1, 0)) })
	err = answerChallenge(f, config.AuthKey)
	if !stop() {
		err = ctx.Err()
	}
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

// connOf makes a Conn of a connected socket. It owns f, unless it fails.
func connOf(f *os.File, stream bool, limit int, poller bool) (*procs.Conn, error) {
	t, err := transport.OfSocket(f, stream, limit, poller)
	if err != nil {
		return nil, err
	}
	return bridge.NewConn(t).(*procs.Conn), nil
}

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
