//go:build linux

package shm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func makeRing(t testing.TB, capacity int) (*Segment, *Writer, *Reader) {
	t.Helper()
	seg := makeSegment(t, RingSize(capacity))
	InitRing(seg, 0, capacity)
	w, err := NewWriter(seg, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(seg, 0)
	if err != nil {
		t.Fatal(err)
	}
	return seg, w, r
}

// The ring against a slice of messages: random steps, same outcomes. Reopening
// an end at random stands for a process that takes the place of a dead one.
func TestRingAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		seg, w, r := makeRing(t, 256<<rng.IntN(4))
		var pending, published [][]byte // the model
		taken := 0                      // messages of published taken, not released
		for range 3000 {
			switch rng.IntN(8) {
			case 0, 1, 2:
				p := make([]byte, rng.IntN(w.MaxRecord()+1))
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				b, ok := w.Reserve(len(p))
				if !ok && len(pending)+len(published) == 0 {
					r.Release()
					if b, ok = w.Reserve(len(p)); !ok {
						t.Fatalf("seed %d: no room in an empty ring for %d bytes", seed, len(p))
					}
				}
				if ok {
					copy(b, p)
					pending = append(pending, p)
				}
			case 3:
				w.Publish()
				published, pending = append(published, pending...), nil
			case 4, 5, 6:
				p, err := r.Next()
				if taken == len(published) {
					if err != ErrEmpty {
						t.Fatalf("seed %d: Next = %x, %v; want ErrEmpty", seed, p, err)
					}
					published, taken = nil, 0
					continue
				}
				if err != nil || !bytes.Equal(p, published[taken]) {
					t.Fatalf("seed %d: Next = %x, %v; want %x", seed, p, err, published[taken])
				}
				taken++
				if r.released == r.pos-word-padded(uint64(len(p))) { // Next released what came before
					published, taken = published[taken-1:], 1
				}
			case 7:
				if rng.IntN(2) == 0 {
					r.Release()
					published, taken = published[taken:], 0
				} else if len(pending) == 0 && taken == 0 && r.released == r.pos {
					w, _ = NewWriter(seg, 0)
					r, _ = NewReader(seg, 0)
				}
			}
		}
	}
}

