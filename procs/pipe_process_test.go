//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
)

// withChild starts f with the other end of a pipe, and checks afterwards that
// it ended well.
func withChild(t *testing.T, f *Func[*Conn, int], d Direction) (*Conn, *Process) {
	t.Helper()
	ours, theirs := testPipePair(t, d)
	errs := new(bytes.Buffer)
	p := NewProcess(f, theirs, ProcessConfig{Daemon: true, Stderr: errs})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		ours.Close()
		if err := p.Join(soon(t)); err != nil {
			p.Kill()
			t.Error(err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			t.Error(code, errs.String())
		}
	})
	return ours, p
}

// testMirror sends values back, and then bytes, until there is nobody.
var testMirror = Register("test.mirror", func(ctx context.Context, c *Conn) (int, error) {
	for range 2 {
		var v anyValue
		if err := errors.Join(c.Recv(&v), c.Send(v)); err != nil {
			return 0, err
		}
	}
	return testEcho.Call(ctx, c)
})

func TestPipeConnection(t *testing.T) {
	c, _ := withChild(t, testMirror, Duplex)
	if !c.Readable() || !c.Writable() {
		t.Error(c.Readable(), c.Writable())
	}
	for _, v := range []any{[]any{1, 2.25, nil}, nil} {
		var got anyValue
		if err := errors.Join(c.Send(anyValue{v}), c.Recv(&got)); err != nil || !reflect.DeepEqual(got.V, v) {
			t.Fatal(v, got, err)
		}
	}
	msg := []byte("hello world")
	send := func(b []byte) {
		t.Helper()
		if err := c.SendBytes(b); err != nil {
			t.Fatal(err)
		}
	}
	send(msg)
	if got, err := c.RecvBytes(0); !bytes.Equal(got, msg) || err != nil {
		t.Error(got, err)
	}
	buf := bytes.Repeat([]byte{'.'}, 40)
	send(msg)
	if n, err := c.RecvBytesInto(buf); n != len(msg) || string(buf) != "hello world"+strings.Repeat(".", 29) || err != nil {
		t.Error(n, string(buf), err)
	}
	buf = bytes.Repeat([]byte{'.'}, 40)
	send(msg)
	if n, err := c.RecvBytesInto(buf[3:]); n != len(msg) || string(buf) != "...hello world"+strings.Repeat(".", 26) || err != nil {
		t.Error(n, string(buf), err)
	}
	long := bytes.Repeat(msg, 10)
	send(long)
	var short *BufferTooShortError
	if n, err := c.RecvBytesInto(buf); n != 0 || !errors.As(err, &short) || !bytes.Equal(short.Message, long) ||
		err.Error() != "procs: a message of 110 bytes does not fit into the buffer" {
		t.Error(n, err)
	}
	for _, d := range []time.Duration{0, 20 * time.Millisecond} {
		if ok, err := c.Poll(d); ok || err != nil {
			t.Error(d, ok, err)
		}
	}
	send(nil)
	if ok, err := c.Poll(wait.Patience); !ok || err != nil {
		t.Error(ok, err)
	}
	if got, err := c.RecvBytes(0); len(got) != 0 || err != nil {
		t.Error(got, err)
	}
	big := bytes.Repeat([]byte{'X'}, 16<<20)
	send(big)
	if got, err := c.RecvBytes(0); !bytes.Equal(got, big) || err != nil {
		t.Error(len(got), err)
	}
}

func TestPipeEnd(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	b.Close()
	if err := a.Recv(new(int)); err != io.EOF {
		t.Error(err)
	}
	if _, err := a.RecvBytes(0); err != io.EOF {
		t.Error(err)
	}
	if _, err := a.RecvBytesInto(nil); err != io.EOF {
		t.Error(err)
	}
}

func TestPipeOneWay(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	var got int
	if err := errors.Join(w.Send(1), r.Recv(&got)); got != 1 || err != nil {
		t.Fatal(got, err)
	}
	if !r.Readable() || r.Writable() || w.Readable() || !w.Writable() {
		t.Error(r.Readable(), r.Writable(), w.Readable(), w.Writable())
	}
	_, poll := w.Poll(0)
	_, recv := w.RecvBytes(0)
	_, into := w.RecvBytesInto(nil)
	for i, err := range []error{r.Send(2), r.SendBytes(nil), r.SendFile(os.Stderr), w.Recv(&got), poll, recv, into} {
		if !errors.Is(err, ErrDirection) {
			t.Error(i, err)
		}
	}
	if err := errors.Join(w.Send(3), r.Recv(&got)); got != 3 || err != nil { // nothing of that was sent
		t.Fatal(got, err)
	}
}

