//go:build linux

package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/connection"
)

// farEnd is a worker that the test plays: it announces itself, and has a line.
type farEnd struct {
	*lineSocket
	d     *direct
	p     *Pool
	tasks chan task // that came
}

// newFarEnd returns the only worker of a new pool.
func newFarEnd(t *testing.T, url string) *farEnd {
	t.Helper()
	s := connect(t, url)
	p := must(NewPool(s, PoolConfig{}))(t)
	const id = "played"
	l := must(connection.Listen("127.0.0.1:0", connection.ListenerConfig{AuthKey: s.lineKey(id), Poller: true}))(t)
	defer l.Close()
	must(s.nc.Subscribe(s.subject("ping", id), func(m *nats.Msg) { m.Respond(nil) }))(t)
	f := &farEnd{d: p.lane.(*direct), p: p, tasks: make(chan task, 256)}
	a := announcement{ID: id, Slots: 200, Address: l.Address(), Functions: map[string]string{}}
	for _, s := range []struct {
		name string
		id   identity
	}{{"square", signatureOf(square).id}, {"quits", signatureOf(quits).id}} {
		a.Functions[s.name] = s.id.String()
	}
	a.Host = must(os.Hostname())(t)
	f.d.meet(must(json.Marshal(&a))(t))
	f.lineSocket = must(takeOver(must(l.Accept(soon(t)))(t), 1<<20, func(run func()) { go run() }))(t)
	hasLine(t, p, true)
	var reads sync.WaitGroup
	reads.Go(func() {
		for {
			b, err := f.next()
			if err != nil {
				return
			}
			if tasks, err := decodeTasks(b); err == nil {
				for _, task := range tasks {
					task.body = append([]byte(nil), task.body...)
					f.tasks <- task
				}
			}
		}
	})
	t.Cleanup(reads.Wait)
	t.Cleanup(f.close)
	t.Cleanup(p.Terminate) // which waits for the goroutine of the line
	return f
}

// echo is the result of a task: its argument.
func echo(t task) []byte {
	return (&result{number: t.number, outcome: outcomeDone, body: t.body}).append(newMessage(0))
}

func (f *farEnd) task(t *testing.T) task {
	t.Helper()
	select {
	case got := <-f.tasks:
		return got
	case <-soon(t).Done():
		t.Fatal("no task comes")
		return task{}
	}
}

// locked returns what look says of the line, with the lock held.
func (f *farEnd) locked(look func(l *line) bool) bool {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	for _, p := range f.d.peers {
		if p.line != nil {
			return look(p.line)
		}
	}
	return false
}

// alone has the goroutine of the line stand back, and, if for good, not look
// after it any more: that is then the test's.
func (f *farEnd) alone(t *testing.T, forGood bool) {
	t.Helper()
	eventually(t, "the line's goroutine stands back", func() bool {
		f.locked(func(l *line) bool {
			l.row, l.last = readRow, time.Now().Add(time.Hour)
			return true
		})
		future := Submit(f.p, square, 7)
		task := f.task(t)
		done := make(chan error, 1)
		go func() { done <- future.Wait(soon(t)) }()
		eventually(t, "it is waited for", func() bool {
			f.d.mu.Lock()
			defer f.d.mu.Unlock()
			return f.d.inflight[task.number].awaited.Load()
		})
		f.send(echo(task))
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		stands := false
		eventually(t, "it knows of the result", func() bool {
			return f.locked(func(l *line) bool {
				stands = l.away && l.by == nil
				return l.row == 0
			})
		})
		return stands && (!forGood || f.locked(func(l *line) bool {
			l.looks = true // so there will be no other
			return l.look.Stop() && l.away
		}))
	})
}

// nothingIn reports whether all is read that has come to a socket.
func nothingIn(t *testing.T, rc syscall.RawConn) bool {
	t.Helper()
	n := -1
	rc.Control(func(fd uintptr) { n = must(unix.IoctlGetInt(int(fd), unix.TIOCINQ))(t) })
	return n == 0
}

// led begins a task whose caller reads the line.
func (f *farEnd) led(t *testing.T, ctx context.Context) (future *procs.Future[int], got task, done chan error) {
	t.Helper()
	future = Submit(f.p, square, 5)
	got = f.task(t)
	done = make(chan error, 1)
	go func() {
		v, err := future.Result(ctx)
		if err == nil && v != 5 {
			err = fmt.Errorf("the result is %d", v)
		}
		done <- err
	}()
	eventually(t, "its caller reads", func() bool {
		return f.locked(func(l *line) bool { return l.by != nil && l.by.number == got.number })
	})
	return future, got, done
}

