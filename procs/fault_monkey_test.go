//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
)

// TestFaultMonkeyPool lets several users do to pools whatever they like, while
// workers are killed, stopped and continued: every call must end, with the
// right result or with an error that fits, and so must every pool. A failure
// names its seed; PROCS_MONKEY repeats it, as far as processes do the same
// twice. The short version runs always; PROCS_FAULTS=long (make faults) asks
// for a minute.
func TestFaultMonkeyPool(t *testing.T) {
	seed, long := rand.Uint64(), 3*time.Second
	if testenv.Asked("PROCS_FAULTS") == "long" {
		long = time.Minute
	}
	if s := testenv.Asked("PROCS_MONKEY"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	// A hook that asks the pool it hears of, and takes its time.
	SetLog(LevelInfo, func(_ Level, message string) {
		if p := monkeyPool.Load(); p != nil && strings.HasPrefix(message, p.name) {
			p.PIDs()
			p.Resize(p.Size())
			time.Sleep(100 * time.Microsecond)
		}
	})
	defer SetLog(LevelOff, nil)
	rounds := 0
	for end := time.Now().Add(long); time.Now().Before(end) && !t.Failed(); seed++ {
		monkey(t, seed)
		rounds++
	}
	t.Logf("%d pools", rounds)
}

// monkeyPool is the pool whose turn it is.
var monkeyPool atomic.Pointer[Pool]

// monkey is the life of one pool.
func monkey(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	pick := func(n ...int) int { return n[r.IntN(len(n))] }
	config := PoolConfig{Workers: 1 + r.IntN(4), MaxTasksPerChild: pick(0, 0, 1, 7), Spares: pick(0, 0, 1, 2), Retries: pick(0, 3),
		TaskTimeout: time.Duration(pick(0, 0, 50)) * time.Millisecond, Grace: time.Duration(pick(-1, 1, 20)) * time.Millisecond}
	switch r.IntN(8) {
	case 0:
		config.Initializer = NewInitializer(testFail, "not today")
	case 1:
		config.Initializer = NewInitializer(testExit, 3)
	case 2:
		config.Initializer = NewInitializer(testSuicide, syscall.SIGKILL)
	case 3, 4:
		config.Initializer = NewInitializer(testSquare, 3)
	}
	p, err := NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	monkeyPool.Store(p)
	ctx, done := context.WithTimeout(context.Background(), wait.Patience)
	defer done()
	report := func(what string, err error) {
		t.Errorf("PROCS_MONKEY=%d: %s: %v (pool of %+v)", seed, what, err, config)
	}
	var users sync.WaitGroup
	for range 1 + r.IntN(4) {
		u := &poolUser{Pool: p, r: rand.New(rand.NewPCG(seed, r.Uint64())), ctx: ctx, report: report, many: 1000}
		if n := config.MaxTasksPerChild; n > 0 {
			u.many = 5 * n // or it takes too many processes
		}
		users.Go(func() {
			for range 20 {
				u.act()
			}
			u.settle()
		})
	}
	wait := r.IntN(2) == 0
	if wait {
		users.Wait()
	} else {
		time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
	}
	switch r.IntN(3) {
	case 0:
		p.Terminate()
	case 1:
		ended := make(chan bool)
		end := func() { p.Terminate(); close(ended) }
		ApplyAsync(p, testSquare, 1, OnResult(func(int) { end() }), OnError(func(error) { end() }))
		select {
		case <-ended:
		case <-ctx.Done():
			report("a callback", ctx.Err())
			return
		}
	default:
		p.Close()
	}
	if err := p.Join(ctx); err != nil {
		report("join", err)
	}
	users.Wait()
	p.Terminate()
	if pids := p.PIDs(); len(pids) > 0 {
		report("the end", fmt.Errorf("workers are left: %v", pids))
	}
}

// poolUser does things to a pool.
type poolUser struct {
	*Pool
	r      *rand.Rand
	ctx    context.Context
	report func(what string, err error)
	many   int
	later  []func() // look at results
}

// fits reports whether err is nothing that should surprise somebody whose
// neighbours do what these do, or one of also.
func fits(err error, also ...error) bool {
	for _, ok := range append(also, nil, ErrWorkerDied, ErrTerminated, ErrClosed, ErrBroken, ErrTimeout) {
		if errors.Is(err, ok) {
			return true
		}
	}
	return slices.Contains(also, errGoexit) && strings.Contains(err.Error(), errGoexit.Error()) // it comes from elsewhere
}

func (u *poolUser) settle() {
	for _, look := range u.later {
		look()
	}
}

// expect notes a result to be looked at in the end.
func expect[T any](u *poolUser, what string, r *AsyncResult[T], right func(T) bool, also ...error) {
	u.later = append(u.later, func() {
		if v, err := r.Get(u.ctx); !fits(err, also...) || err == nil && !right(v) {
			u.report(what, fmt.Errorf("%v, %w", v, err))
		}
	})
}

// unruly notes the result of a task whose error's methods are unruly: the
// error is the task's, or one that fits.
func (u *poolUser) unruly(r *AsyncResult[int], what string) {
	u.later = append(u.later, func() {
		var remote *RemoteError
		if _, err := r.Get(u.ctx); err == nil || !errors.As(err, &remote) && !fits(err) {
			u.report(what, err)
		}
	})
}

func never[T any](T) bool { return false }

// soonOver is a context that ends within some milliseconds.
func (u *poolUser) soonOver() (context.Context, context.CancelFunc) {
	return context.WithTimeout(u.ctx, time.Duration(u.r.IntN(20_000))*time.Microsecond)
}

func (u *poolUser) act() {
	p, n := u.Pool, u.r.IntN(u.many)
	switch u.r.IntN(18) {
	case 0:
		for i := range n {
			expect(u, "square", ApplyAsync(p, testSquare, i), func(v int) bool { return v == i*i })
		}
	case 1:
		if v, err := Apply(u.ctx, p, testSquare, n); !fits(err) || err == nil && v != n*n {
			u.report("apply", fmt.Errorf("%d, %w", v, err))
		}
	case 2:
		ctx, cancel := u.soonOver()
		if _, err := Apply(ctx, p, testHang, 0); err == nil || !fits(err, ErrCancelled, ctx.Err()) {
			u.report("hang", err)
		}
		cancel()
	case 3:
		expect(u, "timeout", ApplyAsync(p, testHang, 0, Timeout(time.Millisecond)), never)
	case 4:
		r := ApplyAsync(p, testNap, time.Hour)
		expect(u, "cancel", r, never, ErrCancelled)
		time.Sleep(time.Duration(u.r.IntN(3)) * time.Millisecond)
		r.Cancel()
	case 5:
		xs := make([]int, 5*n)
		for i := range xs {
			xs[i] = i
		}
		expect(u, "map", MapAsync(p, testSquare, xs, Chunk(u.r.IntN(50))), func(vs []int) bool {
			return len(vs) == len(xs) && !slices.ContainsFunc(xs, func(x int) bool { return vs[x] != x*x })
		})
	case 6:
		ctx, cancel := u.soonOver()
		if _, err := Map(ctx, p, testNap, make([]time.Duration, n), Chunk(1)); !fits(err, ErrCancelled, ctx.Err()) {
			u.report("map that is cancelled", err)
		}
		if _, err := Map(ctx, p, testHang, []int{1, 2, 3}); err == nil || !fits(err, ErrCancelled, ctx.Err()) {
			u.report("map that hangs", err)
		}
		cancel()
	case 7:
		left := 1 + u.r.IntN(50)
		for v, err := range Imap(u.ctx, p, testSquare, slices.Values([]int{5, 5, 5, 5, 5, 5, 5, 5})) {
			if !fits(err) || err == nil && v != 25 {
				u.report("imap", fmt.Errorf("%d, %w", v, err))
			}
			if left--; left == 0 {
				break
			}
		}
	case 8:
		expect(u, "exit", ApplyAsync(p, testExit, u.r.IntN(3)), never)
		expect(u, "suicide", ApplyAsync(p, testSuicide, syscall.SIGKILL), never)
		expect(u, "goexit", ApplyAsync(p, testGoexit, 0), never, errGoexit)
	case 9:
		expect(u, "big result", ApplyAsync(p, testBig, n<<10), func(b []byte) bool { return len(b) == n<<10 })
		expect(u, "big argument", ApplyAsync(p, testLen, make([]byte, n<<10)), func(v int) bool { return v == n<<10 })
	case 10:
		a, b, err := NewPipe(Duplex)
		if err != nil {
			u.report("pipe", err)
			return
		}
		expect(u, "descriptors", ApplyAsync(p, testShare, b), func(c *Conn) bool { return c.Close() == nil })
		b.Close()
		u.later = append(u.later, func() { a.Close() })
	case 11:
		p.Resize(1 + u.r.IntN(5))
	case 12:
		c := unrulyTasks[u.r.IntN(len(unrulyTasks))]
		u.unruly(ApplyAsync(p, testUnruly, c.task), c.what)
	case 13:
		ctx, cancel := u.soonOver()
		r := ApplyAsync(p, testSquare, n, OnResult(func(int) {
			defer cancel()
			if _, err := Apply(ctx, p, testSquare, n); err == nil || !fits(err, ErrCancelled, context.DeadlineExceeded) {
				u.report("apply in a callback", err)
			}
		}))
		expect(u, "a callback that waits", r, func(v int) bool { return v == n*n })
	case 14: // to one alone, or to all as if it was the group's
		s := []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP}[u.r.IntN(2)]
		for _, pid := range p.PIDs() {
			if syscall.Kill(pid, s); n%2 == 0 {
				break
			}
		}
	default:
		pids := p.PIDs()
		if len(pids) == 0 {
			return
		}
		pid := pids[u.r.IntN(len(pids))]
		if n%2 == 0 {
			syscall.Kill(pid, syscall.SIGKILL)
			return
		}
		syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(time.Duration(u.r.IntN(5)) * time.Millisecond)
		syscall.Kill(pid, syscall.SIGCONT)
	}
}