// Any part of a slice can be sent, with nothing of what is beside it.
func TestPipeSendBytes(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	msg := []byte("abcdefghijklmnopqrstuvwxyz")
	for _, part := range [][]byte{msg, msg[5:], msg[7 : 7+8], msg[26:], msg[26:26], nil} {
		if err := a.SendBytes(part); err != nil {
			t.Fatal(err)
		}
		if got, err := b.RecvBytes(0); !bytes.Equal(got, part) || err != nil {
			t.Error(string(got), err)
		}
	}
	buf := []byte("mine")
	a.SendBytes(buf)
	copy(buf, "then") // what was sent is a copy
	if got, _ := b.RecvBytes(0); string(got) != "mine" {
		t.Error(string(got))
	}
}

func TestPipeClosed(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	var n int
	if err := errors.Join(a.Send(1729), b.Recv(&n)); n != 1729 || err != nil {
		t.Fatal(n, err)
	}
	for _, c := range []*Conn{a, b} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		_, poll := c.Poll(0)
		_, bytes := c.RecvBytes(0)
		for i, err := range []error{c.Recv(&n), bytes, poll, c.Send(1), c.SendBytes(nil), c.Close()} {
			if !errors.Is(err, os.ErrClosed) {
				t.Error(i, err)
			}
		}
	}
}

// writeFD is how testWriteFD is to get its file.
type writeFD struct {
	From *Conn
	Full bool // all descriptors below 256 are taken
}

var testWriteFD = Register("test.writefd", func(_ context.Context, in writeFD) (int, error) {
	if in.Full {
		for fd := 0; fd < 256; {
			var err error
			if fd, err = unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
				return 0, err
			}
		}
	}
	f, err := in.From.RecvFile()
	if err != nil {
		return 0, err
	}
	if in.Full && f.Fd() < 256 {
		return 0, fmt.Errorf("descriptor %d", f.Fd())
	}
	_, err = f.WriteString("foo")
	return 0, errors.Join(err, f.Close())
})

// A file sent to another process is written there, whatever its number is here
// or there.
func TestPipeFileTransfer(t *testing.T) {
	for _, large := range []bool{false, true} {
		t.Run(fmt.Sprintf("large=%v", large), func(t *testing.T) {
			ours, theirs := testPipePair(t, Duplex)
			var errs bytes.Buffer
			p := NewProcess(testWriteFD, writeFD{theirs, large}, ProcessConfig{Stderr: &errs})
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			theirs.Close()
			f := closing(t, must(os.Create(filepath.Join(t.TempDir(), "f")))(t), nil)
			sent := f
			if large {
				fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 300)
				if err != nil {
					t.Fatal(err)
				}
				sent = os.NewFile(uintptr(fd), "large")
			}
			if err := ours.SendFile(sent); err != nil {
				t.Fatal(err)
			}
			if large {
				sent.Close()
			}
			if err := p.Join(soon(t)); err != nil {
				t.Fatal(err)
			}
			if code, _ := p.ExitCode(); code != 0 {
				t.Fatal(code, errs.String())
			}
			if b, err := os.ReadFile(f.Name()); string(b) != "foo" || err != nil {
				t.Error(string(b), err)
			}
		})
	}
}

// A message that should bring a file and does not is an error, and so is one of
// bytes.
func TestPipeMissingFile(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	m, err := codec.MessageFor(reflect.TypeFor[*os.File]())
	if err != nil {
		t.Fatal(err)
	}
	var w wire
	defer w.Close()
	body, err := m.Encode(nil, os.Stderr, &w)
	if err != nil || len(w.FDs) != 1 {
		t.Fatal(err, w.FDs)
	}
	for _, body := range [][]byte{body, nil, {0}, {1}} {
		if err := a.t.Send(m.Kind, body, nil); err != nil {
			t.Fatal(err)
		}
		if f, err := b.RecvFile(); !errors.Is(err, codec.ErrWire) && (f != nil || err != nil) || f != nil {
			t.Errorf("%v: %v %v", body, f, err)
		}
	}
	a.SendBytes(make([]byte, 1))
	if f, err := b.RecvFile(); f != nil || !errors.Is(err, ErrMessageType) {
		t.Error(f, err)
	}
	a.Send(5)
	var n int
	if err := b.Recv(&n); n != 5 || err != nil { // the connection works
		t.Error(n, err)
	}
}

