//go:build linux

package procs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// logOf returns what is logged, with its levels, while f runs.
func logOf(f func()) (lines []string) {
	SetLog(LevelDebug, func(l Level, m string) { lines = append(lines, l.String()+" "+m) })
	defer SetLog(LevelOff, nil)
	f()
	SetLog(LevelOff, nil) // the hook has had all that happened before
	return lines
}

// What is logged of a pool, a worker and a process names it first, and then the
// cause: word for word.
func TestWhatIsLogged(t *testing.T) {
	type name struct {
		name string
		pid  int
	}
	worker := func(p *Pool) name {
		p.mu.Lock()
		defer p.mu.Unlock()
		return name{p.workers[0].name, p.workers[0].child.PID}
	}
	var p *Pool
	var first, second name
	got := logOf(func() {
		p = newPool(t, PoolConfig{Workers: 1})
		if _, err := Apply(soon(t), p, testSquare, 1); err != nil {
			t.Error(err)
		}
		first = worker(p)
		syscall.Kill(first.pid, syscall.SIGKILL)
		for second = first; second == first; {
			if _, err := Apply(soon(t), p, testState, 0); err == nil {
				second = worker(p)
			}
		}
		p.Close()
		if err := p.Join(soon(t)); err != nil {
			t.Error(err)
		}
	})
	want := []string{
		fmt.Sprintf("INFO %s started with process id %d", first.name, first.pid),
		fmt.Sprintf("WARNING %s: procs: worker %[1]s (process %d) died: signal 9", first.name, first.pid),
		fmt.Sprintf("INFO %s started with process id %d", second.name, second.pid),
		fmt.Sprintf("INFO %s: procs: worker %[1]s (process %d) died: exit code 0", second.name, second.pid),
		fmt.Sprintf("INFO %s ended", p.name),
	}
	if !slices.Equal(got, want) {
		t.Errorf("of a pool:\n%q, not\n%q", got, want)
	}

	var q *Process
	got = logOf(func() {
		q = NewProcess(testExit, 3, ProcessConfig{Name: "short"})
		if err := q.Start(); err != nil {
			t.Fatal(err)
		}
		q.Join(soon(t))
	})
	want = []string{fmt.Sprintf("DEBUG short started with process id %d", q.PID()), "DEBUG short ended with exit code 3"}
	if !slices.Equal(got, want) {
		t.Errorf("of a process: %q, not %q", got, want)
	}
}

// A pool gives up after so many workers that end by themselves before they are
// ready, whether they call that a success or not, and says which was the last.
func TestPoolGivesUp(t *testing.T) {
	const ends = 8
	for _, code := range []int{0, 3} {
		var p *Pool
		var err error
		got := logOf(func() {
			p = newPool(t, PoolConfig{Workers: 1, Initializer: NewInitializer(testExit, code)})
			_, err = Apply(soon(t), p, testSquare, 1)
			p.Terminate()
		})
		var died []string
		broken := ""
		for _, line := range got {
			if _, worker, ok := strings.Cut(line, ": procs: worker "); ok && strings.HasPrefix(line, "WARNING ") {
				died = append(died, worker)
			}
			if text, ok := strings.CutPrefix(line, "ERROR "); ok {
				broken += text
			}
		}
		if len(died) != ends || !strings.HasSuffix(died[len(died)-1], fmt.Sprintf(" died: exit code %d", code)) {
			t.Errorf("code %d: they died: %q", code, died)
			continue
		}
		why := fmt.Sprintf("%v: workers end before they are ready: procs: worker %s", ErrBroken, died[ends-1])
		if broken != p.name+": "+why || err == nil || err.Error() != why {
			t.Errorf("code %d: %q, %v; not %q", code, broken, err, why)
		}
	}
}
