//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/bench/testenv"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
)

// sharedThings is one of each object that processes share.
type sharedThings struct {
	Pair      *Value[[2]int64]
	Lock      *RLock
	Semaphore *Semaphore
	Condition *Condition
	Event     *Event
	Barrier   *Barrier
	Queue     *Queue[uint64]
	Simple    *SimpleQueue[[]byte]
	Work      *JoinableQueue[int]
	Seed      uint64
	Acts      int
	Done      *RawValue[int64] // acts of one process
}

func newSharedThings(t *testing.T) *sharedThings {
	s := &sharedThings{Acts: 300}
	s.Pair = closing(t, must(NewValue([2]int64{}))(t), nil)
	s.Lock = closing(t, must(NewRLock())(t), nil)
	s.Semaphore = closing(t, must(NewSemaphore(2))(t), nil)
	s.Condition = closing(t, must(NewCondition(nil))(t), nil)
	s.Event = closing(t, must(NewEvent())(t), nil)
	s.Barrier = closing(t, must(NewBarrier(2, nil))(t), nil)
	s.Queue = closing(t, must(NewQueue[uint64](20))(t), nil)
	s.Simple = closing(t, must(NewSimpleQueue[[]byte]())(t), nil)
	s.Work = closing(t, must(NewJoinableQueue[int](20))(t), nil)
	return s
}

// tooLong is how long nothing here should take, even on a busy machine:
// whatever waits, waits for processes that hold things for milliseconds, until
// they are killed.
const tooLong = wait.Patience

var testSharedMonkey = Register("test.sharedmonkey", func(ctx context.Context, s sharedThings) (int, error) { return 0, s.monkey(ctx) })

// monkey does anything with the things, and returns an error if one of them is
// broken or makes us wait.
func (s *sharedThings) monkey(ctx context.Context) error {
	r := rand.New(rand.NewPCG(s.Seed, 1))
	for range s.Acts {
		act := r.IntN(len(sharedActs))
		limited, cancel := context.WithTimeout(ctx, tooLong)
		begin := time.Now()
		err := sharedActs[act].do(s, limited, r)
		cancel()
		if took := time.Since(begin); err == nil && took > tooLong {
			err = fmt.Errorf("it took %v", took)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", sharedActs[act].name, err)
		}
		atomic.AddInt64(s.Done.Raw(), 1)
	}
	return nil
}

// but returns err unless it is one of those that may come.
func but(err error, fine ...error) error {
	for _, ok := range fine {
		if errors.Is(err, ok) {
			return nil
		}
	}
	return err
}

func nap(r *rand.Rand) { time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond) }

func napFor(r *rand.Rand) time.Duration { return time.Duration(r.IntN(3000)) * time.Microsecond }

var sharedActs = []struct {
	name string
	do   func(s *sharedThings, ctx context.Context, r *rand.Rand) error
}{
	{"value", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		l, pair := s.Pair.Lock(), s.Pair.Raw()
		err := l.Acquire(ctx)
		if err != nil && err != ErrOwnerDied {
			return err
		}
		if err == nil && pair[0] != pair[1] {
			return fmt.Errorf("%v: somebody died while holding the lock, and nobody was told", *pair)
		}
		pair[0]++
		if r.IntN(4) == 0 {
			nap(r)
		}
		pair[1] = pair[0]
		return l.Release()
	}},
	{"recursive lock", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		if err := but(s.Lock.Acquire(ctx), ErrOwnerDied); err != nil {
			return err
		}
		if s.Lock.Depth() != 1 || !s.Lock.TryAcquire() {
			return errors.New("it is not ours")
		}
		nap(r)
		return errors.Join(s.Lock.Release(), s.Lock.Release())
	}},
	{"semaphore", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		if err := but(s.Semaphore.Acquire(ctx), ErrOwnerDied); err != nil {
			return err
		}
		nap(r)
		return s.Semaphore.Release()
	}},
	{"condition", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		if err := but(s.Condition.Acquire(ctx), ErrOwnerDied); err != nil {
			return err
		}
		var err error
		switch r.IntN(3) {
		case 0:
			err = but(s.Condition.WaitTimeout(napFor(r)), ErrTimeout, ErrOwnerDied)
		case 1:
			err = s.Condition.Notify(1)
		default:
			err = s.Condition.NotifyAll()
		}
		return errors.Join(err, s.Condition.Release())
	}},
	{"event", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		switch r.IntN(3) {
		case 0:
			return s.Event.Set()
		case 1:
			return s.Event.Clear()
		}
		return but(s.Event.WaitTimeout(napFor(r)), ErrTimeout)
	}},
	{"barrier", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		if s.Barrier.Broken() {
			return s.Barrier.Reset()
		}
		_, err := s.Barrier.WaitTimeout(napFor(r))
		return but(err, ErrBrokenBarrier, ErrTimeout)
	}},
	{"queue put", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		v := uint64(r.Uint32())
		return but(s.Queue.PutTimeout(v<<32|^v&(1<<32-1), napFor(r)), ErrFull)
	}},
	{"queue get", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		v, err := s.Queue.GetTimeout(napFor(r))
		if err == nil && v>>32 != ^v&(1<<32-1) {
			return fmt.Errorf("nobody put %x", v)
		}
		return but(err, ErrEmpty)
	}},
	{"simple queue", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		n := r.IntN(5000)
		if err := s.Simple.Put(ctx, bytes.Repeat([]byte{byte(n)}, n)); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, napFor(r)) // others may take it
		defer cancel()
		for range 2 { // the dead left some
			b, err := s.Simple.Get(limited)
			if err != nil {
				return but(err, context.DeadlineExceeded)
			}
			if len(b) > 0 && (b[0] != byte(len(b)) || b[len(b)-1] != b[0]) {
				return fmt.Errorf("nobody put %d bytes of %d", len(b), b[0])
			}
		}
		return nil
	}},
	{"work", func(s *sharedThings, ctx context.Context, r *rand.Rand) error {
		if err := but(s.Work.PutTimeout(1, napFor(r)), ErrFull); err != nil {
			return err
		}
		_, err := s.Work.GetTimeout(napFor(r))
		if err != nil {
			return but(err, ErrEmpty)
		}
		nap(r)
		return s.Work.TaskDone()
	}},
}

