//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/procs"
)

// unruly does what its field says: as an error, as an argument, as a result,
// and as a managed value.
type unruly struct {
	How  string
	gate chan struct{}
}

func do(how, when string) {
	switch how {
	case "panic " + when:
		panic("a method panics")
	case "goexit " + when:
		runtime.Goexit()
	}
}

func (u *unruly) Error() string     { do(u.How, "Error"); return "unruly" }
func (u *unruly) Is(err error) bool { do(u.How, "Is"); return err == os.ErrPermission }
func (u *unruly) Unwrap() error     { do(u.How, "Unwrap"); return nil }
func (u *unruly) Close() error      { do(u.How, "Close"); return nil }

type unrulyResult struct{ How string }

func (u *unrulyResult) MarshalBinary() ([]byte, error) {
	if procs.ParentProcess() != nil {
		do(u.How, "encoding")
	}
	return []byte(u.How), nil
}

func (u *unrulyResult) UnmarshalBinary(b []byte) error {
	u.How = string(b)
	if procs.ParentProcess() != nil {
		do(u.How, "decoding")
	}
	return nil
}

var (
	unrulies = Register("unruly", func(_ context.Context, how string) (*unruly, error) {
		do(how, "making")
		if how == "nil making" {
			var err *unruly
			return nil, err
		}
		return &unruly{how, make(chan struct{})}, nil
	})
	unrulyCall = RegisterMethod(unrulies, "call", func(_ *unruly, _ context.Context, arg unrulyResult) (unrulyResult, error) {
		do(arg.How, "method")
		switch {
		case arg.How == "nil error":
			var err *unruly
			return arg, err
		case strings.Contains(arg.How, "coding"), arg.How == "":
			return arg, nil
		}
		return arg, &unruly{How: arg.How}
	})
	unrulyBlock = RegisterMethod(unrulies, "block", func(u *unruly, _ context.Context, _ struct{}) (int, error) {
		<-u.gate // whatever its context says
		return 0, nil
	})
	unrulyRelease = RegisterMethod(unrulies, "release", func(u *unruly, _ context.Context, _ struct{}) (int, error) {
		close(u.gate)
		return 0, nil
	})
)

// Whatever a method of a managed value, or a method of its error, its argument
// or its result does: it is an error of the one call, in time, and the manager
// keeps what it has (riverqueue/river#806, sourcegraph/conc#29).
func TestCustomUnruly(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		kept := must(NewDict[string, int](m))(t)
		kept.Set("kept", 1)
		o := must(unrulies.New(soon(t), m, ""))(t)
		defer o.Close()
		for _, how := range []string{"nil error", "panic method", "goexit method", "panic Error", "goexit Error", "panic Is", "goexit Is",
			"panic Unwrap", "goexit Unwrap", "panic encoding", "goexit encoding", "panic decoding", "goexit decoding"} {
			if strings.HasSuffix(how, "coding") && m.server != nil {
				continue // there is no other process
			}
			ctx := soon(t)
			_, err := unrulyCall.Call(ctx, o, unrulyResult{how})
			if err == nil || ctx.Err() != nil {
				t.Errorf("%s: %v", how, err)
			}
			if strings.HasPrefix(how, "goexit ") && !strings.HasSuffix(how, "Is") && !strings.HasSuffix(how, "Unwrap") &&
				!strings.Contains(err.Error(), "runtime.Goexit") {
				t.Errorf("%s: %v", how, err)
			}
			if v, ok, err := kept.Get("kept"); v != 1 || !ok || err != nil {
				t.Fatalf("%s: the manager has lost what it kept: %d, %v, %v", how, v, ok, err)
			}
		}
		for _, how := range []string{"nil making", "panic making", "goexit making"} {
			if _, err := unrulies.New(soon(t), m, how); err == nil {
				t.Errorf("%s: no error", how)
			}
		}
		if _, err := unrulyCall.Call(soon(t), o, unrulyResult{}); err != nil {
			t.Error(err)
		}
	})
}

