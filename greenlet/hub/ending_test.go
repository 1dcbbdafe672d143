package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A mute is an error whose methods fail.
type mute struct{ fails func() }

func (m mute) Error() string { m.fails(); return "" }

func (m mute) Is(error) bool { m.fails(); return false }

var errOh = errors.New("oh")

func failing() { panic(errOh) }

// endings are the ways in which a function of the user's can end, and what
// becomes of them. Whoever unwinds takes the goroutine with it: the panic of a
// deferred function during a Goexit, which would end a program, is what is told
// then, but the Goexit goes on.
var endings = []struct {
	name    string
	run     func() error
	want    string
	unwinds bool
}{
	{"return", func() error { return nil }, "nothing", false},
	{"error", func() error { return errOh }, "error oh", false},
	{"error with methods that fail", func() error { return mute{failing} }, "error hub.mute", false},
	{"error with methods that exit", func() error { return mute{runtime.Goexit} }, "error hub.mute", false},
	{"panic", func() error { panic("oh") }, "panic oh", false},
	{"panic with nil", func() error { panic(nil) }, "panic " + new(runtime.PanicNilError).Error(), false},
	{"panic with an error whose methods fail", func() error { panic(mute{failing}) }, "panic hub.mute", false},
	{"panic with an error whose methods exit", func() error { panic(mute{runtime.Goexit}) }, "panic hub.mute", false},
	{"Goexit", func() error { runtime.Goexit(); return nil }, "exit", true},
	{"Goexit after the return", func() error { defer runtime.Goexit(); return errOh }, "exit", true},
	{"Goexit while a panic unwinds", func() error { defer runtime.Goexit(); panic("oh") }, "exit", true},
	{"panic while a Goexit unwinds", func() error {
		defer func() { panic("oh") }()
		runtime.Goexit()
		return nil
	}, "panic oh", true},
	{"panic with an error whose methods exit, while a Goexit unwinds", func() error {
		defer func() { panic(mute{runtime.Goexit}) }()
		runtime.Goexit()
		return nil
	}, "panic hub.mute", true},
	{"panic, recovered, while a Goexit unwinds", func() error {
		defer func() { recover() }()
		defer func() { panic("oh") }()
		runtime.Goexit()
		return nil
	}, "exit", true},
}

// said tells of an outcome. The text of an error of mute's is its type.
func said(err error) string {
	if err == nil {
		return "nothing"
	}
	if err == ErrGoexit {
		return "exit"
	}
	what, v := "error ", any(err)
	if p, ok := err.(*PanicError); ok {
		what, v = "panic ", p.Value
	}
	if m, ok := v.(mute); ok {
		return what + fmt.Sprintf("%T", m)
	}
	return what + fmt.Sprint(v)
}

// Whatever a function of the user's ends by, wherever it is called, who asks
// hears of it, or OnError, or standard error; the main greenlet exits if a
// greenlet or a callback does, and only then; and the others are ended in
// order.
func TestEndings(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) { testEnding(t, e.run, e.want, e.unwinds) })
	}
	t.Run("panicnil", func(t *testing.T) {
		t.Setenv("GODEBUG", "panicnil=1")
		testEnding(t, func() error { panic(nil) }, "panic "+new(runtime.PanicNilError).Error(), false)
	})
}

func testEnding(t *testing.T, run func() error, want string, unwinds bool) {
	told := want // to OnError, if it is not the outcome of anything
	if !strings.HasPrefix(want, "panic") {
		told = "nothing"
	}
	for _, place := range []struct {
		name  string
		call  func(h *Hub, heard *error)
		want  string
		exits bool
	}{
		{"greenlet", func(h *Hub, heard *error) {
			g := h.Spawn(run)
			g.Link(func(g *Greenlet) { *heard = g.Err() })
			g.Join()
		}, want, unwinds},
		{"callback", func(h *Hub, heard *error) {
			h.Post(func() { run() })
			h.Sleep(0)
		}, told, unwinds},
		{"link", func(h *Hub, heard *error) {
			h.Spawn(func() error { return nil }).Link(func(*Greenlet) { run() })
			h.Sleep(0)
		}, told, unwinds},
		{"Await", func(h *Hub, heard *error) {
			_, *heard = Await(h, func(context.Context) (int, error) { return 0, run() })
		}, want, false},
		{"ThreadPool", func(h *Hub, heard *error) {
			p := NewThreadPool(h, 1)
			*heard = p.Spawn(run).Get()
		}, want, false},
	} {
		for _, prints := range []bool{false, true} {
			var heard error
			ended, innocent := "exited", error(nil)
			printed := stderrOf(t, func() {
				var config Config
				if !prints {
					config.OnError = func(_ *Greenlet, err error) {
						if heard == nil {
							heard = err
						}
					}
				}
				var one sync.WaitGroup
				one.Go(func() {
					config.Run(func(h *Hub) error {
						h.Spawn(func() error { innocent = h.Sleep(time.Hour); return innocent })
						h.Yield()
						place.call(h, &heard)
						if err := h.Spawn(func() error { return nil }).Get(); err != nil {
							t.Errorf("%s: a greenlet after it: %v", place.name, err)
						}
						return nil
					})
					ended = "returned"
				})
				one.Wait()
			})
			if (ended == "exited") != place.exits || innocent != ErrExit {
				t.Errorf("%s: Run %s; the innocent one: %v", place.name, ended, innocent)
			}
			got := said(heard)
			if prints && got == "nothing" && place.want == told && told != got { // nobody else hears of it
				if n := strings.Count(printed, "\ngoroutine "); strings.HasPrefix(printed, "hub: callback: greenlet: panic in callback: ") && n == 1 {
					continue
				}
			}
			if got != place.want {
				t.Errorf("%s: %s, not %s; printed %.200q", place.name, got, place.want, printed)
			}
		}
	}
	func() {
		defer func() {
			if p := recover(); p != nil && said(p.(*PanicError)) != want {
				t.Errorf("RunSharded panics with %v", p)
			}
		}()
		if err := RunSharded(1, func(*Hub, int) error { return run() }); want != "nothing" && err == nil {
			t.Errorf("RunSharded: %v, not %s", err, want)
		} else if strings.HasPrefix(want, "panic") {
			t.Errorf("RunSharded returns %s", said(err))
		}
	}()
	// What OnBlock ends by is its own affair, but a panic is reported.
	reports := make(chan error, 100)
	Config{
		OnError:  func(_ *Greenlet, err error) { reports <- err },
		Watchdog: WatchdogConfig{Threshold: time.Millisecond, OnBlock: func(Blocked) { run() }},
	}.Run(func(h *Hub) error {
		for range 50 {
			time.Sleep(2 * time.Millisecond)
			h.Yield()
		}
		return nil
	})
	close(reports)
	if err := <-reports; said(err) != told {
		t.Errorf("OnBlock: %s, not %s", said(err), told)
	}
}

// stderrOf returns what f writes to standard error.
func stderrOf(t *testing.T, f func()) string {
	t.Helper()
	old := os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	os.Stderr = w
	text := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		text <- b
	}()
	f()
	os.Stderr = old
	w.Close()
	b := <-text
	r.Close()
	return string(b)
}
