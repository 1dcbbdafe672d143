//go:build linux

package procs

import (
	"context"
	"errors"
	"testing"
)

type joinableArgs struct {
	Queue *JoinableQueue[int]
	N     int
	Stop  int // after how many it hangs without TaskDone
}

var testJoinableWork = Register("test.joinable.work", func(ctx context.Context, a joinableArgs) (int, error) {
	for i := 0; ; i++ {
		_, err := a.Queue.Get(ctx)
		if err == ErrClosed {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if i == a.Stop {
			return 0, hang()
		}
		if err := a.Queue.TaskDone(); err != nil {
			return 0, err
		}
	}
})

func TestJoinableQueue(t *testing.T) {
	q := closing(t, must(NewJoinableQueue[int](0))(t), nil)
	if err := q.Join(soon(t)); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
	var ps []*Process
	for range 3 {
		ps = append(ps, run(t, testJoinableWork, joinableArgs{Queue: q, Stop: -1}))
	}
	for range 5 {
		for i := range 200 {
			if err := q.Put(soon(t), i); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Join(soon(t)); err != nil || q.Unfinished() != 0 || q.Len() != 0 {
			t.Fatal(err, q.Unfinished(), q.Len())
		}
	}
	q.ShutDown(false)
	join(t, ps...)
	if err := q.TaskDone(); err != ErrTooManyDone {
		t.Errorf("too many: %v", err)
	}
}

func TestJoinableQueueWaits(t *testing.T) {
	q := closing(t, must(NewJoinableQueue[string](5))(t), nil)
	q.Put(soon(t), "a")
	q.Get(soon(t))
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := q.Join(ctx); err != context.DeadlineExceeded || q.Unfinished() != 1 {
		t.Error(err, q.Unfinished())
	}
	done := make(chan error)
	go func() { done <- q.Join(soon(t)) }()
	if err := q.TaskDone(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestJoinableQueueWorkerKilled(t *testing.T) {
	q := closing(t, must(NewJoinableQueue[int](0))(t), nil)
	for i := range 10 {
		q.Put(soon(t), i)
	}
	p := run(t, testJoinableWork, joinableArgs{Queue: q, Stop: 4})
	eventually(t, "it has finished four and taken a fifth", func() bool { return q.Unfinished() == 6 && q.Len() == 5 })
	slay(t, p)
	rest := run(t, testJoinableWork, joinableArgs{Queue: q, Stop: -1})
	if err := q.Join(soon(t)); !errors.Is(err, ErrTaskLost) {
		t.Error(err)
	}
	if err := q.Join(soon(t)); err != nil {
		t.Errorf("told twice: %v", err)
	}
	q.ShutDown(false)
	join(t, rest)
}

// Workers die at random instructions of Get and TaskDone. In the end nothing is
// left to wait for.
func TestJoinableQueueChurnAndKill(t *testing.T) {
	q := closing(t, must(NewJoinableQueue[int](20))(t), nil)
	stop := make(chan struct{})
	fed := make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				fed <- n
				return
			default:
				q.PutTimeout(n, shortly)
			}
		}
	}()
	for range 10 {
		p := run(t, testJoinableWork, joinableArgs{Queue: q, Stop: -1})
		r := run(t, testJoinableWork, joinableArgs{Queue: q, Stop: -1})
		before := q.q.Done()
		eventually(t, "they work", func() bool { return q.q.Done() > before+50 })
		slay(t, p)
		slay(t, r)
	}
	close(stop)
	<-fed
	last := run(t, testJoinableWork, joinableArgs{Queue: q, Stop: -1})
	if err := q.Join(soon(t)); err != nil && !errors.Is(err, ErrTaskLost) {
		t.Error(err)
	}
	if q.Unfinished() != 0 || q.Len() != 0 {
		t.Error(q.Unfinished(), q.Len())
	}
	q.ShutDown(false)
	join(t, last)
}
