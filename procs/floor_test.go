//go:build linux

package procs

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"switchyard/procs/internal/proctest"
)

// osPipes starts a process with one pipe of the operating system to it and one
// from it.
func osPipes(b *testing.B, fn *Func[osPipeArgs, int], size int) (r, w *os.File) {
	theirIn, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	r, theirOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	p := run(b, fn, osPipeArgs{theirIn, theirOut, size})
	theirIn.Close()
	theirOut.Close()
	b.Cleanup(func() {
		w.Close()
		r.Close()
		join(b, p)
	})
	return r, w
}

type osPipeArgs struct {
	In, Out *os.File
	Size    int // of a message
}

var (
	// testCat echoes frames.
	testCat = Register("test.cat", func(_ context.Context, a osPipeArgs) (int, error) {
		buf := make([]byte, a.Size)
		for {
			if _, err := io.ReadFull(a.In, buf); err != nil {
				return 0, nil
			}
			if _, err := a.Out.Write(buf); err != nil {
				return 0, nil
			}
		}
	})
	// testGob adds one to the first byte of each message.
	testGob = Register("test.gob", func(_ context.Context, a osPipeArgs) (int, error) {
		out := bufio.NewWriter(a.Out)
		enc, dec := gob.NewEncoder(out), gob.NewDecoder(bufio.NewReader(a.In))
		for {
			var msg []byte
			if err := dec.Decode(&msg); err != nil {
				return 0, nil
			}
			msg[0]++
			if err := errors.Join(enc.Encode(msg), out.Flush()); err != nil {
				return 0, nil
			}
		}
	})
	// testCount writes 0 to n-1 for every n that it reads, each at once, as a
	// Queue's Put does it.
	testCount = Register("test.count", func(_ context.Context, a osPipeArgs) (int, error) {
		var buf [8]byte
		for {
			if _, err := io.ReadFull(a.In, buf[:]); err != nil {
				return 0, nil
			}
			for i := range binary.NativeEndian.Uint64(buf[:]) {
				binary.NativeEndian.PutUint64(buf[:], i)
				if _, err := a.Out.Write(buf[:]); err != nil {
					return 0, nil
				}
			}
		}
	})
)

// osEcho is a round trip of so many bytes through two pipes and another
// process. Beside itself it is 0.8 to 1.5 times as long in a run of half a
// second: where the scheduler puts the two processes matters that much.
func osEcho(b *testing.B, size int) proctest.Floor {
	r, w := osPipes(b, testCat, size)
	msg, buf := make([]byte, size), make([]byte, size)
	return proctest.Floor{Unit: "x-ospipe", Do: func(n int) {
		for i := range n {
			msg[0] = byte(i)
			if size <= 64<<10 {
				w.Write(msg)
			} else {
				go w.Write(msg) // more than the pipe holds
			}
			if _, err := io.ReadFull(r, buf); err != nil || buf[0] != byte(i) {
				b.Fatal(err)
			}
		}
	}}
}

// gobEcho is a call with so many bytes there and back by encoding/gob.
func gobEcho(b *testing.B, size int) proctest.Floor {
	r, w := osPipes(b, testGob, size)
	out := bufio.NewWriter(w)
	enc, dec := gob.NewEncoder(out), gob.NewDecoder(bufio.NewReader(r))
	msg := make([]byte, size)
	return proctest.Floor{Unit: "x-gob", Do: func(n int) {
		for i := range n {
			msg[size-1] = byte(i)
			var got []byte
			if err := errors.Join(enc.Encode(msg), out.Flush(), dec.Decode(&got)); err != nil {
				b.Fatal(err)
			}
			if len(got) != size || got[0] != 1 || got[size-1] != byte(i) {
				b.Fatal(len(got))
			}
		}
	}}
}

// osStream is integers from another process, as many read at a time as are
// there.
func osStream(b *testing.B) proctest.Floor {
	r, w := osPipes(b, testCount, 8)
	buf := make([]byte, 64<<10)
	return proctest.Floor{Unit: "x-ospipe", Do: func(n int) {
		w.Write(binary.NativeEndian.AppendUint64(nil, uint64(n)))
		next, have := uint64(0), 0
		for next < uint64(n) {
			got, err := r.Read(buf[have:])
			if err != nil {
				b.Fatal(err)
			}
			have += got
			whole := have &^ 7
			for at := 0; at < whole; at += 8 {
				if v := binary.NativeEndian.Uint64(buf[at:]); v != next {
					b.Fatal(v, next)
				}
				next++
			}
			have = copy(buf, buf[whole:have])
		}
	}}
}

// squaresHere is x*x in two goroutines of this process, which take x from one
// channel and put the result into another.
func squaresHere(b *testing.B) proctest.Floor {
	const inFlight = 10_000
	xs, squares := make(chan [2]int, inFlight), make(chan [2]int, inFlight)
	for range 2 {
		go func() {
			for x := range xs {
				squares <- [2]int{x[0], x[1] * x[1]}
			}
		}()
	}
	b.Cleanup(func() { close(xs) })
	results := make([]int, inFlight)
	return proctest.Floor{Unit: "x-goroutines", Do: func(n int) {
		for from := 0; from < n; from += inFlight {
			now := min(inFlight, n-from)
			for i := range now {
				xs <- [2]int{i, from + i}
			}
			for range now {
				s := <-squares
				results[s[0]] = s[1]
			}
			for i, v := range results[:now] {
				if v != (from+i)*(from+i) {
					b.Fatal(from+i, v)
				}
			}
		}
	}}
}

// mutexHere is an acquire and release of a sync.Mutex, by each of so many
// goroutines.
func mutexHere(b *testing.B, goroutines int) proctest.Floor {
	return proctest.Floor{Unit: "x-mutex", Do: func(n int) {
		var mu sync.Mutex
		held := 0
		loop := func() {
			for range n {
				mu.Lock()
				held++
				mu.Unlock()
			}
		}
		var others sync.WaitGroup
		for range goroutines - 1 {
			others.Go(loop)
		}
		loop()
		others.Wait()
		if held != n*goroutines {
			b.Fatal(held, n)
		}
	}}
}