func TestRingLongMessages(t *testing.T) {
	_, w, r := makeRing(t, 1024)
	var sent [][]byte
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		p := bytes.Repeat([]byte{byte(i)}, rng.IntN(10000))
		sent = append(sent, p)
	}
	done := make(chan error)
	go func() {
		for _, p := range sent {
			if err := w.Put(patient(), p); err != nil {
				done <- err
				return
			}
		}
		w.Close()
		done <- nil
	}()
	for i, want := range sent {
		p, err := r.Get(patient())
		if err != nil || !bytes.Equal(p, want) {
			t.Fatalf("message %d: %d bytes, %v; want %d", i, len(p), err, len(want))
		}
	}
	if _, err := r.Get(patient()); err != ErrClosed {
		t.Fatalf("after the last: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A long message is cut by its writer's deadline, or its writer or reader is
// replaced in the midst (astrid#1146): what follows comes whole, without it.
func TestRingMessageCut(t *testing.T) {
	long := bytes.Repeat([]byte("A"), 5000)
	for _, next := range [][]byte{[]byte("second"), bytes.Repeat([]byte("B"), 3000), {}} {
		for _, replaced := range []string{"nobody", "writer", "reader"} {
			seg, w, r := makeRing(t, 1024)
			if err := w.Put(&Wait{Deadline: time.Now().Add(-1)}, long); err != ErrTimeout {
				t.Fatal(err)
			}
			for range 2 {
				if p, err := r.Next(); err != ErrEmpty {
					t.Fatalf("half a message: %d bytes, %v", len(p), err)
				}
			}
			switch replaced {
			case "writer":
				w, _ = NewWriter(seg, 0)
			case "reader":
				w.Put(&Wait{Deadline: time.Now().Add(-1)}, long)
				r.Next()
				r, _ = NewReader(seg, 0)
				b, _ := w.reserve(3, flagCont) // the message that the reader had begun goes on, and ends
				copy(b, "AAA")
			}
			done := make(chan error, 1)
			go func() { done <- errors.Join(w.Put(patient(), next), w.Put(patient(), []byte("third"))) }()
			for _, want := range [][]byte{next, []byte("third")} {
				if p, err := r.Get(patient()); !bytes.Equal(p, want) || err != nil {
					t.Fatalf("%s replaced: %d bytes, not %d: %v", replaced, len(p), len(want), err)
				}
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRingWaits(t *testing.T) {
	_, w, r := makeRing(t, 256)
	if err := r.Wait(&Wait{Deadline: time.Now().Add(20 * time.Millisecond)}); err != ErrTimeout {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := r.Wait(&Wait{Context: ctx}); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
	if err := r.Wait(&Wait{Alive: func() bool { return false }}); err != ErrPeerDied {
		t.Errorf("peer: %v", err)
	}
	for w.TryPut(make([]byte, 8)) {
	}
	if err := w.WaitRoom(&Wait{Deadline: time.Now().Add(20 * time.Millisecond)}, 8); err != ErrTimeout {
		t.Errorf("full: %v", err)
	}
	r.Close()
	if err := w.WaitRoom(patient(), 8); err != ErrClosed {
		t.Errorf("reader closed: %v", err)
	}
}

func TestRingReaderTrustsNothing(t *testing.T) {
	seg, w, r := makeRing(t, 256)
	w.TryPut([]byte("12345678"))
	binary.NativeEndian.PutUint32(seg.Bytes()[RingHeader:], 1<<30)
	if _, err := r.Next(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("length: %v", err)
	}
	w.h.head.Store(1 << 20)
	if r, err := NewReader(seg, 128); err == nil {
		t.Errorf("opened a ring where there is none: %v", r)
	}
	if _, err := NewReader(seg, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("positions: %v", err)
	}
}

func FuzzRingReader(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, uint64(16), uint64(0))
	f.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0}, uint64(256), uint64(248))
	f.Add([]byte{255, 255, 255, 255, 1, 0, 0, 0}, uint64(64), uint64(0))
	f.Add([]byte{0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0}, uint64(24), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, head, tail uint64) {
		seg := &Segment{mem: bytesOf(make([]uint64, RingSize(256)/8))} // aligned, with nothing behind its end
		InitRing(seg, 0, 256)
		copy(seg.mem[RingHeader:], data)
		h := At[ringHeader](seg.mem, 0)
		h.head.Store(head)
		h.tail.Store(tail)
		r, err := NewReader(seg, 0)
		if err != nil {
			return
		}
		for range 1000 {
			p, err := r.Next()
			if err != nil {
				return
			}
			for _, b := range p {
				_ = b
			}
		}
	})
}

func init() {
	children["ring-producer"] = func(seg *Segment, args []string) {
		n, err := strconv.Atoi(args[0])
		check(err)
		w, err := NewWriter(seg, 0)
		check(err)
		var p [8]byte
		for i := range n {
			binary.NativeEndian.PutUint64(p[:], uint64(i))
			for !w.TryPut(p[:]) {
				check(w.WaitRoom(patient(), 8))
			}
		}
		w.Close()
	}
	children["ring-echo"] = func(seg *Segment, args []string) {
		half := seg.Size() / 2
		r, err := NewReader(seg, 0)
		check(err)
		w, err := NewWriter(seg, half)
		check(err)
		for {
			p, err := r.Get(&Wait{})
			if err == ErrClosed {
				return
			}
			check(err)
			check(w.Put(&Wait{}, p))
		}
	}
	// Numbered messages of varying length, for ever: somebody kills us.
	children["ring-endless"] = func(seg *Segment, args []string) {
		w, err := NewWriter(seg, 0)
		check(err)
		next, err := strconv.ParseUint(args[0], 10, 64)
		check(err)
		for i := next; ; i++ {
			n := 8 + int(i*7%50)
			b, ok := w.Reserve(n)
			for !ok {
				check(w.WaitRoom(patient(), n))
				b, ok = w.Reserve(n)
			}
			for j := range b {
				b[j] = byte(i)
			}
			binary.NativeEndian.PutUint64(b, i)
			if i%3 != 0 {
				w.Publish()
			}
		}
	}
}

func TestRingAcrossProcesses(t *testing.T) {
	const n = 200_000
	seg, _, r := makeRing(t, 4096)
	c := startChild(t, "ring-producer", seg, strconv.Itoa(n))
	for i := range n {
		p, err := r.Get(patient())
		if err != nil || binary.NativeEndian.Uint64(p) != uint64(i) {
			t.Fatalf("message %d: %x, %v", i, p, err)
		}
	}
	if _, err := r.Get(patient()); err != ErrClosed {
		t.Fatal(err)
	}
	c.join(t)
}

// A writer is killed again and again, each time another takes its place: the
// messages are whole and in order, and none is missing.
func TestRingWriterKilled(t *testing.T) {
	seg, _, r := makeRing(t, 4096)
	rng := rand.New(rand.NewPCG(3, 4))
	next := uint64(0)
	for range 30 {
		c := startChild(t, "ring-endless", seg, fmt.Sprint(next))
		kill := next + 1 + rng.Uint64N(20000)
		killed := false
		died := make(chan struct{})
		wait := patient()
		wait.Alive = func() bool {
			select {
			case <-died:
				return false
			default:
				return true
			}
		}
		for {
			if next >= kill && !killed {
				killed = true
				c.Process.Signal(syscall.SIGKILL)
				go func() { c.Wait(); close(died) }()
			}
			p, err := r.Get(wait)
			if err == ErrPeerDied && killed {
				break
			}
			if err != nil {
				t.Fatalf("message %d: %v\n%s", next, err, c.stderr.String())
			}
			if len(p) != 8+int(next*7%50) || binary.NativeEndian.Uint64(p) != next {
				t.Fatalf("message %d: %x", next, p)
			}
			for _, b := range p[8:] {
				if b != byte(next) {
					t.Fatalf("message %d is not whole: %x", next, p)
				}
			}
			next++
		}
	}
}

func BenchmarkRing(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		seg, _, r := makeRing(b, 64<<10)
		c := startChild(b, "ring-producer", seg, strconv.Itoa(b.N))
		if _, err := r.Get(patient()); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for range b.N - 1 {
			if _, err := r.Get(forever); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		c.join(b)
	})
	b.Run("roundtrip", func(b *testing.B) {
		seg := makeSegment(b, 2*RingSize(4096))
		half := seg.Size() / 2
		InitRing(seg, 0, 4096)
		InitRing(seg, half, 4096)
		w, _ := NewWriter(seg, 0)
		r, _ := NewReader(seg, half)
		c := startChild(b, "ring-echo", seg)
		p := make([]byte, 8)
		w.TryPut(p)
		if _, err := r.Get(patient()); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for range b.N {
			w.TryPut(p)
			if _, err := r.Get(forever); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		w.Close()
		c.join(b)
	})
}

var forever = &Wait{}
