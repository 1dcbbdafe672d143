//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

func openQueue[T any](t testing.TB, s *Session, name string, config QueueConfig) *Queue[T] {
	t.Helper()
	q := must(OpenQueue[T](soon(t), s, name, config))(t)
	t.Cleanup(func() { q.Close() })
	return q
}

// A master puts tasks, and gets results; a worker elsewhere works until no more
// come. Both know the queues by their names.
func TestQueue(t *testing.T) {
	server := serve(t, ServerConfig{})
	master, worker := connect(t, server.URL()), connect(t, server.URL())
	var work sync.WaitGroup
	work.Go(func() {
		tasks := openQueue[int](t, worker, "tasks", QueueConfig{})
		results := openQueue[string](t, worker, "results", QueueConfig{})
		for {
			n, err := tasks.Get(soon(t))
			if n < 0 || err != nil {
				t.Log(n, err)
				return
			}
			if err := results.Put(soon(t), fmt.Sprintf("%d * %d = %d", n, n, n*n)); err != nil {
				t.Error(err)
			}
		}
	})
	defer work.Wait()
	tasks := openQueue[int](t, master, "tasks", QueueConfig{})
	results := openQueue[string](t, master, "results", QueueConfig{})
	for n := range 10 {
		if err := tasks.Put(soon(t), n); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 10 {
		if r, err := results.Get(soon(t)); r != fmt.Sprintf("%d * %d = %d", n, n, n*n) || err != nil {
			t.Fatal(r, err)
		}
	}
	if err := tasks.Put(soon(t), -1); err != nil {
		t.Fatal(err)
	}
	work.Wait()
	if n, err := results.Len(soon(t)); n != 0 || err != nil {
		t.Error(n, err)
	}
	if v, err := results.TryGet(soon(t)); !errors.Is(err, procs.ErrEmpty) {
		t.Error(v, err)
	}
	if v, err := results.GetTimeout(10 * time.Millisecond); !errors.Is(err, procs.ErrEmpty) {
		t.Error(v, err)
	}
	for i := range 20 { // a value is there once Put has returned
		if err := results.Put(soon(t), "x"); err != nil {
			t.Fatal(err)
		}
		if v, err := results.TryGet(soon(t)); v != "x" || err != nil {
			t.Fatal(i, v, err)
		}
	}
}

// A full queue lets its putters wait until there is room.
func TestQueueFull(t *testing.T) {
	server := serve(t, ServerConfig{})
	putters := openQueue[int](t, connect(t, server.URL()), "small", QueueConfig{Size: 2})
	getters := openQueue[int](t, connect(t, server.URL()), "small", QueueConfig{Size: 1000}) // is there already
	for i := range 2 {
		if err := putters.TryPut(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := putters.TryPut(soon(t), 2); !errors.Is(err, procs.ErrFull) {
		t.Fatal(err)
	}
	if err := getters.PutTimeout(2, 20*time.Millisecond); !errors.Is(err, procs.ErrFull) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := putters.Put(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := putters.TryPut(soon(t), 2); !errors.Is(err, procs.ErrFull) { // the server has refused all before it
		t.Fatal(err)
	}
	var put sync.WaitGroup
	defer put.Wait()
	for w := range 4 {
		put.Go(func() {
			for i := range 10 {
				if err := putters.Put(soon(t), 100*w+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var got []int
	for range 42 {
		v, err := getters.Get(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
		if n, err := getters.Len(soon(t)); n > 2 || err != nil {
			t.Fatal(n, err)
		}
	}
	want := []int{0, 1}
	for w := range 4 {
		for i := range 10 {
			want = append(want, 100*w+i)
		}
	}
	if !slices.Equal(got[:2], want[:2]) {
		t.Error(got)
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Error(got)
	}
}

// What a program takes goes to another when it hands it back, closes the queue
// or dies, and not when it is done with it.
func TestQueueItem(t *testing.T) {
	server := serve(t, ServerConfig{})
	one := openQueue[point](t, connect(t, server.URL()), "items", QueueConfig{Lease: minLease})
	two := openQueue[point](t, connect(t, server.URL()), "items", QueueConfig{})
	if err := one.Put(soon(t), point{1, 2, "a"}); err != nil {
		t.Fatal(err)
	}
	take := func(q *Queue[point], tries int) *Item[point] {
		t.Helper()
		i := must(q.Take(soon(t)))(t)
		if i.Value != (point{1, 2, "a"}) || i.Tries < tries { // more if a lease ran out, on a busy machine
			t.Errorf("%+v", i)
		}
		return i
	}
	i := take(one, 1)
	if err := i.Back(); err != nil {
		t.Error(err)
	}
	if err := i.Back(); !errors.Is(err, procs.ErrNotHeld) {
		t.Error(err)
	}
	if err := i.Done(soon(t)); !errors.Is(err, procs.ErrNotHeld) {
		t.Error(err)
	}
	i = take(two, 2)
	// Programs that live say so, again and again.
	said := make(chan *nats.Msg, 100)
	must(one.s.nc.ChanSubscribe(i.reply, said))(t)
	one.s.nc.Flush()
	for range 2 {
		select {
		case m := <-said:
			if string(m.Data) != "+WPI" {
				t.Errorf("%q", m.Data)
			}
		case <-soon(t).Done():
			t.Fatal("a value that is held is not kept")
		}
	}
	two.Close()
	if err := i.Done(soon(t)); !errors.Is(err, procs.ErrNotHeld) {
		t.Error(err)
	}
	for _, get := range []func() error{
		func() error { _, err := two.Get(soon(t)); return err },
		func() error { _, err := two.TryTake(soon(t)); return err },
		func() error { return two.Put(soon(t), point{}) },
	} {
		if err := get(); !errors.Is(err, procs.ErrClosed) {
			t.Error(err)
		}
	}
	i = take(one, 3)
	if err := i.Done(soon(t)); err != nil {
		t.Error(err)
	}
	if n, err := one.Len(soon(t)); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := one.TryTake(soon(t)); !errors.Is(err, procs.ErrEmpty) {
		t.Error(err)
	}
}

// takesAndWaits takes a value, and never says what became of it.
var takesAndWaits = procs.Register("remotetest.takesAndWaits", func(ctx context.Context, in [2]string) (int, error) {
	s, err := Connect(ctx, in[0], testConfig)
	if err != nil {
		return 0, err
	}
	q, err := OpenQueue[string](ctx, s, "tasks", QueueConfig{})
	if err != nil {
		return 0, err
	}
	if _, err := q.Take(ctx); err != nil {
		return 0, err
	}
	os.WriteFile(in[1], nil, 0o600)
	select {}
})

// A value that was taken by a program that is killed goes to another.
func TestQueueTakerKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	server := serve(t, ServerConfig{})
	q := openQueue[string](t, connect(t, server.URL()), "tasks", QueueConfig{Lease: minLease})
	if err := q.Put(soon(t), "precious"); err != nil {
		t.Fatal(err)
	}
	taker := proctest.Started(t, procs.NewProcess(takesAndWaits, [2]string{server.URL(), path}, procs.ProcessConfig{}))
	eventually(t, "it is taken", func() bool { _, err := os.Stat(path); return err == nil })
	proctest.Slay(t, taker)
	i, err := q.Take(soon(t))
	if err != nil || i.Value != "precious" || i.Tries < 2 {
		t.Fatal(i, err)
	}
	if err := i.Done(soon(t)); err != nil {
		t.Error(err)
	}
}

// Getters that give up leave the value that comes at this moment.
func TestQueueGetGivenUp(t *testing.T) {
	server := serve(t, ServerConfig{})
	q := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	const n = 100
	var put sync.WaitGroup
	put.Go(func() {
		for i := range n {
			if err := q.Put(soon(t), i); err != nil {
				t.Error(err)
			}
		}
	})
	defer put.Wait()
	var mu sync.Mutex
	var got []int
	var getters sync.WaitGroup
	end := soon(t)
	for g := range 3 {
		getters.Go(func() {
			for round := 0; end.Err() == nil; round++ {
				ctx, cancel := context.WithCancel(end)
				if g > 0 {
					time.AfterFunc(time.Duration(round%7)*200*time.Microsecond, cancel)
				}
				v, err := q.Get(ctx)
				mu.Lock()
				if err == nil {
					got = append(got, v)
				}
				all := len(got) >= n
				mu.Unlock()
				if all {
					q.Close()
				}
				if cancel(); errors.Is(err, procs.ErrClosed) {
					return
				}
			}
		})
	}
	getters.Wait()
	slices.Sort(got)
	for i := range n {
		if len(got) != n || got[i] != i {
			t.Fatal(len(got), got)
		}
	}
}

// Who waits for a value, and who puts one, does not notice that the server is
// started anew.
func TestQueueServerRestart(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	getters := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{Size: 10})
	putters := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	const n = 60
	got := make(chan int, 2*n)
	var work sync.WaitGroup
	defer work.Wait()
	defer getters.Close()
	for range 2 {
		work.Go(func() {
			for {
				v, err := getters.Get(context.Background())
				if errors.Is(err, procs.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
				}
				got <- v
			}
		})
	}
	seen := map[int]int{}
	for i := range n {
		if i == n/2 {
			server.Close()
			work.Go(func() { server = serve(t, ServerConfig{StoreDir: dir, Address: address}) })
		}
		if err := putters.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		select {
		case v := <-got:
			seen[v]++
		case <-soon(t).Done():
			t.Fatal(len(seen), "values of", n)
		}
	}
	if len(seen) != n {
		t.Error(seen)
	}
}

// Another type, a queue that is removed, and values and names that cannot be,
// are errors that say so.
func TestQueueErrors(t *testing.T) {
	server := serve(t, ServerConfig{MaxMessage: 1 << 16})
	s := connect(t, server.URL())
	name := "any text: 日本 */>."
	q := openQueue[[]byte](t, s, name, QueueConfig{})
	if _, err := OpenQueue[int](soon(t), s, name, QueueConfig{}); !errors.Is(err, ErrOtherType) || !strings.Contains(err.Error(), "日本") {
		t.Error(err)
	}
	if err := q.Put(soon(t), make([]byte, 1<<16)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if err := q.Put(soon(t), make([]byte, 1<<16-valueHead)); err != nil {
		t.Error(err)
	}
	if v, err := q.Get(soon(t)); len(v) != 1<<16-valueHead || err != nil {
		t.Error(len(v), err)
	}
	files := openQueue[*os.File](t, s, "files", QueueConfig{})
	if err := files.Put(soon(t), os.Stdin); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	if _, err := OpenQueue[func()](soon(t), s, "functions", QueueConfig{}); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	for _, name := range []string{"", strings.Repeat("x", 200), strings.Repeat("*", 70)} {
		if _, err := OpenQueue[int](soon(t), s, name, QueueConfig{}); !errors.Is(err, ErrName) {
			t.Error(name, err)
		}
	}
	for _, config := range []QueueConfig{{Size: -1}, {Lease: time.Second}, {Lease: -1}} {
		if _, err := OpenQueue[int](soon(t), s, "x", config); err == nil {
			t.Errorf("%+v", config)
		}
	}
	// A value that is none is an error of one Get, and is gone.
	numbers := openQueue[int](t, s, "numbers", QueueConfig{})
	for range 2 {
		s.nc.Publish(numbers.subject, []byte("x"))
	}
	if _, err := numbers.Get(soon(t)); err == nil || !strings.Contains(err.Error(), "a value that is none") {
		t.Error(err)
	}
	if _, err := numbers.Take(soon(t)); err == nil || !strings.Contains(err.Error(), "a value that is none") {
		t.Error(err)
	}
	if n, err := numbers.Len(soon(t)); n != 0 || err != nil {
		t.Error(n, err)
	}
	other := openQueue[[]byte](t, connect(t, server.URL()), name, QueueConfig{})
	waits := make(chan error, 1)
	go func() { _, err := other.Get(soon(t)); waits <- err }()
	eventually(t, "it waits", func() bool {
		c, err := q.stream.Consumer(soon(t), "getters")
		return err == nil && c.CachedInfo().NumWaiting > 0
	})
	if err := q.Remove(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if err := other.Put(soon(t), nil); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if _, err := other.TryGet(soon(t)); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if _, err := other.Len(soon(t)); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	if err := q.Remove(soon(t)); err != nil {
		t.Error(err)
	}
}

// A text is found again in what it is on the server, and no two are the same
// there.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "_", "_5f", "a.b", "*", ">", "日本", "A-z0", "\xff\x00", "__"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := untoken(token(s)); got != s || !ok {
			t.Errorf("%q %q %q", s, token(s), got)
		}
		if text, ok := untoken(s); ok && token(text) != s {
			t.Errorf("%q is %q too", s, text)
		}
		if strings.ContainsAny(token(s), " .*>\r\n\t\x00") || token(s) == "" {
			t.Errorf("%q", token(s))
		}
	})
}