// TestFaultMonkeyShared lets processes do anything with what they share, and
// kills them in the midst of it: the others must go on, and find everything in
// order. PROCS_FAULTS=long (make faults) asks for a minute.
func TestFaultMonkeyShared(t *testing.T) {
	long := 3 * time.Second
	if testenv.Asked("PROCS_FAULTS") == "long" {
		long = time.Minute
	}
	s := newSharedThings(t)
	seed := rand.Uint64()
	if v := testenv.Asked("PROCS_MONKEY"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(long)
	var users sync.WaitGroup
	var mu sync.Mutex
	kills, lives := 0, 0
	for user := range 3 {
		done := closing(t, must(NewRawValue(int64(0)))(t), nil)
		users.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(user)))
			for time.Now().Before(end) && !t.Failed() {
				mine := *s
				mine.Seed, mine.Done = r.Uint64(), done
				killed, err := sharedMonkeyProcess(t, mine, r)
				if err != nil {
					t.Errorf("PROCS_MONKEY=%d: %v", seed, err)
				}
				mu.Lock()
				lives++
				if killed {
					kills++
				}
				mu.Unlock()
			}
		})
	}
	own := closing(t, must(NewRawValue(int64(0)))(t), nil)
	for i := uint64(0); time.Now().Before(end) && !t.Failed(); i++ { // one of us is never killed
		mine := *s
		mine.Seed, mine.Done = seed+i, own
		if err := mine.monkey(context.Background()); err != nil {
			t.Errorf("PROCS_MONKEY=%d: the survivor: %v", seed, err)
		}
	}
	users.Wait()
	t.Logf("%d processes, %d of them killed", lives, kills)
	// What waits can still be done, and Join does not wait for the dead.
	for {
		_, err := s.Work.GetTimeout(0)
		if errors.Is(err, ErrEmpty) {
			break
		}
		if err = errors.Join(err, s.Work.TaskDone()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Work.Join(soon(t)); but(err, ErrTaskLost) != nil {
		t.Error(err, s.Work.Unfinished())
	}
}

// sharedMonkeyProcess runs a monkey in a process of its own, and most of the
// time kills it: now and then before it does anything.
func sharedMonkeyProcess(t *testing.T, s sharedThings, r *rand.Rand) (killed bool, err error) {
	var out bytes.Buffer
	p := NewProcess(testSharedMonkey, s, ProcessConfig{Stderr: &out})
	if err := p.Start(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*tooLong)
	defer cancel()
	if r.IntN(4) > 0 {
		killed = true
		proctest.After(t, p, s.Done.Raw(), max(0, r.IntN(80)-10))
		p.Kill()
	}
	if err := p.Join(ctx); err != nil {
		p.Signal(syscall.SIGQUIT) // where does it hang?
		p.Join(context.Background())
		return killed, fmt.Errorf("%w\n%s", err, out.String())
	}
	if code, _ := p.ExitCode(); code != 0 && (code != -int(syscall.SIGKILL) || !killed) {
		return killed, fmt.Errorf("exit code %d\n%s", code, out.String())
	}
	return killed, nil
}

type holdArgs struct {
	Semaphore *Semaphore
	Queue     *JoinableQueue[int]
	Ready     *Semaphore
}

// testHold takes a permit and a task, and keeps both.
var testHold = Register("test.hold", func(ctx context.Context, a holdArgs) (int, error) {
	if err := a.Semaphore.Acquire(ctx); err != nil {
		return 0, err
	}
	if _, err := a.Queue.Get(ctx); err != nil {
		return 0, err
	}
	return 0, errors.Join(a.Ready.Release(), hang())
})

// TestFaultHolders kills hundreds of processes that hold a permit and have
// taken a task (birdnet-team/birdnet#73): every permit comes back, and Join
// tells of every task.
func TestFaultHolders(t *testing.T) {
	n := 8
	if longFaults {
		n = 300
	}
	s := closing(t, must(NewSemaphore(n))(t), nil)
	q := closing(t, must(NewJoinableQueue[int](0))(t), nil)
	ready := closing(t, must(NewSemaphore(0))(t), nil)
	var ps []*Process
	for i := range n {
		if err := q.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, run(t, testHold, holdArgs{s, q, ready}))
	}
	for range ps {
		if err := ready.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range ps {
		slay(t, p)
	}
	for i := range n {
		if err := but(s.Acquire(soon(t)), ErrOwnerDied); err != nil {
			t.Fatalf("permit %d of %d: %v", i, n, err)
		}
	}
	err := q.Join(soon(t))
	if !errors.Is(err, ErrTaskLost) || !strings.HasSuffix(err.Error(), fmt.Sprintf(": %d", n)) {
		t.Errorf("%d tasks were lost: %v", n, err)
	}
}
