//go:build linux

package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/transport"
)

// A message is a unit, whatever cuts it. These are its sizes: within a packet,
// at its limits, in memory, and more than that.
var cutSizes = []int{0, 1, transport.PacketPart, transport.PacketPart + 1,
	64<<10 - 1, 64 << 10, 64<<10 + 1, transport.PacketBody - 1, transport.PacketBody, transport.PacketBody + 1, 1 << 20,
	transport.PacketPart + transport.MaxBlob, transport.PacketPart + transport.MaxBlob + 1, 5 << 20, 9 << 20}

// long is a message that is not sent at once: it waits for its receiver.
var long = bytes.Repeat([]byte("A"), 5<<20)

// eachTransport runs a test over each of the ways that messages go.
func eachTransport(t *testing.T, test func(t *testing.T, pair func() (a, b *procs.Conn))) {
	t.Run("pipe", func(t *testing.T) { test(t, func() (a, b *procs.Conn) { return testPipePair(t, procs.Duplex) }) })
	t.Run("packets", func(t *testing.T) { test(t, func() (a, b *procs.Conn) { return socketPair(t, false) }) })
	t.Run("tcp", func(t *testing.T) { test(t, func() (a, b *procs.Conn) { return socketPair(t, true) }) })
}

type anyValue struct{ V any }

