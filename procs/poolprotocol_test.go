//go:build linux

package procs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/taskring"
)

// Every invariant of the protocol's page has its tests, and they exist.
func TestProtocolHasTests(t *testing.T) {
	page, err := os.ReadFile("poolprotocol.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "// # Invariants\n")
	rest, _, _ = strings.Cut(rest, "\n\n")
	rest = strings.Join(strings.Fields(strings.ReplaceAll(rest, "//", "")), " ")
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "internal/taskring/*_test.go"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	invariants := regexp.MustCompile(`(?:^| )(\d+)\. `).FindAllStringSubmatchIndex(rest, -1)
	if len(invariants) < 11 {
		t.Fatal("the page has", len(invariants), "invariants")
	}
	for i, at := range invariants {
		end := len(rest)
		if i+1 < len(invariants) {
			end = invariants[i+1][0]
		}
		if got := rest[at[2]:at[3]]; got != fmt.Sprint(i+1) {
			t.Errorf("invariant %d has the number %s", i+1, got)
		}
		_, names, _ := strings.Cut(rest[at[1]:end], "Test: ")
		found := regexp.MustCompile(`\w+`).FindAllString(names, -1)
		if len(found) == 0 {
			t.Errorf("invariant %d has no test", i+1)
		}
		for _, name := range found {
			if !strings.Contains(tests.String(), "\nfunc "+name+"(t *testing.T) {") {
				t.Errorf("invariant %d: there is no test %s", i+1, name)
			}
		}
	}
}

// moves reports whether a worker may go from one state to another.
func moves(from, to workerState) (ok bool) {
	defer func() { recover() }()
	(&worker{state: from}).become(to)
	return true
}

// A worker's life: whatever happens, it goes one way, and it is reaped.
func TestWorkerMoves(t *testing.T) {
	seen := make(map[workerState]bool)
	var live func(state workerState, retired bool)
	live = func(state workerState, retired bool) {
		if len(seen) > 20 {
			t.Fatal("more states than there are")
		}
		again := seen[state]
		seen[state] = true
		if state.running() {
			end := worker{state: state}
			if end.exited(); (end.state == workerEnded) != retired {
				t.Errorf("state %d, retired %v, ends in state %d", state, retired, end.state)
			}
		}
		if again {
			return
		}
		after := 0
		for s := range workerReaped + 1 {
			if !moves(state, s) {
				continue
			}
			after++
			if retired && (s.serves() || s == workerSpare) || !state.running() && s != workerReaped {
				t.Errorf("a worker may come back from state %d to %d", state, s)
			}
			if state.running() && s == workerReaped {
				t.Errorf("a worker may be reaped in state %d, with its process", state)
			}
			live(s, retired || s == workerRetiring)
		}
		if (after == 0) != (state == workerReaped) {
			t.Errorf("state %d has %d successors", state, after)
		}
	}
	live(workerSpare, false)
	if len(seen) != int(workerReaped)+1 {
		t.Error("only these states can be reached:", seen)
	}
	for s := range workerReaped + 1 {
		if moves(s, s) {
			t.Errorf("state %d follows itself", s)
		}
	}
}

// The compiler cannot say that only become writes a worker's state; this can.
func TestWorkerStateHasOneWriter(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	writers := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				var to []ast.Expr
				switch n := n.(type) {
				case *ast.AssignStmt:
					to = n.Lhs
				case *ast.IncDecStmt:
					to = []ast.Expr{n.X}
				case *ast.UnaryExpr:
					if n.Op == token.AND {
						to = []ast.Expr{n.X}
					}
				}
				for _, x := range to {
					field, ok := x.(*ast.SelectorExpr)
					if !ok || field.Sel.Name != "state" {
						continue
					}
					if of, ok := field.X.(*ast.Ident); ok && (of.Name == "w" || of.Name == "worker") {
						writers++
						if f.Name.Name != "become" {
							t.Errorf("%s: %s writes a worker's state", name, f.Name.Name)
						}
					}
				}
				return true
			})
		}
	}
	if writers != 1 {
		t.Error(writers, "writers of a worker's state")
	}
}

