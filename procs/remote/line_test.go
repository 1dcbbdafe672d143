//go:build linux

package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/proctest"
)

// onePeer returns the only worker that a pool knows, and its line.
func onePeer(t *testing.T, p *Pool) (*direct, *peer, *line) {
	t.Helper()
	d := p.lane.(*direct)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, peer := range d.peers {
		return d, peer, peer.line
	}
	t.Fatal("the pool knows no worker")
	return nil, nil, nil
}

// There is no line where it would be less safe than the server, or where
// somebody does not want it; tasks are done all the same.
func TestWithoutLine(t *testing.T) {
	cert, roots := certificate(t)
	open := serve(t, ServerConfig{NoAuth: true})
	locked := serve(t, ServerConfig{})
	encrypted := serve(t, ServerConfig{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	for _, c := range []struct {
		name           string
		url            string
		worker, caller Config
	}{
		{"without a key", open.URL(), Config{NoAuth: true}, Config{NoAuth: true}},
		{"encrypted", encrypted.URL(), Config{AuthKey: testKey, TLS: &tls.Config{RootCAs: roots}}, Config{AuthKey: testKey, TLS: &tls.Config{RootCAs: roots}}},
		{"the worker wants none", locked.URL(), serverOnly, testConfig},
		{"the caller wants none", locked.URL(), testConfig, serverOnly},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.worker.Namespace = token(c.name)
			c.caller.Namespace = c.worker.Namespace
			ctx, cancel := context.WithCancel(context.Background())
			var work sync.WaitGroup
			defer work.Wait()
			defer cancel()
			work.Go(func() {
				if err := Work(ctx, c.url, WorkerConfig{Config: c.worker}); err != nil {
					t.Error(err)
				}
			})
			s := must(Connect(soon(t), c.url, c.caller))(t)
			defer s.Close()
			p := must(NewPool(s, PoolConfig{}))(t)
			defer p.Terminate()
			if v, err := Apply(soon(t), p, square, 5); v != 25 || err != nil {
				t.Fatal(v, err)
			}
			d, peer, _ := onePeer(t, p)
			d.mu.Lock()
			defer d.mu.Unlock()
			if wants := strings.HasPrefix(c.name, "the caller"); peer.lined || (peer.Address != "") != wants {
				t.Error(peer.lined, peer.Address)
			}
		})
	}
}

// Only who knows the key gets a line, and only to the worker that he means.
func TestLineWrongKey(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	hasLine(t, p, true)
	_, peer, _ := onePeer(t, p)
	other := Config{AuthKey: []byte("another key, also long enough")}
	stranger := &Session{namespace: p.s.namespace}
	stranger.lineSecret = append([]byte(nil), other.AuthKey...)
	for name, key := range map[string][]byte{
		"another key": stranger.lineKey(peer.ID), "another worker's": p.s.lineKey("x"), "the AuthKey itself": testKey,
	} {
		if c, err := connection.Dial(soon(t), peer.Address, connection.DialConfig{AuthKey: key}); !errors.Is(err, connection.ErrAuthentication) {
			if err == nil {
				c.Close()
			}
			t.Error(name, err)
		}
	}
	for _, last := range []string{"", "GET / HTTP/1.1\r\n"} { // no message, and one that is far too long
		c := must(connection.Dial(soon(t), peer.Address, connection.DialConfig{AuthKey: p.s.lineKey(peer.ID)}))(t)
		l := must(takeOver(c, 1<<20, func(f func()) { f() }))(t)
		defer l.close()
		for _, b := range []string{"garbage", "\x03", "\x00\x00"} { // who knows the key may be of another program
			l.send([]byte(b))
		}
		l.send(linePing)
		if b, err := l.next(); string(b) != string(linePing) || err != nil {
			t.Error(b, err)
		}
		if last == "" {
			l.send(nil)
		} else {
			l.c.Write([]byte(last))
		}
		if b, err := l.next(); err == nil {
			t.Error(b)
		}
	}
	if v, err := Apply(soon(t), p, square, 9); v != 81 || err != nil {
		t.Fatal(v, err)
	}
}

