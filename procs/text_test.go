//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/procs/internal/codec"
)

// What a process is called in logs, in each of its states.
func TestProcessText(t *testing.T) {
	is := func(p *Process, want string) {
		t.Helper()
		if s := p.String(); s != want {
			t.Errorf("%s, not %s", s, want)
		}
	}
	for _, daemon := range []bool{false, true} {
		is(NewProcess(testNap, 0, ProcessConfig{Name: `a "name"`, Daemon: daemon}),
			`<Process name="a \"name\"" pid=0 initial`+map[bool]string{true: " daemon"}[daemon]+">")
	}
	p := run(t, testNap, time.Hour)
	is(p, fmt.Sprintf("<Process name=%q pid=%d started>", p.Name(), p.PID()))
	slay(t, p)
	is(p, fmt.Sprintf("<Process name=%q pid=%d stopped exitcode=-9>", p.Name(), p.PID()))
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	is(p, fmt.Sprintf("<Process name=%q pid=%d closed>", p.Name(), p.PID()))
	is(CurrentProcess(), fmt.Sprintf(`<Process name="MainProcess" pid=%d started>`, os.Getpid()))
	parent := &Process{name: "above", parent: true, pid: 7}
	is(parent, `<Process name="above" pid=7 started>`)
	if parent.PPID() != 0 {
		t.Error(parent.PPID())
	}
	for level, want := range map[Level]string{LevelDebug: "DEBUG", LevelInfo: "INFO", LevelWarning: "WARNING", LevelError: "ERROR", LevelOff: "OFF", 25: "Level 25"} {
		if level.String() != want {
			t.Error(level, want)
		}
	}
}

// The current process's key is changed for what is started from now on, and
// what was returned is the caller's.
func TestSetAuthKeyHere(t *testing.T) {
	me := CurrentProcess()
	was := me.AuthKey()
	defer me.SetAuthKey(was)
	early := NewProcess(testNap, 0, ProcessConfig{})
	early.SetAuthKey([]byte("of its own"))
	key := []byte("another")
	me.SetAuthKey(key)
	key[0] = 'X'
	me.AuthKey()[1] = 'Y'
	for p, want := range map[*Process]string{me: "another", NewProcess(testNap, 0, ProcessConfig{}): "another", early: "of its own"} {
		if got := p.AuthKey(); string(got) != want {
			t.Errorf("%v: %q, not %q", p, got, want)
		}
	}
	parent := &Process{parent: true}
	if parent.SetAuthKey([]byte("x")); !bytes.Equal(parent.AuthKey(), me.AuthKey()) {
		t.Error("the parent's key was changed")
	}
}

// A receiver that cannot take the message says what it wanted, and the next
// message is not lost.
func TestRecvOfAnotherKind(t *testing.T) {
	a, b := testPipePair(t, Duplex)
	for _, into := range []any{nil, 5, "", (*int)(nil)} {
		func() {
			defer func() {
				if v := recover(); v != "procs: Recv needs a pointer" {
					t.Errorf("%T: %v", into, v)
				}
			}()
			b.Recv(into)
		}()
	}
	for name, recv := range map[string]func() error{
		"Recv of a channel": func() error { return b.Recv(new(chan int)) },
		"Recv":              func() error { return b.Recv(new(string)) },
		"RecvBytes":         func() error { return second(b.RecvBytes(0)) },
		"RecvBytesInto":     func() error { return second(b.RecvBytesInto(make([]byte, 100))) },
	} {
		if err := errors.Join(a.Send(1), a.Send(2)); err != nil {
			t.Fatal(err)
		}
		got, want := 0, 2
		switch err := recv(); name {
		case "Recv of a channel":
			if want = 1; !strings.Contains(fmt.Sprint(err), "chan int") {
				t.Errorf("%s: %v", name, err)
			}
		default:
			if what := map[bool]string{true: "wanted a string", false: "wanted bytes"}[name == "Recv"]; !errors.Is(err, ErrMessageType) || !strings.HasSuffix(err.Error(), ": "+what) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := b.Recv(&got); got != want || err != nil {
			t.Errorf("after %s: %d %v", name, got, err)
		}
		if want == 1 {
			b.Recv(&got)
		}
	}
}

// Two names that have one number.
const collides, withThis = "test.collision25168", "test.collision427784"

var testCollides = Register(collides, func(context.Context, int) (int, error) { return 0, nil })

// Such names cannot be told apart by those who look a function up: the second
// is refused, and so is a name that is taken.
func TestRegisterCollision(t *testing.T) {
	if testCollides.Name() != collides || codec.ID(collides, 8, 8)>>32 != codec.ID(withThis, 8, 8)>>32 {
		t.Fatal(testCollides.Name(), "has another number: find two names again")
	}
	for name, want := range map[string]string{
		withThis: fmt.Sprintf("procs: Register(%q): the name collides with %q; change one", withThis, collides),
		collides: fmt.Sprintf("procs: Register(%q): the name is taken", collides),
	} {
		func() {
			defer func() {
				if v := recover(); v != want {
					t.Errorf("%v, not %s", v, want)
				}
			}()
			Register(name, testCollides.call)
		}()
	}
	if f, err := findFunc(math.MaxUint64); f != nil || err != ErrUnknownFunc {
		t.Error(f, err)
	}
}

// A beat without an interval is a mistake of the program.
func TestHeartbeatWithoutInterval(t *testing.T) {
	for _, d := range []time.Duration{0, -1} {
		func() {
			defer func() {
				if v := recover(); v != "procs: Heartbeat needs a positive interval" {
					t.Error(d, v)
				}
			}()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			Heartbeat(ctx, d, nil)
		}()
	}
}