// countedJob is a job of squares that counts how often each piece is finished.
type countedJob struct {
	t        *testing.T
	pool     *Pool
	fn       uint64 // what runs the pieces
	fd       int    // to be sent along, 0: none
	begin    int
	finished []atomic.Int32
	errs     sync.Map // by piece
	left     atomic.Int32
	done     chan struct{} // closed when left is 0
}

func newCountedJob(t *testing.T, p *Pool, pieces int) *countedJob {
	j := &countedJob{t: t, pool: p, fn: testSquare.id, finished: make([]atomic.Int32, pieces), done: make(chan struct{})}
	j.left.Store(int32(pieces))
	return j
}

// locked objects unless the pool's mutex is held.
func (j *countedJob) locked(method string) {
	if j.pool.mu.TryLock() {
		j.pool.mu.Unlock()
		j.t.Error(method, "without the pool's mutex")
	}
}

func (j *countedJob) next() (int32, bool) {
	j.locked("next")
	if j.begin == len(j.finished) {
		return 0, false
	}
	j.begin++
	return int32(j.begin - 1), true
}

func (j *countedJob) head(int32) (uint64, uint32, time.Duration) {
	j.locked("head")
	return j.fn, 0, 0
}

func (j *countedJob) encode(piece int32, dst []byte, w *wire) ([]byte, error) {
	j.locked("encode")
	if j.fd != 0 {
		w.FDs = append(w.FDs, j.fd)
	}
	x := int(piece)
	return testSquare.in.Encode(dst, &x, w)
}

func (j *countedJob) placed(int32, *worker, uint64) { j.locked("placed") }

func (j *countedJob) finish(piece int32, payload []byte, w *wire, err error) {
	for until := time.Now().Add(wait.Patience); !j.pool.mu.TryLock(); time.Sleep(time.Microsecond) {
		if time.Now().After(until) {
			j.t.Error("finish with the pool's mutex")
			return
		}
	}
	j.pool.mu.Unlock()
	var v int
	if err == nil {
		err = testSquare.out.Decode(payload, &v, w)
	}
	if err == nil && v != int(piece*piece) {
		j.t.Error(piece, "gives", v)
	}
	j.errs.Store(piece, err)
	j.finished[piece].Add(1)
	if j.left.Add(-1) == 0 {
		close(j.done)
	}
}

func TestJobAndMutex(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	j := newCountedJob(t, p, 500)
	if err := p.submit(j); err != nil {
		t.Fatal(err)
	}
	closes(t, "the job", j.done)
}

// closes waits for c to be closed.
func closes(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	if _, err := receive(soon(t), c); err != nil {
		t.Fatal(what, err)
	}
}

// killSome kills workers, not too fast, until stop is closed.
func killSome(p *Pool, stop chan struct{}) {
	for range 20 {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.IntN(5000)) * time.Microsecond):
		}
		if pids := p.PIDs(); len(pids) > 0 {
			syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL)
		}
	}
}

func TestPieceFinishedOnce(t *testing.T) {
	ends := map[string]func(*Pool){
		"closed":     func(p *Pool) { p.Close() },
		"terminated": func(p *Pool) { p.Terminate() },
		"broken": func(p *Pool) {
			p.mu.Lock()
			p.breakDown(errors.New("on purpose"))
			p.mu.Unlock()
			p.parker.Wake()
			p.Close()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 3, Spares: 1, MaxTasksPerChild: 200, Retries: 1})
			stop := make(chan struct{})
			var chaos sync.WaitGroup
			chaos.Go(func() { killSome(p, stop) })
			var jobs []*countedJob
			for i := range 12 {
				j := newCountedJob(t, p, 300)
				if err := p.submit(j); err != nil {
					t.Fatal(err)
				}
				jobs = append(jobs, j)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				if i%4 == 3 {
					p.mu.Lock()
					p.withdraw(j)
					p.mu.Unlock()
				}
				if i == 6 {
					p.Resize(2)
				}
			}
			end(p)
			closes(t, "the end", p.ended)
			close(stop)
			chaos.Wait()
			for i, j := range jobs {
				for piece := range j.finished {
					if n := j.finished[piece].Load(); n != 1 {
						t.Errorf("job %d: piece %d was finished %d times", i, piece, n)
					}
				}
			}
			if len(p.workers) > 0 {
				t.Error("the pool ended with workers:", len(p.workers))
			}
		})
	}
}

