//go:build linux

package connection

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

// silent connects to l and says nothing.
func silent(t *testing.T, l *Listener) *os.File {
	t.Helper()
	f, _, err := dialSocket(soon(t), l.Address(), nil, packets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// known dials l with the family's key, and accepts.
func known(t *testing.T, l *Listener) {
	t.Helper()
	c, err := Dial(soon(t), l.Address(), DialConfig{})
	if err != nil {
		t.Fatal("who knows the key does not get through:", err)
	}
	c.Close()
	must(l.Accept(soon(t)))(t).Close()
}

// knownInTime is known where a proof may take longer than strangerGrace, since
// hundreds of others keep the processors busy: then it dials again.
func knownInTime(t *testing.T, l *Listener) {
	t.Helper()
	proctest.Eventually(t, "who knows the key gets through", func() bool {
		c, err := Dial(soon(t), l.Address(), DialConfig{})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	must(l.Accept(soon(t)))(t).Close()
}

// closedByPeer reports whether f was closed by the other side, but for what
// that said before.
func closedByPeer(f *os.File) bool {
	f.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err := io.Copy(io.Discard, f)
	return err == nil || errors.Is(err, unix.ECONNRESET)
}

// 300 connections say nothing, for longer than this test takes; who knows the
// key gets through, and the oldest made room: xpra#130.
func TestListenerFullOfSilence(t *testing.T) {
	for _, address := range testAddresses {
		refused := make(chan error, 1000)
		l := listen(t, address, ListenerConfig{
			HandshakeTimeout: time.Hour,
			Refused:          func(_ string, err error) { refused <- err },
		})
		var all []*os.File
		for range 300 {
			all = append(all, silent(t, l))
		}
		for range 3 {
			known(t, l)
		}
		for i, f := range all[:300+1-256] {
			if !closedByPeer(f) {
				t.Fatal(address, "still there:", i)
			}
			if err := <-refused; !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "took its place") {
				t.Fatal(err)
			}
		}
		if n := len(refused); n > 0 {
			t.Fatal("refused as well, though there was room:", n, <-refused)
		}
		// The newest may still prove itself.
		if err := answerChallenge(all[299], procs.CurrentProcess().AuthKey()); err != nil {
			t.Fatal(err)
		}
		must(l.Accept(soon(t)))(t).Close()
		// Those that the end of the listener cuts were not refused by it.
		l.Close()
		if !closedByPeer(all[298]) {
			t.Fatal("a closed listener keeps connections")
		}
		if n := len(refused); n > 0 {
			t.Fatal("refused when the listener was closed:", n, <-refused)
		}
	}
}

// Connections that say one byte now and then do not get more time for it, nor
// are they in the way: slowloris.
func TestListenerSlowBytes(t *testing.T) {
	for _, address := range testAddresses {
		var refused atomic.Int32
		l := listen(t, address, ListenerConfig{
			HandshakeTimeout: time.Second,
			Refused:          func(string, error) { refused.Add(1) },
		})
		var wg sync.WaitGroup
		var slow []*os.File
		for range 300 {
			slow = append(slow, silent(t, l))
		}
		for _, f := range slow {
			wg.Go(func() {
				for i := 0; i < answerSize-1; i++ { // 20 s in all
					if _, err := f.Write([]byte{1}); err != nil {
						return
					}
					time.Sleep(20 * time.Second / answerSize)
				}
				t.Error("it was listened to up to its last byte but one")
			})
		}
		failed := int32(0) // for this machine is slow
		proctest.Eventually(t, "who knows the key gets through", func() bool {
			c, err := Dial(soon(t), l.Address(), DialConfig{})
			if err != nil {
				failed++
				return false
			}
			c.Close()
			must(l.Accept(soon(t)))(t).Close()
			return true
		})
		wg.Wait()
		for _, f := range slow {
			f.Close()
		}
		proctest.Eventually(t, "all are refused", func() bool { return refused.Load() == 300+failed })
		l.Close()
	}
}

// Megabytes instead of a proof are not read: what is behind an answer stays in
// the socket, and the answer is wrong.
func TestListenerMegabytesBeforeProof(t *testing.T) {
	l := listen(t, ":0", ListenerConfig{HandshakeTimeout: time.Hour})
	long := bytes.Repeat([]byte{7}, 64<<20) // more than the kernel keeps
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range 5 {
		f := silent(t, l)
		wg.Go(func() {
			f.SetWriteDeadline(time.Now().Add(time.Minute))
			if _, err := f.Write(long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("64 MiB were taken, or waited for:", err)
			}
		})
	}
	known(t, l)
	wg.Wait()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Error("bytes used:", n)
	}
}

// Whoever is thrown out connects again at once, from 600 places. Each who knows
// the key gets through nevertheless.
func TestListenerFlood(t *testing.T) {
	for _, address := range testAddresses {
		l := listen(t, address, ListenerConfig{HandshakeTimeout: time.Hour})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		var again atomic.Int64
		for range 600 {
			wg.Go(func() {
				for ctx.Err() == nil {
					f, _, err := dialSocket(ctx, l.Address(), nil, packets)
					if err != nil {
						return
					}
					stop := context.AfterFunc(ctx, func() { f.SetDeadline(time.Unix(1, 0)) })
					io.Copy(io.Discard, f)
					stop()
					f.Close()
					again.Add(1)
				}
			})
		}
		proctest.Eventually(t, "it floods", func() bool { return again.Load() > 600 })
		for range 5 {
			knownInTime(t, l)
		}
		cancel()
		wg.Wait()
		l.Close()
	}
}

// The oldest is pushed out, but not before it has had its time; one that leaves
// makes room at once.
func TestStrangers(t *testing.T) {
	synctest.Test(t, testStrangers) // its time is its own
}

func testStrangers(t *testing.T) {
	closed := make(chan struct{})
	s := newStrangers(2, closed)
	file := func() *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r
	}
	isClosed := func(f *os.File) bool {
		_, err := f.Stat()
		return errors.Is(err, os.ErrClosed)
	}
	a, b, c, d := file(), file(), file(), file()
	begin := time.Now()
	if !s.enter(a) || !s.enter(b) || s.pushOut() || isClosed(a) {
		t.Fatal("pushed out before its time")
	}
	if !s.enter(c) || time.Since(begin) != strangerGrace || !isClosed(a) || isClosed(b) {
		t.Fatal(time.Since(begin), isClosed(a), isClosed(b))
	}
	if s.leave(a) {
		t.Fatal("left after it was pushed out")
	}
	if !s.leave(b) || s.leave(b) || !s.enter(d) || isClosed(b) || isClosed(c) {
		t.Fatal("who left was pushed out")
	}
	select { // for whoever is about to wait
	case <-s.left:
	default:
		t.Error("nobody heard that b left")
	}
	entered := make(chan bool)
	go func() { entered <- s.enter(file()) }()
	time.Sleep(strangerGrace / 5)
	synctest.Wait() // it waits
	if !s.leave(d) || !<-entered || isClosed(d) {
		t.Fatal("room that was made while somebody waited")
	}
	go func() { entered <- s.enter(file()) }()
	close(closed)
	s.close()
	<-entered // either
	if s.enter(file()) || s.leave(c) || !isClosed(c) || s.pushOut() {
		t.Fatal("after the end")
	}
}

// limitFDs sets the limit of descriptors for the test.
func limitFDs(t *testing.T, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
}

// Strangers have no more than a quarter of the process's descriptors.
func TestStrangersShareOfDescriptors(t *testing.T) {
	for limit, want := range map[uint64]int{2: 1, 400: 100, 1020: 255, 1024: 256, 4000: 256} {
		t.Run("", func(t *testing.T) {
			limitFDs(t, limit)
			if n := maxStrangers(); n != want {
				t.Error(limit, n, want)
			}
		})
	}
}

// useUp opens descriptors until there is room for n more.
func useUp(t *testing.T, n int) (free func()) {
	t.Helper()
	limitFDs(t, 200)
	var fds []int
	for {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
		if err == unix.EMFILE {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	free = sync.OnceFunc(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	t.Cleanup(free)
	for range n {
		unix.Close(fds[len(fds)-1])
		fds = fds[:len(fds)-1]
	}
	return free
}

// A process out of descriptors: an idle listener does nothing about it, one
// that a connection waits for does not spin, and goes on when there are some
// (libuv's and Node's "accept EMFILE" loops; eventlet#122).
func TestListenerWithoutDescriptors(t *testing.T) {
	for _, address := range testAddresses {
		t.Run(address, func(t *testing.T) {
			var warnings atomic.Int32
			procs.SetLog(procs.LevelWarning, func(_ procs.Level, m string) {
				if strings.Contains(m, "accept") && strings.Contains(m, "ulimit -n") {
					warnings.Add(1)
				}
			})
			defer procs.SetLog(procs.LevelOff, nil)
			l := listen(t, address, ListenerConfig{})
			known(t, l) // the poller has its descriptors
			runtime.GC()
			free := useUp(t, 1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			dialled := make(chan error)
			time.Sleep(300 * time.Millisecond) // nothing must happen
			runtime.ReadMemStats(&after)
			if n := after.NumGC - before.NumGC; warnings.Load() > 0 || n > 2 {
				t.Error("an idle listener does something:", warnings.Load(), n)
			}
			go func() { // takes the last one
				c, err := Dial(soon(t), l.Address(), DialConfig{})
				if err == nil {
					c.Close()
				}
				dialled <- err
			}()
			proctest.Eventually(t, "it is said", func() bool { return warnings.Load() > 0 })
			begin := time.Now()
			time.Sleep(time.Second)
			if n := float64(warnings.Load()); n > 10*time.Since(begin).Seconds() {
				t.Error("it spins:", n)
			}
			free()
			a := must(l.Accept(soon(t)))(t)
			if err := <-dialled; err != nil {
				t.Error(err)
			}
			a.Close()
		})
	}
}

// If those that say nothing have the last descriptors, the oldest give them up.
func TestListenerStrangersGiveDescriptors(t *testing.T) {
	l := listen(t, "", ListenerConfig{HandshakeTimeout: time.Hour})
	known(t, l)
	first, second := silent(t, l), silent(t, l)
	proctest.Eventually(t, "they are taken", func() bool {
		l.strangers.mu.Lock()
		defer l.strangers.mu.Unlock()
		return len(l.strangers.queue) == 2
	})
	time.Sleep(strangerGrace)
	useUp(t, 1)
	f := silent(t, l) // takes the last one; the listener needs two for it
	if err := answerChallenge(f, procs.CurrentProcess().AuthKey()); err != nil {
		t.Fatal("who knows the key does not get through:", err)
	}
	must(l.Accept(soon(t)))(t).Close()
	for _, f := range []*os.File{first, second} {
		if !closedByPeer(f) {
			t.Error("one that said nothing keeps its descriptor")
		}
	}
}

// Dial says what it was short of: a socket, or what becomes of it in the end.
func TestDialWithoutDescriptors(t *testing.T) {
	f, address, err := Bind(abstractName("bound"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	served := make(chan int, 1)
	serve := func() {
		defer close(served)
		unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, 20_000)
		fd, _, err := unix.Accept(int(f.Fd()))
		if err != nil {
			t.Error(err)
			return
		}
		var e exam // that wants no proof
		copy(e.challenge[:], authMagic)
		unix.Write(fd, e.challenge[:])
		served <- fd
	}
	for _, room := range []int{0, 2} {
		free := useUp(t, room)
		if room > 0 {
			go serve()
		}
		c, err := Dial(soon(t), address, DialConfig{NoAuth: true})
		free()
		if err == nil {
			c.Close()
			t.Fatal("with room for", room)
		}
		if !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			t.Error(room, err)
		}
	}
	if fd, ok := <-served; ok {
		unix.Close(fd)
	}
}

// Failures in a row are met by longer and longer pauses, and one after a
// success by a short one again.
func TestBackoff(t *testing.T) {
	var b backoff
	for range 2 {
		for want := firstPause; want < longestPause; want *= 2 {
			if got := b.after(io.EOF); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		}
		for range 3 {
			if got := b.after(io.EOF); got != longestPause {
				t.Error(got)
			}
		}
		if got := b.after(nil); got != 0 {
			t.Error(got)
		}
	}
}
