//go:build linux

package shm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"
)

func makeQueue(t testing.TB, maxsize int) (*Segment, *Queue) {
	t.Helper()
	seg, err := CreateSparse(QueueSize())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seg.Close() })
	InitQueue(seg, maxsize)
	q, err := OpenQueue(seg)
	if err != nil {
		t.Fatal(err)
	}
	return seg, q
}

// The queue against a slice of messages, through two handles, as two processes
// would have them.
func TestQueueAgainstModel(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		maxsize := 1 + rng.IntN(200)
		seg, q1 := makeQueue(t, maxsize)
		q2, err := OpenQueue(seg)
		if err != nil {
			t.Fatal(err)
		}
		var model [][]byte
		for range 4000 {
			q := q1
			if rng.IntN(2) == 0 {
				q = q2
			}
			if rng.IntN(100) < 52 {
				n := rng.IntN(40)
				switch rng.IntN(20) {
				case 0:
					n = rng.IntN(inlineMax + 1)
				case 1:
					n = rng.IntN(4 * inlineMax)
				}
				p := bytes.Repeat([]byte{byte(rng.Uint32())}, n)
				err := q.TryPut(forever, p)
				if full := len(model) == maxsize; full != (err == ErrFull) || !full && err != nil {
					t.Fatalf("seed %d: put with %d of %d: %v", seed, len(model), maxsize, err)
				} else if !full {
					model = append(model, p)
				}
			} else {
				p, err := q.TryGet(forever, nil)
				if len(model) == 0 {
					if err != ErrEmpty {
						t.Fatalf("seed %d: get from an empty queue: %v", seed, err)
					}
					continue
				}
				if err != nil || !bytes.Equal(p, model[0]) {
					t.Fatalf("seed %d: got %d bytes, %v; want %d", seed, len(p), err, len(model[0]))
				}
				model = model[1:]
			}
			if q.Len() != len(model) {
				t.Fatalf("seed %d: Len %d, want %d", seed, q.Len(), len(model))
			}
		}
	}
}

