//go:build linux

package connection

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
)

// Dial waits no longer than its context for a listener that takes connections
// but says nothing, and for one whose queue is full (mio#1560).
func TestDialEndsWithContext(t *testing.T) {
	for _, address := range []string{abstractName("mute"), ":0"} {
		f, at, err := Bind(address)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dialMute(t, at)
	}
	name := abstractName("full")
	full, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(full)
	if err := unix.Bind(full, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(full, 0); err != nil {
		t.Fatal(err)
	}
	first, _, err := dialSocket(soon(t), name, nil, packets)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	dialMute(t, name)
}

func dialMute(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, address, DialConfig{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(address, err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(30*time.Millisecond, cancel)
	if _, err := Dial(ctx, address, DialConfig{}); !errors.Is(err, context.Canceled) {
		t.Error(address, err)
	}
}

// Nobody is there: the error says so at once.
func TestDialNobody(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{})
	l.Close()
	for _, address := range []string{l.Address(), abstractName("nobody")} {
		if _, err := Dial(soon(t), address, DialConfig{}); !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), address) {
			t.Error(err)
		}
	}
}

// Connections that proved themselves but that nobody accepted end with the
// listener.
func TestListenerCloseUnaccepted(t *testing.T) {
	for _, address := range testAddresses {
		for range 20 { // some are on their way to Accept, some have arrived there
			l := listen(t, address, ListenerConfig{})
			c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
			l.Close()
			c.SetDeadline(time.Now().Add(wait.Patience))
			if _, err := c.RecvBytes(0); err != io.EOF && !errors.Is(err, unix.ECONNRESET) {
				t.Fatal(address, err)
			}
			c.Close()
		}
	}
}

// Neither the limit of the handshake nor the context of Dial holds for what
// comes after it.
func TestConnectionOutlivesHandshake(t *testing.T) {
	for _, address := range testAddresses {
		for _, poller := range []bool{false, true} {
			l := listen(t, address, ListenerConfig{HandshakeTimeout: 500 * time.Millisecond, Poller: poller})
			ctx, cancel := context.WithCancel(context.Background())
			var c, a *procs.Conn
			proctest.Eventually(t, "a handshake of less than the limit", func() (ok bool) {
				var err error
				if c, err = Dial(ctx, l.Address(), DialConfig{Poller: poller}); err != nil {
					return false
				}
				wait, done := context.WithTimeout(soon(t), 5*time.Second)
				defer done()
				if a, err = l.Accept(wait); err != nil {
					c.Close()
				}
				return err == nil
			})
			cancel()
			time.Sleep(600 * time.Millisecond)
			var there, back int
			if err := errors.Join(c.Send(1), a.Recv(&there), a.Send(2), c.Recv(&back)); err != nil || there != 1 || back != 2 {
				t.Fatal(address, poller, err)
			}
			c.Close()
			a.Close()
			l.Close()
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	var l ListenerConfig
	l.fill()
	if l.HandshakeTimeout != 10*time.Second || l.MaxMessage != 1<<30 {
		t.Error(l)
	}
	l = ListenerConfig{HandshakeTimeout: time.Hour, MaxMessage: 5}
	l.fill()
	if l.HandshakeTimeout != time.Hour || l.MaxMessage != 5 {
		t.Error(l)
	}
	var d DialConfig
	d.fill()
	if d.MaxMessage != 1<<30 || string(d.AuthKey) != string(procs.CurrentProcess().AuthKey()) || len(d.AuthKey) == 0 {
		t.Error(d.MaxMessage)
	}
	d = DialConfig{AuthKey: []byte("key"), NoAuth: true, MaxMessage: 5}
	d.fill()
	if d.AuthKey != nil || d.MaxMessage != 5 {
		t.Error(d)
	}
}

// The limit of messages is each side's own.
func TestDialMaxMessage(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{})
	c := must(Dial(soon(t), l.Address(), DialConfig{MaxMessage: 1000}))(t)
	defer c.Close()
	a := must(l.Accept(soon(t)))(t)
	defer a.Close()
	if err := c.SendBytes(make([]byte, 1001)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if err := a.SendBytes(make([]byte, 1001)); err != nil {
		t.Error(err)
	}
	if _, err := c.RecvBytes(0); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
}

func TestResolve(t *testing.T) {
	broken := errors.New("no resolver")
	lookup := func(_ context.Context, host string) ([]string, error) {
		switch host {
		case "both.test":
			return []string{"::1", "10.1.2.3", "10.9.9.9"}, nil
		case "six.test":
			return []string{"::1"}, nil
		}
		return nil, broken
	}
	for _, c := range []struct {
		host string
		want [4]byte
		err  error
	}{
		{"", [4]byte{127, 0, 0, 1}, nil},
		{"localhost", [4]byte{127, 0, 0, 1}, nil},
		{"0.0.0.0", [4]byte{}, nil},
		{"255.10.0.9", [4]byte{255, 10, 0, 9}, nil},
		{"both.test", [4]byte{10, 1, 2, 3}, nil},
		{"six.test", [4]byte{}, ErrAddress},
		{"256.0.0.1", [4]byte{}, broken},
		{"127.0.0.01", [4]byte{}, broken}, // octal to some
		{"1.2.3.4.5", [4]byte{}, broken},
		{"1.2.3.", [4]byte{}, broken},
	} {
		if ip, err := resolve(context.Background(), c.host, lookup); ip != c.want || !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.host) {
			t.Errorf("%q: %v %v", c.host, ip, err)
		}
	}
	if _, err := resolve(context.Background(), "both.test", nil); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "LookupHost") {
		t.Error(err)
	}
}

