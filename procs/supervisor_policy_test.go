//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A life is what a process of the tests below does: it runs for some time, or
// until it is told to end if that is 0, and then has an exit code.
type life struct {
	runs     time.Duration
	code     int
	unborn   error // it cannot be started
	stubborn bool  // it does not heed SIGTERM
}

// A play is a supervisor with processes that only seem to be some, and the time
// of a bubble, so that what depends on time is exact.
type play struct {
	s     *Supervisor
	began time.Time
	log   []string
}

// actor is a process that leads the next of its child's lives.
type actor struct {
	*play
	name string
	life life
	told chan syscall.Signal
	gone chan struct{}
	code int
}

func (p *play) note(what, name string) {
	p.log = append(p.log, fmt.Sprintf("%v %s %s", time.Since(p.began), what, name))
}

func newPlay(config SupervisorConfig, specs []ChildSpec, lives map[string][]life) *play {
	p := &play{began: time.Now()}
	for i := range specs {
		specs[i].New = func() *Process { return nil } // never called
	}
	p.s = NewSupervisor(config, specs...)
	for _, c := range p.s.children {
		c.make = func() (supervisable, error) {
			a := &actor{play: p, name: c.Name, told: make(chan syscall.Signal, 2), gone: make(chan struct{})}
			if next := lives[c.Name]; len(next) > 0 { // afterwards it runs until it is told to end
				a.life, lives[c.Name] = next[0], next[1:]
			}
			return a, nil
		}
	}
	return p
}

func (a *actor) Start() error {
	a.note("start", a.name)
	if a.life.unborn != nil {
		return a.life.unborn
	}
	go func() {
		defer close(a.gone)
		var over <-chan time.Time
		if a.life.runs > 0 {
			over = time.After(a.life.runs)
		}
		for {
			select {
			case <-over:
				a.code = a.life.code
				return
			case s := <-a.told:
				if s == syscall.SIGKILL || !a.life.stubborn {
					a.code = -int(s)
					return
				}
			}
		}
	}()
	return nil
}

func (a *actor) Sentinel() <-chan struct{} { return a.gone }
func (a *actor) ExitCode() (int, bool)     { return a.code, true }
func (a *actor) PID() int                  { return 1 + len(a.name) }
func (a *actor) Terminate() error          { a.note("terminate", a.name); a.told <- syscall.SIGTERM; return nil }
func (a *actor) Kill() error               { a.note("kill", a.name); a.told <- syscall.SIGKILL; return nil }

func children(names string, kind Restart) (specs []ChildSpec) {
	for _, name := range strings.Fields(names) {
		specs = append(specs, ChildSpec{Name: name, Restart: kind})
	}
	return specs
}

var errUnborn = errors.New("no room")

