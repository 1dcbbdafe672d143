//go:build linux

package procs

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// hooked sets a hook for the test.
func hooked(t *testing.T, level Level, hook func(Level, string)) {
	SetLog(level, hook)
	t.Cleanup(func() { SetLog(LevelOff, nil) })
}

// The hook may ask what the message is about, and end it
// (python/cpython#91555).
func TestLogHookAsks(t *testing.T) {
	t.Run("pool", func(t *testing.T) {
		var pool atomic.Pointer[Pool]
		var asked atomic.Int32
		hooked(t, LevelInfo, func(_ Level, message string) {
			if p := pool.Load(); p != nil {
				p.PIDs()
				p.Resize(2)
				Apply(context.Background(), p, testSquare, p.Size())
				asked.Add(1)
			}
		})
		p := newPool(t, PoolConfig{Workers: 2})
		pool.Store(p)
		for i := range 3 {
			before := asked.Load()
			p.mu.Lock()
			pid := p.workers[0].child.PID
			p.mu.Unlock()
			syscall.Kill(pid, syscall.SIGKILL)
			eventually(t, "the hook has asked", func() bool { return asked.Load() > before })
			if v, err := Apply(soon(t), p, testSquare, i); v != i*i || err != nil {
				t.Fatal(v, err)
			}
		}
	})
	t.Run("broken pool", func(t *testing.T) {
		var pool atomic.Pointer[Pool]
		told := make(chan string, 10)
		hooked(t, LevelError, func(_ Level, message string) {
			for pool.Load() == nil {
				time.Sleep(time.Millisecond)
			}
			pool.Load().Terminate()
			told <- fmt.Sprint(message, pool.Load().PIDs())
		})
		p := newPool(t, PoolConfig{Workers: 1, Initializer: NewInitializer(testHalf, 7)})
		pool.Store(p)
		select {
		case m := <-told:
			if !strings.Contains(m, "7 is odd") {
				t.Error(m)
			}
		case <-soon(t).Done():
			t.Fatal("the hook hangs")
		}
	})
	t.Run("process", func(t *testing.T) {
		var child *Process
		var mu sync.Mutex
		var seen []string
		hooked(t, LevelDebug, func(_ Level, message string) {
			mu.Lock()
			defer mu.Unlock()
			_, ended := child.ExitCode()
			seen = append(seen, fmt.Sprint(child.Name(), child.PID() > 0, strings.Contains(message, "ended"), ended))
		})
		child = NewProcess(testSquare, 3, ProcessConfig{Name: "P"})
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		join(t, child)
		SetLog(LevelOff, nil) // the hook has had all that happened before
		mu.Lock()
		defer mu.Unlock()
		if len(seen) != 2 || !strings.HasPrefix(seen[0], "Ptrue false") || seen[1] != "Ptrue true true" {
			t.Error(seen)
		}
	})
}

// A hook that blocks holds up nobody, and gets its messages afterwards, in the
// order in which things happened, and a word about those that were too many.
func TestLogHookBlocks(t *testing.T) {
	gate := make(chan struct{})
	var mu sync.Mutex
	var got []string
	hooked(t, LevelInfo, func(_ Level, message string) {
		<-gate
		mu.Lock()
		defer mu.Unlock()
		got = append(got, message)
	})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open)
	p := newPool(t, PoolConfig{Workers: 2})
	for i := range 20 { // the collector, replacements, callers: all go on
		if pids := p.PIDs(); len(pids) > 0 {
			syscall.Kill(pids[0], syscall.SIGKILL)
		}
		r := ApplyAsync(p, testSquare, i, OnResult(func(int) { panic("a callback") }))
		if _, err := r.Get(soon(t)); err != nil && !fits(err) {
			t.Fatal(err)
		}
	}
	p.Terminate()
	const more = 10
	for i := range maxLogQueue + more {
		logf(LevelInfo, "message %d", i)
	}
	open()
	eventually(t, "the hook has had the last message", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) > 0 && strings.Contains(got[len(got)-1], "messages were lost")
	})
	mu.Lock()
	defer mu.Unlock()
	last := got[len(got)-1]
	var lost int
	if _, err := fmt.Sscanf(last, "%d messages were lost: the hook of SetLog takes too long", &lost); err != nil || lost < more || lost > more+200 {
		t.Error(last, err)
	}
	if want := "Pool-"; !strings.HasPrefix(got[0], want) {
		t.Error(got[0])
	}
	var numbers []int
	for _, m := range got {
		var n int
		if _, err := fmt.Sscanf(m, "message %d", &n); err == nil {
			numbers = append(numbers, n)
		}
	}
	if len(got) != maxLogQueue+2 || !slices.IsSorted(numbers) || len(numbers) != maxLogQueue+more-lost {
		t.Errorf("%d messages, %d of them of the test, sorted: %v", len(got), len(numbers), slices.IsSorted(numbers))
	}
}

// A hook that panics, or ends its goroutine, gets the next message
// nevertheless.
func TestLogHookUnruly(t *testing.T) {
	got := make(chan string, 10)
	hooked(t, LevelInfo, func(_ Level, message string) {
		got <- message
		switch message {
		case "1":
			panic("a hook")
		case "2":
			runtime.Goexit()
		}
	})
	for i := range 4 {
		logf(LevelInfo, "%d", i)
	}
	for i := range 4 {
		select {
		case m := <-got:
			if m != fmt.Sprint(i) {
				t.Errorf("%s, not %d", m, i)
			}
		case <-soon(t).Done():
			t.Fatal("no message ", i)
		}
	}
}

// A hook may log, and set another one; what was reported before that still is
// the first one's, and nothing afterwards.
func TestLogHookSetsHook(t *testing.T) {
	var mu sync.Mutex
	var got []string
	note := func(who, message string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, who+" "+message)
	}
	hooked(t, LevelInfo, func(_ Level, message string) {
		note("first", message)
		if message == "b" {
			logf(LevelInfo, "from the hook")
			SetLog(LevelInfo, func(_ Level, message string) { note("second", message) })
		}
	})
	logf(LevelInfo, "a")
	logf(LevelInfo, "b")
	eventually(t, "the second hook is set", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(got, "second from the hook")
	})
	SetLog(LevelInfo, func(_ Level, message string) { note("third", message) })
	logf(LevelInfo, "c")
	SetLog(LevelOff, nil)
	logf(LevelInfo, "d")
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"first a", "first b", "second from the hook", "third c"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

var testLogsAtTheEnd = Register("test.logsattheend", func(context.Context, int) (int, error) {
	SetLog(LevelInfo, func(_ Level, message string) { time.Sleep(10 * time.Millisecond); fmt.Println(message) })
	for i := range 5 {
		logf(LevelInfo, "%d", i)
	}
	return 0, nil
})

// Exit waits for the hook.
func TestLogHookAtExit(t *testing.T) {
	out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testLogsAtTheEnd, 0, c) }, ProcessConfig{})
	if out != "0\n1\n2\n3\n4\n" || code != 0 {
		t.Errorf("%q, %d", out, code)
	}
}
