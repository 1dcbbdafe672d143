package manager

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// Config says how a manager is started. The zero value is a manager for this
// process and its descendants.
type Config struct {
	// Name is the name of its process. Default: "Manager-1", "Manager-2", ...
	Name string
	// Address is where it listens: see connection.Listen. Default: an abstract
	// Unix socket, which leaves nothing behind. A TCP address lets other
	// machines in.
	Address string
	// AuthKey is a key that admits clients, besides the key of this process
	// (procs.Process.AuthKey), which always does. nil: only that.
	AuthKey []byte
	// Initializer is run in the manager's process before it serves: see
	// procs.NewInitializer. If it fails, New does.
	Initializer *procs.Initializer
	// LookupHost is as in connection.DialConfig.
	LookupHost func(ctx context.Context, host string) ([]string, error)
	// GOMAXPROCS of its process, 0: as ours.
	GOMAXPROCS int
}

// Manager keeps objects that any process can use: dicts, lists, queues, locks,
// pools, and objects of your own types (Python's multiprocessing.Manager,
// BaseManager and SyncManager). Processes hold proxies, such as Dict, whose
// methods are calls to the manager. Where an object in shared memory will do
// (procs.Lock, procs.Value, procs.Queue, ...), it is faster still; a manager
// can hold anything, grows as needed, and can be reached from other machines.
//
//   - Values are copied on the way in and out. Proxies are values too: a dict
//     may hold lists.
//   - Each call is atomic. So are the methods made of several, such as Modify
//     of Dict.
//   - An object lives as long as some process refers to it, by a proxy that was
//     neither closed nor collected; or a message on its way does, or another
//     managed object, or a published name. Objects that refer to each other in
//     a circle live until the manager ends.
//   - A client that ends or dies gives back what it held: references, locks,
//     permits. Whoever next acquires a lock that was lost in this way gets
//     procs.ErrOwnerDied, and the lock.
//   - If a client is killed during a call, the manager does the call completely
//     or not at all. A method of your own runs on, and its result is dropped.
//   - SIGTERM, SIGHUP and SIGQUIT, which may have been sent to all processes of
//     the program, end a manager as soon as no client is connected, or when
//     they come again a second later; Terminate of its Process ends it at once.
//   - When the manager dies, all calls, waiting ones too, return ErrDied at
//     once, and nothing is left: it has no files. One that is only stopped
//     (SIGSTOP) keeps its callers waiting until it goes on, whatever their
//     contexts say.
//   - A call takes about a microsecond, and no system call, if both sides are
//     busy and on one machine; a Unix socket round trip if it has to wait, runs
//     a method of your own, or carries more than 16 KiB. A call that waits
//     takes a goroutine on either side, but no thread.
//
// A *Manager can be passed to other processes itself, to make objects there.
type Manager struct {
	mu      sync.Mutex
	link    *clientLink
	process *procs.Process // the manager's, if we started it
	server  *server        // the manager itself, if it is here
	name    *kernel.Name   // of the socket of a process that we started, nil if it is not in the file system
	closed  bool
}

var count atomic.Int64

// New starts a manager in a process of its own, and returns when it serves. It
// ends when this process calls Close or ends, in whatever way, or when any
// client calls Shutdown.
func New(config Config) (*Manager, error) {
	if config.Name == "" {
		config.Name = "Manager-" + strconv.FormatInt(count.Add(1), 10)
	}
	socket, address, err := connection.Bind(listenAddress(config.Address))
	if err != nil {
		return nil, err
	}
	m := new(Manager)
	if path := socketPath(address); path != "" {
		m.name, err = kernel.PinName(path) // its process may be killed
	}
	var settings []byte
	if err == nil {
		settings, err = encodeSettings(&config, address)
	}
	if err == nil {
		m.process = procs.NewProcess(mainFunc, boot{settings, socket}, procs.ProcessConfig{Name: config.Name, GOMAXPROCS: config.GOMAXPROCS})
		bridge.Asked(m.process)
		err = m.process.Start()
	}
	socket.Close() // theirs is open; the path stays
	if err == nil {
		m.link, err = linkTo(context.Background(), address, connection.DialConfig{AuthKey: ownKey(&config), LookupHost: config.LookupHost})
		if err != nil {
			err = m.whyNotStarted(err)
		}
	}
	if err != nil {
		m.name.Remove()
		return nil, fmt.Errorf("manager: start %s: %w", config.Name, err)
	}
	started.add(m)
	return m, nil
}

// whyNotStarted looks whether the process has ended.
func (m *Manager) whyNotStarted(err error) error {
	m.process.Kill()
	m.process.Join(context.Background())
	return err
}

func listenAddress(address string) string {
	if address != "" {
		return address
	}
	var b [16]byte
	kernel.Random(b[:])
	return fmt.Sprintf("@procs-manager-%x", b)
}

// socketPath is where a socket lies in the file system, "" if it does not.
func socketPath(address string) string {
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, ".") {
		return address
	}
	return ""
}

func ownKey(c *Config) []byte {
	if c.AuthKey != nil {
		return c.AuthKey
	}
	return procs.CurrentProcess().AuthKey()
}

