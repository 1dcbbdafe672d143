//go:build linux

package procs

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

func testPipePair(t *testing.T, d Direction) (a, b *Conn) {
	t.Helper()
	a, b, err := NewPipe(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// More files in one message than the kernel passes at once.
func TestPipeManyFiles(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	dir := t.TempDir()
	const n = 300
	files := make([]*os.File, n)
	for i := range files {
		f, err := os.CreateTemp(dir, "f")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	if err := w.Send(files); err != nil {
		t.Fatal(err)
	}
	var got []*os.File
	if err := r.Recv(&got); err != nil || len(got) != n {
		t.Fatal(len(got), err)
	}
	for i, f := range got {
		f.WriteString("x")
		f.Close()
		if s, err := files[i].Stat(); err != nil || s.Size() != 1 {
			t.Fatal(i, err)
		}
	}
}

func TestPipeTypes(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	a.SendBytes([]byte("no file"))
	if _, err := b.RecvFile(); !errors.Is(err, ErrMessageType) {
		t.Fatal(err)
	}
	a.Send(42)
	if _, err := b.RecvBytes(0); !errors.Is(err, ErrMessageType) {
		t.Fatal(err)
	}
	a.Send(42)
	var x int
	if err := b.Recv(&x); x != 42 || err != nil {
		t.Fatal(x, err)
	}
	if err := a.Send(func() {}); !errors.Is(err, ErrEncode) {
		t.Fatal(err)
	}
	if err := a.Send(nil); !errors.Is(err, ErrEncode) {
		t.Fatal(err)
	}
	if err := a.SendFile(os.Stderr); err != nil {
		t.Fatal(err)
	}
	f, err := b.RecvFile()
	if err != nil || f.Fd() == os.Stderr.Fd() {
		t.Fatal(err)
	}
	f.Close()
}

func TestPipePoll(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	for _, msg := range []string{"", "a", "hello", ""} { // whole messages, none merged, empty ones too
		a.SendBytes([]byte(msg))
	}
	for _, msg := range []string{"", "a", "hello", ""} {
		if ok, err := b.Poll(0); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got, err := b.RecvBytes(0); string(got) != msg || err != nil {
			t.Fatal(got, err)
		}
	}
	if ok, err := b.Poll(0); ok || err != nil {
		t.Fatal(ok, err)
	}
	go func() { time.Sleep(5 * time.Millisecond); a.SendBytes(nil) }()
	if ok, err := b.Poll(wait.Patience); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.RecvBytes(0)
	a.Close()
	if ok, err := b.Poll(-1); !ok || err != nil { // the end can be received, too
		t.Fatal(ok, err)
	}
	if _, err := b.RecvBytes(0); err != io.EOF {
		t.Fatal(err)
	}
	if err := b.SendBytes([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Fatal(err)
	}
	if err := a.SendBytes(nil); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := a.Poll(0); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// Signals do not disturb a receiver that sleeps.
func TestPipeSignals(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	go func() {
		for range 50 {
			syscall.Kill(os.Getpid(), syscall.SIGURG)
			time.Sleep(200 * time.Microsecond)
		}
		a.SendBytes([]byte("at last"))
	}()
	if got, err := b.RecvBytes(0); string(got) != "at last" || err != nil {
		t.Fatal(got, err)
	}
}

func TestPipeDeadlineAndClose(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	b.SetDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err := b.RecvBytes(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if err := b.Recv(new(int)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	b.SetDeadline(time.Now().Add(5 * time.Millisecond))
	for {
		if err := b.SendBytes(make([]byte, 1000)); err != nil { // until the socket is full
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	b.SetDeadline(time.Time{})
	a.SendBytes([]byte("still works"))
	if got, err := b.RecvBytes(0); string(got) != "still works" || err != nil {
		t.Fatal(got, err)
	}
	done := make(chan error, 1)
	go func() { _, err := b.RecvBytes(0); done <- err }()
	time.Sleep(5 * time.Millisecond)
	b.Close()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrClosed) {
			t.Fatal(err)
		}
	case <-soon(t).Done():
		t.Fatal("Close does not end RecvBytes")
	}
	if err := b.Close(); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}
