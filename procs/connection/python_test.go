//go:build linux

package connection

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

// python is a program in Python, of any version that is here.
type python struct {
	program string
	old     bool // before 3.12: HMAC-MD5
}

// pythons are the versions of Python on the path, each once.
func pythons(t *testing.T) []python {
	t.Helper()
	all := findPythons()
	if len(all) == 0 {
		t.Skip("there is no python3")
	}
	return all
}

var findPythons = sync.OnceValue(func() (all []python) {
	seen := map[string]bool{}
	for _, name := range []string{"python3", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"} {
		out, err := exec.Command(name, "-I", "-S", "-c", "import sys; print(sys.version_info[:2], sys.version_info < (3, 12))").Output()
		if version := string(out); err == nil && !seen[version] {
			seen[version] = true
			all = append(all, python{name, strings.Contains(version, "True")})
		}
	}
	return all
})

// start runs peer.py, and returns its output, which ends with it.
func (p python) start(t *testing.T, do, address, key string) *bufio.Reader {
	t.Helper()
	cmd := exec.CommandContext(soon(t), p.program, "-I", "-S", filepath.Join("testdata", "peer.py"), do, address, key)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return bufio.NewReader(out)
}

func said(t *testing.T, out *bufio.Reader) string {
	t.Helper()
	all, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(all))
}

func listenPython(t testing.TB, address string, config PythonConfig) *PythonListener {
	t.Helper()
	l, err := ListenPython(address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// echo sends back what comes, until the other side goes.
func echo(c *PythonConn) error {
	defer c.Close()
	for {
		b, err := c.RecvBytes(0)
		if err == nil {
			err = c.SendBytes(b)
		}
		if err != nil {
			return err
		}
	}
}

const goodKey = "a key that both know"

// A client in Python, of every version, sends messages of many lengths, over
// TCP and Unix sockets.
func TestPythonClient(t *testing.T) {
	for _, p := range pythons(t) {
		for _, address := range []string{":0", ""} {
			l := listenPython(t, address, PythonConfig{AuthKey: []byte(goodKey), MD5: p.old})
			out := p.start(t, "client", l.Address(), goodKey)
			c := must(l.Accept(soon(t)))(t)
			if err := echo(c); err != io.EOF {
				t.Error(p, address, err)
			}
			if s := said(t, out); s != "ok" {
				t.Error(p, address, s)
			}
			l.Close()
		}
	}
}

// serverAddress is where a listener in Python is to be found, and what it is
// told for that.
func serverAddress(kind string) string {
	if kind == "abstract" {
		return abstractName("python")
	}
	return "127.0.0.1:0"
}

// dialServer starts a listener in Python and connects to it.
func dialServer(t *testing.T, p python, kind, key string, config PythonConfig) (*PythonConn, *bufio.Reader, error) {
	t.Helper()
	address := serverAddress(kind)
	out := p.start(t, "server", address, key)
	port, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSuffix(address, ":0")
	if port = strings.TrimSpace(port); port != "" {
		address += ":" + port
	}
	c, err := DialPython(soon(t), address, config)
	return c, out, err
}

// A listener in Python, of every version, sends back messages of many lengths.
func TestPythonServer(t *testing.T) {
	for _, p := range pythons(t) {
		for _, kind := range []string{"tcp", "abstract"} {
			c, out, err := dialServer(t, p, kind, goodKey, PythonConfig{AuthKey: []byte(goodKey), MD5: p.old})
			if err != nil {
				t.Fatal(p, kind, err)
			}
			for _, n := range []int{0, 1, 255, 16384, 16385, 1 << 20, 5_000_000} {
				m := bytes.Repeat([]byte{byte(n), 1, 2}, n/3+1)[:n]
				go c.SendBytes(m) // the other side reads it all before it answers
				if back, err := c.RecvBytes(0); err != nil || !bytes.Equal(back, m) {
					t.Fatal(p, kind, n, err)
				}
			}
			c.Close()
			if s := said(t, out); s != "ok" {
				t.Error(p, kind, s)
			}
		}
	}
}

// Python has another key, or none where one is wanted: both sides say so.
func TestPythonWrongKey(t *testing.T) {
	for _, p := range pythons(t) {
		refused := make(chan error, 1)
		l := listenPython(t, ":0", PythonConfig{AuthKey: []byte(goodKey), MD5: p.old, Refused: func(_ string, err error) { refused <- err }})
		if s := said(t, p.start(t, "client", l.Address(), "another")); s != "AuthenticationError" {
			t.Error(p, s)
		}
		if err := <-refused; !errors.Is(err, ErrAuthentication) {
			t.Error(p, err)
		}
		_, out, err := dialServer(t, p, "tcp", "another", PythonConfig{AuthKey: []byte(goodKey), MD5: p.old})
		if !errors.Is(err, ErrAuthentication) {
			t.Error(p, err)
		}
		if s := said(t, out); s != "AuthenticationError" && s != "EOFError" {
			t.Error(p, s)
		}
	}
}

// The proof of old versions is refused unless it is asked for, and the error
// says what to do.
func TestPythonMD5MustBeAsked(t *testing.T) {
	for _, p := range pythons(t) {
		if !p.old {
			continue
		}
		refused := make(chan error, 1)
		l := listenPython(t, ":0", PythonConfig{AuthKey: []byte(goodKey), Refused: func(_ string, err error) { refused <- err }})
		if s := said(t, p.start(t, "client", l.Address(), goodKey)); s != "AuthenticationError" {
			t.Error(p, s)
		}
		if err := <-refused; !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "PythonConfig.MD5") {
			t.Error(p, err)
		}
		_, _, err := dialServer(t, p, "tcp", goodKey, PythonConfig{AuthKey: []byte(goodKey)})
		if !errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "PythonConfig.MD5") {
			t.Error(p, err)
		}
	}
}

