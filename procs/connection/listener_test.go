//go:build linux

package connection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
)

func listen(t testing.TB, address string, c ListenerConfig) *Listener {
	t.Helper()
	l, err := Listen(address, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

var testAddresses = []string{"", abstractName("listener"), "127.0.0.1:0"}

var testSayHello = procs.Register("test.dialHello", func(ctx context.Context, address string) (int, error) {
	c, err := Dial(ctx, address, DialConfig{})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.Send("hello"); err != nil {
		return 0, err
	}
	var n int
	if err := c.Recv(&n); err != nil {
		return 0, err
	}
	return 0, procs.ExitCode(n)
})

func TestListener(t *testing.T) {
	for _, address := range testAddresses {
		t.Run(address, func(t *testing.T) {
			l := listen(t, address, ListenerConfig{})
			p := procs.NewProcess(testSayHello, l.Address(), procs.ProcessConfig{})
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			c := must(l.Accept(soon(t)))(t)
			defer c.Close()
			var s string
			if ok, err := c.Poll(wait.Patience); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if err := c.Recv(&s); s != "hello" || err != nil {
				t.Fatal(s, err)
			}
			if err := c.Send(7); err != nil {
				t.Fatal(err)
			}
			if err := p.Join(soon(t)); err != nil {
				t.Fatal(err)
			}
			if code, _ := p.ExitCode(); code != 7 {
				t.Fatal(code)
			}
			if err := c.Recv(&s); err != io.EOF {
				t.Fatal(err)
			}
		})
	}
}

// The queue of connections outlives their clients: one that connected, sent and
// went away before Accept is still served.
func TestListenerClientGone(t *testing.T) {
	for _, address := range testAddresses {
		l := listen(t, address, ListenerConfig{})
		c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
		if err := c.SendBytes([]byte("late")); err != nil {
			t.Fatal(err)
		}
		c.Close()
		a := must(l.Accept(soon(t)))(t)
		if b, err := a.RecvBytes(0); string(b) != "late" || err != nil {
			t.Fatal(b, err)
		}
		if _, err := a.RecvBytes(0); err != io.EOF {
			t.Fatal(err)
		}
		a.Close()
	}
}

func TestListenerMultipleBind(t *testing.T) {
	for _, address := range testAddresses {
		l := listen(t, address, ListenerConfig{})
		if _, err := Listen(l.Address(), ListenerConfig{}); !errors.Is(err, unix.EADDRINUSE) {
			t.Fatal(err)
		}
		l.Close()
		l2, err := Listen(l.Address(), ListenerConfig{})
		if address != "" { // the directory of the first kind went with the listener
			if err != nil {
				t.Fatal(err)
			}
			l2.Close()
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func TestListenerClose(t *testing.T) {
	l := listen(t, "", ListenerConfig{})
	dir := filepath.Dir(l.Address())
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Fatal(st, err)
	}
	c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
	a := must(l.Accept(soon(t)))(t)
	done := make(chan error)
	go func() { _, err := l.Accept(soon(t)); done <- err }()
	l.Close()
	l.Close()
	if err := <-done; err != procs.ErrClosed {
		t.Fatal(err)
	}
	if _, err := l.Accept(soon(t)); err != procs.ErrClosed {
		t.Fatal(err)
	}
	var n int // the connection goes on
	if err := errors.Join(c.Send(1729), a.Recv(&n), c.Close(), a.Close()); err != nil || n != 1729 {
		t.Fatal(n, err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if _, err := Dial(soon(t), l.Address(), DialConfig{}); err == nil {
		t.Fatal("connected to a closed listener")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l = listen(t, "", ListenerConfig{})
	if _, err := l.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestListenerAuth(t *testing.T) {
	for _, address := range testAddresses {
		var refused atomic.Int32
		l := listen(t, address, ListenerConfig{AuthKey: []byte("right"), Refused: func(_ string, err error) {
			if errors.Is(err, ErrAuthentication) {
				refused.Add(1)
			}
		}})
		if _, err := Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte("wrong")}); !errors.Is(err, ErrAuthentication) {
			t.Fatal(err)
		}
		if _, err := Dial(soon(t), l.Address(), DialConfig{NoAuth: true}); !errors.Is(err, ErrAuthentication) {
			t.Fatal(err)
		}
		c := must(Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte("right")}))(t)
		a := must(l.Accept(soon(t)))(t) // the wrong ones are not in the way
		c.Close()
		a.Close()
		// The listener tells of a refusal after the one refused has heard of
		// it.
		wait.Until(t, "it tells", func() bool { return refused.Load() != 0 })
		if n := refused.Load(); n != 1 {
			t.Fatal(n)
		}
		open := listen(t, address+map[bool]string{true: "2"}[address != "" && address[0] == '@'], ListenerConfig{NoAuth: true})
		if _, err := Dial(soon(t), open.Address(), DialConfig{}); !errors.Is(err, ErrAuthentication) {
			t.Fatal("took a listener that proves nothing:", err)
		}
		c = must(Dial(soon(t), open.Address(), DialConfig{NoAuth: true}))(t)
		c.Close()
		l.Close()
		open.Close()
	}
}

func TestListenerEmptyAuthKey(t *testing.T) {
	l := listen(t, "", ListenerConfig{AuthKey: []byte{}})
	if _, err := Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte("x")}); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
	c := must(Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte{}}))(t)
	defer c.Close()
	a := must(l.Accept(soon(t)))(t)
	defer a.Close()
	if err := c.Send(1729); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := a.Recv(&n); n != 1729 || err != nil {
		t.Fatal(n, err)
	}
}