func TestSplitAddress(t *testing.T) {
	for _, c := range []struct {
		address, network, host string
		port                   uint16
		says                   string
	}{
		{"/a:1", networkUnix, "", 0, ""},
		{"./a", networkUnix, "", 0, ""},
		{"../a", networkUnix, "", 0, ""},
		{"@a", networkUnix, "", 0, ""},
		{"h:65535", networkTCP, "h", 65535, ""},
		{":0", networkTCP, "", 0, ""},
		{"a:b:7", networkTCP, "a:b", 7, ""},
		{"", "", "", 0, "empty"},
		{"@", "", "", 0, "neither a path, nor @name, nor host:port"},
		{"h:65536", "", "", 0, "port"},
		{"h:-1", "", "", 0, "port"},
		{"@a\x00b", "", "", 0, `"@a\x00b"`},
	} {
		network, host, port, err := splitAddress(c.address)
		if network != c.network || host != c.host || port != c.port || (err != nil) != (c.says != "") {
			t.Errorf("%q: %s %s %d %v", c.address, network, host, port, err)
		}
		if err != nil && (!errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v", c.address, err)
		}
	}
}

// The errors of this package are themselves in other processes too.
func TestErrorsTravel(t *testing.T) {
	for _, err := range []error{ErrAuthentication, ErrAddress} {
		if got := bridge.DecodeError(bridge.EncodeError(err)); !errors.Is(got, err) {
			t.Error(got)
		}
	}
}

// A process's directory says whose it is, whatever bits its number has.
func TestOwnerOfDir(t *testing.T) {
	for name, want := range map[string]shm.Owner{
		listenerPrefix() + "17":              shm.Self(),
		"procs-socket-ffffffffffffffff-1":    1<<64 - 1,
		"/x/procs-socket-a-b":                10,
		"procs-socket-10000000000000000-1":   0,
		"procs-socket--1":                    0,
		"/procs-socket-1-1/procs-socket-z-1": 0,
	} {
		if got, ok := ownerOfDir(name); ok != (want != 0) || ok && got != want {
			t.Errorf("%s: %x %v", name, got, ok)
		}
	}
}

// failing fails from its nth write on, and reads what it is given.
type failing struct {
	io.Reader
	n int
}

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// Each step of the handshake says which it was.
func TestHandshakeSteps(t *testing.T) {
	key := []byte("key")
	ask := make([]byte, challengeSize)
	copy(ask, authMagic)
	ask[len(authMagic)] = authWanted
	open := make([]byte, challengeSize)
	copy(open, authMagic)
	old := append([]byte(nil), ask...)
	old[len(authMagic)-1]-- // another version
	no := make([]byte, verdictSize)
	yes := append([]byte{1}, no[1:]...)
	for _, c := range []struct {
		err  error
		is   error
		says string
	}{
		{deliverChallenge(&failing{strings.NewReader(""), 0}, [][]byte{key}), errFull, "connection: challenge: "},
		{deliverChallenge(&failing{strings.NewReader(""), 1}, [][]byte{key}), io.EOF, "connection: answer to the challenge: "},
		{deliverChallenge(&failing{strings.NewReader(string(make([]byte, answerSize))), 1}, [][]byte{key}), errFull, "connection: verdict: "},
		{deliverChallenge(&failing{strings.NewReader(string(make([]byte, answerSize))), 2}, [][]byte{key}), ErrAuthentication, "wrong key"},
		{answerChallenge(&failing{strings.NewReader(""), 9}, key), io.EOF, "connection: challenge: "},
		{answerChallenge(&failing{strings.NewReader(string(old)), 9}, key), ErrAuthentication, "not a listener of this package"},
		{answerChallenge(&failing{strings.NewReader(string(ask)), 9}, nil), ErrAuthentication, "wants a key"},
		{answerChallenge(&failing{strings.NewReader(string(open)), 9}, key), ErrAuthentication, "does not prove"},
		{answerChallenge(&failing{strings.NewReader(string(ask)), 0}, key), errFull, "connection: answer to the challenge: "},
		{answerChallenge(&failing{strings.NewReader(string(ask)), 1}, key), io.EOF, "connection: verdict: "},
		{answerChallenge(&failing{strings.NewReader(string(ask) + string(no)), 1}, key), ErrAuthentication, "refused our key"},
		{answerChallenge(&failing{strings.NewReader(string(ask) + string(yes)), 1}, key), ErrAuthentication, "the listener does not know the key"},
	} {
		if !errors.Is(c.err, c.is) || c.err == nil || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%v, want %q and %v", c.err, c.says, c.is)
		}
	}
}

func TestFormatInet4(t *testing.T) {
	if s := formatInet4(&unix.SockaddrInet4{Addr: [4]byte{1, 23, 4, 56}, Port: 789}); s != "1.23.4.56:789" {
		t.Error(s)
	}
}

// No two challenges, and no two answers, are alike: an old proof is of no use.
func TestChallengesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		var e exam
		e.rw, e.keys = &failing{strings.NewReader(""), 1}, [][]byte{{}}
		e.ask()
		seen[string(e.challenge[16:])] = true
		var sent strings.Builder
		ask := make([]byte, challengeSize)
		copy(ask, authMagic)
		ask[len(authMagic)] = authWanted
		answerChallenge(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(string(ask)), &sent}, []byte{})
		seen[sent.String()[:authNonce]] = true
	}
	if len(seen) != 200 {
		t.Error(len(seen))
	}
}