// Without keys there is no handshake; the frame with a length of 8 bytes is
// understood, whatever the length.
func TestPythonLongFrameWithoutKey(t *testing.T) {
	for _, p := range pythons(t)[:1] {
		l := listenPython(t, "", PythonConfig{NoAuth: true})
		out := p.start(t, "long", l.Address(), "")
		if err := echo(must(l.Accept(soon(t)))(t)); err != io.EOF {
			t.Error(err)
		}
		if s := said(t, out); s != "ok" {
			t.Error(s)
		}
	}
}

// pythonPair is a listener and a client of this package.
func pythonPair(t testing.TB, config PythonConfig) (client, server *PythonConn) {
	t.Helper()
	l := listenPython(t, "", config)
	client = must(DialPython(soon(t), l.Address(), config))(t)
	t.Cleanup(func() { client.Close() })
	server = must(l.Accept(soon(t)))(t)
	t.Cleanup(func() { server.Close() })
	return client, server
}

// Both ends may be in Go, by the proof that Python has since 3.12. A message
// above the limit is not sent, and not taken: its connection is closed.
func TestPythonMaxMessage(t *testing.T) {
	small := PythonConfig{AuthKey: []byte(goodKey), MaxMessage: 1000}
	client, server := pythonPair(t, small)
	if err := client.SendBytes(make([]byte, 1001)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if err := client.SendBytes(make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if b, err := server.RecvBytes(0); err != nil || len(b) != 1000 {
		t.Error(len(b), err)
	}
	for _, head := range [][]byte{{0, 0, 3, 0xe9}, {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 3, 0xe9}, append([]byte{0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0xff}, 8)...)} {
		client, server := pythonPair(t, small)
		writeRaw(t, client, head)
		if _, err := server.RecvBytes(0); !errors.Is(err, procs.ErrMessageTooLong) {
			t.Errorf("%x: %v", head, err)
		}
		if _, err := client.RecvBytes(0); err != io.EOF {
			t.Errorf("%x: the other side was not told: %v", head, err)
		}
	}
}

// writeRaw writes bytes that are no message of ours.
func writeRaw(t testing.TB, c *PythonConn, b []byte) {
	t.Helper()
	raw := must(c.SyscallConn())(t)
	raw.Control(func(fd uintptr) { unix.Write(int(fd), b) })
}

// A message that ends too soon is no message, and a length below -1 no length.
func TestPythonCutMessages(t *testing.T) {
	for _, c := range []struct {
		sent []byte
		want error
	}{
		{nil, io.EOF},
		{[]byte{0, 0}, io.ErrUnexpectedEOF},
		{[]byte{0, 0, 0, 5}, io.ErrUnexpectedEOF},
		{[]byte{0, 0, 0, 5, 'h'}, io.ErrUnexpectedEOF},
		{[]byte{0xff, 0xff, 0xff, 0xff}, io.ErrUnexpectedEOF},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0, 0}, io.ErrUnexpectedEOF},
		{[]byte{0xff, 0xff, 0xff, 0xfe}, procs.ErrMessageCut},
		{[]byte{0x80, 0, 0, 0}, procs.ErrMessageCut},
	} {
		client, server := pythonPair(t, PythonConfig{NoAuth: true})
		writeRaw(t, client, c.sent)
		client.Close()
		for range 2 { // and it stays so
			if b, err := server.RecvBytes(0); !errors.Is(err, c.want) {
				t.Errorf("%x: %q %v", c.sent, b, err)
			}
		}
	}
}