// A large backlog, then none: chunks are added, then used again, and pages of
// long messages are given back.
func TestQueueGrowsAndReuses(t *testing.T) {
	_, q := makeQueue(t, MaxQueue)
	p := make([]byte, 1000)
	for round := range 3 {
		for i := range 2000 {
			binary.NativeEndian.PutUint64(p, uint64(i))
			if err := q.TryPut(forever, p); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 2000 {
			got, err := q.TryGet(forever, nil)
			if err != nil || len(got) != 1000 || binary.NativeEndian.Uint64(got) != uint64(i) {
				t.Fatal(i, len(got), err)
			}
		}
		a := q.h.assigned.Load()
		if n := uint32(a>>32) - uint32(a); n > 40 {
			t.Fatalf("round %d: %d chunks for 2 MB", round, n)
		}
	}
	for range 60000 { // 60 MB
		if err := q.TryPut(forever, p); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // each time it is empty it gives some back
		for q.Len() > 0 {
			if got, err := q.TryGet(forever, nil); err != nil || len(got) != 1000 {
				t.Fatal(len(got), err)
			}
		}
		q.TryPut(forever, p)
	}
	if blocks := fileBlocks(t, q.seg); blocks > 5<<19 {
		t.Errorf("%d bytes in use after a backlog of 60 MB was read", blocks)
	}
	q.TryGet(forever, nil)
	for i := range 20000 { // through chunks that lost their memory
		binary.NativeEndian.PutUint64(p, uint64(i))
		q.TryPut(forever, p)
		if i > 0 {
			got, err := q.TryGet(forever, nil)
			if want := uint64(i - 1); err != nil || binary.NativeEndian.Uint64(got) != want {
				t.Fatal(i, err)
			}
		}
	}
	for q.Len() > 0 {
		q.TryGet(forever, nil)
	}
	long := make([]byte, 1<<20)
	for range 300 {
		if err := q.TryPut(forever, long); err != nil {
			t.Fatal(err)
		}
		if _, err := q.TryGet(forever, nil); err != nil {
			t.Fatal(err)
		}
	}
	if blocks := fileBlocks(t, q.seg); blocks > 8<<20 {
		t.Errorf("%d bytes in use after 300 messages of 1 MiB were read", blocks)
	}
}

func init() {
	// puts the numbers from..to under a producer's id, of varying length, some
	// long.
	children["queue-put"] = func(seg *Segment, args []string) {
		q, err := OpenQueue(seg)
		check(err)
		id, _ := strconv.Atoi(args[0])
		n, _ := strconv.Atoi(args[1])
		for i := range n {
			check(q.Put(patient(), message(id, i)))
		}
	}
	children["queue-get-endless"] = func(seg *Segment, args []string) {
		q, err := OpenQueue(seg)
		check(err)
		for {
			p, err := q.Get(patient(), nil)
			check(err)
			check(checkMessage(p))
		}
	}
	children["queue-put-endless"] = func(seg *Segment, args []string) {
		q, err := OpenQueue(seg)
		check(err)
		id, _ := strconv.Atoi(args[0])
		for i := 0; ; i++ {
			check(q.Put(patient(), message(id, i)))
		}
	}
}

func message(id, i int) []byte {
	n := 16 + i*13%300
	if i%97 == 0 {
		n = 20000 + i%1000
	}
	p := bytes.Repeat([]byte{byte(id + i)}, n)
	binary.NativeEndian.PutUint64(p, uint64(id))
	binary.NativeEndian.PutUint64(p[8:], uint64(i))
	return p
}

func checkMessage(p []byte) error {
	if len(p) < 16 {
		return fmt.Errorf("message of %d bytes", len(p))
	}
	id, i := int(binary.NativeEndian.Uint64(p)), int(binary.NativeEndian.Uint64(p[8:]))
	if i < 0 || !bytes.Equal(p, message(id, i)) {
		return fmt.Errorf("message %d of %d is not as it was put", i, id)
	}
	return nil
}

func TestQueueAcrossProcesses(t *testing.T) {
	const producers, each, consumers = 3, 3000, 3
	seg, q := makeQueue(t, 10)
	var all []*child
	for id := range producers {
		all = append(all, startChild(t, "queue-put", seg, strconv.Itoa(id), strconv.Itoa(each)))
	}
	var mu sync.Mutex
	seen := map[[2]int]bool{}
	var wg sync.WaitGroup
	for range consumers {
		wg.Go(func() {
			last := map[int]int{}
			for {
				p, err := q.Get(patient(), nil)
				if err == ErrClosed {
					return
				}
				if err == nil {
					err = checkMessage(p)
				}
				if err != nil {
					t.Error(err)
					return
				}
				id, i := int(binary.NativeEndian.Uint64(p)), int(binary.NativeEndian.Uint64(p[8:]))
				if l, ok := last[id]; ok && l >= i {
					t.Errorf("producer %d: %d after %d", id, i, l)
				}
				last[id] = i
				mu.Lock()
				seen[[2]int{id, i}] = true
				mu.Unlock()
			}
		})
	}
	for _, c := range all {
		c.join(t)
	}
	if err := q.ShutDown(patient(), false); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if len(seen) != producers*each {
		t.Errorf("%d different messages, want %d", len(seen), producers*each)
	}
	if err := q.Put(patient(), nil); err != ErrClosed {
		t.Errorf("put after the end: %v", err)
	}
}

// Putters and getters are killed at random instructions while others go on.
// Nobody hangs, no message is torn, and each producer's messages stay in order
// without a gap in what this process reads when nobody else does.
func TestQueueChurnAndKill(t *testing.T) {
	seg, q := makeQueue(t, 50)
	var running []*child
	rng := rand.New(rand.NewPCG(5, 6))
	reap := func(c *child) {
		c.Process.Kill()
		if err := c.Wait(); err.Error() != "signal: killed" {
			t.Fatalf("%v\n%s", err, c.stderr.String())
		}
	}
	for i := range 30 {
		name := "queue-put-endless"
		if i%3 == 2 {
			name = "queue-get-endless"
		}
		running = append(running, startChild(t, name, seg, strconv.Itoa(i)))
		for range 200 {
			p, err := q.Get(patient(), nil)
			if err == nil {
				err = checkMessage(p)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(running) > 4 {
			k := rng.IntN(3)
			reap(running[k])
			running = append(running[:k], running[k+1:]...)
		}
		if i < 3 {
			continue
		}
	}
	for _, c := range running {
		reap(c)
	}
	// Alone with what is left, and then with one producer: nothing is missing.
	for {
		p, err := q.Get(&Wait{Deadline: time.Now().Add(time.Second)}, nil)
		if err == ErrTimeout {
			break
		}
		if err == nil {
			err = checkMessage(p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := startChild(t, "queue-put-endless", seg, "1000")
	for i := range 5000 {
		p, err := q.Get(patient(), nil)
		if err != nil || int(binary.NativeEndian.Uint64(p[8:])) != i {
			t.Fatal(i, err)
		}
	}
	reap(c)
	n := q.Len()
	for i := range n {
		p, err := q.TryGet(patient(), nil)
		if err != nil || int(binary.NativeEndian.Uint64(p[8:])) != 5000+i || checkMessage(p) != nil {
			t.Fatal(i, err)
		}
	}
	if blocks := fileBlocks(t, q.seg); blocks > 4<<20 {
		t.Errorf("%d bytes in use by an empty queue", blocks)
	}
}

func TestQueueShutDownAtOnce(t *testing.T) {
	_, q := makeQueue(t, 2)
	q.TryPut(forever, []byte("lost"))
	errs := make(chan error)
	go func() { errs <- q.Put(patient(), []byte("second")); errs <- q.Put(patient(), []byte("third")) }()
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	if err := q.ShutDown(forever, true); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != ErrClosed {
		t.Errorf("put that waited: %v", err)
	}
	if _, err := q.Get(patient(), nil); err != ErrClosed {
		t.Errorf("get: %v", err)
	}
}

func TestQueueOutOfSpace(t *testing.T) {
	seg, q := makeQueue(t, 10)
	seg.Close()
	if err := q.TryPut(forever, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("put that needs a chunk, on a closed handle: %v", err)
	}
	if err := q.TryPut(forever, make([]byte, 100<<10)); !errors.Is(err, ErrClosed) {
		t.Errorf("long put on a closed handle: %v", err)
	}
}

func FuzzQueueReader(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, uint64(2)<<countBits|1, uint64(0), uint32(0))
	f.Add([]byte{16, 0, 0, 0, 4, 0, 0, 0}, uint64(3)<<countBits|1, uint64(0), uint32(0))
	f.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0}, uint64(9000)<<countBits|1, uint64(0), uint32(1<<20))
	f.Fuzz(func(t *testing.T, data []byte, head, tail uint64, entry uint32) {
		seg, q := makeQueue(t, 10)
		defer seg.Unmap()
		if err := seg.Reserve(QueueOffset+q.base, chunkSize); err != nil {
			t.Fatal(err)
		}
		copy(q.mem[q.base:q.base+chunkSize], data)
		for p := range uint64(2) {
			q.table(part(tail) + p).Store(entry)
		}
		if entry != 0 && entry < uint32(q.chunks) {
			t.Skip("a chunk that does not exist: only the table's owner writes there")
		}
		q.h.head.Store(head)
		q.h.tail.Store(tail)
		for range 100 {
			if _, err := q.TryGet(forever, nil); err != nil {
				return
			}
		}
	})
}
