package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// largeTask is a task with a long argument: what it does, and whether the
// result is as long.
type largeTask struct {
	Body []byte
	Do   string
	Sum  *Value[int64] // a shared object beside the bytes
	Go   *Semaphore    // the task waits for it
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

var testLarge = Register("test.large", func(ctx context.Context, a largeTask) (largeTask, error) {
	if a.Go != nil {
		if err := a.Go.Acquire(ctx); err != nil {
			return a, err
		}
	}
	switch a.Do {
	case "error":
		return a, fmt.Errorf("%s", bytes.ToUpper(a.Body))
	case "goexit":
		runtime.Goexit()
	case "panic":
		panic(string(a.Body))
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "short":
		return largeTask{Body: fmt.Appendf(nil, "%x", hashOf(a.Body))}, nil
	}
	if a.Sum != nil {
		if err := a.Sum.Update(ctx, func(n *int64) { *n += int64(len(a.Body)) }); err != nil {
			return a, err
		}
	}
	a.Body = bytes.ToUpper(a.Body)
	return a, nil
})

// largeBody returns n letters that depend on i.
func largeBody(i, n int) []byte {
	return bytes.Repeat([]byte{byte('a' + i%26), byte('a' + i/26%26)}, n/2+1)[:n]
}

// Arguments and results of every length around the ring's limit, one after the
// other and many at a time, with shared objects beside them, arrive as they
// left, whatever became of the tasks before them.
func TestPoolLargeMessages(t *testing.T) {
	sizes := []int{0, 1, 1<<16 - 200, 1<<16 - 1, 1 << 16, 1<<16 + 1, 1 << 18, 1<<19 + 7}
	for _, workers := range []int{1, 3} {
		p := newPool(t, PoolConfig{Workers: workers})
		sum := closing(t, must(NewValue(int64(0)))(t), nil)
		total := int64(0)
		rnd := rand.New(rand.NewPCG(1, uint64(workers)))
		type call struct {
			largeTask
			r *AsyncResult[largeTask]
		}
		var calls []call
		for i := range 40 {
			a := largeTask{Body: largeBody(i, sizes[rnd.IntN(len(sizes))])}
			switch rnd.IntN(8) {
			case 0:
				a.Do = "error"
			case 1:
				a.Do = "short"
			case 2:
				a.Do = "goexit"
			case 3:
				a.Do = "panic"
			default:
				if i%2 == 0 {
					a.Sum = sum
					total += int64(len(a.Body))
				}
			}
			calls = append(calls, call{a, ApplyAsync(p, testLarge, a)})
			if i < 20 { // one after the other
				calls[i].r.Get(soon(t))
			}
		}
		for i, c := range calls {
			got, err := c.r.Get(soon(t))
			upper := bytes.ToUpper(c.Body)
			ok := err == nil && bytes.Equal(got.Body, upper)
			switch c.Do {
			case "error":
				ok = err != nil && strings.Contains(err.Error(), string(upper))
			case "panic":
				ok = err != nil && strings.Contains(err.Error(), string(c.Body))
			case "goexit":
				ok = err != nil && strings.Contains(err.Error(), "Goexit")
			case "short":
				ok = err == nil && string(got.Body) == fmt.Sprintf("%x", hashOf(c.Body))
			}
			if !ok {
				t.Fatalf("%d workers, task %d, %q of %d bytes: %d bytes, %.200v", workers, i, c.Do, len(c.Body), len(got.Body), err)
			}
			if got.Sum != nil {
				got.Sum.Close()
			}
		}
		if n, err := sum.Get(); n != total || err != nil {
			t.Errorf("%d workers: the tasks had %d bytes, not %d (%v)", workers, n, total, err)
		}
	}
}

// A long argument that is taken back before the worker has begun it leaves its
// memory to the next, and so does a worker that was killed with one.
func TestPoolLargeTakenBack(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	gate := closing(t, must(NewSemaphore(0))(t), nil)
	first := ApplyAsync(p, testLarge, largeTask{Body: largeBody(0, 1<<18), Go: gate})
	var waiting []*AsyncResult[largeTask]
	for i := range 5 {
		waiting = append(waiting, ApplyAsync(p, testLarge, largeTask{Body: largeBody(i, 1<<18+i), Do: "short"}))
	}
	for _, r := range waiting[:4] {
		if !r.Cancel() {
			t.Fatal("a task that was not begun could not be cancelled")
		}
	}
	if err := gate.Release(); err != nil {
		t.Fatal(err)
	}
	if got, err := first.Get(soon(t)); err != nil || !bytes.Equal(got.Body, bytes.ToUpper(largeBody(0, 1<<18))) {
		t.Error(len(got.Body), err)
	}
	if got, err := waiting[4].Get(soon(t)); err != nil || string(got.Body) != fmt.Sprintf("%x", hashOf(largeBody(4, 1<<18+4))) {
		t.Error(string(got.Body), err)
	}
	for i := range 4 {
		if _, err := Apply(soon(t), p, testLarge, largeTask{Body: largeBody(i, 1<<19), Do: "kill"}); !errors.Is(err, ErrWorkerDied) {
			t.Error(err)
		}
		want := bytes.ToUpper(largeBody(i, 1<<18))
		if got, err := Apply(soon(t), p, testLarge, largeTask{Body: largeBody(i, 1<<18)}); err != nil || !bytes.Equal(got.Body, want) {
			t.Error(len(got.Body), err)
		}
	}
}

// What is long goes through the same memory again and again: as many
// descriptors and segments after twenty calls as after two.
func TestPoolLargeReusesMemory(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	call := func(n int) {
		for i := range n {
			body := largeBody(i, 1<<18)
			if got, err := Apply(soon(t), p, testLarge, largeTask{Body: body}); err != nil || !bytes.Equal(got.Body, bytes.ToUpper(body)) {
				t.Fatal(len(got.Body), err)
			}
		}
	}
	call(2)
	store := func() any {
		p.mu.Lock()
		defer p.mu.Unlock()
		room := p.workers[0].store.Room()
		p.workers[0].store.Leave()
		if cap(room) < 1<<18 {
			t.Fatalf("there is room for %d bytes", cap(room))
		}
		return &room[:1][0]
	}
	before := store()
	call(20)
	if store() != before {
		t.Error("the memory is another")
	}
}

// testNoRoom fails with so long an error, in a worker that has no descriptor
// left to pass it on.
var testNoRoom = Register("test.noroom", func(_ context.Context, n int) (int, error) {
	limit := unix.Rlimit{Cur: 0, Max: 1024}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return 0, errors.New("trouble " + strings.Repeat("x", n))
})

// An error that is too long for the ring, where there is no memory for it,
// comes in short.
func TestPoolLongErrorWithoutMemory(t *testing.T) {
	for _, n := range []int{1 << 17, 1 << 20} {
		p := newPool(t, PoolConfig{Workers: 1})
		_, err := Apply(soon(t), p, testNoRoom, n)
		want := fmt.Sprintf("an error of %d bytes, which begins: trouble xxx", n+len("trouble "))
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 2000 {
			t.Errorf("%.200v", err)
		}
		// The worker has ended its task, and goes on.
		if v, err := Apply(soon(t), p, testSquare, 9); v != 81 || err != nil {
			t.Error(v, err)
		}
	}
	p := newPool(t, PoolConfig{Workers: 1})
	if _, err := Apply(soon(t), p, testNoRoom, 10); err == nil || !strings.HasSuffix(err.Error(), "trouble xxxxxxxxxx") {
		t.Error(err)
	}
	if got, err := Apply(soon(t), p, testLarge, largeTask{Body: largeBody(1, 1<<10)}); err != nil || len(got.Body) != 1<<10 {
		t.Error(len(got.Body), err)
	}
}
