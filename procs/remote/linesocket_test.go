//go:build linux

package remote

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
)

// socketPair returns the two ends of a connection, for messages of at most
// limit bytes.
func socketPair(t *testing.T, limit int, run func(func())) (a, b *lineSocket) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	a = must(newLineSocket(must(net.Dial("tcp", l.Addr().String()))(t), limit, run))(t)
	b = must(newLineSocket(must(l.Accept())(t), limit, run))(t)
	t.Cleanup(func() { a.close(); b.close() })
	return a, b
}

// Messages of any length come whole and in the order of sending, also if more
// is sent than the sockets hold: senders do not wait for readers, and what does
// not go at once goes later.
func TestLineSocket(t *testing.T) {
	const limit = 4 << 20
	var loops sync.WaitGroup
	a, b := socketPair(t, limit, loops.Go)
	lengths := []int{1, 2, 3, firstRead - lineHead, firstRead, 100, keepRead, 7, limit, 1, limit, 100_000}
	lengths = slices.Repeat(lengths, 3)
	message := func(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, lengths[i]) }
	for i := range lengths { // nobody reads
		a.send(message(i))
	}
	for i := range lengths {
		if m, err := b.next(); !bytes.Equal(m, message(i)) || err != nil {
			t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
		}
	}
	loops.Wait()
	if c := cap(a.whole) + cap(a.pending) + cap(b.in); c > 4*keepRead {
		t.Error(c, "bytes are kept")
	}
	// Many senders: those of each are in order.
	const senders, each = 8, 300
	for g := range senders {
		loops.Go(func() {
			for i := range each {
				b.send(fmt.Appendf(nil, "%d %d", g, i))
			}
		})
	}
	var next [senders]int
	for range senders * each {
		var g, i int
		m, err := a.next()
		if _, serr := fmt.Sscanf(string(m), "%d %d", &g, &i); serr != nil || err != nil || next[g] != i {
			t.Fatalf("%q, %v: wanted %v", m, err, next)
		}
		next[g]++
	}
	loops.Wait()
}

// The end of a connection, and what is no message, is the end of the line for
// who reads; one who writes does not wait.
func TestLineSocketEnds(t *testing.T) {
	for name, end := range map[string]func(a *lineSocket){
		"closed":   func(a *lineSocket) { a.close() },
		"cut":      func(a *lineSocket) { a.c.Write([]byte{9, 0, 0, 0, 1}); a.close() },
		"empty":    func(a *lineSocket) { a.c.Write(make([]byte, 4)) },
		"too long": func(a *lineSocket) { a.c.Write([]byte{1, 0, 0, 128}) },
	} {
		t.Run(name, func(t *testing.T) {
			var loops sync.WaitGroup
			a, b := socketPair(t, 1<<20, loops.Go)
			a.send([]byte("a message"))
			end(a)
			if m, err := b.next(); string(m) != "a message" || err != nil {
				t.Fatal(m, err)
			}
			if m, err := b.next(); err == nil {
				t.Fatal(m)
			}
			b.close()
			for range 100 {
				a.send(make([]byte, 1<<18))
			}
			loops.Wait()
		})
	}
}