// Messages of all sizes come whole and in order, also if nobody receives for a
// while.
func TestConnSizes(t *testing.T) {
	eachTransport(t, func(t *testing.T, pair func() (a, b *procs.Conn)) {
		a, b := pair()
		sent := make(chan error, 1)
		go func() {
			for i, n := range cutSizes {
				if err := a.SendBytes(bytes.Repeat([]byte{byte(i)}, n)); err != nil {
					sent <- err
					return
				}
			}
			sent <- a.Send(anyValue{strings.Repeat("x", 9<<20)})
		}()
		time.Sleep(20 * time.Millisecond)
		for i, n := range cutSizes {
			var got []byte
			var err error
			switch i % 3 {
			case 0:
				got, err = b.RecvBytes(0)
			case 1: // exactly
				got = make([]byte, n)
				_, err = b.RecvBytesInto(got)
			default: // one too short
				var short *procs.BufferTooShortError
				if _, err = b.RecvBytesInto(make([]byte, n-1)); errors.As(err, &short) {
					got, err = short.Message, nil
				}
			}
			if err != nil || len(got) != n || bytes.Count(got, []byte{byte(i)}) != n {
				t.Fatalf("message %d of %d bytes: %d bytes, %v", i, n, len(got), err)
			}
		}
		var v anyValue
		if err := b.Recv(&v); err != nil || len(v.V.(string)) != 9<<20 {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}

type sendJob struct {
	Out    *procs.Conn
	Letter byte
	Sizes  []int
	Count  int
}

// testSendLetters sends messages of one letter.
var testSendLetters = procs.Register("test.sendletters", func(_ context.Context, j sendJob) (int, error) {
	for i := range j.Count {
		if err := j.Out.SendBytes(bytes.Repeat([]byte{j.Letter}, j.Sizes[i%len(j.Sizes)])); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

type recvJob struct {
	In  *procs.Conn
	Got *procs.Queue[received]
}

// received is what a receiver saw: whole messages of each letter, and bytes in
// them. Bad are those that were not whole.
type received struct{ A, B, Bytes, Bad int }

// testRecvLetters receives messages of one letter until the end.
var testRecvLetters = procs.Register("test.recvletters", func(ctx context.Context, j recvJob) (int, error) {
	var r received
	for {
		m, err := j.In.RecvBytes(0)
		if err == io.EOF {
			return 0, j.Got.Put(ctx, r)
		}
		if err != nil {
			return 0, err
		}
		switch letter := append(m, 0)[0]; {
		case letter != 'A' && letter != 'B' || bytes.Count(m, []byte{letter}) != len(m):
			r.Bad++
		case letter == 'A':
			r.A++
		default:
			r.B++
		}
		r.Bytes += len(m)
	}
})

// Several processes send messages of several packets' length through one end,
// and several receive at one end (dramatiq#888): all come whole, each once.
func TestPipeManyProcessesOneEnd(t *testing.T) {
	for _, receivers := range []int{1, 2} {
		for _, sizes := range [][]int{{100_000}, {70_000, 200_000, 10}, {5 << 20, 100}} {
			t.Run(fmt.Sprintf("receivers=%d,sizes=%v", receivers, sizes), func(t *testing.T) {
				in, out := testPipePair(t, procs.OneWay)
				got := must(procs.NewQueue[received](0))(t)
				defer got.Close()
				count := 120
				if sizes[0] > 1<<20 {
					count = 16
				}
				var ps []*procs.Process
				for range receivers {
					ps = append(ps, run(t, testRecvLetters, recvJob{in, got}))
				}
				in.Close()
				for _, letter := range []byte("AB") {
					ps = append(ps, run(t, testSendLetters, sendJob{out, letter, sizes, count}))
				}
				out.Close()
				join(t, ps...)
				var all received
				for range receivers {
					r, err := got.Get(soon(t))
					if err != nil {
						t.Fatal(err)
					}
					all = received{all.A + r.A, all.B + r.B, all.Bytes + r.Bytes, all.Bad + r.Bad}
				}
				want := received{A: count, B: count}
				for i := range count {
					want.Bytes += 2 * sizes[i%len(sizes)]
				}
				if all != want {
					t.Errorf("%+v, want %+v", all, want)
				}
			})
		}
	}
}

// A long send is cut by its deadline, by Close of a copy of the end, or by the
// death of one of two holders, at any moment (astrid#1146). The message was
// never sent: the next one comes, and nothing of the first.
func TestPipeSendCut(t *testing.T) {
	cuts := map[string]func(t *testing.T, end *procs.Conn){
		"deadline": func(t *testing.T, end *procs.Conn) {
			end.SetDeadline(time.Now().Add(30 * time.Millisecond))
			if err := end.SendBytes(long); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			end.SetDeadline(time.Time{})
		},
		"deadline set meanwhile": func(t *testing.T, end *procs.Conn) {
			time.AfterFunc(20*time.Millisecond, func() { end.SetDeadline(time.Now()) })
			if err := end.SendBytes(long); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			end.SetDeadline(time.Time{})
		},
		"close": func(t *testing.T, end *procs.Conn) {
			copied := dupConn(t, end)
			time.AfterFunc(20*time.Millisecond, func() { copied.Close() })
			if err := copied.SendBytes(long); !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		},
		"kill": func(t *testing.T, end *procs.Conn) {
			p := run(t, testSendLetters, sendJob{end, 'A', []int{len(long)}, 1})
			time.Sleep(50 * time.Millisecond)
			slay(t, p)
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			a, b := testPipePair(t, procs.Duplex)
			cut(t, a)
			go a.SendBytes([]byte("second"))
			if m, err := b.RecvBytes(0); string(m) != "second" || err != nil {
				t.Fatal(len(m), err)
			}
			cut(t, a)
			a.Close()
			if m, err := b.RecvBytes(0); err != io.EOF {
				t.Fatal(len(m), err)
			}
		})
	}
	t.Run("packets", func(t *testing.T) {
		a, b := socketPair(t, false)
		cuts["deadline"](t, a)
		cuts["deadline set meanwhile"](t, a)
		go a.SendBytes([]byte("second"))
		if m, err := b.RecvBytes(0); string(m) != "second" || err != nil {
			t.Fatal(len(m), err)
		}
	})
}

// beginLong sends the beginning of a very long message by hand, as a sender
// does that is slow: begunPart bytes in its packet. It returns where the rest
// goes.
func beginLong(t *testing.T, c *procs.Conn, body []byte) (flow int) {
	t.Helper()
	flow, err := transport.BeginLong(bridge.TransportOf(c), body[:begunPart], len(body))
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

const begunPart = 100

// goOn sends more of a message that was begun by hand.
func goOn(t *testing.T, flow int, part []byte) {
	t.Helper()
	unix.SetNonblock(flow, false)
	for len(part) > 0 {
		n, err := unix.SendmsgN(flow, part, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EINTR {
			t.Error(err)
			return
		}
		part = part[max(n, 0):]
	}
}

// begin lets c receive the beginning of a message, all that is there of it,
// until its deadline cuts the call. It returns how many bytes are missing.
func begin(t *testing.T, c *procs.Conn, receive func() error) (left int) {
	t.Helper()
	defer c.SetDeadline(time.Time{})
	for in := 5 * time.Millisecond; ; in *= 2 {
		c.SetDeadline(time.Now().Add(in))
		if err := receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if left, ok := transport.BytesMissing(bridge.TransportOf(c)); ok {
			return left
		} // else the deadline came before the message: this machine is slow
	}
}

// packetPair is a pair of ends that carry packets.
func packetPair(t *testing.T, poller bool) (a, b *procs.Conn) {
	if poller {
		return socketPair(t, false)
	}
	return testPipePair(t, procs.Duplex)
}

// A sender is slow, or is cut while the receiver has begun to read: the
// receiver gets the message whole, or the next one.
func TestPipeSendCutMidway(t *testing.T) {
	for _, poller := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			a, b := packetPair(t, poller)
			const length = 5 << 20
			flow := beginLong(t, a, long)
			receive := func() error { return second(b.RecvBytes(0)) }
			begin(t, b, receive)
			goOn(t, flow, long[begunPart:][:1000])
			if left := begin(t, b, receive); left != length-begunPart-1000 {
				t.Error(left, "bytes are missing")
			}
			if ok, err := b.Poll(0); !ok || err != nil {
				t.Error(ok, err)
			}
			go func() {
				if !cut {
					goOn(t, flow, long[begunPart+1000:])
				}
				unix.Close(flow)
				if err := a.SendBytes([]byte("second")); err != nil {
					t.Error(err)
				}
			}()
			if !cut {
				if m, err := b.RecvBytes(0); len(m) != length || bytes.Count(m, []byte("A")) != length || err != nil {
					t.Fatal(len(m), err)
				}
			}
			if m, err := b.RecvBytes(0); string(m) != "second" || err != nil {
				t.Fatal(len(m), err)
			}
		}
	}
}

// A receiver's deadline takes nothing from a long message: it comes whole
// later, whichever buffers were there first, and also if nothing or only a
// part of it has come in between.
func TestPipeReceiveCut(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	buffers := map[string][]byte{"none": nil, "short": make([]byte, 100_000), "as for a packet": make([]byte, transport.PacketBody),
		"exact": make([]byte, len(big)), "long": make([]byte, len(big)+5<<20)}
	for _, poller := range []bool{false, true} {
		for first, buf := range buffers {
			for later, other := range buffers {
				a, b := packetPair(t, poller)
				into := func(buf []byte) func() error {
					return func() error {
						defer clear(buf) // ours again
						return second(b.RecvBytesInto(buf))
					}
				}
				flow := beginLong(t, a, big)
				at := begunPart
				for i, n := range []int{0, 1000, 0, 50_000, 1, 90_000, 0} { // each has room in the flow
					goOn(t, flow, big[at:at+n])
					at += n
					receive := into(buf)
					if i > 1 {
						receive = into(other)
					}
					if i == 4 {
						receive = func() error { return second(b.RecvBytes(0)) }
					}
					if left := begin(t, b, receive); left != len(big)-at {
						t.Fatalf("%s, then %s, part %d: %d bytes are missing, not %d", first, later, i, left, len(big)-at)
					}
				}
				sent := make(chan error, 1)
				go func() {
					goOn(t, flow, big[at:])
					unix.Close(flow)
					sent <- a.SendBytes([]byte("second"))
				}()
				n, err := b.RecvBytesInto(buf)
				got := buf[:n]
				if short := (*procs.BufferTooShortError)(nil); len(buf) < len(big) && errors.As(err, &short) {
					got, err = short.Message, nil
				}
				if err != nil || !bytes.Equal(got, big) {
					t.Fatalf("%s, then %s: %d bytes, %v", first, later, len(got), err)
				}
				if m, err := b.RecvBytes(0); string(m) != "second" || err != nil {
					t.Fatal(len(m), err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// The same while a sender sends as fast as it can: wherever the deadlines fall,
// the message comes whole.
func TestPipeReceiveCutAnywhere(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<20/16)
	for _, poller := range []bool{false, true} {
		a, b := packetPair(t, poller)
		sent := make(chan error, 1)
		go func() {
			err := a.SendBytes(big)
			if err == nil {
				err = a.SendBytes([]byte("second"))
			}
			sent <- err
		}()
		buf := make([]byte, 70<<20)
		for {
			b.SetDeadline(time.Now().Add(time.Millisecond))
			n, err := b.RecvBytesInto(buf)
			if err == nil {
				if n != len(big) || !bytes.Equal(buf[:n], big) {
					t.Fatal(n)
				}
				break
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			clear(buf[:1<<20]) // ours again
		}
		b.SetDeadline(time.Time{})
		if m, err := b.RecvBytes(0); string(m) != "second" || err != nil {
			t.Fatal(len(m), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

// What a receiver has begun and will not finish is given back, so that its
// sender is told.
func TestPipeBegunAndClosed(t *testing.T) {
	begun := func(c *procs.Conn) { begin(t, c, func() error { return second(c.RecvBytes(0)) }) }
	for _, poller := range []bool{false, true} {
		for how, end := range map[string]func(c *procs.Conn){
			"closed": func(c *procs.Conn) { begun(c); c.Close() },
			"closed meanwhile": func(c *procs.Conn) {
				time.AfterFunc(10*time.Millisecond, func() { c.Close() })
				if m, err := c.RecvBytes(0); !errors.Is(err, os.ErrClosed) {
					t.Error(len(m), err)
				}
			},
			"forgotten": begun,
		} {
			a, b := forgettablePair(t, poller)
			flow := beginLong(t, a, long)
			end(b)
			b = nil
			eventually(t, how+": the sender is told", func() bool {
				runtime.GC()
				_, err := unix.SendmsgN(flow, []byte("x"), nil, nil, unix.MSG_NOSIGNAL)
				return err == unix.EPIPE || err == unix.ECONNRESET
			})
			unix.Close(flow)
			a.Close()
		}
	}
}

// forgettablePair is a pair of which b may go to the garbage collector.
func forgettablePair(t *testing.T, poller bool) (a, b *procs.Conn) {
	t.Helper()
	if !poller {
		a, b, err := procs.NewPipe(procs.Duplex)
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
	x, y := transport.SocketPair(t, false)
	return bridge.NewConn(x).(*procs.Conn), bridge.NewConn(y).(*procs.Conn)
}

// A receiver that dies in the midst of a long message takes it along; the
// sender is told, and the next message goes to another receiver.
func TestPipeReceiverDiesMidway(t *testing.T) {
	in, out := testPipePair(t, procs.OneWay)
	got := must(procs.NewQueue[received](0))(t)
	defer got.Close()
	p := run(t, testRecvLetters, recvJob{in, got})
	sent := make(chan error, 1)
	go func() { sent <- out.SendBytes(make([]byte, 256<<20)) }()
	time.Sleep(50 * time.Millisecond)
	slay(t, p)
	// If it had not taken the message, it comes to us.
	done := make(chan error, 1)
	go func() {
		for {
			m, err := in.RecvBytes(0)
			if string(m) == "second" {
				err = io.EOF
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	if err := <-sent; err != nil && (!errors.Is(err, unix.EPIPE) || !strings.Contains(err.Error(), "receiver")) {
		t.Error(err)
	}
	if err := out.SendBytes([]byte("second")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != io.EOF {
		t.Fatal(err)
	}
}

// More descriptors than a packet takes are in a box, and those of a message
// that cannot be sent or received whole are not left for the next one.
func TestPipeManyDescriptorsCut(t *testing.T) {
	files := make([]*os.File, transport.MaxFDs+50)
	for i := range files {
		files[i] = os.Stderr
	}
	t.Run("sender", func(t *testing.T) {
		for _, poller := range []bool{false, true} {
			a, b := packetPair(t, poller)
			fds := make([]int, transport.MaxFDs+50)
			for i := range fds {
				fds[i] = 2
			}
			fds[len(fds)-1] = 1 << 20 // in the last of the packets
			if err := bridge.TransportOf(a).Send(kindBytes, nil, fds); !errors.Is(err, unix.EBADF) {
				t.Error(err)
			}
			fds = fds[:3]
			fds[2] = 1 << 20
			if err := bridge.TransportOf(a).Send(kindBytes, make([]byte, 1<<20), fds); !errors.Is(err, unix.EBADF) {
				t.Error(err)
			}
			a.SendBytes([]byte("second"))
			kind, m, got, err := bridge.TransportOf(b).Recv(nil)
			if string(m) != "second" || kind != kindBytes || len(got) != 0 || err != nil {
				t.Error(kind, string(m), got, err)
			}
		}
	})
	t.Run("receiver", func(t *testing.T) {
		ours, theirs := testPipePair(t, procs.Duplex)
		p := run(t, testFewRecv, theirs)
		theirs.Close()
		// Distinct files, in a box and in a packet, and a long message: too
		// many, then fewer.
		for _, n := range []int{transport.MaxFDs + 50, transport.MaxFDs, 2} {
			var fs []*os.File
			for range n {
				fs = append(fs, must(os.Open(os.DevNull))(t))
			}
			if err := ours.Send(fs); err != nil {
				t.Fatal(err)
			}
			for _, f := range fs {
				f.Close()
			}
			var got int
			if err := ours.Recv(&got); err != nil || n > 2 && got != -1 || n == 2 && got != 2 {
				t.Errorf("%d descriptors: %d, %v", n, got, err)
			}
		}
		ours.Close()
		join(t, p)
	})
}

// testFewRecv may have 64 descriptors, receives files until the end, and
// answers how many came, or -1 if there was no room for them.
var testFewRecv = procs.Register("test.fewrecv", func(_ context.Context, c *procs.Conn) (int, error) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		return 0, err
	}
	for {
		var fs []*os.File
		err := c.Recv(&fs)
		n := len(fs)
		switch {
		case err == io.EOF:
			return 0, nil
		case errors.Is(err, unix.EMFILE):
			n = -1
		case err != nil:
			return 0, err
		}
		for _, f := range fs {
			f.Close()
		}
		if err := c.Send(n); err != nil {
			return 0, err
		}
	}
})

// Without descriptors to send it with, a long message is an error and nothing
// is sent; short ones go on.
func TestPipeSenderWithoutDescriptors(t *testing.T) {
	ours, theirs := testPipePair(t, procs.Duplex)
	p := run(t, testFewSend, theirs)
	theirs.Close()
	if m, err := ours.RecvBytes(0); string(m) != "second" || err != nil {
		t.Error(len(m), err)
	}
	ours.SendBytes(nil)
	join(t, p)
}

var testFewSend = procs.Register("test.fewsend", func(_ context.Context, c *procs.Conn) (int, error) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 32, Max: 32}); err != nil {
		return 0, err
	}
	time.Sleep(time.Millisecond) // the runtime's poller has its descriptors
	for {
		if _, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			break
		}
	}
	for _, n := range []int{1 << 20, 5 << 20} {
		err := c.SendBytes(make([]byte, n))
		if !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			return 0, fmt.Errorf("%d bytes: %w", n, err)
		}
	}
	if err := c.SendBytes([]byte("second")); err != nil {
		return 0, err
	}
	_, err := c.RecvBytes(0)
	return 0, err
})

// A sender that waits for longer than a slice of its sleep loses nothing.
func TestConnLateReceiver(t *testing.T) {
	eachTransport(t, func(t *testing.T, pair func() (a, b *procs.Conn)) {
		for _, deadline := range []bool{false, true} {
			a, b := pair()
			if deadline {
				a.SetDeadline(time.Now().Add(wait.Patience))
			}
			const count = 90
			sent := make(chan error, 1)
			go func() {
				for i := range count {
					if err := a.SendBytes(bytes.Repeat([]byte{byte(i)}, 10_000+1000*i)); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			time.Sleep(350 * time.Millisecond)
			for i := range count {
				m, err := b.RecvBytes(0)
				if len(m) != 10_000+1000*i || bytes.Count(m, []byte{byte(i)}) != len(m) || err != nil {
					t.Fatal(i, len(m), err)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
	})
}

// Long messages that nobody receives do not pile up: the sender waits.
func TestPipeLongMessagesWait(t *testing.T) {
	for _, poller := range []bool{false, true} {
		a, b := packetPair(t, poller)
		n := 0
		for ; n < 1000; n++ {
			if err := a.SendBytes(long[:transport.PacketPart+transport.MaxBlob]); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				break
			}
			a.SetDeadline(time.Now().Add(time.Second)) // there is room for one at least
		}
		if bytes := n * (transport.PacketPart + transport.MaxBlob); n < 1 || bytes > 64<<20 {
			t.Errorf("%d messages wait, %d MiB", n, bytes>>20)
		}
		a.Close()
		for ; n > 0; n-- {
			if m, err := b.RecvBytes(0); len(m) != transport.PacketPart+transport.MaxBlob || err != nil {
				t.Fatal(len(m), err)
			}
		}
		if _, err := b.RecvBytes(0); err != io.EOF {
			t.Error(err)
		}
	}
}

// A socket whose buffer is shorter than a packet takes long messages all the
// same.
func TestPipeSmallBuffer(t *testing.T) {
	for _, poller := range []bool{false, true} {
		a, b := packetPair(t, poller)
		rc := must(a.SyscallConn())(t)
		rc.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10) })
		for _, n := range []int{transport.PacketPart, 64 << 10, transport.PacketBody, transport.PacketBody + 1, 1 << 20} {
			sent := make(chan error, 1)
			go func() { sent <- a.SendBytes(long[:n]) }()
			if m, err := b.RecvBytes(0); len(m) != n || err != nil {
				t.Fatal(n, len(m), err)
			}
			if err := <-sent; err != nil {
				t.Fatal(n, err)
			}
		}
	}
}

// Deadlines beyond what 64 bits of nanoseconds hold never come, and limits near
// the largest Duration last for ever (uvloop#259, curio#377).
func TestConnFarDeadlines(t *testing.T) {
	eachTransport(t, func(t *testing.T, pair func() (a, b *procs.Conn)) {
		a, b := pair()
		for _, far := range []time.Time{time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0), time.Now().Add(math.MaxInt64)} {
			a.SetDeadline(far)
			b.SetDeadline(far)
			time.AfterFunc(5*time.Millisecond, func() { a.SendBytes([]byte("x")) })
			if ok, err := b.Poll(math.MaxInt64); !ok || err != nil {
				t.Error(far, ok, err)
			}
			if m, err := b.RecvBytes(0); string(m) != "x" || err != nil {
				t.Error(far, err)
			}
		}
		for _, past := range []time.Time{time.Unix(1, 0), time.Unix(-1<<60, 0), time.Now().Add(-1), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)} {
			a.SetDeadline(past)
			if err := a.SendBytes([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(past, err)
			}
			if _, err := a.RecvBytes(0); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(past, err)
			}
		}
	})
}

// A Poll takes as long as it is told, no matter how much shorter than a slice
// that is, and ends with the deadline and with Close.
func TestConnPollEnds(t *testing.T) {
	eachTransport(t, func(t *testing.T, pair func() (a, b *procs.Conn)) {
		_, b := pair()
		takes5ms(t, "Poll", func(time.Time) {
			if ok, err := b.Poll(5 * time.Millisecond); ok || err != nil {
				t.Fatal(ok, err)
			}
		})
		takes5ms(t, "a deadline of Poll", func(end time.Time) {
			b.SetDeadline(end)
			if ok, err := b.Poll(-1); ok || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(ok, err)
			}
		})
		b.SetDeadline(time.Time{})
		var cpu [2]unix.Rusage
		unix.Getrusage(unix.RUSAGE_THREAD, &cpu[0])
		time.AfterFunc(20*time.Millisecond, func() { b.Close() })
		if ok, err := b.Poll(-1); ok || !errors.Is(err, os.ErrClosed) {
			t.Error(ok, err)
		}
		for _, err := range []error{b.SendBytes(nil), second(b.RecvBytes(0)), second(b.Poll(0))} {
			if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		}
	})
}

// takes5ms checks that what ends after 5 ms, at the time given, does not end
// before, and not only with a slice of the sleep. A busy machine may delay it:
// one time without delay is enough.
func takes5ms(t *testing.T, what string, wait func(end time.Time)) {
	t.Helper()
	eventually(t, what+" ends in time", func() bool {
		start := time.Now()
		wait(start.Add(5 * time.Millisecond))
		took := time.Since(start)
		if took < 5*time.Millisecond {
			t.Fatalf("%s: 5 ms took %v", what, took)
		}
		return took <= transport.SleepSlice/2
	})
}

// What SyscallConn's loops do ends with the deadline and with Close, as
// everything does.
func TestPipeRawLoopEnds(t *testing.T) {
	a, _ := testPipePair(t, procs.Duplex)
	rc := must(a.SyscallConn())(t)
	takes5ms(t, "a deadline of Read", func(end time.Time) {
		a.SetDeadline(end)
		if err := rc.Read(func(uintptr) bool { return false }); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	})
	a.SetDeadline(time.Time{})
	time.AfterFunc(10*time.Millisecond, func() { a.Close() })
	if err := rc.Read(func(uintptr) bool { return false }); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// Two senders of one end with deadlines: one that waits for room ends in time,
// though the other one takes what room there is.
func TestPipeSendersWithDeadlines(t *testing.T) {
	r, w := testPipePair(t, procs.OneWay)
	var ended sync.WaitGroup
	var sent, got atomic.Int64
	for range 3 {
		end := dupConn(t, w)
		ended.Go(func() {
			until := time.Now().Add(200 * time.Millisecond)
			for { // the first is sent, however slow the machine is
				if err := end.SendBytes(long[:100_000]); err != nil {
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
					break
				}
				sent.Add(1)
				end.SetDeadline(until)
			}
			end.Close()
		})
	}
	w.Close()
	for {
		m, err := r.RecvBytes(0)
		if err == io.EOF {
			break
		}
		if err != nil || len(m) != 100_000 {
			t.Fatal(len(m), err)
		}
		got.Add(1)
		time.Sleep(3 * time.Millisecond)
	}
	ended.Wait()
	if sent.Load() != got.Load() || got.Load() == 0 {
		t.Errorf("%d sent, %d received", sent.Load(), got.Load())
	}
}