var testStrings = []string{"hello", "", "a", "b", "", "bye", "", "lop"}

var testSendStrings = Register("test.sendstrings", func(_ context.Context, c *Conn) (int, error) {
	for i, s := range testStrings {
		if i%2 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		if err := c.SendBytes([]byte(s)); err != nil {
			return 0, err
		}
	}
	return 0, c.Close()
})

// Messages of another process come whole, one by one, empty ones too, and Poll
// takes none of them.
func TestPollStrings(t *testing.T) {
	c, _ := withChild(t, testSendStrings, Duplex)
	for _, want := range testStrings {
		for range 2 {
			if ok, err := c.Poll(wait.Patience); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if ok, err := c.Poll(0); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got, err := c.RecvBytes(0); string(got) != want || err != nil {
			t.Fatalf("%q, not %q: %v", got, want, err)
		}
	}
	if _, err := c.RecvBytes(0); err != io.EOF {
		t.Fatal(err)
	}
}

// polled is for a process that polls and takes nothing.
type polled struct {
	At   *Conn
	Seen *Event
}

var testPollOnly = Register("test.pollonly", func(_ context.Context, in polled) (int, error) {
	if ok, err := in.At.Poll(wait.Patience); !ok || err != nil {
		return 0, fmt.Errorf("%v %w", ok, err)
	}
	return 0, in.Seen.Set()
})

// Who polls and ends has taken no part of any message away.
func TestPollBoundaries(t *testing.T) {
	for _, early := range []bool{false, true} { // the message is there before the other process is
		r, w := testPipePair(t, OneWay)
		seen := must(NewEvent())(t)
		defer seen.Close()
		p := NewProcess(testPollOnly, polled{r, seen}, ProcessConfig{})
		start := func() {
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		}
		if !early {
			start()
			time.Sleep(20 * time.Millisecond) // it polls now, most likely
		}
		if err := errors.Join(w.SendBytes([]byte("first")), w.SendBytes([]byte("second")), w.Close()); err != nil {
			t.Fatal(err)
		}
		if early {
			start()
		}
		if err := errors.Join(seen.Wait(soon(t)), p.Join(soon(t))); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"first", "second"} {
			if got, err := r.RecvBytes(0); string(got) != want || err != nil {
				t.Error(string(got), err)
			}
		}
		if _, err := r.RecvBytes(0); err != io.EOF {
			t.Error(err)
		}
	}
}

var testUseEnds = Register("test.useends", func(_ context.Context, c *Conn) (int, error) {
	var w, r *Conn
	if err := errors.Join(c.Recv(&w), w.Send("all is well"), w.Close(), c.Recv(&r)); err != nil {
		return 0, err
	}
	if w.Readable() || !w.Writable() || !r.Readable() || r.Writable() {
		return 0, errors.New("the ends go other ways than they did")
	}
	var s string
	if err := r.Recv(&s); err != nil {
		return 0, err
	}
	if err := r.Recv(new(string)); err != io.EOF {
		return 0, fmt.Errorf("after the end: %w", err)
	}
	return 0, errors.Join(c.Send(s+s), r.Close(), c.Close())
})

// Ends of pipes go to another process through a pipe; each still goes its way
// only, and ends when its last holder lets go.
func TestPipePassEnds(t *testing.T) {
	c, _ := withChild(t, testUseEnds, Duplex)
	r, w := testPipePair(t, OneWay)
	var s string
	if err := errors.Join(c.Send(w), w.Close(), r.Recv(&s)); s != "all is well" || err != nil {
		t.Fatal(s, err)
	}
	if err := r.Recv(&s); err != io.EOF {
		t.Fatal(err)
	}
	r, w = testPipePair(t, OneWay)
	if err := errors.Join(c.Send(r), r.Close(), w.Send("foobar"), w.Close(), c.Recv(&s)); s != "foobarfoobar" || err != nil {
		t.Fatal(s, err)
	}
}

// A pipe holds less than so many messages of a page.
const enough = 4000