// A worker whose address cannot be reached gets its tasks through the server,
// and after a few tries nobody dials any more. One whose address is that of
// another worker as well.
func TestLineCannotBeMade(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{})
	elsewhere := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, elsewhere, 1)
	_, there, _ := onePeer(t, elsewhere)
	for _, address := range []string{"127.0.0.1:1", there.Address} {
		w := must(newWorker(connect(t, server.URL()), WorkerConfig{}))(t)
		w.s.lineSecret = nil // it does not listen
		w.self.Address = address
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.work(ctx) }()
		p := newPool(t, server.URL(), PoolConfig{})
		hasWorkers(t, p, 2)
		d := p.lane.(*direct)
		eventually(t, "it was dialled in vain", func() bool {
			w.announce(w.s.subject("here"))
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.peers[w.self.ID].failures == lineTries && !d.peers[w.self.ID].lined
		})
		for i := range 20 {
			if v, err := Apply(soon(t), p, square, i); v != i*i || err != nil {
				t.Fatal(v, err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.Terminate()
	}
}

// A line that is lost while a worker lives: what was sent over it fails, since
// nobody knows what became of it, and is cancelled; the next tasks go through
// the server, or over the next line.
func TestLineLost(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	hasLine(t, p, true)
	path := filepath.Join(t.TempDir(), "task")
	f := Submit(p, untilCancelled, path)
	second := Submit(p, square, 2)
	eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
	d, peer, l := onePeer(t, p)
	eventually(t, "both are sent", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.inflight) == 2 && !slices.ContainsFunc(slices.Collect(maps.Values(d.inflight)), func(r *request) bool { return r.sent.line != l })
	})
	l.close()
	for _, f := range []*procs.Future[int]{f, second} {
		if v, err := f.Result(soon(t)); !errors.Is(err, ErrConnectionLost) {
			t.Error(v, err)
		}
	}
	eventually(t, "it is cancelled", func() bool { b, _ := os.ReadFile(path); return string(b) == "cancelled" })
	if v, err := Apply(soon(t), p, square, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if peer.tasks != 0 || d.peers[peer.ID] != peer {
		t.Error(peer.tasks)
	}
}

