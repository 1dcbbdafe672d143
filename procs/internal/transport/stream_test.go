//go:build linux

package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/transport"
)

// Two processes send through one end of a TCP connection at once. Nothing that
// is received is mixed, and when it would be, there is an error instead
// (dramatiq#888).
func TestStreamTwoSenders(t *testing.T) {
	a, b := socketPair(t, true)
	for _, letter := range []byte("AB") {
		end := dupConn(t, a)
		p := procs.NewProcess(testSendLetters, sendJob{end, letter, []int{1 << 20}, 1000}, procs.ProcessConfig{Stderr: io.Discard})
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
			if !transport.Ended(err) || err == io.EOF && i < 2000 {
				t.Fatal(i, err)
			}
			t.Logf("%v after %d messages", err, i)
			break
		}
		if len(m) != 1<<20 || bytes.Count(m, m[:1]) != len(m) {
			t.Fatalf("message %d is mixed", i)
		}
	}
	if _, err := b.RecvBytes(0); !transport.Ended(err) {
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
	for _, end := range []*procs.Conn{b, c} {
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
		if err := <-done; !transport.Ended(err) && !errors.Is(err, procs.ErrMessageTooLong) {
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
		if m, err := b.RecvBytes(0); !errors.Is(err, procs.ErrMessageCut) {
			t.Fatal(len(m), err)
		}
		if err := b.SendBytes([]byte("x")); err == nil {
			t.Error("the connection goes on")
		}
	})
}