// What a supervisor does, second by second. It is stopped after 100 s, unless
// it ends before.
func TestSupervisorPolicy(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		config   SupervisorConfig
		children []ChildSpec
		lives    map[string][]life
		log      string
		err      string
	}{
		"started in order, stopped in reverse": {
			children: children("a b c", Permanent),
			log:      "0s start a, 0s start b, 0s start c, 1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err:      "procs: supervisor: context deadline exceeded",
		},
		"no children": {},
		"one for one": {
			children: children("a b c", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}}},
			log: "0s start a, 0s start b, 0s start c, 1s start b, " +
				"1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"all for one": {
			config:   SupervisorConfig{Strategy: AllForOne},
			children: children("a b c", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}}},
			log: "0s start a, 0s start b, 0s start c, 1s terminate c, 1s terminate a, 1s start a, 1s start b, 1s start c, " +
				"1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"rest for one": {
			config:   SupervisorConfig{Strategy: RestForOne},
			children: children("a b c d", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}}},
			log: "0s start a, 0s start b, 0s start c, 0s start d, 1s terminate d, 1s terminate c, 1s start b, 1s start c, 1s start d, " +
				"1m40s terminate d, 1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"permanent ones run always, transient ones until they are done, temporary ones once": {
			children: []ChildSpec{{Name: "p"}, {Name: "t", Restart: Transient}, {Name: "o", Restart: Temporary}},
			lives: map[string][]life{
				"p": {{runs: 10 * s}}, "t": {{runs: 20 * s, code: -9}, {runs: 20 * s}}, "o": {{runs: 30 * s, code: 2}},
			},
			log: "0s start p, 0s start t, 0s start o, 10s start p, 20s start t, 1m40s terminate p",
			err: "procs: supervisor: context deadline exceeded",
		},
		"nobody is left": {
			children: append(children("a", Transient), children("b", Temporary)...),
			lives:    map[string][]life{"a": {{runs: s}}, "b": {{runs: 2 * s, code: 1}}},
			log:      "0s start a, 0s start b",
		},
		// As in Erlang: one that is done has its part in what all do together,
		// but a temporary one is gone.
		"all for one, and some have ended": {
			config:   SupervisorConfig{Strategy: AllForOne},
			children: append(append(children("t", Transient), children("o q", Temporary)...), children("p", Permanent)...),
			lives:    map[string][]life{"t": {{runs: s}}, "o": {{runs: s}}, "p": {{runs: 2 * s, code: 1}}},
			log: "0s start t, 0s start o, 0s start q, 0s start p, 2s terminate q, 2s start t, 2s start p, " +
				"1m40s terminate p, 1m40s terminate t",
			err: "procs: supervisor: context deadline exceeded",
		},
		"three failures in 5 s are borne, four are not": {
			children: children("a b", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}, {runs: s, code: 2}, {runs: s, code: 3}, {runs: s, code: 4}}},
			log:      "0s start a, 0s start b, 1s start b, 2s start b, 3s start b, 4s terminate a",
			err:      "procs: supervisor gave up: failure 4 within 5s: procs: b ended with exit code 4",
		},
		"failures of all children count": {
			config:   SupervisorConfig{MaxRestarts: 1},
			children: children("a b", Permanent),
			lives:    map[string][]life{"a": {{runs: s, code: -9}}, "b": {{runs: 2 * s, code: 7}}},
			log:      "0s start a, 0s start b, 1s start a, 2s terminate a",
			err:      "procs: supervisor gave up: failure 2 within 5s: procs: b ended with exit code 7",
		},
		"failures that are long past do not count": {
			config:   SupervisorConfig{MaxRestarts: 1, Window: 2 * s},
			children: children("a", Permanent),
			lives:    map[string][]life{"a": {{runs: 3 * s}, {runs: 3 * s}, {runs: 3 * s}, {runs: 3 * s}, {runs: 2 * s}}},
			log:      "0s start a, 3s start a, 6s start a, 9s start a, 12s start a",
			err:      "procs: supervisor gave up: failure 2 within 2s: procs: a ended with exit code 0",
		},
		"no restart at all": {
			config:   SupervisorConfig{MaxRestarts: -1},
			children: children("a b", Permanent),
			lives:    map[string][]life{"a": {{runs: s}}},
			log:      "0s start a, 0s start b, 1s terminate b",
			err:      "procs: supervisor gave up: failure 1 within 5s: procs: a ended with exit code 0",
		},
		"back-off doubles up to its limit, and begins anew after a long run": {
			config:   SupervisorConfig{MaxRestarts: 100, Backoff: s, MaxBackoff: 4 * s},
			children: children("a", Permanent),
			lives: map[string][]life{"a": {{runs: s, code: 1}, {unborn: errUnborn}, {runs: s, code: 1}, {runs: s, code: 1},
				{runs: 5 * s, code: 1}}},
			// It fails at 1, 2, 5, 10 and 19 s.
			log: "0s start a, 2s start a, 4s start a, 9s start a, 14s start a, 20s start a, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"back-off stays at a minute": {
			config:   SupervisorConfig{Backoff: 31 * s},
			children: children("a", Permanent),
			lives:    map[string][]life{"a": {{runs: s, code: 1}, {runs: s, code: 1}}},
			log:      "0s start a, 32s start a, 1m33s start a, 1m40s terminate a",
			err:      "procs: supervisor: context deadline exceeded",
		},
		"one that waits holds up no other": {
			config:   SupervisorConfig{MaxRestarts: 100, Backoff: 10 * s},
			children: children("a b", Permanent),
			lives:    map[string][]life{"a": {{runs: s, code: 1}}, "b": {{runs: 2 * s, code: 1}}},
			log:      "0s start a, 0s start b, 11s start a, 12s start b, 1m40s terminate b, 1m40s terminate a",
			err:      "procs: supervisor: context deadline exceeded",
		},
		"an earlier child fails while a later one waits": {
			config:   SupervisorConfig{Strategy: RestForOne, Backoff: 10 * s},
			children: children("a b c", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}}, "a": {{runs: 3 * s, code: 1}}},
			log: "0s start a, 0s start b, 0s start c, 1s terminate c, 13s start a, 13s start b, 13s start c, " +
				"1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"one that does not heed SIGTERM is killed when its grace is over": {
			children: []ChildSpec{{Name: "a", Grace: 3 * s}, {Name: "b", Grace: -1}, {Name: "c"}},
			lives:    map[string][]life{"a": {{stubborn: true}}, "c": {{stubborn: true}}},
			log: "0s start a, 0s start b, 0s start c, 1m40s terminate c, 1m45s kill c, 1m45s kill b, " +
				"1m45s terminate a, 1m48s kill a",
			err: "procs: supervisor: context deadline exceeded",
		},
		// What happens while a group is stopped is no other failure.
		"one dies while another is being stopped": {
			config:   SupervisorConfig{Strategy: AllForOne, MaxRestarts: 1},
			children: children("a b c", Permanent),
			lives:    map[string][]life{"a": {{runs: 2 * s, code: 1}}, "b": {{runs: s, code: 1}}, "c": {{stubborn: true}}},
			log: "0s start a, 0s start b, 0s start c, 1s terminate c, 6s kill c, 6s terminate a, 6s start a, 6s start b, 6s start c, " +
				"1m40s terminate c, 1m40s terminate b, 1m40s terminate a",
			err: "procs: supervisor: context deadline exceeded",
		},
		"one cannot be started at first": {
			children: children("a b c", Permanent),
			lives:    map[string][]life{"b": {{unborn: errUnborn}}},
			log:      "0s start a, 0s start b, 0s terminate a",
			err:      "procs: start b: no room",
		},
		"one cannot be started again": {
			config:   SupervisorConfig{Strategy: AllForOne, MaxRestarts: 2, Backoff: s},
			children: children("a b", Permanent),
			lives:    map[string][]life{"b": {{runs: s, code: 1}, {unborn: errUnborn}, {unborn: errUnborn}}},
			log: "0s start a, 0s start b, 1s terminate a, 2s start a, 2s start b, 2s terminate a, 4s start a, 4s start b, " +
				"4s terminate a",
			err: "procs: supervisor gave up: failure 3 within 5s: procs: start b: no room",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(tt.config, tt.children, tt.lives)
				ctx, cancel := context.WithTimeout(t.Context(), 100*s)
				defer cancel()
				err := p.s.Run(ctx)
				got := ""
				if err != nil {
					got = err.Error()
				}
				if log := strings.Join(p.log, ", "); log != tt.log || got != tt.err {
					t.Errorf("%s\n%s\nwant\n%s\n%s", log, got, tt.log, tt.err)
				}
				if gaveUp := strings.Contains(tt.err, "gave up"); errors.Is(err, ErrGaveUp) != gaveUp || gaveUp && !errors.As(err, new(*ChildError)) {
					t.Errorf("%#v", err)
				}
				for _, c := range p.s.States() {
					if c.PID != 0 || c.Phase == ChildRunning || c.Phase == ChildStopping {
						t.Errorf("afterwards %+v", c)
					}
				}
			})
		})
	}
}