// Of several keys any will do.
func TestListenerOtherKeys(t *testing.T) {
	l := listen(t, "", ListenerConfig{AuthKey: []byte("new"), OtherKeys: [][]byte{[]byte("old"), []byte("older")}})
	for _, key := range []string{"new", "old", "older"} {
		c := must(Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte(key)}))(t)
		a := must(l.Accept(soon(t)))(t)
		c.Close()
		a.Close()
	}
	if _, err := Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte("oldest")}); !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
}

var testListenFile = procs.Register("test.listenFile", func(ctx context.Context, b *bound) (int, error) {
	l, err := ListenFile(b.Socket, b.Address, ListenerConfig{Poller: true})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	c, err := l.Accept(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var s string
	if err := c.Recv(&s); err != nil {
		return 0, err
	}
	return 0, c.Send(s + " yourself")
})

// bound is a socket that another process is going to take connections from.
type bound struct {
	Socket  *os.File
	Address string
}

// A socket is made here, and a child takes the connections: those that come
// before it is up wait.
func TestListenFile(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "socket"), abstractName("bound"), ":0"} {
		f, at, err := Bind(address)
		if err != nil {
			t.Fatal(err)
		}
		p := procs.NewProcess(testListenFile, &bound{f, at}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		c := must(Dial(soon(t), at, DialConfig{}))(t)
		var s string
		if err := errors.Join(c.Send("hello"), c.Recv(&s)); err != nil || s != "hello yourself" {
			t.Fatal(s, err)
		}
		c.Close()
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			t.Fatal(code)
		}
		if _, err := os.Stat(address); address[0] == '/' && !os.IsNotExist(err) {
			t.Fatal("the listener left its socket:", err)
		}
	}
	if _, _, err := Bind(""); !errors.Is(err, ErrAddress) {
		t.Fatal(err)
	}
}

// Connections that say nothing delay nobody, and are thrown out.
func TestListenerSilent(t *testing.T) {
	for _, address := range testAddresses {
		refused := make(chan error, 100)
		l := listen(t, address, ListenerConfig{HandshakeTimeout: 300 * time.Millisecond, Refused: func(_ string, err error) { refused <- err }})
		var silent []*os.File
		for range 20 {
			f, _, err := dialSocket(soon(t), l.Address(), nil, packets)
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, f)
		}
		c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
		a := must(l.Accept(soon(t)))(t)
		for range silent {
			if err := <-refused; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		for _, f := range silent {
			io.Copy(io.Discard, f) // ends: the listener has closed it
			f.Close()
		}
		c.Close()
		a.Close()
		l.Close()
	}
}

func TestListenerMaxMessage(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{MaxMessage: 1000})
	c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
	defer c.Close()
	a := must(l.Accept(soon(t)))(t)
	defer a.Close()
	c.SendBytes(make([]byte, 1000))
	c.SendBytes(make([]byte, 1001))
	if b, err := a.RecvBytes(0); len(b) != 1000 || err != nil {
		t.Fatal(len(b), err)
	}
	for range 2 {
		if _, err := a.RecvBytes(0); !errors.Is(err, procs.ErrMessageTooLong) {
			t.Fatal(err)
		}
	}
	if err := a.SendBytes(make([]byte, 1001)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Fatal(err)
	}
	if err := c.Send(os.Stdout); !errors.Is(err, procs.ErrEncode) {
		t.Fatal("a file over TCP:", err)
	}
	// A head that promises much takes no memory before the bytes come.
	l2 := listen(t, ":0", ListenerConfig{NoAuth: true})
	f, _, err := dialSocket(soon(t), l2.Address(), nil, packets)
	if err != nil {
		t.Fatal(err)
	}
	a2 := must(l2.Accept(soon(t)))(t)
	defer a2.Close()
	f.Write([]byte{0, 0, 0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}) // 1 GiB - 16 MiB, and then three bytes
	f.Close()
	if _, err := a2.RecvBytes(0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

func TestListenerLargeMessages(t *testing.T) {
	for _, address := range testAddresses {
		l := listen(t, address, ListenerConfig{})
		c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
		a := must(l.Accept(soon(t)))(t)
		for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, 65536, 5 << 20} {
			want := bytes.Repeat([]byte{byte(n), 3}, n/2+1)[:n]
			go c.SendBytes(want)
			if b, err := a.RecvBytes(0); !bytes.Equal(b, want) || err != nil {
				t.Fatal(address, n, len(b), err)
			}
		}
		c.Close()
		a.Close()
		l.Close()
	}
}

