package hub

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// mutes are errors whose methods fail in both ways.
var mutes = map[string]error{"panics": mute{failing}, "exits": mute{runtime.Goexit}}

func isMute(err error) bool { _, ok := err.(mute); return ok }

// TestErrorsOfOthers: what the methods of an error do that the package has been
// handed happens neither to a greenlet nor to the hub: the error is none of
// those that it is compared with, and all goes on.
func TestErrorsOfOthers(t *testing.T) {
	for name, failure := range mutes {
		for _, c := range []struct {
			what string
			f    func(t *testing.T, failure error)
		}{
			{"OnError", testReportOthers},
			{"LinkValue and LinkError", testLinkOthers},
			{"limits", testLimitOthers},
			{"StreamServer", testStreamOthers},
			{"DatagramServer", testDatagramOthers},
			{"RunSharded", testShardedOthers},
			{"the end of the hub", testCloseOthers},
		} {
			t.Run(c.what+"/"+name, func(t *testing.T) {
				ended := false
				done := make(chan struct{})
				go func() { // it may exit
					defer close(done)
					c.f(t, failure)
					ended = true
				}()
				<-done
				if !ended {
					t.Error("the main greenlet has exited")
				}
			})
		}
	}
}

func testReportOthers(t *testing.T, failure error) {
	told := 0
	must(t, Config{OnError: func(_ *Greenlet, err error) {
		if told++; !isMute(err) {
			t.Errorf("told of %T", err)
		}
	}}.Run(func(h *Hub) error {
		h.Spawn(func() error { return failure })
		return rest(h)
	}))
	if told != 1 {
		t.Errorf("told %d times, not once", told)
	}
}

func testLinkOthers(t *testing.T, failure error) {
	run(t, func(h *Hub) {
		heard := 0
		g := h.Spawn(func() error { return failure })
		g.LinkValue(func(*Greenlet) { t.Error("it is no success") })
		g.LinkError(func(*Greenlet) { heard++ })
		must(t, g.Join())
		must(t, rest(h))
		if heard != 1 || g.Successful() {
			t.Errorf("heard %d times, not once; successful %t", heard, g.Successful())
		}
	})
}

func testLimitOthers(t *testing.T, failure error) {
	run(t, func(h *Hub) {
		if _, err := WithTimeoutValue(h, time.Hour, 1, func() (int, error) { return 0, failure }); !isMute(err) {
			t.Errorf("WithTimeoutValue: %T", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := h.WithContext(ctx, func() error { return failure }); !isMute(err) {
			t.Errorf("WithContext: %T", err)
		}
	})
}

func testStreamOthers(t *testing.T, failure error) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		told := NewSimpleQueue[error](h)
		s := &StreamServer{
			Handle:  func(*Conn) error { return failure },
			OnError: func(_ *Conn, err error) { told.Put(err) },
		}
		s.Start(h, l)
		for range 2 { // it goes on
			c, err := h.Dial("tcp", s.Addr().String())
			must(t, err)
			if err, failed := told.Get(); !isMute(err) || failed != nil {
				t.Errorf("told of %T, %v", err, failed)
			}
			must(t, c.Close())
		}
		must(t, s.Stop(-1))
	})
}

func testDatagramOthers(t *testing.T, failure error) {
	run(t, func(h *Hub) {
		c, err := h.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		told := NewSimpleQueue[error](h)
		s := &DatagramServer{
			Handle:  func(*PacketConn, []byte, net.Addr) error { return failure },
			OnError: func(err error) { told.Put(err) },
		}
		s.Start(h, c)
		client, err := h.Dial("udp", c.LocalAddr().String())
		must(t, err)
		_, err = client.Write([]byte("x"))
		must(t, err)
		if err, failed := told.Get(); !isMute(err) || failed != nil {
			t.Errorf("told of %T, %v", err, failed)
		}
		must(t, s.Stop(-1))
	})
}

// One of the hubs fails first, so that of the other it is asked whether it was
// only ended.
func testShardedOthers(t *testing.T, failure error) {
	err := RunSharded(2, func(h *Hub, shard int) error {
		if shard == 0 {
			return errBoom
		}
		h.Sleep(time.Hour)
		return failure
	})
	many, ok := err.(interface{ Unwrap() []error })
	if !ok || len(many.Unwrap()) != 2 || many.Unwrap()[0] != errBoom || !isMute(many.Unwrap()[1]) {
		t.Errorf("%T", err)
	}
}

// A greenlet throws such an error into the main greenlet, which ends the hub.
func testCloseOthers(t *testing.T, failure error) {
	unwound := false
	run(t, func(h *Hub) {
		h.Spawn(func() error {
			defer func() { unwound = true }()
			err := h.Sleep(time.Hour)
			h.Main().KillWith(failure, 0)
			return err
		})
		must(t, h.Yield())
	})
	if !unwound {
		t.Error("the other greenlet has not ended")
	}
}

// TestPopenErrorsOfOthers: the error of a writer that takes a child's output is
// that of Wait, whatever its methods do, unless the child itself has failed.
func TestPopenErrorsOfOthers(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip(err)
	}
	for name, failure := range mutes {
		t.Run(name, func(t *testing.T) {
			run(t, func(h *Hub) {
				for _, status := range []string{"0", "3"} {
					p := h.Command("/bin/sh", "-c", "echo x; echo y >&2; exit "+status)
					p.Stdout, p.Stderr = broken{failure}, broken{failure}
					must(t, p.Start())
					err := p.Wait()
					if _, failed := err.(*exec.ExitError); failed != (status == "3") {
						t.Errorf("exit %s: %T", status, err)
					}
					if status == "0" && !isMute(err) {
						t.Errorf("exit %s: %T", status, err)
					}
				}
			})
		})
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }
