//go:build linux

package remote

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/procs"
)

func openEvent(t testing.TB, url, name string) *Event {
	t.Helper()
	return must(OpenEvent(soon(t), connect(t, url), name))(t)
}

func TestEvent(t *testing.T) {
	server := serve(t, ServerConfig{})
	e, other := openEvent(t, server.URL(), "green"), openEvent(t, server.URL(), "green")
	is := func(want bool) {
		t.Helper()
		if set, err := other.IsSet(soon(t)); set != want || err != nil {
			t.Error(set, err)
		}
	}
	is(false)
	if err := other.WaitTimeout(20 * time.Millisecond); !errors.Is(err, procs.ErrTimeout) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := other.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var waiters sync.WaitGroup
	for range 5 {
		w := openEvent(t, server.URL(), "green")
		waiters.Go(func() {
			if err := w.Wait(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all wait", func() bool {
		info, err := e.d.stream.Info(soon(t))
		return err == nil && info.State.Consumers >= 5
	})
	for range 2 {
		if err := e.Set(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	is(true)
	waiters.Wait()
	if err := other.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := e.Clear(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	is(false)
	if set, err := openEvent(t, server.URL(), "red").IsSet(soon(t)); set || err != nil {
		t.Error(set, err)
	}
	if _, err := OpenEvent(soon(t), e.d.s, ""); !errors.Is(err, ErrName) {
		t.Error(err)
	}
	if err := e.Remove(soon(t)); err != nil {
		t.Error(err)
	}
	is(false)
}

// Who waits does not miss that the event was set, though it was cleared, or
// removed and set, before they look.
func TestEventPulse(t *testing.T) {
	server := serve(t, ServerConfig{})
	e := openEvent(t, server.URL(), "pulse")
	for name, pulse := range map[string][]func(context.Context) error{
		"set":                  {e.Set},
		"set, cleared":         {e.Clear, e.Set, e.Clear},
		"set, cleared and set": {e.Clear, e.Set, e.Clear, e.Set},
		"removed, set":         {e.Remove, e.Set},
	} {
		e.Clear(soon(t))
		s, revision, err := e.state(soon(t))
		if err != nil || s.Set {
			t.Fatal(s, err)
		}
		for _, do := range pulse {
			if err := do(soon(t)); err != nil {
				t.Fatal(name, err)
			}
		}
		if err := e.wait(soon(t), s, revision); err != nil {
			t.Error(name, err)
		}
	}
}

// Waiters do not miss a pulse while the server is started anew.
func TestEventServerRestart(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	waiter, setter := openEvent(t, server.URL(), "pulse"), openEvent(t, server.URL(), "pulse")
	woken := make(chan error, 1)
	go func() { woken <- waiter.Wait(context.Background()) }()
	eventually(t, "it waits", func() bool {
		info, err := setter.d.stream.Info(soon(t))
		return err == nil && info.State.Consumers > 0
	})
	server.Close()
	serve(t, ServerConfig{StoreDir: dir, Address: address})
	for _, do := range []func(context.Context) error{setter.Set, setter.Clear} {
		if err := do(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-woken:
		if err != nil {
			t.Error(err)
		}
	case <-soon(t).Done():
		t.Error("the waiter missed it")
	}
}