// A supervisor that is told to end while it waits to start a child again ends
// at once, and starts nothing.
func TestSupervisorCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(SupervisorConfig{Backoff: time.Hour, MaxBackoff: time.Hour}, children("a", Permanent), map[string][]life{"a": {{runs: time.Second}}})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := p.s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(p.began); took != time.Minute || len(p.log) != 1 {
			t.Errorf("after %v: %v", took, p.log)
		}
		if err := p.s.Run(t.Context()); err != ErrStarted {
			t.Errorf("run again: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(SupervisorConfig{}, children("a", Permanent), nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.s.Run(ctx); !errors.Is(err, context.Canceled) || len(p.log) > 0 {
			t.Error(err, p.log)
		}
	})
}

// What somebody sees who looks at a supervisor.
func TestSupervisorStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(SupervisorConfig{Backoff: 10 * time.Second}, append(children("a bb c", Permanent), ChildSpec{Restart: Temporary}),
			map[string][]life{"a": {{stubborn: true}}, "bb": {{runs: time.Second, code: -9}, {unborn: errUnborn}},
				"child-4": {{runs: time.Second, code: 3}}})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		ended := make(chan error)
		look := func() (states []string) {
			synctest.Wait()
			for _, c := range p.s.States() {
				began := "-"
				if !c.Began.IsZero() {
					began = c.Began.Sub(p.began).String()
				}
				states = append(states, fmt.Sprint(c.Name, " ", c.Phase, " ", c.PID, " ", began, " ", c.Restarts, " ", c.Last))
			}
			return states
		}
		check := func(want ...string) {
			t.Helper()
			if got := look(); !reflect.DeepEqual(got, want) {
				t.Errorf("after %v:\n%q, want\n%q", time.Since(p.began), got, want)
			}
		}
		check("a waiting 0 - 0 <nil>", "bb waiting 0 - 0 <nil>", "c waiting 0 - 0 <nil>", "child-4 waiting 0 - 0 <nil>")
		go func() { ended <- p.s.Run(ctx) }()
		check("a running 2 0s 0 <nil>", "bb running 3 0s 0 <nil>", "c running 2 0s 0 <nil>", "child-4 running 8 0s 0 <nil>")
		time.Sleep(2 * time.Second)
		died := "procs: bb ended with exit code -9"
		four := "child-4 ended 0 0s 0 procs: child-4 ended with exit code 3"
		check("a running 2 0s 0 <nil>", "bb waiting 0 0s 0 "+died, "c running 2 0s 0 <nil>", four)
		time.Sleep(10 * time.Second) // 12 s: it was tried again at 11 s
		check("a running 2 0s 0 <nil>", "bb waiting 0 11s 1 procs: start bb: no room", "c running 2 0s 0 <nil>", four)
		time.Sleep(90 * time.Second) // 102 s: a has not heeded what it was told at 100 s
		check("a stopping 2 0s 0 <nil>", "bb ended 0 31s 2 procs: start bb: no room", "c ended 0 0s 0 <nil>", four)
		<-ended
		check("a ended 0 0s 0 <nil>", "bb ended 0 31s 2 procs: start bb: no room", "c ended 0 0s 0 <nil>", four)
	})
	if got := fmt.Sprint(ChildEnded, ChildPhase(7)); got != "ended ChildPhase(7)" {
		t.Error(got)
	}
}

// New is the program's: whatever it does is a failed start.
func TestSupervisorNew(t *testing.T) {
	twice := NewProcess(testSquare, 1, ProcessConfig{})
	for want, tt := range map[string]func() *Process{
		"procs: start c: make the process: panic: oh":                                                    func() *Process { panic("oh") },
		"procs: start c: there is no process":                                                            func() *Process { return nil },
		"procs: start c: make the process: runtime.Goexit was called":                                    func() *Process { runtime.Goexit(); return nil },
		"procs: supervisor gave up: failure 2 within 5s: procs: start c: procs: process already started": func() *Process { return twice },
	} {
		s := NewSupervisor(SupervisorConfig{MaxRestarts: 1, Backoff: time.Nanosecond}, ChildSpec{Name: "c", New: tt})
		err := s.Run(soon(t))
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	mustPanic(t, "a child without New", func() { NewSupervisor(SupervisorConfig{}, ChildSpec{}) })
}
