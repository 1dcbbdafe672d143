//go:build linux

package procs

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"switchyard/procs/internal/shm"
)

type semaphoreArgs struct {
	Semaphore *Semaphore
	N         int
}

var (
	testSemaphoreTake = Register("test.semaphore.take", func(ctx context.Context, a semaphoreArgs) (int, error) {
		for range a.N {
			if err := a.Semaphore.Acquire(ctx); err != nil && err != ErrOwnerDied {
				return 0, err
			}
		}
		return 0, hang()
	})
	testSemaphoreChurn = Register("test.semaphore.churn", func(ctx context.Context, a semaphoreArgs) (int, error) {
		for range a.N {
			if err := a.Semaphore.Acquire(ctx); err != nil && err != ErrOwnerDied {
				return 0, err
			}
			if err := a.Semaphore.Release(); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	testSemaphoreRelease = Register("test.semaphore.release", func(ctx context.Context, a semaphoreArgs) (int, error) {
		return 0, a.Semaphore.ReleaseN(a.N)
	})
)

func TestSemaphore(t *testing.T) {
	s := closing(t, must(NewSemaphore(2))(t), nil)
	for want := 1; want >= 0; want-- {
		if err := s.Acquire(soon(t)); err != nil || s.Value() != want {
			t.Fatal(err, s.Value())
		}
	}
	if s.TryAcquire() || s.Value() != 0 {
		t.Error("a third permit of two")
	}
	for want := 1; want <= 4; want++ { // two more than it began with
		if err := s.Release(); err != nil || s.Value() != want {
			t.Error(err, s.Value())
		}
	}
	for _, n := range []int{0, -1, math.MinInt, math.MaxInt32 - 3, math.MaxInt32, math.MaxInt} {
		if err := s.ReleaseN(n); !errors.Is(err, os.ErrInvalid) || s.Value() != 4 {
			t.Errorf("released %d permits: %v, %d", n, err, s.Value())
		}
	}
	for _, n := range []int{-1, math.MaxInt32 + 1} {
		if _, err := NewSemaphore(n); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("made one with %d: %v", n, err)
		}
	}
}

func TestBoundedSemaphore(t *testing.T) {
	s := closing(t, must(NewBoundedSemaphore(2))(t), nil)
	for _, n := range []int{1, math.MaxInt32, math.MaxInt} {
		if err := s.ReleaseN(n); err != ErrNotHeld || s.Value() != 2 {
			t.Errorf("released %d permits: %v, %d", n, err, s.Value())
		}
	}
	if err := s.Release(); err != ErrNotHeld {
		t.Errorf("released what was not out: %v", err)
	}
	for want := 1; want >= 0; want-- {
		if err := s.Acquire(soon(t)); err != nil || s.Value() != want {
			t.Fatal(err, s.Value())
		}
	}
	if s.TryAcquire() || s.Value() != 0 {
		t.Error("a third permit of two")
	}
	for want := 1; want <= 2; want++ {
		if err := s.Release(); err != nil || s.Value() != want {
			t.Error(err, s.Value())
		}
	}
	if err := s.Release(); err != ErrNotHeld || s.Value() != 2 {
		t.Errorf("released too often: %v, %d", err, s.Value())
	}
	for _, n := range []int{0, -1} {
		if _, err := NewBoundedSemaphore(n); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("made one with %d: %v", n, err)
		}
	}
}

func TestSemaphoreTimeout(t *testing.T) {
	s := closing(t, must(NewSemaphore(0))(t), nil)
	start := time.Now()
	if err := s.AcquireTimeout(shortly); err != ErrTimeout || time.Since(start) < shortly {
		t.Error(err, time.Since(start))
	}
	if s.TryAcquire() {
		t.Error("a permit of none")
	}
	if err := s.AcquireTimeout(-1); err != ErrTimeout {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := s.Acquire(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
}

// Never more inside than permits, everyone gets in, across goroutines and
// processes.
func TestSemaphoreLimits(t *testing.T) {
	const permits, guests = 3, 20
	s := closing(t, must(NewSemaphore(permits))(t), nil)
	churn := run(t, testSemaphoreChurn, semaphoreArgs{s, 5000})
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for range guests {
		wg.Go(func() {
			for range 200 {
				if err := s.Acquire(soon(t)); err != nil {
					t.Error(err)
					return
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				inside.Add(-1)
				s.Release()
			}
		})
	}
	wg.Wait()
	join(t, churn)
	if most.Load() > permits || s.Value() != permits {
		t.Errorf("%d at once, %d permits in the end", most.Load(), s.Value())
	}
}

func TestSemaphoreAsSignal(t *testing.T) {
	s := closing(t, must(NewSemaphore(0))(t), nil)
	p := run(t, testSemaphoreRelease, semaphoreArgs{s, 3})
	for range 3 {
		if err := s.Acquire(soon(t)); err != nil {
			t.Error(err)
		}
	}
	join(t, p)
	if s.TryAcquire() {
		t.Error("a fourth signal of three")
	}
}

func TestSemaphoreHolderKilled(t *testing.T) {
	s := closing(t, must(NewBoundedSemaphore(3))(t), nil)
	p := run(t, testSemaphoreTake, semaphoreArgs{&s.semaphore, 2})
	eventually(t, "the child holds two", func() bool { return s.Value() == 1 })
	if err := s.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() { got <- s.Acquire(soon(t)); got <- s.Acquire(soon(t)) }()
	slay(t, p)
	if err := <-got; !errors.Is(err, ErrOwnerDied) {
		t.Errorf("first permit of the dead: %v", err)
	}
	if err := <-got; !errors.Is(err, ErrOwnerDied) {
		t.Errorf("second permit of the dead: %v", err)
	}
	if s.TryAcquire() {
		t.Error("a fourth permit of three")
	}
	if err := s.ReleaseN(3); err != nil || s.Value() != 3 {
		t.Error(err, s.Value())
	}
	if err := s.Release(); err != ErrNotHeld {
		t.Error(err)
	}
}

// Processes die while they acquire and release: no permit is lost or made.
func TestSemaphoreChurnAndKill(t *testing.T) {
	s := closing(t, must(NewSemaphore(2))(t), nil)
	for range 15 {
		p := run(t, testSemaphoreChurn, semaphoreArgs{s, 1 << 40})
		q := run(t, testSemaphoreChurn, semaphoreArgs{s, 1 << 40})
		for range 50 {
			if err := s.Acquire(soon(t)); err != nil && err != ErrOwnerDied {
				t.Fatal(err)
			}
			s.Release()
		}
		slay(t, p)
		slay(t, q)
	}
	for range 2 {
		if err := s.Acquire(soon(t)); err != nil && err != ErrOwnerDied {
			t.Fatal(err)
		}
	}
	if err := s.AcquireTimeout(shortly); err != ErrTimeout {
		t.Errorf("a third permit of two: %v", err)
	}
}

// actAs makes s the handle of the i-th of many processes that had our id and
// ended before we began, or ours again, i == 0.
func actAs(s *Semaphore, i int) {
	const at, starts = 32, 1<<20 - 1
	self := uint64(shm.Self())
	start := (self>>at&starts-1+uint64(i))%starts + 1 // never 0: who may have begun at any time lives
	holder := reflect.ValueOf(&s.holders).Elem().FieldByName("self")
	*(*uint64)(holder.Addr().UnsafePointer()) = self&^(starts<<at) | start<<at
}

// 2000 processes die with a permit each, eight times as many as there was once
// room for (birdnet-team/birdnet#73): all come back.
func TestSemaphoreOfManyDeadHolders(t *testing.T) {
	const n = 2000
	s := closing(t, must(NewSemaphore(n+1))(t), nil)
	if err := s.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		actAs(s, i)
		if err := s.Acquire(soon(t)); err != nil {
			t.Fatal(i, err)
		}
	}
	actAs(s, 0)
	told := 0
	for i := range n {
		err := s.Acquire(soon(t))
		if err == ErrOwnerDied {
			told++
		} else if err != nil {
			t.Fatalf("permit %d of %d: %v", i, n, err)
		}
	}
	if told == 0 || s.Value() != 0 || s.TryAcquire() {
		t.Errorf("told %d times, %d permits left", told, s.Value())
	}
	if err := s.ReleaseN(n + 1); err != nil || s.Value() != n+1 {
		t.Error(err, s.Value())
	}
}

// Nobody takes a permit that could not come back: an error says so, no permit
// is lost, and it goes on as soon as somebody lets go.
func TestSemaphoreOfTooManyHolders(t *testing.T) {
	s := closing(t, must(NewSemaphore(shm.MaxHolders+2))(t), nil)
	at := bodyOffset + int(sizeof[semaphoreState]())
	if err := s.seg.Reserve(at, shm.HoldersSize); err != nil {
		t.Fatal(err)
	}
	slots := shm.At[[shm.MaxHolders][2]uint64](s.seg.Bytes(), at)
	for i := range slots {
		slots[i] = [2]uint64{1, 1} // of a namespace that nobody knows: never dead
	}
	*(*[2]uint64)(unsafe.Pointer(&s.state.holders)) = [2]uint64{shm.MaxHolders, shm.MaxHolders}
	s.state.value.Store(2)

	if err := s.Acquire(soon(t)); !errors.Is(err, ErrNoSpace) || s.Value() != 2 {
		t.Errorf("one more holder: %v, %d permits", err, s.Value())
	}
	if s.TryAcquire() || s.Value() != 2 {
		t.Errorf("one more holder, %d permits", s.Value())
	}
	if err := s.Release(); err != nil || s.Value() != 3 { // on behalf of one of them
		t.Fatal(err, s.Value())
	}
	if err := s.Acquire(soon(t)); err != nil || s.Value() != 2 {
		t.Errorf("there is room: %v, %d permits", err, s.Value())
	}
}

// A release of several permits takes them from its own process, then from
// others, then makes new ones: what is left still comes back.
func TestSemaphoreReleaseForOthers(t *testing.T) {
	s := closing(t, must(NewSemaphore(6))(t), nil)
	for i, n := range []int{1, 2, 3} { // ours, and two dead processes'
		actAs(s, i)
		for range n {
			if err := s.Acquire(soon(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	actAs(s, 0)
	if err := s.ReleaseN(4); err != nil || s.Value() != 4 || s.state.total != 6 {
		t.Fatal(err, s.Value(), s.state.total)
	}
	for range 6 { // four that are there, two of the dead
		if err := s.Acquire(soon(t)); err != nil && err != ErrOwnerDied {
			t.Fatal(err)
		}
	}
	if err := s.ReleaseN(8); err != nil || s.Value() != 8 || s.state.total != 8 {
		t.Error(err, s.Value(), s.state.total)
	}
}