// Serve makes this process itself a manager, for others to connect to (Python's
// BaseManager.get_server). Objects made through it are used here without any
// round trip. It serves until Close; The channel of Done is closed when a
// client calls Shutdown.
func Serve(config Config) (*Manager, error) {
	if config.Initializer != nil {
		return nil, errors.New("manager: Serve: call the initializer yourself")
	}
	socket, address, err := connection.Bind(listenAddress(config.Address))
	if err != nil {
		return nil, err
	}
	var name *kernel.Name
	if path := socketPath(address); path != "" {
		name, _ = kernel.NameOf(path)
	}
	s := newServer()
	if err := s.listenOn(socket, address, ownKey(&config)); err != nil {
		name.Remove()
		return nil, err
	}
	s.wg.Go(s.serve)
	return s.manager, nil
}

// Connect connects to a manager that another process, or another machine, runs.
// Only Address, AuthKey and LookupHost of the configuration count.
func Connect(ctx context.Context, address string, config Config) (*Manager, error) {
	if config.AuthKey != nil {
		rememberKey(address, config.AuthKey)
	}
	l, err := linkTo(ctx, address, connection.DialConfig{AuthKey: config.AuthKey, LookupHost: config.LookupHost})
	if err != nil {
		return nil, err
	}
	return &Manager{link: l}, nil
}

// keyring remembers with which key a manager was reached, for proxies of it
// that come later.
var keyring sync.Map // address -> []byte

func rememberKey(address string, key []byte) { keyring.Store(address, append([]byte{}, key...)) }

func knownKey(address string) []byte {
	if k, ok := keyring.Load(address); ok {
		return k.([]byte)
	}
	return nil
}

// open returns the link, with one more user.
func (m *Manager) open() (*clientLink, error) {
	if m == nil {
		return nil, procs.ErrClosed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.link == nil {
		return nil, procs.ErrClosed
	}
	if !m.link.use() {
		return nil, ErrDied
	}
	return m.link, nil
}

// Address returns where the manager can be reached, for Connect.
func (m *Manager) Address() string {
	if m.link == nil {
		return ""
	}
	return m.link.address
}

// Process returns the manager's process if New started it here, else nil.
func (m *Manager) Process() *procs.Process { return m.process }

// Done returns a channel that is closed when the manager has died, has ended,
// or was asked to end.
func (m *Manager) Done() <-chan struct{} { return m.link.dead }

// Stats counts what a manager keeps.
type Stats struct {
	Objects int
	Clients int // processes that are connected
}

// Stats returns what the manager keeps.
func (m *Manager) Stats() (Stats, error) {
	l, err := m.open()
	if err != nil {
		return Stats{}, err
	}
	defer l.unuse()
	c := l.begin(0, rootStats)
	defer c.end()
	if err := c.do(noWait); err != nil {
		return Stats{}, err
	}
	st := Stats{int(c.uint()), int(c.uint())}
	return st, c.err()
}

// Shutdown ends the manager, whoever started it. Everything that it keeps is
// gone. If this process started it, it waits for its end, and when ctx is done
// before, kills it.
func (m *Manager) Shutdown(ctx context.Context) error {
	if l, err := m.open(); err == nil {
		c := l.begin(0, rootShutdown)
		if err := c.do(noWait); err != nil && !errors.Is(err, ErrDied) && m.process == nil {
			c.end()
			l.unuse()
			return err
		}
		c.end()
		l.unuse()
	}
	if m.process != nil {
		if m.process.Join(ctx) != nil {
			m.process.Kill()
			m.process.Join(context.Background())
		}
	}
	return m.disconnect()
}

// Close ends a manager that this process started or serves, and disconnects
// from any other. It may be called more than once.
func (m *Manager) Close() error {
	if m.process == nil {
		return m.disconnect()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return m.Shutdown(ctx)
}

func (m *Manager) disconnect() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	if m.server != nil {
		links.mu.Lock()
		delete(links.local, m.server.address)
		links.mu.Unlock()
		m.server.shutdown()
	} else if m.link != nil {
		m.link.unuse()
	}
	if m.process != nil {
		started.remove(m)
		<-m.link.dead // its process has ended, so this comes
	}
	m.name.Remove()
	return nil
}

func (m *Manager) share(w *codec.Wire) error {
	l, err := m.open()
	if err != nil {
		return err
	}
	defer l.unuse()
	w.PutString(l.address)
	w.PutUint64(l.server)
	return w.Err()
}

func (m *Manager) adopt(w *codec.Wire) error {
	address, server := w.TakeString(), w.TakeUint64()
	if w.Err() != nil {
		return w.Err()
	}
	l, err := linkTo(context.Background(), address, connection.DialConfig{AuthKey: knownKey(address)})
	if err != nil {
		return err
	}
	if l.server != server {
		l.unuse()
		return ErrDied
	}
	m.link = l
	return nil
}

// contextKey is the key of the manager in the context of its objects' methods.
type contextKey struct{}

// Of returns the manager in whose process a managed object's method runs: to
// make further objects there.
func Of(ctx context.Context) *Manager {
	m, _ := ctx.Value(contextKey{}).(*Manager)
	return m
}

// started end when this process does by Exit.
var started managerSet

type managerSet struct {
	once sync.Once
	mu   sync.Mutex
	all  map[*Manager]struct{}
}

func (s *managerSet) add(m *Manager) {
	s.once.Do(func() { procs.AtExit(s.closeAll) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*Manager]struct{})
	}
	s.all[m] = struct{}{}
}

func (s *managerSet) remove(m *Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, m)
}

func (s *managerSet) closeAll() {
	s.mu.Lock()
	var all []*Manager
	for m := range s.all {
		all = append(all, m)
	}
	s.mu.Unlock()
	for _, m := range all {
		m.Close()
	}
}