func TestListenerAddresses(t *testing.T) {
	for _, bad := range []string{"nothing", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "1.2.3:5", "example.test:5", "@", "x\x00:1", `\\.\pipe\x`} {
		if _, err := Listen(bad, ListenerConfig{}); !errors.Is(err, ErrAddress) {
			t.Errorf("Listen(%q): %v", bad, err)
		}
		if _, err := Dial(soon(t), bad, DialConfig{}); !errors.Is(err, ErrAddress) {
			t.Errorf("Dial(%q): %v", bad, err)
		}
	}
	l := listen(t, "localhost:0", ListenerConfig{})
	if !strings.HasPrefix(l.Address(), "127.0.0.1:") || strings.HasSuffix(l.Address(), ":0") {
		t.Fatal(l.Address())
	}
	_, port, _ := strings.Cut(l.Address(), ":")
	c := must(Dial(soon(t), "example.test:"+port, DialConfig{LookupHost: func(_ context.Context, host string) ([]string, error) {
		return []string{"::1", "127.0.0.1"}, nil
	}}))(t)
	c.Close()
}

// deadOwner is a process of our pid namespace that has ended.
func deadOwner(t *testing.T) uint64 {
	t.Helper()
	cmd := exec.Command("sh", "-c", "exit 0")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	const pidBits = 22
	return uint64(shm.Self())&^(1<<pidBits-1) | uint64(cmd.Process.Pid)
}

func listenerDirName(owner uint64, suffix string) string {
	return fmt.Sprintf("procs-socket-%x-%s", owner, suffix)
}

// What a listener of a killed process left is removed by the next one.
func TestListenerSweep(t *testing.T) {
	const pidBits = 22
	ours := deadOwner(t)
	left := func(owner uint64) string {
		dir := filepath.Join(dirOfDirs(), listenerDirName(owner, "1"))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		os.WriteFile(dir+"/socket", nil, 0o600)
		return dir
	}
	// The second is of a namespace that differs from ours in the lowest bit
	// above the id.
	dead, foreign := left(ours), left(ours^1<<pidBits)
	listen(t, "", ListenerConfig{})
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Fatal("still there:", err)
	}
	// Who cannot be seen from here is not dead: gbrain#2840.
	if _, err := os.Stat(foreign + "/socket"); err != nil {
		t.Fatal("the socket of a process in another pid namespace was removed:", err)
	}
}

