//go:build linux

package connection

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"switchyard/procs"
)

// refuse makes l refuse somebody.
func refuse(t *testing.T, l *Listener) {
	t.Helper()
	_, err := Dial(soon(t), l.Address(), DialConfig{AuthKey: []byte("wrong")})
	if !errors.Is(err, ErrAuthentication) {
		t.Fatal(err)
	}
}

// The hook may panic or end its goroutine: it is called again, the log says
// what happened, and the listener goes on (celery#3620: a signal's receiver
// that raises).
func TestRefusedFails(t *testing.T) {
	logged := make(chan string, 100)
	procs.SetLog(procs.LevelError, func(_ procs.Level, m string) { logged <- m })
	defer procs.SetLog(procs.LevelOff, nil)
	calls := make(chan int, 10)
	n := 0
	l := listen(t, "", ListenerConfig{Refused: func(address string, err error) {
		n++
		calls <- n
		switch n {
		case 1:
			panic(fmt.Sprintf("what now, %v", err))
		case 2:
			runtime.Goexit()
		}
	}})
	for i := 1; i <= 3; i++ {
		refuse(t, l)
		if got := <-calls; got != i {
			t.Fatal(got, i)
		}
	}
	for _, want := range []string{"what now, connection: authentication failed: wrong key", "runtime.Goexit"} {
		if m := <-logged; !strings.Contains(m, l.Address()) || !strings.Contains(m, "hook Refused") || !strings.Contains(m, want) {
			t.Errorf("%q says nothing of %q", m, want)
		}
	}
	known(t, l)
}

// The hook may close the listener, and one that does not come back holds up
// neither connections nor Close (cpython#91555). The same holds of the log's.
func TestRefusedBlocks(t *testing.T) {
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	for name, hook := range map[string]func(l *Listener){
		"blocks": func(*Listener) { <-hold },
		"closes": func(l *Listener) { l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			called := make(chan struct{}, 10)
			var l *Listener
			l = listen(t, "", ListenerConfig{Refused: func(string, error) {
				called <- struct{}{}
				hook(l)
			}})
			refuse(t, l)
			<-called
			if name == "blocks" {
				refuse(t, l)
				known(t, l)
			}
			l.Close()
		})
	}
	logged := make(chan struct{}, 10)
	procs.SetLog(procs.LevelWarning, func(procs.Level, string) { logged <- struct{}{}; <-hold })
	l := listen(t, "", ListenerConfig{})
	refuse(t, l)
	<-logged
	refuse(t, l)
	known(t, l)
	l.Close()
	release()
	procs.SetLog(procs.LevelOff, nil)
}

// What comes while the hook takes its time is delivered in order, up to a
// number; the rest is counted.
func TestRefusalsLeftOut(t *testing.T) {
	logged := make(chan string, 10)
	procs.SetLog(procs.LevelWarning, func(_ procs.Level, m string) { logged <- m })
	defer procs.SetLog(procs.LevelOff, nil)
	begun, hold, got := make(chan struct{}), make(chan struct{}), make(chan error, 2*maxRefusals)
	var once sync.Once
	r := refusals{address: "here", hook: func(address string, err error) {
		once.Do(func() { close(begun); <-hold })
		if address != "here" {
			t.Error(address)
		}
		got <- err
	}}
	r.add(errors.New("-1"))
	<-begun
	for i := range maxRefusals + 7 {
		r.add(fmt.Errorf("%d", i))
	}
	close(hold)
	for i := -1; i < maxRefusals; i++ {
		if err := <-got; err.Error() != fmt.Sprint(i) {
			t.Fatal(err, i)
		}
	}
	if m := <-logged; m != "listener here: 7 refusals were left out: the hook Refused takes too long" {
		t.Error(m)
	}
	r.add(io.EOF) // it is called again
	if err := <-got; err != io.EOF {
		t.Error(err)
	}
	(&refusals{}).add(io.EOF) // without a hook
}