var testHeedSignals = Register("test.heedsignals", func(_ context.Context, c *Conn) (int, error) {
	var seen *Semaphore // has a permit for each signal
	if err := c.Recv(&seen); err != nil {
		return 0, err
	}
	got := make(chan os.Signal, 100)
	signal.Notify(got, syscall.SIGUSR1)
	go func() {
		for range got {
			seen.Release()
		}
	}()
	var x int
	if err := errors.Join(c.Send("ready"), c.Recv(&x), c.Send(x)); err != nil {
		return 0, err
	}
	for range enough {
		if err := c.SendBytes(make([]byte, 4096)); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

// Signals disturb neither a receiver nor a sender that sleeps.
func TestConnSignals(t *testing.T) {
	c, p := withChild(t, testHeedSignals, Duplex)
	seen := closing(t, must(NewSemaphore(0))(t), nil)
	var s string
	if err := errors.Join(c.Send(seen), c.Recv(&s)); s != "ready" || err != nil {
		t.Fatal(s, err)
	}
	kill := func() {
		t.Helper()
		for range 5 {
			time.Sleep(5 * time.Millisecond) // it sleeps by then, most likely
			if err := errors.Join(p.Signal(syscall.SIGUSR1), seen.Acquire(soon(t))); err != nil {
				t.Fatal(err)
			}
		}
	}
	kill() // while it receives: there is nothing yet
	var x int
	if err := errors.Join(c.Send(1234), c.Recv(&x)); x != 1234 || err != nil {
		t.Fatal(x, err)
	}
	kill() // while it sends: it cannot end before we receive
	for range enough {
		if b, err := c.RecvBytes(0); len(b) != 4096 || err != nil {
			t.Fatal(len(b), err)
		}
	}
}

// readings are what a child of TestWaitReaders sends.
type readings struct {
	To   *Conn
	Slow bool
}

var testSendReadings = Register("test.sendreadings", func(_ context.Context, in readings) (int, error) {
	for i := range 10 {
		if in.Slow {
			time.Sleep(time.Duration((os.Getpid()*7+i*13)%10) * time.Millisecond)
		}
		if err := in.To.Send([2]int{os.Getpid(), i}); err != nil {
			return 0, err
		}
	}
	return 0, in.To.Close()
})

// Wait finds out which of several processes have something to say, until all
// have said everything.
func TestWaitReaders(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow=%v", slow), func(t *testing.T) {
			var open []any
			next := make(map[int]int) // number of the next message by process
			for range 4 {
				r, w := testPipePair(t, OneWay)
				p := NewProcess(testSendReadings, readings{w, slow}, ProcessConfig{Daemon: true})
				if err := p.Start(); err != nil {
					t.Fatal(err)
				}
				defer p.Join(soon(t))
				w.Close()
				open = append(open, r)
				next[p.PID()] = 0
			}
			for len(open) > 0 {
				ready, err := Wait(soon(t), open...)
				if err != nil || len(ready) == 0 {
					t.Fatal(ready, err)
				}
				for _, r := range ready {
					var m [2]int
					if err := r.(*Conn).Recv(&m); err == io.EOF {
						open = without(open, r)
						continue
					} else if err != nil {
						t.Fatal(err)
					}
					if n, ok := next[m[0]]; !ok || n != m[1] {
						t.Error("process", m[0], "sent", m[1], "when it was to send", n)
					}
					next[m[0]]++
				}
			}
			for pid, n := range next {
				if n != 10 {
					t.Error("process", pid, "sent", n)
				}
			}
		})
	}
}

func without(all []any, one any) (rest []any) {
	for _, o := range all {
		if o != one {
			rest = append(rest, o)
		}
	}
	return rest
}

// A sentinel can be waited for among connections.
func TestWaitSentinel(t *testing.T) {
	gate := must(NewEvent())(t)
	defer gate.Close()
	a, b := testPipePair(t, Duplex)
	p := NewProcess(testAwait, gate, ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	all := []any{a, p.Sentinel(), b}
	ready, err := Wait(gone(), all...)
	wantNone(t, ready, err, context.Canceled)
	go gate.Set()
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, p.Sentinel())
	a.Send(nil) // refused: there is nothing to receive
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, p.Sentinel())
	a.Send(0)
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, p.Sentinel(), b)
	b.Send(0)
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, all...)
}

// A time that is over before it begins only lets Wait look.
func TestWaitNegative(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	ready, err := Wait(ctx, a, b)
	wantNone(t, ready, err, context.DeadlineExceeded)
	b.SendBytes(nil)
	proctest.Eventually(t, "the message", func() bool { ok, err := a.Poll(0); return ok && err == nil })
	ready, err = Wait(ctx, a, b)
	want(t, ready, err, a)
	ready, err = Wait(ctx)
	wantNone(t, ready, err, context.DeadlineExceeded)
}
