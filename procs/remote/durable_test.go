//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/bench/testenv"
	"switchyard/procs"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
)

func durablePool(t testing.TB, url string, config PoolConfig) *Pool {
	t.Helper()
	config.Lane = AtLeastOnce
	return newPool(t, url, config)
}

func TestDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task") // first: the worker ends before it
	server := serve(t, ServerConfig{})
	early := worksHere(t, server.URL(), WorkerConfig{Slots: 2}) // before there is a stream
	p := durablePool(t, server.URL(), PoolConfig{})
	xs := make([]int, 100)
	for i := range xs {
		xs[i] = i
	}
	for range 2 {
		vs, err := Map(soon(t), p, square, xs)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range vs {
			if v != i*i {
				t.Fatal(i, v)
			}
		}
		early()
		worksHere(t, server.URL(), WorkerConfig{Slots: 2}) // after
	}
	if v, err := Apply(soon(t), p, moved, point{1, 2, "a"}); v != (point{2, 1, "a!"}) || err != nil {
		t.Fatal(v, err)
	}
	if _, err := Apply(soon(t), p, fails, ""); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	if _, err := Apply(soon(t), p, untilCancelled, path, procs.Timeout(20*time.Millisecond)); !errors.Is(err, procs.ErrTimeout) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	os.Remove(path)
	go func() {
		eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
		cancel()
	}()
	if _, err := Apply(ctx, p, untilCancelled, path); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "it is cancelled", func() bool { b, _ := os.ReadFile(path); return string(b) == "cancelled" })
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// Tasks wait for a worker on the server's disk, and are done when one comes,
// though the server was started anew meanwhile.
func TestDurableWaitsOnDisk(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	p := durablePool(t, server.URL(), PoolConfig{})
	var fs []*procs.Future[int]
	for i := range 100 {
		fs = append(fs, Submit(p, square, i))
	}
	server.Close()
	server = serve(t, ServerConfig{StoreDir: dir, Address: address})
	worksHere(t, server.URL(), WorkerConfig{})
	for i, f := range fs {
		if v, err := f.Result(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
}

// Workers are killed and the server is started anew, in the midst of a thousand
// tasks: none is lost, and each result comes once.
//
// PROCS_FAULTS=long (make faults) does a hundred thousand, starts the server
// anew twice and kills a third of the workers each time.
func TestFaultDurable(t *testing.T) {
	n, restarts := 1000, 1
	if testenv.Asked("PROCS_FAULTS") == "long" {
		n, restarts = 100_000, 2
	}
	durableFaults(t, n, restarts)
}

func durableFaults(t *testing.T, n, restarts int) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	url := server.URL()
	p := durablePool(t, url, PoolConfig{Lease: minLease, Tries: 100})
	var workers []*procs.Process
	for range 3 {
		workers = append(workers, startWorker(t, url))
	}
	var results atomic.Int64
	var fs []*procs.Future[int]
	for i := range n {
		fs = append(fs, Submit(p, square, i, procs.OnResult(func(int) { results.Add(1) })))
	}
	reach := func(k int) {
		t.Helper()
		for deadline := time.Now().Add(wait.Patience + time.Duration(n)*10*time.Millisecond); results.Load() < int64(k); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d results, where there should be %d", results.Load(), k)
			}
		}
	}
	for k := range restarts {
		reach((2*k + 1) * n / (2*restarts + 1))
		proctest.Slay(t, workers[k%len(workers)])
		workers[k%len(workers)] = startWorker(t, url)
		reach((2*k + 2) * n / (2*restarts + 1))
		server.Close()
		server = serve(t, ServerConfig{StoreDir: dir, Address: strings.TrimPrefix(url, "nats://")})
	}
	for i, f := range fs {
		if v, err := f.Result(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	if k := results.Load(); k != int64(n) {
		t.Errorf("%d results of %d tasks", k, n)
	}
}

// A task that kills its workers is given up after so many tries, and kept with
// the reason.
func TestDurablePoison(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := durablePool(t, server.URL(), PoolConfig{Lease: minLease, Tries: 2})
	victims := []*procs.Process{startWorker(t, server.URL()), startWorker(t, server.URL())}
	f := Submit(p, fails, "exit")
	for _, v := range victims {
		if err := v.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	worksLast := startWorker(t, server.URL())
	if _, err := f.Result(soon(t)); !errors.Is(err, ErrPoisoned) || !strings.Contains(err.Error(), "2 workers") {
		t.Fatal(err)
	}
	if v, err := Apply(soon(t), p, square, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
	if _, ended := worksLast.ExitCode(); ended {
		t.Error("the third worker was killed too")
	}
	js := must(jetstream.New(p.s.nc))(t)
	stream := must(js.Stream(soon(t), "switchyard-dead"))(t)
	m := must(stream.GetMsg(soon(t), 1))(t)
	if !strings.Contains(m.Header.Get(headerReason), "2 workers") || m.Header.Get(headerName) != "remotetest.fails" {
		t.Error(m.Header)
	}
	if c := stream.CachedInfo().Config; c.MaxAge <= 0 || c.MaxMsgs <= 0 || c.MaxBytes <= 0 {
		t.Error("what is given up is kept for ever:", c)
	}
	dead := must(p.s.DeadTasks(soon(t), 10))(t)
	if len(dead) != 1 || dead[0].Function != "remotetest.fails" || !strings.Contains(dead[0].Reason, "2 workers") || dead[0].Size == 0 {
		t.Error(dead)
	}
	if dead := must(p.s.DeadTasks(soon(t), 0))(t); len(dead) != 0 {
		t.Error(dead)
	}
}

// gathered has the tasks that begin submits stored in one message.
func gathered(t *testing.T, p *Pool, f *procs.Func[string, int], begin func()) {
	t.Helper()
	d := p.lane.(*durable)
	held := []*nats.Msg{{}, {}}
	d.mu.Lock()
	d.took[signatureOf(f).id] = 1
	for _, m := range held {
		d.storing[m] = 0
	}
	d.mu.Unlock()
	begin()
	for _, m := range held {
		d.stored(nil, m, nil)
	}
	js := must(jetstream.New(p.s.nc))(t)
	stream := must(js.Stream(soon(t), "switchyard-tasks"))(t)
	eventually(t, "one message is stored", func() bool { return must(stream.Info(soon(t)))(t).State.LastSeq > 0 })
	if n := must(stream.Info(soon(t)))(t).State.LastSeq; n != 1 {
		t.Fatal(n, "messages")
	}
}

// Of tasks that were stored in one message, the one that kills its workers is
// given up, and the others are done.
func TestDurablePoisonAmongOthers(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := durablePool(t, server.URL(), PoolConfig{Lease: minLease, Tries: 3})
	var fs []*procs.Future[int]
	gathered(t, p, fails, func() {
		for i := range 10 {
			how := ""
			if i == 5 {
				how = "exit"
			}
			fs = append(fs, Submit(p, fails, how))
		}
	})
	for range 3 {
		victim := proctest.Started(t, procs.NewProcess(narrowProcess, server.URL(), procs.ProcessConfig{}))
		if err := victim.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	startWorker(t, server.URL())
	for i, f := range fs {
		_, err := f.Result(soon(t))
		if want := errTest; i == 5 && !errors.Is(err, ErrPoisoned) || i != 5 && !errors.Is(err, want) {
			t.Error(i, err)
		}
	}
}

// Tasks of one message that wait behind a long one are done by another worker.
func TestDurableStuck(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{})
	p := durablePool(t, server.URL(), PoolConfig{})
	var fs []*procs.Future[int]
	paths := []string{filepath.Join(dir, "0"), filepath.Join(dir, "1"), filepath.Join(dir, "2")}
	gathered(t, p, untilCancelled, func() {
		for _, path := range paths {
			fs = append(fs, Submit(p, untilCancelled, path))
		}
	})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	eventually(t, "the first one is begun", func() bool { return exists(paths[0]) })
	worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	eventually(t, "all are begun", func() bool { return exists(paths[1]) && exists(paths[2]) })
	for _, f := range fs {
		f.Cancel()
	}
}

// A task that workers hand back when they leave has not been tried: it is not
// given up, however often.
func TestDurableHandedBack(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := durablePool(t, server.URL(), PoolConfig{Tries: 2})
	js := must(jetstream.New(p.s.nc))(t)
	f := Submit(p, square, 3)
	if err := p.Stored(soon(t)); err != nil {
		t.Fatal(err)
	}
	c := must(js.Consumer(soon(t), "switchyard-tasks", signatureOf(square).id.String()))(t)
	for range 4 {
		w := must(newWorker(p.s, WorkerConfig{}))(t) // without slots that run
		w.taker = must(newTaker(w))(t)
		w.taker.take(c.CachedInfo().Config, must(c.Next(jetstream.FetchMaxWait(wait.Patience)))(t), func() {})
		select {
		case r := <-w.tasks:
			w.handBack(r)
		default:
			t.Fatal("it is given up")
		}
		w.loops.Wait()
	}
	worksHere(t, server.URL(), WorkerConfig{})
	if v, err := f.Result(soon(t)); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// A pool says when its tasks are stored, and only then: not while the server is
// away, nor when it is terminated.
func TestDurableStored(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	p := durablePool(t, server.URL(), PoolConfig{})
	messages := func() uint64 {
		js := must(jetstream.New(p.s.nc))(t)
		return must(js.Stream(soon(t), "switchyard-tasks"))(t).CachedInfo().State.Msgs
	}
	if err := p.Stored(soon(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		Submit(p, square, i)
	}
	if err := p.Stored(soon(t)); err != nil || messages() != 100 {
		t.Fatal(err, messages())
	}
	server.Close()
	Submit(p, square, 1)
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := p.Stored(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	server = serve(t, ServerConfig{StoreDir: dir, Address: address})
	if err := p.Stored(soon(t)); err != nil || messages() != 101 {
		t.Fatal(err, messages())
	}
	server.Close()
	Submit(p, square, 1)
	ended := make(chan error, 1)
	go func() { ended <- p.Stored(soon(t)) }()
	eventually(t, "it is waited for", func() bool {
		d := p.lane.(*durable)
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.waiters) == 1
	})
	p.Terminate()
	if err := <-ended; !errors.Is(err, procs.ErrTerminated) {
		t.Error(err)
	}
	direct := newPool(t, serve(t, ServerConfig{}).URL(), PoolConfig{})
	if err := direct.Stored(soon(t)); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// A worker whose types differ does not get the tasks of the durable lane
// either; another one does them.
func TestDurableOtherTypes(t *testing.T) {
	server := serve(t, ServerConfig{})
	w := must(newWorker(connect(t, server.URL()), WorkerConfig{Slots: 1}))(t)
	f, id := w.functions[signatureOf(square).id], identity{1}
	clear(w.functions)
	w.functions[id] = f
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.work(ctx) }()
	defer func() { cancel(); <-done }()
	p := durablePool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	waits := Submit(p, square, 3)
	if err := p.Stored(soon(t)); err != nil || waits.Done() {
		t.Fatal(err)
	}
	worksHere(t, server.URL(), WorkerConfig{})
	if v, err := waits.Result(soon(t)); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// Tasks of a function that no worker has wait on the server, and the log says
// so; with patience that has an end, they fail with the reason. Those of other
// functions are done.
func TestDurableNobody(t *testing.T) {
	logged := make(chan string, 100)
	procs.SetLog(procs.LevelWarning, func(_ procs.Level, message string) {
		select {
		case logged <- message:
		default:
		}
	})
	defer procs.SetLog(procs.LevelOff, nil)
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	w := must(newWorker(s, WorkerConfig{Slots: 1}))(t)
	delete(w.functions, signatureOf(moved).id)
	w.self.Functions["remotetest.moved"] = strings.Repeat("00", 16)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.work(ctx) }()
	defer func() { cancel(); <-done }()
	p, hasty := durablePool(t, server.URL(), PoolConfig{}), durablePool(t, server.URL(), PoolConfig{Patience: time.Nanosecond})
	if p.config.Patience >= 0 {
		t.Error(p.config.Patience)
	}
	d := p.lane.(*durable)
	d.mu.Lock()
	d.tellAfter = 0
	d.mu.Unlock()
	waits, fails := Submit(p, moved, point{1, 1, "a"}), Submit(hasty, moved, point{1, 1, "a"})
	if _, err := fails.Result(soon(t)); !errors.Is(err, ErrNoWorker) ||
		!strings.Contains(err.Error(), fmt.Sprintf("remotetest.moved: worker %s", w.self.ID)) || !strings.Contains(err.Error(), "with other types") {
		t.Error(err)
	}
	for _, p := range []*Pool{p, hasty} {
		if v, err := Apply(soon(t), p, square, 3); v != 9 || err != nil {
			t.Error(v, err)
		}
	}
	early := make(chan struct{})
	waits.AddDoneCallback(func(*procs.Future[point]) { close(early) })
	for {
		select {
		case m := <-logged:
			if !strings.Contains(m, "no worker has remotetest.moved") {
				continue
			}
		case <-early:
			t.Fatal("it was done, or has failed")
		case <-soon(t).Done():
			t.Fatal("nothing was logged")
		}
		break
	}
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	if v, err := waits.Result(soon(t)); v != (point{2, 0, "a!"}) || err != nil {
		t.Error(v, err)
	}
}
