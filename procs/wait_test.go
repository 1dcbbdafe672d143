//go:build linux

package procs

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	p := NewProcess(testHang, 0, ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	f := NewFuture[int]()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if ready, err := Wait(ctx, a, p, f); len(ready) != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(ready, err)
	}
	b.SendBytes([]byte("x"))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{a}) || err != nil {
		t.Fatal(ready, err)
	}
	a.RecvBytes(0)
	p.Kill()
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p}) || err != nil {
		t.Fatal(ready, err)
	}
	f.SetResult(1)
	p.Join(soon(t))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p, f}) || err != nil {
		t.Fatal(ready, err)
	}
}

// gone is a context that is done: Wait only looks.
func gone() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// want checks what is ready, in order.
func want(t *testing.T, ready []any, err error, objects ...any) {
	t.Helper()
	if !slices.Equal(ready, objects) || err != nil {
		t.Fatalf("ready are %v (%v), not %v", ready, err, objects)
	}
}

// wantNone checks that ctx ended a Wait for nothing.
func wantNone(t *testing.T, ready []any, err error, reason error) {
	t.Helper()
	if len(ready) != 0 || !errors.Is(err, reason) {
		t.Fatal(ready, err)
	}
}

func osPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestWaitFiles(t *testing.T) {
	r, w := osPipe(t)
	quiet, _ := osPipe(t)
	ready, err := Wait(gone(), quiet, r)
	wantNone(t, ready, err, context.Canceled)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	ready, err = Wait(ctx, quiet, r)
	wantNone(t, ready, err, context.DeadlineExceeded)

	go w.WriteString("x")
	ready, err = Wait(soon(t), quiet, r)
	want(t, ready, err, r)
	r.Read(make([]byte, 1))
	ready, err = Wait(gone(), r)
	wantNone(t, ready, err, context.Canceled)
	go w.Close() // the end
	ready, err = Wait(soon(t), quiet, r)
	want(t, ready, err, r)

	// A file on a disk never blocks.
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := closing(t, must(os.Open(name))(t), nil)
	ready, err = Wait(gone(), quiet, f)
	want(t, ready, err, f)
}

func TestWaitSockets(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "socket")
			}
			l := closing(t, must(net.Listen(network, address))(t), nil)
			ready, err := Wait(gone(), l)
			wantNone(t, ready, err, context.Canceled)
			dialled := make(chan net.Conn, 1)
			go func() {
				c, err := net.Dial(network, l.Addr().String())
				if err != nil {
					t.Error(err)
				}
				dialled <- c
			}()
			ready, err = Wait(soon(t), l)
			want(t, ready, err, l)
			here := closing(t, must(l.Accept())(t), nil)
			there := <-dialled
			go there.Write([]byte("x"))
			ready, err = Wait(soon(t), l, here)
			want(t, ready, err, here)
			here.Read(make([]byte, 1))
			ready, err = Wait(gone(), l, here)
			wantNone(t, ready, err, context.Canceled)
			go there.Close()
			ready, err = Wait(soon(t), l, here)
			want(t, ready, err, here)
		})
	}
}

// Objects of all kinds at once, and a descriptor that is only a number.
func TestWaitMixed(t *testing.T) {
	r, w := osPipe(t)
	var number Descriptor
	raw := must(r.SyscallConn())(t)
	raw.Control(func(fd uintptr) { number = Descriptor(fd) })
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	f := NewFuture[int]()
	c := make(chan struct{})
	all := []any{f, number, a, c, r}
	ready, err := Wait(gone(), all...)
	wantNone(t, ready, err, context.Canceled)
	go f.SetResult(1)
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, f)
	go b.SendBytes(nil)
	ready, err = Wait(soon(t), all[1:]...)
	want(t, ready, err, a)
	go w.WriteString("x")
	ready, err = Wait(soon(t), c, number)
	want(t, ready, err, number)
	close(c)
	ready, err = Wait(soon(t), all...)
	want(t, ready, err, f, number, a, c, r)
}

func TestWaitClosed(t *testing.T) {
	r, w := osPipe(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	r.Close()
	l.Close()
	for _, c := range []struct {
		object any
		is     error
		text   string
	}{
		{r, os.ErrClosed, "object 1, a *os.File"},
		{l, net.ErrClosed, "object 1, a *net.TCPListener"},
		{(*os.File)(nil), fs.ErrInvalid, "object 1, a *os.File"},
		{Descriptor(-1), syscall.EBADF, "object 1, a procs.Descriptor"},
		{Descriptor(1 << 20), syscall.EBADF, "descriptor 1048576"},
	} {
		ready, err := Wait(soon(t), w, c.object)
		if len(ready) != 0 || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%T: %v, %v", c.object, ready, err)
		}
	}
	defer func() {
		if v := recover(); v != "procs: Wait on a int" {
			t.Error(v)
		}
	}()
	Wait(gone(), 3)
}

// A file that another goroutine closes while it is waited for ends the waiting.
func TestWaitClosedMeanwhile(t *testing.T) {
	r, _ := osPipe(t)
	result := make(chan error, 1)
	go func() {
		_, err := Wait(soon(t), r)
		result <- err
	}()
	time.Sleep(20 * time.Millisecond) // before or after, the outcome is the same
	r.Close()
	if err := <-result; !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

func TestWaitCancelled(t *testing.T) {
	r, _ := osPipe(t)
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		ready, err := Wait(ctx, r, a, NewFuture[int]())
		wantNone(t, ready, err, context.Canceled)
	}
}