func (f *farEnd) readsItself(t *testing.T) {
	t.Helper()
	eventually(t, "the line's goroutine reads", func() bool {
		return f.locked(func(l *line) bool { return !l.away && l.by == nil })
	})
}

// A caller who waits for the only task of a line reads the result himself, and
// whatever else happens goes the way that it goes when the line's goroutine
// reads.
func TestCallerReads(t *testing.T) {
	server := serve(t, ServerConfig{})
	background := context.Background()
	wants := func(t *testing.T, done chan error, want error) {
		t.Helper()
		select {
		case err := <-done:
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Error(err)
			}
		case <-soon(t).Done():
			t.Fatal("the caller waits in vain")
		}
	}
	for name, c := range map[string]func(t *testing.T, f *farEnd){
		"his result": func(t *testing.T, f *farEnd) {
			for range 3 {
				_, task, done := f.led(t, background)
				f.send(echo(task))
				wants(t, done, nil)
				if !f.locked(func(l *line) bool { return l.away && l.by == nil && len(f.d.inflight) == 0 }) {
					t.Error("the line's goroutine has not stayed away")
				}
			}
		},
		"another's result comes first": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			other := Submit(f.p, square, 6)
			f.send(echo(f.task(t)))
			if v, err := other.Result(soon(t)); v != 6 || err != nil {
				t.Error(v, err)
			}
			f.readsItself(t)
			f.send(echo(task))
			wants(t, done, nil)
		},
		"another's result comes after his": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			other := Submit(f.p, square, 6)
			second := f.task(t)
			f.send(echo(task))
			wants(t, done, nil)
			f.readsItself(t)
			f.send(echo(second))
			if v, err := other.Result(soon(t)); v != 6 || err != nil {
				t.Error(v, err)
			}
		},
		"both results in one message": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			other := Submit(f.p, square, 6)
			f.send(append(echo(task), echo(f.task(t))[versionHead:]...))
			wants(t, done, nil)
			if v, err := other.Result(soon(t)); v != 6 || err != nil {
				t.Error(v, err)
			}
		},
		"his context ends in the midst of a message": func(t *testing.T, f *farEnd) {
			ctx, cancel := context.WithCancel(background)
			future, task, done := f.led(t, ctx)
			b := echo(task)
			f.c.Write(append([]byte{byte(len(b)), 0, 0, 0}, b[:len(b)/2]...))
			eventually(t, "half of it is read", func() bool { return f.locked(func(l *line) bool { return nothingIn(t, l.rc) }) })
			cancel()
			wants(t, done, context.Canceled)
			f.readsItself(t)
			f.c.Write(b[len(b)/2:])
			if v, err := future.Result(soon(t)); v != 5 || err != nil {
				t.Error(v, err)
			}
		},
		"his task is cancelled": func(t *testing.T, f *farEnd) {
			future, task, done := f.led(t, background)
			if !future.Cancel() {
				t.Error("it cannot be")
			}
			wants(t, done, procs.ErrCancelled)
			if c := f.task(t); c.number != task.number || c.limit != toCancel {
				t.Error(c)
			}
			f.readsItself(t)
			f.send(echo(task))
			eventually(t, "nothing is left of it", func() bool {
				f.d.mu.Lock()
				defer f.d.mu.Unlock()
				return len(f.d.inflight) == 0
			})
		},
		"the line ends": func(t *testing.T, f *farEnd) {
			_, _, done := f.led(t, background)
			f.close()
			wants(t, done, ErrConnectionLost)
		},
		"what comes is no message": func(t *testing.T, f *farEnd) {
			_, _, done := f.led(t, background)
			f.c.Write(make([]byte, lineHead))
			wants(t, done, ErrConnectionLost)
		},
		"the worker dies": func(t *testing.T, f *farEnd) {
			_, _, done := f.led(t, background)
			f.d.mu.Lock()
			all := f.d.bury(f.d.peers["played"], "the test says so")
			f.d.mu.Unlock()
			f.p.end(all)
			wants(t, done, procs.ErrWorkerDied)
		},
		"the worker refuses": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			f.send((&result{number: task.number, outcome: outcomeRefused}).append(newMessage(0)))
			f.readsItself(t)
			f.d.mu.Lock()
			f.d.peers["played"].rest = time.Time{}
			f.d.dispatchAll()
			f.d.mu.Unlock()
			f.d.out.flush(true)
			f.send(echo(f.task(t)))
			wants(t, done, nil)
		},
		"the worker says that it leaves": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			f.send(lineBye)
			f.send(echo(task))
			wants(t, done, nil)
			f.close() // as a worker does that has left
		},
		"the pool ends": func(t *testing.T, f *farEnd) {
			_, _, done := f.led(t, background)
			f.p.Terminate()
			wants(t, done, procs.ErrTerminated)
		},
		"there is a callback": func(t *testing.T, f *farEnd) {
			future, task, done := f.led(t, background)
			called := make(chan bool, 1)
			future.AddDoneCallback(func(*procs.Future[int]) {
				called <- true
				runtime.Goexit() // would end the caller's
			})
			f.send(echo(task))
			wants(t, done, nil)
			<-called
			f.readsItself(t)
		},
		"the task fails": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			f.send((&result{number: task.number, outcome: outcomeFailed, body: failed(errTest).body}).append(newMessage(0)))
			wants(t, done, errTest)
		},
		"the result cannot be decoded": func(t *testing.T, f *farEnd) {
			_, task, done := f.led(t, background)
			task.body = task.body[1:]
			f.send(echo(task))
			select {
			case err := <-done:
				if err == nil {
					t.Error("it can")
				}
			case <-soon(t).Done():
				t.Error("the caller waits in vain")
			}
		},
		"his context has ended": func(t *testing.T, f *farEnd) {
			ctx, cancel := context.WithCancel(background)
			cancel()
			if v, err := Submit(f.p, square, 1).Result(ctx); !errors.Is(err, context.Canceled) {
				t.Error(v, err)
			}
			if f.locked(func(l *line) bool { return l.by != nil }) {
				t.Error("he reads")
			}
		},
		"two wait for one": func(t *testing.T, f *farEnd) {
			future, task, done := f.led(t, background)
			second := make(chan error, 1)
			go func() { second <- future.Err(background) }()
			f.send(echo(task))
			wants(t, done, nil)
			wants(t, second, nil)
		},
		"its result has a method": func(t *testing.T, f *farEnd) {
			done := make(chan error, 1)
			future := Submit(f.p, quits, "goexit")
			go func() { done <- future.Err(background) }()
			f.readsItself(t)
			task := f.task(t)
			task.body = []byte("goexit")
			f.send(echo(task))
			select {
			case err := <-done:
				if err == nil {
					t.Error("it was decoded")
				}
			case <-soon(t).Done():
				t.Error("it has ended the caller")
			}
		},
		"there are callbacks from the start": func(t *testing.T, f *farEnd) {
			called := make(chan int, 1)
			Submit(f.p, square, 3, procs.OnResult(func(v int) { called <- v }))
			f.readsItself(t)
			f.send(echo(f.task(t)))
			if v := <-called; v != 3 {
				t.Error(v)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarEnd(t, server.URL())
			f.alone(t, true)
			c(t, f)
		})
	}
}

