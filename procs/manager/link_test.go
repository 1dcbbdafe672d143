//go:build linux

package manager

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// lookup is a LookupHost that says where it is and waits for an answer.
type lookup struct {
	asked  chan struct{}
	answer chan string // "": it panics
}

func newLookup() lookup { return lookup{make(chan struct{}, 1), make(chan string, 1)} }

func (l lookup) host(context.Context, string) ([]string, error) {
	l.asked <- struct{}{}
	a := <-l.answer // whatever its context says
	if a == "" {
		panic("a lookup panics")
	}
	return []string{a}, nil
}

// connectBeside connects in a goroutine of its own.
func connectBeside(ctx context.Context, address string, l lookup) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- errors.New("panicked")
			}
		}()
		m, err := Connect(ctx, address, Config{LookupHost: l.host})
		if err == nil {
			err = m.Close()
		}
		done <- err
	}()
	return done
}

// A lookup of a name that takes its time keeps nobody waiting who connects to
// another manager, nor anyone whose context is done (golang/go#10117,
// golang/go#22724). Who waits for it tries next, with a lookup of its own.
func TestConnectWhileAnotherLooksUp(t *testing.T) {
	served := managerAt(t, ":0")
	_, port, _ := strings.Cut(served.Address(), ":")
	address := "slow.example:" + port
	for _, first := range []string{"", "127.0.0.1"} {
		slow, other, late, next := newLookup(), newLookup(), newLookup(), newLookup()
		stuck := connectBeside(soon(t), address, slow)
		<-slow.asked

		other.answer <- "127.0.0.1"
		if err := <-connectBeside(soon(t), "quick.example:"+port, other); err != nil {
			t.Fatal("another address: ", err)
		}

		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := <-connectBeside(ctx, address, late); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), address) {
			t.Errorf("the same address: %v after %v", err, time.Since(begin))
		}

		next.answer <- "127.0.0.1"
		waits := connectBeside(soon(t), address, next)
		select {
		case <-next.asked:
			t.Error("two look up at once")
		case err := <-waits:
			t.Error("it did not wait: ", err)
		case <-time.After(20 * time.Millisecond):
		}
		slow.answer <- first
		if err := <-stuck; (err == nil) != (first != "") {
			t.Errorf("answer %q: %v", first, err)
		}
		if err := <-waits; err != nil {
			t.Errorf("answer %q: the next one: %v", first, err)
		}
		eventually(t, "the links are closed", func() bool {
			links.mu.Lock()
			defer links.mu.Unlock()
			return links.byAddr[address] == nil && links.byAddr["quick.example:"+port] == nil
		})
	}
	links.mu.Lock()
	defer links.mu.Unlock()
	if len(links.dialing) != 0 {
		t.Error("still dialing: ", len(links.dialing))
	}
}

// However many connect at once, there is one connection to a manager.
func TestConnectAtOnce(t *testing.T) {
	served := managerAt(t, ":0")
	_, port, _ := strings.Cut(served.Address(), ":")
	before := must(served.Stats())(t).Clients
	l := newLookup()
	l.answer <- "127.0.0.1"
	var all []<-chan error
	for range 20 {
		all = append(all, connectBeside(soon(t), "once.example:"+port, l))
	}
	for _, done := range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := must(served.Stats())(t).Clients; n != before+1 {
		t.Errorf("%d connections", n-before)
	}
}
