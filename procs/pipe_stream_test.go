//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ended reports whether err says that a TCP connection is of no use any more.
func ended(err error) bool {
	return errors.Is(err, ErrMessageCut) || errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF
}

// Two processes send through one end of a TCP connection at once. Nothing that
// is received is mixed, and when it would be, there is an error instead
// (dramatiq#888).
func TestStreamTwoSenders(t *testing.T) {
	a, b := socketPair(t, true)
	for _, letter := range []byte("AB") {
		end := dupConn(t, a)
		p := NewProcess(testSendLetters, sendJob{end, letter, []int{1 << 20}, 1000}, ProcessConfig{Stderr: io.Discard})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Kill(); p.Join(context.Background()) })
		end.Close()
	}
	a.Close()
	for i := range 2001 {
		m, err := b.RecvBytes(0)
		if err != nil {
			if !ended(err) || err == io.EOF && i < 2000 {
				t.Fatal(i, err)
			}
			t.Logf("%v after %d messages", err, i)
			break
		}
		if len(m) != 1<<20 || bytes.Count(m, m[:1]) != len(m) {
			t.Fatalf("message %d is mixed", i)
		}
	}
	if _, err := b.RecvBytes(0); !ended(err) {
		t.Error("the connection goes on:", err)
	}
}

// Two holders of one end receive at once: neither gets a message that is none.
func TestStreamTwoReceivers(t *testing.T) {
	a, b := socketPair(t, true)
	c := dupConn(t, b)
	go func() {
		for i := range 1000 {
			if a.SendBytes(bytes.Repeat([]byte{'A' + byte(i%2)}, 300_000)) != nil {
				return
			}
		}
		a.Close()
	}()
	done := make(chan error, 2)
	for _, end := range []*Conn{b, c} {
		go func() {
			for {
				m, err := end.RecvBytes(0)
				if err != nil {
					done <- err
					return
				}
				if len(m) != 300_000 || bytes.Count(m, m[:1]) != len(m) {
					done <- errors.New("mixed")
					return
				}
			}
		}()
	}
	for range 2 {
		if err := <-done; !ended(err) && !errors.Is(err, ErrMessageTooLong) {
			t.Error(err)
		}
	}
}

// A message over TCP is cut by a deadline or by the death of one of two
// holders (astrid#1146). Whoever else holds the end cannot make the receiver
// take what it sends for the rest.
func TestStreamSendCut(t *testing.T) {
	t.Run("deadline", func(t *testing.T) {
		a, b := socketPair(t, true)
		other := dupConn(t, a)
		sent := make(chan error, 1)
		go func() { sent <- a.SendBytes(make([]byte, 64<<20)) }()
		for !must(b.Poll(-1))(t) {
		}
		a.SetDeadline(time.Now()) // a part is under way
		if err := <-sent; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err := other.SendBytes([]byte("second")); !errors.Is(err, unix.EPIPE) {
			t.Error("the other holder does not know:", err)
		}
		if m, err := b.RecvBytes(0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(len(m), err)
		}
	})
	t.Run("kill", func(t *testing.T) {
		a, b := socketPair(t, true)
		p := run(t, testSendLetters, sendJob{a, 'A', []int{64 << 20}, 1})
		for !must(b.Poll(-1))(t) {
		}
		time.Sleep(20 * time.Millisecond)
		slay(t, p)
		go func() {
			for range 100 { // until what is missing is there
				if a.SendBytes(make([]byte, 1<<20)) != nil {
					return
				}
			}
		}()
		if m, err := b.RecvBytes(0); !errors.Is(err, ErrMessageCut) {
			t.Fatal(len(m), err)
		}
		if err := b.SendBytes([]byte("x")); err == nil {
			t.Error("the connection goes on")
		}
	})
}

// What is no message, or not a whole one, is an error from then on, and the
// other side is told as well.
func TestStreamGarbage(t *testing.T) {
	whole := func(body string) []byte {
		h := newStreamHeader(uint64(len(body)), kindBytesMessage, 12345)
		return append(append(h[:], body...), h.seal()...)
	}
	first := whole("first")
	flip := func(at int) []byte {
		b := bytes.Clone(first)
		b[at] ^= 1
		return b
	}
	for name, b := range map[string][]byte{
		"length":                 flip(0),
		"kind":                   flip(8),
		"check":                  flip(12),
		"seal in front":          flip(16),
		"seal behind":            flip(len(first) - 1),
		"a body cut short":       append(bytes.Clone(first[:streamHead+2]), whole("second one")...),
		"another in the midst":   append(append(bytes.Clone(first[:streamHead+2]), whole("")...), first[streamHead+2:]...),
		"a head cut short":       append(bytes.Clone(first[:streamHead-3]), whole("second one")...),
		"the beginning is gone":  append(bytes.Clone(first[streamHead:]), make([]byte, 100)...),
		"zeros":                  make([]byte, 100),
		"a seal of another kind": append(bytes.Clone(first[:len(first)-streamSeal]), make([]byte, streamSeal)...),
	} {
		a, c := socketPair(t, true)
		raw := must(a.SyscallConn())(t)
		raw.Control(func(fd uintptr) { unix.Write(int(fd), append(b, make([]byte, 100)...)) })
		for range 2 {
			if m, err := c.RecvBytes(0); !errors.Is(err, ErrMessageCut) {
				t.Errorf("%s: %q, %v", name, m, err)
			}
		}
		if _, err := a.RecvBytes(0); !ended(err) {
			t.Errorf("%s: the other side does not know: %v", name, err)
		}
	}
	a, c := socketPair(t, true)
	raw := must(a.SyscallConn())(t)
	raw.Control(func(fd uintptr) { unix.Write(int(fd), append(first, first...)) })
	for range 2 { // the table has meaning only if this is one
		if m, err := c.RecvBytes(0); string(m) != "first" || err != nil {
			t.Error(string(m), err)
		}
	}
}

// FuzzStream lets a receiver take any bytes. A message must have its seal.
func FuzzStream(f *testing.F) {
	h := newStreamHeader(3, 7, 12345)
	whole := append(append(bytes.Clone(h[:]), "abc"...), h.seal()...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(whole, whole[5:]...))
	f.Add(append(whole[:20:20], whole...))
	f.Add(make([]byte, 100))
	huge := newStreamHeader(1<<62, 7, 1)
	f.Add(huge[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		a, c := socketPair(t, true)
		raw := must(a.SyscallConn())(t)
		raw.Control(func(fd uintptr) { unix.Write(int(fd), b) })
		a.Close()
		for {
			kind, m, _, err := c.t.recv(nil)
			if err != nil {
				break
			}
			n := streamHead + len(m) + streamSeal
			if n > len(b) || !bytes.Equal(b[streamHead:streamHead+len(m)], m) || !bytes.Equal(b[16:24], b[n-streamSeal:n]) ||
				(*streamHeader)(b).kind() != kind {
				t.Fatalf("kind %d, %q of %q", kind, m, b)
			}
			b = b[n:]
		}
		c.Close()
	})
}
