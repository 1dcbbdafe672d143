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
)

type pipeNote struct {
	Text string
	Back *Conn
	Nums []float64
	File *os.File
}

var testEcho = Register("test.echo", func(_ context.Context, c *Conn) (int, error) {
	for {
		b, err := c.RecvBytes(0)
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := c.SendBytes(b); err != nil {
			return 0, err
		}
	}
})

func TestPipe(t *testing.T) {
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	p := NewProcess(testEcho, b, ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for _, n := range []int{0, 1, 64, 65535, 65536, 65537, 1 << 20, 5 << 20} {
		msg := bytes.Repeat([]byte{byte(n), 7}, n/2+1)[:n]
		sent := make(chan error, 1)
		go func() { sent <- a.SendBytes(msg) }()
		got, err := a.RecvBytes(0)
		if err != nil || !bytes.Equal(got, msg) || <-sent != nil {
			t.Fatal(n, len(got), err)
		}
	}
	a.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.ExitCode(); code != 0 {
		t.Fatal(code)
	}
}

func TestPipeValues(t *testing.T) {
	r, w, err := NewPipe(OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Send(1); !errors.Is(err, ErrDirection) {
		t.Fatal(err)
	}
	if err := w.Recv(new(int)); !errors.Is(err, ErrDirection) {
		t.Fatal(err)
	}
	if ok, err := r.Poll(0); ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := r.Poll(10 * time.Millisecond); ok || err != nil {
		t.Fatal(ok, err)
	}
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := w.Send(pipeNote{"hi", w, []float64{1, 2}, f}); err != nil {
		t.Fatal(err)
	}
	var got pipeNote
	if err := r.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if got.Text != "hi" || len(got.Nums) != 2 || got.Back == nil || got.File == nil {
		t.Fatalf("%+v", got)
	}
	got.File.WriteString("through")
	got.File.Close()
	if b, _ := os.ReadFile(f.Name()); string(b) != "through" {
		t.Fatalf("%q", b)
	}
	if err := got.Back.Send("again"); err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Poll(-1); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := r.Recv(new(int)); !errors.Is(err, ErrMessageType) {
		t.Fatal(err)
	}
	w.SendBytes([]byte("12345"))
	w.SendBytes([]byte("12345"))
	w.SendBytes([]byte("12345"))
	if _, err := r.RecvBytes(4); !errors.Is(err, ErrMessageTooLong) {
		t.Fatal(err)
	}
	var short *BufferTooShortError
	if _, err := r.RecvBytesInto(make([]byte, 4)); !errors.As(err, &short) || string(short.Message) != "12345" {
		t.Fatal(err)
	}
	if n, err := r.RecvBytesInto(make([]byte, 9)); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	w.Close()
	if ok, _ := r.Poll(0); ok {
		t.Fatal("ended while somebody holds the other end")
	}
	got.Back.Close()
	if err := r.Recv(&got); err != io.EOF {
		t.Fatal(err)
	}
}