// Deadlines end a wait, and only one in the midst of a message ends the
// connection.
func TestPythonDeadline(t *testing.T) {
	client, server := pythonPair(t, PythonConfig{NoAuth: true})
	server.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := server.RecvBytes(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	server.SetDeadline(time.Time{})
	client.SendBytes([]byte("a"))
	if ok, err := server.Poll(-1); !ok || err != nil {
		t.Fatal(err)
	}
	if b, err := server.RecvBytes(0); string(b) != "a" || err != nil {
		t.Fatal(err)
	}
	server.SetDeadline(time.Now().Add(10 * time.Millisecond))
	writeRaw(t, client, []byte{0, 0, 0, 2, 'h'})
	if _, err := server.RecvBytes(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	server.SetDeadline(time.Time{})
	writeRaw(t, client, []byte{'i', 0, 0, 0, 0})
	if b, err := server.RecvBytes(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("what was cut goes on:", b, err)
	}
}

// Garbage on the port and clients that say nothing are refused, and keep nobody
// else waiting.
func TestPythonListenerStrangers(t *testing.T) {
	refused := make(chan error, 10)
	config := PythonConfig{AuthKey: []byte(goodKey), MD5: true, HandshakeTimeout: 300 * time.Millisecond,
		Refused: func(_ string, err error) { refused <- err }}
	l := listenPython(t, ":0", config)
	frame := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	for _, c := range []struct {
		sent []byte
		want error
	}{
		{[]byte("GET / HTTP/1.1\r\n\r\n"), procs.ErrMessageTooLong},
		{[]byte{0xff, 0xff, 0xff, 0xf0}, procs.ErrMessageCut},
		{[]byte{0, 0, 1, 1}, procs.ErrMessageTooLong},
		{frame(""), ErrAuthentication},
		{frame("{sha256}"), ErrAuthentication},
		{frame("sixteen bytes ok"), ErrAuthentication},
		{frame("{md5}0123456789abcdef"), ErrAuthentication},
		{[]byte{0, 0}, os.ErrDeadlineExceeded},
		{nil, os.ErrDeadlineExceeded},
	} {
		f, _, err := dialSocket(soon(t), l.Address(), nil, stream)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(c.sent)
		if err := <-refused; !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.sent, err)
		}
		f.Close()
	}
	silent, _, err := dialSocket(soon(t), l.Address(), nil, stream)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	proctest.Eventually(t, "who knows the key gets through", func() bool {
		c, err := DialPython(soon(t), l.Address(), config)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	must(l.Accept(soon(t)))(t).Close()
}

// A listener that says nothing, or nothing of Python's, is given up.
func TestPythonDialStrangers(t *testing.T) {
	for _, say := range []string{"", "\x00\x00\x00\x03abc", "HTTP/1.1 400 Bad Request\r\n", "\x00\x00\x00\x0b#CHALLENGE#",
		"\x00\x00\x00\x20#CHALLENGE#{sha512}9012345678901", "\x00\x00\x00\x14#CHALLENGE#{sha256}x"} {
		var s listenSocket
		if err := s.listen(abstractName("stranger"), stream); err != nil {
			t.Fatal(err)
		}
		served := make(chan *os.File, 1)
		go func() {
			f, err := s.accept()
			if err == nil {
				f.WriteString(say)
			}
			served <- f
		}()
		ctx, cancel := soon(t), context.CancelFunc(func() {})
		want := error(ErrAuthentication)
		switch {
		case say == "":
			ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			want = context.DeadlineExceeded
		case say[0] == 'H':
			want = procs.ErrMessageTooLong
		}
		if _, err := DialPython(ctx, s.address, PythonConfig{AuthKey: []byte(goodKey), MD5: true}); !errors.Is(err, want) {
			t.Errorf("%q: %v", say, err)
		}
		cancel()
		(<-served).Close()
		s.close()
	}
}

// Somebody who does not know the key lets a client prove it to itself: with
// each challenge of one connection he asks the other. Python's own client falls
// for it; ours signs no challenge of a client, nor a listener one of a
// listener.
func TestPythonReflection(t *testing.T) {
	config := &PythonConfig{AuthKey: []byte(goodKey), MD5: true}
	for _, side := range []pythonSide{pythonListens, pythonDials} {
		challenge := pythonChallenge + pythonSHA256 + string(side) + strings.Repeat("r", pythonNonce)
		if got, err := pythonSign(config, []byte(challenge), side); !errors.Is(err, ErrAuthentication) {
			t.Errorf("%s signs %x: %v", side, got, err)
		}
		other := pythonListens
		if side == pythonListens {
			other = pythonDials
		}
		if _, err := pythonSign(config, []byte(challenge), other); err != nil {
			t.Error(err)
		}
	}
	// The whole of it, against two connections of one client.
	var s listenSocket
	if err := s.listen(abstractName("mirror"), stream); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	results := make(chan error, 2)
	for range 2 {
		go func() {
			c, err := DialPython(soon(t), s.address, *config)
			if err == nil {
				c.Close()
			}
			results <- err
		}()
	}
	first, second := pythonMirror(t, &s), pythonMirror(t, &s)
	first.SendBytes([]byte(pythonChallenge + "01234567890123456789"))
	first.RecvBytes(0)
	first.SendBytes([]byte(pythonWelcome))
	asked := must(first.RecvBytes(0))(t)
	second.SendBytes(asked)
	answer, err := second.RecvBytes(0)
	if err == nil {
		first.SendBytes(answer)
		first.RecvBytes(0)
	}
	first.Close()
	second.Close()
	for range 2 {
		if err := <-results; err == nil {
			t.Error("a client took one that does not know the key")
		}
	}
}

func pythonMirror(t *testing.T, s *listenSocket) *PythonConn {
	t.Helper()
	return must(pythonConn(must(s.accept())(t), 1000))(t)
}

// What Python 3.13 and 3.11 answer to a challenge with this key:
//
//	multiprocessing.connection._create_response(b"key", b"{sha256}" + bytes(range(40)))
//	hmac.new(b"key", bytes(range(20)), "md5").digest()
func TestPythonKnownAnswers(t *testing.T) {
	config := &PythonConfig{AuthKey: []byte("key"), MD5: true}
	for _, c := range []struct {
		prefix string
		n      int
		want   string
	}{
		{pythonSHA256, 40, "05b37335205f51ff483146e965fdf576943e0e64675a64ceccba80b6704d76b8"},
		{"", 20, "5b2709aec5bcecbd08bd1f92d77ecea1"},
	} {
		signed := []byte(c.prefix)
		for i := range c.n {
			signed = append(signed, byte(i))
		}
		got, err := pythonSign(config, append([]byte(pythonChallenge), signed...), pythonDials)
		mac, ok := bytes.CutPrefix(got, []byte(c.prefix))
		if err != nil || !ok || hex.EncodeToString(mac) != c.want {
			t.Errorf("%x %v", got, err)
		}
		if err := pythonJudge(config, signed, got); err != nil {
			t.Error(err)
		}
	}
}

func TestPythonConfig(t *testing.T) {
	for _, bad := range []PythonConfig{{}, {AuthKey: []byte{}}, {AuthKey: []byte("k"), NoAuth: true}} {
		if l, err := ListenPython("", bad); err == nil {
			l.Close()
			t.Error(bad)
		}
		if _, err := DialPython(soon(t), abstractName("x"), bad); err == nil || errors.Is(err, unix.ECONNREFUSED) {
			t.Error(bad, err)
		}
	}
}

// FuzzPython lets a receiver take any bytes, and a listener any answer.
func FuzzPython(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03abc\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x03abc"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\xff\xff\xff\xfe"))
	f.Add([]byte("\x00\x00\x00\x10sixteen bytes ok"))
	f.Add([]byte("\x00\x00\x00\x28{sha256}01234567890123456789012345678901"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 32<<10 {
			return
		}
		for _, limit := range []int{1 << 20, pythonProof} {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			a, c := os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
			a.Write(b)
			unix.Shutdown(fds[0], unix.SHUT_WR)
			if limit == pythonProof {
				config := &PythonConfig{AuthKey: []byte(goodKey), MD5: true}
				e := pythonExam{f: c, config: config}
				if e.ask() == nil && e.mark() == nil {
					t.Error("anything opens")
				}
				c.Close()
			} else {
				recvAll(t, must(pythonConn(c, limit))(t), b)
			}
			a.Close()
		}
	})
}

// recvAll compares what c receives with what Python would.
func recvAll(t *testing.T, c *PythonConn, b []byte) {
	defer c.Close()
	for {
		got, err := c.RecvBytes(0)
		if err != nil {
			return
		}
		n, head := uint64(binary.BigEndian.Uint32(b)), 4
		if n == 1<<32-1 {
			n, head = binary.BigEndian.Uint64(b[4:]), 12
		}
		if n != uint64(len(got)) || !bytes.Equal(b[head:head+len(got)], got) {
			t.Fatalf("%q of %q", got, b)
		}
		b = b[head+len(got):]
	}
}