// A line over which nothing comes is given up, though the worker answers by way
// of the server.
func TestLineSilent(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	hasLine(t, p, true)
	d, peer, l := onePeer(t, p)
	d.mu.Lock()
	l.heard = time.Now().Add(-p.config.DeadAfter)
	d.mu.Unlock()
	d.look(false)
	d.mu.Lock()
	gone, there := peer.line != l, d.peers[peer.ID] == peer
	d.mu.Unlock()
	if !gone || !there {
		t.Error(gone, there)
	}
	if v, err := Apply(soon(t), p, square, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// A task that was sent through the server just before there was a line is
// cancelled that way: a cancellation over the line would overtake it.
func TestLineDoesNotOvertake(t *testing.T) {
	server := serve(t, ServerConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := must(Connect(soon(t), server.URL(), serverOnly))(t)
	defer s.Close()
	p := must(NewPool(s, PoolConfig{}))(t)
	defer p.Terminate()
	worksHere(t, server.URL(), WorkerConfig{})
	hasWorkers(t, p, 1)
	path := filepath.Join(t.TempDir(), "task")
	f := Submit(p, untilCancelled, path)
	eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
	d, peer, _ := onePeer(t, p)
	s.lineSecret = connect(t, server.URL()).lineSecret
	d.mu.Lock()
	d.dial(peer)
	d.mu.Unlock()
	hasLine(t, p, true)
	f.Cancel()
	eventually(t, "it is cancelled", func() bool { b, _ := os.ReadFile(path); return string(b) == "cancelled" })
	if v, err := Apply(ctx, p, square, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// A worker that leaves hands back what comes over lines until the last moment:
// nothing is lost that was put into one.
func TestLineOfWorkerThatLeaves(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	for range 2 {
		leave := worksHere(t, server.URL(), WorkerConfig{Slots: 1})
		hasWorkers(t, p, 2)
		hasLine(t, p, true)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				fs := make([]*procs.Future[int], 40)
				for i := range fs {
					fs[i] = Submit(p, square, i)
				}
				for i, f := range fs {
					if v, err := f.Result(soon(t)); v != i*i || err != nil {
						t.Error(v, err)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		leave()
		close(stop)
		<-stopped
		hasWorkers(t, p, 1)
	}
}

// A pool that is stopped, and reads nothing, keeps a worker from nobody else's
// tasks.
func TestLineOfPoolThatReadsNothing(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	_, peer, _ := onePeer(t, p)
	c := must(connection.Dial(soon(t), peer.Address, connection.DialConfig{AuthKey: p.s.lineKey(peer.ID)}))(t)
	l := must(takeOver(c, 1<<20, func(f func()) { f() }))(t)
	s := signatureOf(bytesBack)
	for i := range 40 { // 40 MiB of results
		body := must(s.encode([]int{1 << 20}, false))(t)
		r := &request{name: s.name, task: task{number: uint64(i), function: s.id, body: body}}
		l.send(r.append(newMessage(0)))
	}
	for i := range 300 {
		if v, err := Apply(soon(t), p, square, i); v != i*i || err != nil {
			t.Fatal(v, err)
		}
	}
	l.close()
	proctest.Eventually(t, "nothing is left of it", func() bool {
		d := p.lane.(*direct)
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.inflight) == 0
	})
}

// visits is a function that is quick, unless its argument says otherwise. Where
// says whether the goroutine that reads a line runs it.
var (
	visits = procs.Register("remotetest.visits", func(ctx context.Context, how string) (reads bool, err error) {
		visiting.most.Store(max(visiting.most.Load(), visiting.now.Add(1)))
		defer visiting.now.Add(-1)
		if how != "" {
			pcs := make([]uintptr, 50)
			frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
			for more := true; more && !reads; {
				var f runtime.Frame
				f, more = frames.Next()
				reads = strings.HasSuffix(f.Function, "(*worker).read")
			}
		}
		switch how {
		case "where", "":
			return reads, nil
		case "stay":
			visiting.stay <- reads
			<-ctx.Done()
			visiting.end <- true
			return reads, ctx.Err()
		}
		visiting.stay <- reads
		if how == "panic" {
			panic("oh")
		}
		runtime.Goexit()
		return false, nil
	})
	visiting struct {
		now, most atomic.Int32
		stay, end chan bool
	}
)

// A function that was quick is run by the goroutine that reads. If it is not
// any more, another goroutine reads: other tasks are done and cancellations
// heard; and if it ends the goroutine, another reads likewise. It has a slot as
// all have.
func TestLineGuest(t *testing.T) {
	server := serve(t, ServerConfig{})
	leave := worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	hasLine(t, p, true)
	visiting.stay, visiting.end = make(chan bool, 1), make(chan bool, 1)
	visiting.most.Store(0)
	for _, how := range []string{"stay", "panic", "goexit", "stay"} {
		eventually(t, "the goroutine that reads runs "+how, func() bool {
			for range 2 * quickRuns {
				if _, err := Apply(soon(t), p, visits, ""); err != nil {
					t.Fatal(err)
				}
			}
			f := Submit(p, visits, how)
			reads := <-visiting.stay
			for i := range 3 { // the other slot
				if v, err := Apply(soon(t), p, square, i); v != i*i || err != nil {
					t.Fatal(how, v, err)
				}
			}
			if how == "stay" {
				second := Submit(p, visits, how)
				<-visiting.stay
				f.Cancel()
				<-visiting.end
				second.Cancel()
				<-visiting.end
				return reads
			}
			var remote *procs.RemoteError
			if _, err := f.Result(soon(t)); !errors.As(err, &remote) || remote.Panic != (how == "panic") {
				t.Fatal(how, err)
			}
			return reads
		})
	}
	var fs []*procs.Future[bool]
	for range 200 {
		fs = append(fs, Submit(p, visits, "where"))
	}
	for _, f := range fs {
		if _, err := f.Result(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := visiting.most.Load(); n > 2 {
		t.Error(n, "ran at the same time, in two slots")
	}
	leave()
}
