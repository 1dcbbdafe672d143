//go:build linux

package transport_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
)

// oneProcessor makes the rest of the test one of a process with one processor,
// as a child's often is.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func threads(t *testing.T) int {
	all, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// Receivers that wait take no threads; a message, the end of the other side and
// their own Close end their waits, and they wait again for the next message.
func TestLounge(t *testing.T) {
	oneProcessor(t)
	const n = 64
	before := threads(t)
	var asleep atomic.Int32
	type outcome struct {
		i, got int
		err    error
	}
	outcomes := make(chan outcome, n)
	var ours, theirs [n]*procs.Conn
	for i := range n {
		ours[i], theirs[i] = testPipePair(t, procs.Duplex)
		go func() {
			asleep.Add(1)
			o := outcome{i: i}
			for range 2 {
				var v int
				if o.err = ours[i].Recv(&v); o.err != nil {
					break
				}
				o.got += v
				ours[i].Send(v)
			}
			outcomes <- o
		}()
	}
	eventually(t, "all wait", func() bool { return asleep.Load() == n })
	time.Sleep(20 * time.Millisecond) // more of them than not are asleep by then
	if now := threads(t); now > before+n/2 {
		t.Errorf("%d threads, and %d with %d receivers", before, now, n)
	}
	for i, c := range theirs {
		if err := c.Send(i); err != nil {
			t.Fatal(err)
		}
		var v int
		if err := c.Recv(&v); v != i || err != nil {
			t.Fatal(i, v, err)
		}
		switch i % 3 {
		case 0:
			err := c.Send(1)
			if err != nil {
				t.Fatal(err)
			}
		case 1:
			c.Close()
		case 2:
			ours[i].Close()
		}
	}
	for range n {
		o := <-outcomes
		want, end := o.i, [...]error{nil, io.EOF, os.ErrClosed}[o.i%3]
		if end == nil {
			want++
		}
		if o.got != want || !errors.Is(o.err, end) {
			t.Errorf("%d: got %d, %v", o.i, o.got, o.err)
		}
	}
}

// A deadline that is set while a receiver waits without one ends the wait, and
// the pipe serves afterwards.
func TestLoungeDeadline(t *testing.T) {
	oneProcessor(t)
	a, b := testPipePair(t, procs.OneWay)
	done := make(chan error)
	var v int
	go func() { done <- a.Recv(&v) }()
	time.Sleep(20 * time.Millisecond) // asleep by then, mostly; right in any case
	a.SetDeadline(time.Now())
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	a.SetDeadline(time.Time{})
	for i := range 3 {
		go func() { done <- a.Recv(&v) }()
		time.Sleep(10 * time.Millisecond)
		b.Send(i)
		if err := <-done; v != i || err != nil {
			t.Fatal(v, err)
		}
	}
}

// Two holders of one end wait for the same messages: each comes once, and
// nobody waits for what the other has taken.
func TestLoungeTwoHolders(t *testing.T) {
	oneProcessor(t)
	a, b := testPipePair(t, procs.OneWay)
	twin := dupConn(t, a)
	const n = 2000
	got := make(chan int, n+1)
	var both sync.WaitGroup
	for _, c := range []*procs.Conn{a, twin} {
		both.Go(func() {
			for {
				var v int
				if c.Recv(&v) != nil {
					return
				}
				if got <- v; v == n {
					return
				}
			}
		})
	}
	for i := range n {
		if err := b.Send(i); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			time.Sleep(time.Millisecond) // they fall asleep
		}
	}
	b.Send(n) // one of them stops, the other one finds the end
	b.Close()
	both.Wait()
	close(got)
	seen := make([]bool, n+1)
	for v := range got {
		if seen[v] {
			t.Fatal(v, "again")
		}
		seen[v] = true
	}
	for i, ok := range seen {
		if !ok {
			t.Fatal(i, "is lost")
		}
	}
}

// Without a descriptor to spare a receiver waits all the same.
func TestLoungeFewDescriptors(t *testing.T) {
	oneProcessor(t)
	a, b := testPipePair(t, procs.OneWay)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	var v int
	go func() { done <- a.Recv(&v) }()
	time.Sleep(20 * time.Millisecond)
	b.Send(42)
	if err := <-done; v != 42 || err != nil {
		t.Fatal(v, err)
	}
}

var testLoungeEcho = procs.Register("test.lounge.echo", func(_ context.Context, c *procs.Conn) (int, error) {
	for {
		b, err := c.RecvBytes(0)
		if err != nil {
			return 0, nil
		}
		if err := c.SendBytes(b); err != nil {
			return 0, nil
		}
	}
})

// While one goroutine of a process with one processor does nothing but send and
// receive, another one that waits in the runtime's poller gets its turns.
func TestLoungeOthersGoOn(t *testing.T) {
	a, b := testPipePair(t, procs.Duplex)
	echo := procs.NewProcess(testLoungeEcho, b, procs.ProcessConfig{GOMAXPROCS: 1})
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	defer join(t, echo)
	defer a.Close()
	r, w, err := os.Pipe()
	r2, w2, err2 := os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{r, w, r2, w2} {
		defer f.Close()
	}
	oneProcessor(t)
	const trips = 200
	over := make(chan error, 2)
	go func() { // the other side of the poller
		buf := make([]byte, 1)
		for range trips {
			if _, err := r.Read(buf); err != nil {
				over <- err
				return
			}
			w2.Write(buf)
		}
		over <- nil
	}()
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		buf := make([]byte, 1)
		for range trips {
			w.Write(buf)
			if _, err := r2.Read(buf); err != nil {
				over <- err
				return
			}
		}
		over <- nil
	}()
	rounds := 0
	for ; !done.Load(); rounds++ {
		if err := a.SendBytes([]byte("round")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.RecvBytes(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(<-over, <-over); err != nil {
		t.Fatal(err)
	}
	t.Log(rounds, "rounds beside", trips)
	if rounds > 100*trips {
		t.Errorf("%d rounds beside %d: the others waited", rounds, trips)
	}
}