// Where nobody waits, or not for long, the line's goroutine reads again.
func TestNobodyWaits(t *testing.T) {
	server := serve(t, ServerConfig{})
	f := newFarEnd(t, server.URL())
	f.alone(t, false)
	f.readsItself(t)
	f.alone(t, false)
	future := Submit(f.p, square, 4)
	f.send(echo(f.task(t)))
	select {
	case <-future.C():
	case <-soon(t).Done():
		t.Fatal("the result is not read")
	}
	f.alone(t, false)
	f.close()
	eventually(t, "its end is noticed", func() bool { return !f.locked(func(*line) bool { return true }) })
}

// Callers who come one by one read their results themselves, and many at a time
// lose none, in whatever order they come and go.
func TestCallersTakeTurns(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	hasLine(t, p, true)
	d := p.lane.(*direct)
	for round := range 4 {
		eventually(t, "callers read", func() bool {
			if v, err := Apply(soon(t), p, square, round); v != round*round || err != nil {
				t.Fatal(v, err)
			}
			return d.unread.Load() > 0
		})
		var callers sync.WaitGroup
		for g := range 100 {
			callers.Go(func() {
				for i := range 10 {
					ctx, cancel := context.WithCancel(soon(t))
					f := Submit(p, square, g+i)
					if (g+i)%3 == 0 {
						time.AfterFunc(time.Duration(g)*10*time.Microsecond, cancel)
					}
					v, err := f.Result(ctx)
					if err != nil && ctx.Err() != nil { // it comes nevertheless
						v, err = f.Result(soon(t))
					}
					if cancel(); v != (g+i)*(g+i) || err != nil {
						t.Error(g, i, v, err)
					}
				}
			})
		}
		callers.Wait()
	}
}