// Close of a managed value is called when its last reference goes, wherever
// that is; what it does is no concern of whoever gave it up.
func TestCustomCloseUnruly(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		before := must(m.Stats())(t).Objects
		for _, how := range []string{"panic Close", "goexit Close"} {
			one, two := must(unrulies.New(soon(t), m, how))(t), must(unrulies.New(soon(t), m, how))(t)
			if err := one.Destroy(); err != nil {
				t.Error(how, err)
			}
			two.Close()
			d := must(NewDict[string, *Object[*unruly]](m))(t)
			three := must(unrulies.New(soon(t), m, how))(t)
			d.Set("a", three)
			three.Close()
			if err := d.Clear(); err != nil { // the last reference
				t.Error(how, err)
			}
			d.Close()
			one.Close()
			eventually(t, "all are gone", func() bool { return must(m.Stats())(t).Objects == before })
		}
	})
}

// A method that does not heed its context keeps nobody waiting whose context
// is done (python/cpython#87129).
func TestCustomCallEndsWithContext(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		o := must(unrulies.New(soon(t), m, ""))(t)
		defer o.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := unrulyBlock.Call(ctx, o, struct{}{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := unrulyRelease.Call(soon(t), o, struct{}{}); err != nil { // it had not ended
			t.Error(err)
		}
	})
}

type lockAndSleep struct {
	Lock   *Lock
	Object *Object[*unruly]
}

var testLockAndSleep = procs.Register("test.manager.lockandsleep", func(ctx context.Context, a lockAndSleep) (int, error) {
	if err := a.Lock.Acquire(ctx); err != nil {
		return 0, err
	}
	return unrulyBlock.Call(ctx, a.Object, struct{}{})
})

// What a client held comes back when it dies, though a method that it had
// called goes on.
func TestCustomMethodOfDeadClient(t *testing.T) {
	m := testManager(t)
	a := lockAndSleep{must(NewLock(m))(t), must(unrulies.New(soon(t), m, ""))(t)}
	p := run(t, testLockAndSleep, a)
	eventually(t, "the child has the lock", func() bool { held, _ := a.Lock.Locked(); return held })
	time.Sleep(50 * time.Millisecond) // it is in the method, most likely
	slay(t, p)
	if err := a.Lock.Acquire(soon(t)); err != procs.ErrOwnerDied {
		t.Error(err)
	}
}

var testInitializerGoexit = procs.Register("test.manager.initgoexit", func(context.Context, int) (int, error) {
	go func() { time.Sleep(time.Hour) }()
	runtime.Goexit()
	return 0, nil
})

// An initializer that ends its goroutine fails.
func TestInitializerGoexit(t *testing.T) {
	m, err := New(Config{Initializer: procs.NewInitializer(testInitializerGoexit, 0)})
	if err == nil {
		m.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "runtime.Goexit") {
		t.Error(err)
	}
}

// A signal to the whole family leaves a manager at work until its starter lets
// it go; the starter's Terminate ends it, and so does a second signal.
func TestManagerSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			var m *Manager
			var d *Dict[string, int]
			// Together they are one, if they come together: the manager
			// measures that, and may be late on a slow machine.
			eventually(t, "a manager is still there after three at once", func() bool {
				m = testManager(t)
				d = must(NewDict[string, int](m))(t)
				for i := range 3 {
					syscall.Kill(m.Process().PID(), s)
					if d.Set(fmt.Sprint(i), i) != nil {
						return false
					}
				}
				time.Sleep(20 * time.Millisecond)
				n, err := d.Len()
				return n == 3 && err == nil
			})
			if s != syscall.SIGINT {
				time.Sleep(time.Second)
				eventually(t, "it heeds a second one", func() bool {
					syscall.Kill(m.Process().PID(), s)
					time.Sleep(50 * time.Millisecond)
					return !m.Process().IsAlive()
				})
				if err := d.Set("a", 1); !errors.Is(err, ErrDied) {
					t.Error(err)
				}
			}
		})
	}
	t.Run("Terminate", func(t *testing.T) {
		m := testManager(t)
		p := m.Process()
		if err := p.Terminate(); err != nil {
			t.Fatal(err)
		}
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.ExitCode(); code != -int(syscall.SIGTERM) {
			t.Error("exit code", code)
		}
	})
	t.Run("nobody connected", func(t *testing.T) {
		m := testManager(t)
		d := must(NewDict[string, int](m))(t)
		p := m.Process()
		syscall.Kill(p.PID(), syscall.SIGTERM)
		if err := d.Set("a", 1); err != nil {
			t.Error(err)
		}
		d.Close()
		m.link.conn.Close() // as the end of its starter does, which would kill it, too
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.ExitCode(); code != -int(syscall.SIGTERM) {
			t.Error("exit code", code)
		}
	})
}