// places returns in how many places each piece is, and compares each worker's
// sums with its entries.
func (p *Pool) places(t *testing.T) map[string]int {
	p.collecting.Lock()
	defer p.collecting.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	in := make(map[string]int)
	add := func(x ticket) { in[fmt.Sprintf("%p/%d", x.job, x.piece)]++ }
	for _, w := range p.workers {
		load, attached := 0, 0
		for _, e := range w.newestFirst {
			add(e.ticket)
			load++
			if e.attached {
				attached++
			}
		}
		if load != w.load || attached != w.attached {
			t.Errorf("%s: load %d, attached %d; by its entries %d, %d", w.name, w.load, w.attached, load, attached)
		}
		if !w.state.serves() && w.state < workerRetiring && load > 0 {
			t.Errorf("%s: a spare has tasks", w.name)
		}
	}
	for _, x := range p.requeued {
		add(x)
	}
	for _, f := range append(p.failed, p.delivering.failed...) {
		add(f.ticket)
	}
	for _, a := range p.delivering.results {
		add(a.ticket)
	}
	return in
}

func TestPieceInOnePlace(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 3, Spares: 1, MaxTasksPerChild: 100, Retries: 1})
	stop := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() { killSome(p, stop) })
	chaos.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			for piece, n := range p.places(t) {
				if n > 1 {
					t.Errorf("piece %s is in %d places", piece, n)
				}
			}
		}
	})
	var rs []*AsyncResult[int]
	for i := range 1000 {
		rs = append(rs, ApplyAsync(p, testSquare, i))
		if i%10 == 0 {
			rs[rand.IntN(len(rs))].Cancel()
		}
		if i%250 == 0 {
			rs = append(rs, ApplyAsync(p, testLen, make([]byte, 1<<20))) // with a descriptor
		}
	}
	for i, r := range rs {
		if _, err := r.Get(soon(t)); err != nil && !errors.Is(err, ErrWorkerDied) && !errors.Is(err, ErrCancelled) {
			t.Fatal(i, err)
		}
	}
	close(stop)
	chaos.Wait()
}

// A result for a task that cannot be done next, or for none at all, comes from
// a worker that has gone mad. It is killed, and others do what it had not
// begun.
func TestResultOutOfOrder(t *testing.T) {
	for name, seq := range map[string]uint64{"of a later task": 1, "of none": 99} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 1})
			first := ApplyAsync(p, testNap, wait.Patience)
			second := ApplyAsync(p, testSquare, 3)
			proctest.Eventually(t, "the first task", first.f.Running)
			p.mu.Lock()
			mem := p.workers[0].seg.Bytes()
			p.mu.Unlock()
			mad, err := taskring.OpenWorker(mem, p.parker) // in the worker's stead, which runs
			if err != nil {
				t.Fatal(err)
			}
			mad.Put(seq, 0, nil, true)
			if _, err := first.Get(soon(t)); !errors.Is(err, ErrWorkerDied) {
				t.Error(err)
			}
			if v, err := second.Get(soon(t)); v != 9 || err != nil {
				t.Error(v, err)
			}
		})
	}
}

// A task that was claimed, but whose beginning is not noted yet, has all of its
// time still.
func TestLimitBeginsWithTheTask(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1, Grace: time.Millisecond})
	p.mu.Lock()
	w := p.workers[0]
	p.mu.Unlock()
	proctest.Eventually(t, "the worker is ready", w.ring.Ready)
	syscall.Kill(w.child.PID, syscall.SIGSTOP)
	r := ApplyAsync(p, testSquare, 3, Timeout(time.Millisecond))
	stead, err := taskring.OpenWorker(w.seg.Bytes(), p.parker)
	if err != nil {
		t.Fatal(err)
	}
	task, _, err := stead.Next()
	if err != nil || !stead.Claim(task) {
		t.Fatal(task, err)
	}
	time.Sleep(20 * watchEvery)
	p.mu.Lock()
	e := w.front()
	stopped := e == nil || e.reason != nil
	p.mu.Unlock()
	if stopped || r.Ready() {
		t.Error("it was stopped before it began")
	}
	task.Started.Store(kernel.Monotonic())
	if _, err := r.Get(soon(t)); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