// testForward gets a pipe and a connection, and through the pipe another one.
// It sends back what comes over both connections.
var testForward = procs.Register("test.forward", func(_ context.Context, conns []*procs.Conn) (int, error) {
	var further *procs.Conn
	if err := conns[0].Recv(&further); err != nil {
		return 0, err
	}
	for _, c := range []*procs.Conn{conns[1], further} {
		b, err := c.RecvBytes(0)
		if err != nil {
			return 0, err
		}
		if err := errors.Join(c.SendBytes(b), c.Close()); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

// Connections can be passed on: as an argument, and through other connections
// that are not TCP.
func TestListenerPassOn(t *testing.T) {
	for _, address := range testAddresses {
		l := listen(t, address, ListenerConfig{})
		dial := func() (c, a *procs.Conn) {
			c = must(Dial(soon(t), l.Address(), DialConfig{}))(t)
			return c, must(l.Accept(soon(t)))(t)
		}
		ours, theirs, err := procs.NewPipe(procs.Duplex)
		if err != nil {
			t.Fatal(err)
		}
		c1, a1 := dial()
		c2, a2 := dial()
		p := procs.NewProcess(testForward, []*procs.Conn{theirs, a1}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		a1.Close()
		if err := ours.Send(a2); err != nil {
			t.Fatal(err)
		}
		a2.Close()
		for i, c := range []*procs.Conn{c1, c2} {
			long := bytes.Repeat([]byte{byte(i), 7}, 100_000)
			go c.SendBytes(long)
			if b, err := c.RecvBytes(0); !bytes.Equal(b, long) || err != nil {
				t.Fatal(address, i, len(b), err)
			}
			if _, err := c.RecvBytes(0); err != io.EOF { // nobody else has the other end
				t.Fatal(address, i, err)
			}
			c.Close()
		}
		ours.Close()
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			t.Fatal(code)
		}
	}
}

// A TCP connection keeps its limit where it is passed to, and is not passed on
// when a message on it was cut short.
func TestListenerPassOnTCP(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{MaxMessage: 1000, NoAuth: true})
	c := must(Dial(soon(t), l.Address(), DialConfig{NoAuth: true}))(t)
	defer c.Close()
	a := must(l.Accept(soon(t)))(t)
	defer a.Close()
	x, y, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	defer y.Close()
	var again *procs.Conn
	if err := errors.Join(y.Send(a), x.Recv(&again)); err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.SendBytes(make([]byte, 1001)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Fatal(err)
	}
	if err := again.SendBytes([]byte("short")); err != nil {
		t.Fatal(err)
	}
	if b, err := c.RecvBytes(0); string(b) != "short" || err != nil {
		t.Fatal(string(b), err)
	}
	if err := c.SendBytes(make([]byte, 1001)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.RecvBytes(0); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Fatal(err)
	}
	if err := y.Send(a); !errors.Is(err, procs.ErrEncode) || !errors.Is(err, procs.ErrMessageTooLong) {
		t.Fatal("passed on in the middle of a message:", err)
	}
}

// A message over TCP that was cut short while it was sent is the last one: what
// followed would be taken for the rest of it.
func TestListenerSendCut(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{})
	c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
	defer c.Close()
	a := must(l.Accept(soon(t)))(t)
	defer a.Close()
	half := make(chan error, 1)
	go func() { half <- c.SendBytes(make([]byte, 64<<20)) }()
	if ok, err := a.Poll(-1); !ok || err != nil { // it has begun
		t.Fatal(ok, err)
	}
	c.SetDeadline(time.Now())
	if err := <-half; !errors.Is(err, os.ErrDeadlineExceeded) { // nobody reads
		t.Fatal(err)
	}
	c.SetDeadline(time.Time{})
	if err := c.SendBytes([]byte("next")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("sent after half a message:", err)
	}
	x, y, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	defer y.Close()
	if err := y.Send(c); !errors.Is(err, procs.ErrEncode) {
		t.Fatal("passed on after half a message:", err)
	}
	c.Close()
	if _, err := a.RecvBytes(0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

// Wait finds out which of several connections have something to say, until all
// have said everything.
func TestListenerWait(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{})
	var open []any
	for i := range 4 {
		c := must(Dial(soon(t), l.Address(), DialConfig{}))(t)
		a := must(l.Accept(soon(t)))(t)
		defer a.Close()
		open = append(open, a)
		go func() {
			defer c.Close()
			for k := range 10 {
				if i%2 == 0 {
					time.Sleep(time.Millisecond)
				}
				c.Send(10*i + k)
			}
		}()
	}
	sum := 0
	for len(open) > 0 {
		ready, err := procs.Wait(soon(t), open...)
		if err != nil || len(ready) == 0 {
			t.Fatal(ready, err)
		}
		for _, r := range ready {
			var n int
			if err := r.(*procs.Conn).Recv(&n); err == io.EOF {
				open = slices.DeleteFunc(open, func(o any) bool { return o == r })
			} else if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	if sum != 39*40/2 {
		t.Fatal(sum)
	}
}

// testAcceptHeeded waits for a client, and heeds signals meanwhile.
var testAcceptHeeded = procs.Register("test.acceptHeeded", func(ctx context.Context, c *procs.Conn) (int, error) {
	got := make(chan os.Signal, 100)
	signal.Notify(got, unix.SIGUSR1)
	go func() {
		for range got {
			c.Send("heeded")
		}
	}()
	l, err := Listen("", ListenerConfig{})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	if err := c.Send(l.Address()); err != nil {
		return 0, err
	}
	a, err := l.Accept(ctx)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	return 0, a.Send("welcome")
})

// Signals do not disturb Accept.
func TestListenerSignals(t *testing.T) {
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	var errs bytes.Buffer
	p := procs.NewProcess(testAcceptHeeded, theirs, procs.ProcessConfig{Daemon: true, Stderr: &errs})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var address string
	if err := ours.Recv(&address); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		time.Sleep(5 * time.Millisecond) // it waits by now, most likely
		var s string
		if err := errors.Join(p.Signal(unix.SIGUSR1), ours.Recv(&s)); err != nil || s != "heeded" {
			t.Fatal(s, err)
		}
	}
	c := must(Dial(soon(t), address, DialConfig{}))(t)
	defer c.Close()
	var s string
	if err := c.Recv(&s); s != "welcome" || err != nil {
		t.Fatal(s, err)
	}
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.ExitCode(); code != 0 {
		t.Error(code, errs.String())
	}
}
