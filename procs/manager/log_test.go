//go:build linux

package manager

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/transport"
)

// A scripted client sends one message, or none, and then fails.
type scripted struct {
	transport.Transport
	kind  uint32
	body  []byte
	fails error
	local bool

	mu     sync.Mutex
	sent   []string
	closed int
}

func (c *scripted) Send(kind uint32, body []byte, fds []int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, fmt.Sprintf("%d %x %d", kind, body, len(fds)))
	return nil
}

func (c *scripted) Recv([]byte) (kind uint32, body []byte, fds []int, err error) {
	if body = c.body; body == nil {
		return 0, nil, nil, c.fails
	}
	c.body = nil
	return c.kind, body, nil, nil
}

func (c *scripted) Local() bool { return c.local }

func (c *scripted) Close() error { c.closed++; return nil }

// grumbler is a value whose Close does what it says.
type grumbler func() error

func (g grumbler) Close() error { return g() }

// What a manager reports names it, and then the cause: each of its messages, as
// it is.
func TestWhatIsLogged(t *testing.T) {
	client := func(c *scripted) func(s *server) {
		return func(s *server) {
			s.welcome(bridge.NewConn(c).(*procs.Conn))
			s.wg.Wait()
			hello := fmt.Sprintf("%d %x 0", linkHello, binary.LittleEndian.AppendUint64([]byte{0}, s.id))
			if !slices.Equal(c.sent, []string{hello}) || c.closed != 1 || len(s.links) != 0 {
				t.Errorf("sent %q, not %q; closed %d times; %d clients", c.sent, hello, c.closed, len(s.links))
			}
		}
	}
	for _, c := range []struct {
		what string
		do   func(s *server)
		want string // level and text
	}{
		{"a client leaves", client(&scripted{fails: io.EOF}), ""},
		{"a client leaves in a message", client(&scripted{fails: fmt.Errorf("body: %w", io.EOF)}), ""},
		{"a connection fails", client(&scripted{fails: syscall.ECONNRESET}), "DEBUG manager here: client: connection reset by peer"},
		{"a message of no kind", client(&scripted{kind: 1000, body: make([]byte, 8)}), "WARNING manager here: client: " + codec.ErrWire.Error()},
		{"a message that is too short", client(&scripted{kind: linkCall, body: make([]byte, 7)}),
			"WARNING manager here: client: " + codec.ErrWire.Error()},
		{"no descriptor is left for a lane", func(s *server) {
			var old unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
				t.Fatal(err)
			}
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
				t.Fatal(err)
			}
			defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
			client(&scripted{fails: io.EOF, local: true})(s)
		}, "WARNING manager here: shm: create: too many open files (this process may have 0 descriptors: close what is not used, or raise ulimit -n)"},
		{"Close of a value fails", func(s *server) {
			(&customObject{server: s, value: grumbler(func() error { return os.ErrPermission })}).end()
		}, "WARNING manager here: close manager.grumbler: permission denied"},
		{"Close of a value panics", func(s *server) {
			(&customObject{server: s, value: grumbler(func() error { panic("no") })}).end()
		}, "WARNING manager here: close manager.grumbler: panic: no"},
		{"Close of a value", func(s *server) {
			(&customObject{server: s, value: grumbler(func() error { return nil })}).end()
		}, ""},
		{"a signal comes while a client is connected", func(s *server) {
			s.links[&serverLink{}] = struct{}{}
			s.ask(syscall.SIGTERM, false)
		}, "WARNING manager here was told to end: it does when no process is connected any more, or when it is told again"},
		{"a signal comes", func(s *server) { s.ask(syscall.SIGTERM, false) }, ""},
	} {
		var logged []string
		procs.SetLog(procs.LevelDebug, func(l procs.Level, m string) { logged = append(logged, l.String()+" "+m) })
		s := newServer()
		s.address = "here"
		c.do(s)
		procs.SetLog(procs.LevelOff, nil) // the hook has had all that happened before
		if got := strings.Join(logged, "; "); got != c.want {
			t.Errorf("%s: %q, not %q", c.what, got, c.want)
		}
	}
}

// One who is accepted when the manager has just been closed is turned away.
func TestWelcomeWhenClosed(t *testing.T) {
	s := newServer()
	s.closed = true
	c := &scripted{fails: errors.New("nobody reads")}
	s.welcome(bridge.NewConn(c).(*procs.Conn))
	if c.closed != 1 || len(c.sent) != 0 || len(s.links) != 0 {
		t.Errorf("closed %d times, sent %q, %d clients", c.closed, c.sent, len(s.links))
	}
}
