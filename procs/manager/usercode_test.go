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
type unruly struct{ How string }

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
		return &unruly{how}, nil
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
		return arg, &unruly{arg.How}
	})
	unrulySleep = RegisterMethod(unrulies, "sleep", func(_ *unruly, _ context.Context, d time.Duration) (int, error) {
		time.Sleep(d) // whatever its context says
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
			_, err := unrulyCall.Call(soon(t), o, unrulyResult{how})
			if err == nil || soon(t).Err() != nil {
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
		begin := time.Now()
		if _, err := unrulySleep.Call(ctx, o, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(begin); d >= 2*time.Second {
			t.Error("it waited for the method: ", d)
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
	return unrulySleep.Call(ctx, a.Object, 20*time.Second)
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
	begin := time.Now()
	if err := a.Lock.AcquireTimeout(15 * time.Second); err != procs.ErrOwnerDied {
		t.Error(err, "after", time.Since(begin))
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
			m := testManager(t)
			d := must(NewDict[string, int](m))(t)
			pid := m.Process().PID()
			for i := range 3 { // together they are one
				syscall.Kill(pid, s)
				if err := d.Set(fmt.Sprint(i), i); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(20 * time.Millisecond)
			if n, err := d.Len(); n != 3 || err != nil {
				t.Fatal(n, err)
			}
			if s != syscall.SIGINT {
				time.Sleep(time.Second)
				for m.Process().IsAlive() {
					syscall.Kill(pid, s)
					time.Sleep(50 * time.Millisecond)
					if soon(t).Err() != nil {
						t.Fatal("it does not heed a second one")
					}
				}
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