func TestReapNeedsCollecting(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Fatal(v, err)
	}
	p.collecting.Lock()
	p.mu.Lock()
	w := p.workers[0]
	p.mu.Unlock()
	state := func() workerState {
		p.mu.Lock()
		defer p.mu.Unlock()
		return w.state
	}
	syscall.Kill(w.child.PID, syscall.SIGKILL)
	proctest.Eventually(t, "the worker's end", func() bool { return state() == workerDied })
	for range 20 {
		p.parker.Wake()
		time.Sleep(time.Millisecond)
		if state() != workerDied || w.ring.Pending() {
			t.Error("reaped, or with a result: state", state())
		}
	}
	p.collecting.Unlock()
	proctest.Eventually(t, "the reaping", func() bool { return state() == workerReaped })
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Fatal(v, err)
	}
}

// A task whose descriptors cannot be sent fails, and its worker does not wait
// for them.
func TestAttachFails(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	j := newCountedJob(t, p, 3)
	j.fd = 1 << 20 // there is none
	if err := p.submit(j); err != nil {
		t.Fatal(err)
	}
	closes(t, "the job", j.done)
	for piece := range int32(3) {
		if err, _ := j.errs.Load(piece); !errors.Is(err.(error), syscall.EBADF) {
			t.Error(piece, err)
		}
	}
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// The task that a killed worker was running fails, and is not run again.
func TestKilledTaskFinishedOnce(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	j := newCountedJob(t, p, 1)
	j.fn = testLoop.id
	if err := p.submit(j); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, "the task", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.pieceBegun(p.workers[0], 0)
	})
	syscall.Kill(p.PIDs()[0], syscall.SIGKILL)
	closes(t, "the job", j.done)
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
	p.Terminate()
	if err, _ := j.errs.Load(int32(0)); j.finished[0].Load() != 1 || !errors.Is(err.(error), ErrWorkerDied) {
		t.Error(j.finished[0].Load(), err)
	}
}

// A worker is given as much as the others have, to an eighth, and a look at all
// of them serves for many tasks once they have many. One that is full or stuck
// is passed over.
func TestPick(t *testing.T) {
	const workers = 7
	p := new(Pool)
	for range workers {
		p.workers = append(p.workers, &worker{state: workerServing})
	}
	stuck, spare := &worker{state: workerStuck}, &worker{state: workerSpare}
	p.workers = append(p.workers, stuck, spare)
	given, looks := 0, 0
	give := func(upTo int) {
		for given < upTo {
			w, n := p.pick()
			if w == nil {
				t.Fatal("nobody takes task", given)
			}
			looks++
			for ; n > 0 && w.takes() && given < upTo; n-- {
				w.load++
				given++
			}
		}
	}
	for _, c := range []struct{ tasks, apart int }{{1, 1}, {workers + 3, 1}, {7 * workers, 1}, {500, 500 / workers / 7}, {workers*maxLoad - 9, maxLoad / 7}} {
		give(c.tasks)
		least, most := maxLoad, 0
		for _, w := range p.workers[:workers] {
			least, most = min(least, w.load), max(most, w.load)
		}
		if most-least > c.apart || stuck.load+spare.load > 0 {
			t.Errorf("%d tasks: from %d to %d", c.tasks, least, most)
		}
	}
	if looks > given/50 {
		t.Errorf("%d looks for %d tasks", looks, given)
	}
	give(workers * maxLoad)
	if w, _ := p.pick(); w != stuck {
		t.Error("not the stuck one when all others are full")
	}
	stuck.full = true
	if w, n := p.pick(); w != nil || n != 0 {
		t.Error("somebody is picked who cannot take it")
	}
	p.workers[3].load -= 5
	if w, n := p.pick(); w != p.workers[3] || n < 5 {
		t.Error("not the one that has room", n)
	}
}
