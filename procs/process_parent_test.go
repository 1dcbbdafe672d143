//go:build linux

package procs

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

// familyWord is what a child tells of its parent.
type familyWord struct {
	PID, PPID int
	Name      string
	Alive     bool
}

func ofParent() familyWord {
	parent := ParentProcess()
	return familyWord{parent.PID(), os.Getppid(), parent.Name(), parent.IsAlive()}
}

var testOfParent = Register("test.ofparent", func(_ context.Context, to *Conn) (int, error) { return 0, to.Send(ofParent()) })

func TestParentProcess(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	p := NewProcess(testOfParent, w, ProcessConfig{})
	if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	var got familyWord
	if err := r.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if want := (familyWord{os.Getpid(), os.Getpid(), CurrentProcess().Name(), true}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}

// testWatchParent tells of its parent now and when it has ended, and is not
// killed with it.
var testWatchParent = Register("test.watchparent", func(_ context.Context, to *Conn) (int, error) {
	if err := to.Send(ofParent()); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	parent := ParentProcess()
	if err := parent.Join(ctx); err != nil {
		return 0, to.Send(err.Error())
	}
	if ready, err := Wait(ctx, parent); len(ready) != 1 || err != nil {
		return 0, to.Send("the parent is not ready")
	}
	return 0, to.Send(parent.IsAlive())
})

var testWatched = Register("test.watched", func(_ context.Context, to *Conn) (int, error) {
	if err := NewProcess(testWatchParent, to, ProcessConfig{Detached: true}).Start(); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

// A grandchild notices the death of its parent, our child.
func TestParentDies(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	p := NewProcess(testWatched, w, ProcessConfig{Name: "middle"})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var before familyWord
	if err := r.Recv(&before); err != nil || before != (familyWord{p.PID(), p.PID(), "middle", true}) {
		t.Fatal(before, err)
	}
	if ok, err := r.Poll(20 * time.Millisecond); ok || err != nil {
		t.Fatal("ended before its parent", ok, err)
	}
	if err := errors.Join(p.Terminate(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	alive := true
	if err := r.Recv(&alive); alive || err != nil {
		t.Fatal(alive, err)
	}
	if err := r.Recv(&alive); err != io.EOF { // the grandchild has ended
		t.Fatal(err)
	}
}

// route is a place in a tree of processes.
type route struct {
	To *Conn
	At []int
}

var testRoute *Func[route, int]

func init() { testRoute = Register("test.route", follow) } // it names itself

func follow(ctx context.Context, r route) (int, error) {
	if err := r.To.Send(r.At); err != nil {
		return 0, err
	}
	if len(r.At) == 2 {
		return 0, nil
	}
	for i := range 2 {
		p := NewProcess(testRoute, route{r.To, append(slices.Clone(r.At), i)}, ProcessConfig{})
		if err := errors.Join(p.Start(), p.Join(ctx)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// Processes start processes, and pass the connection on that they got.
func TestProcessRecursion(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	if _, err := follow(soon(t), route{w, []int{}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]int{{}, {0}, {0, 0}, {0, 1}, {1}, {1, 0}, {1, 1}} {
		if ok, err := r.Poll(0); !ok || err != nil {
			t.Fatal("no more than that:", want, err)
		}
		var got []int
		if err := r.Recv(&got); !slices.Equal(got, want) || err != nil {
			t.Fatal(got, want, err)
		}
	}
	if ok, _ := r.Poll(0); ok {
		t.Error("more messages than processes")
	}
}

var testPutOne = Register("test.putone", func(ctx context.Context, q *Queue[int]) (int, error) { return 0, q.Put(ctx, 1) })

var testPutTwo = Register("test.puttwo", func(ctx context.Context, q *Queue[int]) (int, error) {
	if err := q.Put(ctx, 2); err != nil {
		return 0, err
	}
	p := NewProcess(testPutOne, q, ProcessConfig{})
	if err := errors.Join(p.Start(), p.Join(ctx)); err != nil {
		return 0, err
	}
	return 0, nil
})

// A child passes its argument on to a child of its own.
func TestProcessPassesArgumentsOn(t *testing.T) {
	q := must(NewQueue[int](0))(t)
	defer q.Close()
	p := NewProcess(testPutTwo, q, ProcessConfig{})
	if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	var got []int
	for !q.Empty() {
		got = append(got, must(q.GetNowait())(t))
	}
	if !slices.Equal(got, []int{2, 1}) {
		t.Fatal(got)
	}
}

var testQueueInside = Register("test.queueinside", func(ctx context.Context, _ int) (int, error) {
	q, err := NewQueue[int](0)
	if err != nil {
		return 0, err
	}
	defer q.Close()
	p := NewProcess(testGetNone, q, ProcessConfig{Daemon: true})
	if err := errors.Join(p.Start(), p.Join(ctx)); err != nil {
		return 0, err
	}
	code, _ := p.ExitCode()
	return 0, ExitCode(code)
})

var testGetNone = Register("test.getnone", func(_ context.Context, q *Queue[int]) (int, error) {
	if _, err := q.GetNowait(); !errors.Is(err, ErrEmpty) {
		return 0, ExitCode(9)
	}
	return 0, nil
})

var testPoolInside = Register("test.poolinside", func(ctx context.Context, _ int) (int, error) {
	p, err := NewPool(PoolConfig{Workers: 4})
	if err != nil {
		return 0, err
	}
	defer p.Terminate()
	vs, err := Map(ctx, p, testSquare, []int{1, 2, 3, 4, 5, 6, 7})
	if err != nil || !slices.Equal(vs, []int{1, 4, 9, 16, 25, 36, 49}) {
		return 0, ExitCode(9)
	}
	p.Close()
	return 0, p.Join(ctx)
})

// Children have queues and pools of their own, with nothing on standard input
// as well as without standard input.
func TestInsideProcess(t *testing.T) {
	for name, f := range map[string]*Func[int, int]{"queue": testQueueInside, "pool": testPoolInside} {
		t.Run(name, func(t *testing.T) {
			p := NewProcess(f, 0, ProcessConfig{})
			if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
				t.Fatal(err)
			}
			if code, _ := p.ExitCode(); code != 0 {
				t.Error(code)
			}
		})
	}
}
