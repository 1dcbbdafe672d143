//go:build linux

package remote

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
)

// Both ends of a connection within the process may write at a time, as much as
// they like: what is not read at once waits, in order.
func TestPipe(t *testing.T) {
	near, far := net.Pipe()
	p := &pipe{Conn: near}
	p.SetDeadline(time.Time{})
	p.SetWriteDeadline(time.Now()) // does nothing
	theirs := make(chan error, 1)
	go func() { _, err := far.Write(make([]byte, 1<<20)); theirs <- err }()
	var sent bytes.Buffer
	for i := range 1000 {
		b := bytes.Repeat([]byte{byte(i)}, 1000)
		sent.Write(b)
		if n, err := p.Write(b); n != len(b) || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := io.ReadFull(p, make([]byte, 1<<20)); err != nil || <-theirs != nil {
		t.Fatal(err)
	}
	got := make([]byte, sent.Len())
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, far)
	if n, err := p.Write([]byte("abc")); n != 3 || err != nil {
		t.Error(n, err)
	}
	p.Close()
	proctest.Eventually(t, "it is closed", func() bool { _, err := p.Write([]byte("abc")); return err != nil })
}

// A session with a server of this process needs no network, but the key. One
// with the next server at the address reaches that.
func TestLocal(t *testing.T) {
	server := serve(t, ServerConfig{})
	if c := dialLocal(server.s.Addr().String()); c == nil {
		t.Error("not local")
	} else {
		c.Close()
	}
	server.Close()
	if c := dialLocal("127.0.0.1:1"); c != nil {
		t.Error("nobody is there")
	}
}
