//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stamped goes through methods of its own, so that a Map encodes it in advance.
type stamped struct{ n byte }

func (s *stamped) MarshalBinary() ([]byte, error)    { return []byte{s.n}, nil }
func (s *stamped) UnmarshalBinary(b []byte) error    { s.n = b[0]; return nil }
func (s stamped) with(e *Event) (in stampedWithMore) { return stampedWithMore{s, e} }

type stampedWithMore struct {
	Stamp stamped
	Event *Event
}

var (
	testStamped = Register("test.stamped", func(_ context.Context, in stampedWithMore) (int, error) {
		return int(in.Stamp.n), in.Event.Set()
	})
	// testUnknownResult returns something that nobody can send.
	testUnknownResult = Register("test.unknownresult", func(_ context.Context, x int) (any, error) {
		if x == 4 {
			return struct{ unknown int }{x}, nil
		}
		return x, nil
	})
	testPanicError = Register("test.panicerror", func(context.Context, int) (int, error) {
		panic(fmt.Errorf("wrapped: %w", os.ErrNotExist))
	})
)

// A task that is stopped gets the pool's Grace to return, none if that is
// negative: then its worker is killed at once, however well the task behaves.
// What runs is not cancelled without force, and what is over not at all.
func TestPoolStops(t *testing.T) {
	for _, grace := range []time.Duration{10 * time.Second, -1} {
		p := newPool(t, PoolConfig{Workers: 1, Grace: grace})
		if s := (&Executor{pool: p}).String(); s != "<Executor over 1 processes>" {
			t.Error(s)
		}
		before, err := Apply(soon(t), p, testPID, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		call := &ApplyAsync(p, testNap, time.Hour).f
		behind := &MapAsync(p, testNap, []time.Duration{time.Hour, time.Hour}, Chunk(2)).f
		chunk := &MapAsync(p, testNap, []time.Duration{time.Hour, time.Hour}, Chunk(2)).f
		all := &MapAsync(p, testNap, []time.Duration{time.Hour, time.Hour, time.Hour}, Chunk(1)).f
		eventually(t, "the call runs", call.Running)
		if call.Cancel() {
			t.Error("a call that runs was cancelled")
		}
		if behind.Running() || !behind.Cancel() || behind.Err(soon(t)) != ErrCancelled {
			t.Error("a chunk behind a call runs, or cannot be cancelled")
		}
		for range 2 {
			if !call.Stop() {
				t.Error("a call that runs cannot be stopped, or not twice")
			}
		}
		if err := call.Err(soon(t)); err != ErrCancelled {
			t.Error(err)
		}
		eventually(t, "the chunk runs", chunk.Running)
		if chunk.Cancel() || !chunk.Stop() || chunk.Err(soon(t)) != ErrCancelled {
			t.Error("a chunk that runs was cancelled, or cannot be stopped")
		}
		eventually(t, "the Map runs", all.Running)
		if all.Cancel() {
			t.Error("a Map that runs was cancelled")
		}
		if !all.Stop() {
			t.Error("a Map that runs cannot be stopped")
		}
		if err := all.Err(soon(t)); err != ErrCancelled || !all.Cancel() || !all.Stop() {
			t.Error(err)
		}
		after, err := Apply(soon(t), p, testPID, struct{}{})
		if err != nil || (after == before) != (grace > 0) {
			t.Errorf("grace %v: the worker was %d, is %d: %v", grace, before, after, err)
		}
		over := &MapAsync(p, testSquare, []int{1, 2, 3}, Chunk(1)).f
		if err := over.Err(soon(t)); err != nil || over.Cancel() || over.Stop() || over.Running() {
			t.Error("a Map that is over was cancelled, or runs:", err)
		}
	}
}

// What cannot be sent back fails its task alone, or its chunk, whose element is
// named; a panic with an error is still that error.
func TestPoolResultsThatCannotTravel(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	for _, chunk := range []int{1, 3, 6} {
		_, err := Map(soon(t), p, testUnknownResult, []int{0, 1, 2, 3, 4, 5}, Chunk(chunk))
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Index != 4 || !errors.Is(err, ErrEncode) || remote.Panic ||
			!strings.Contains(remote.Message, "procs: cannot be encoded: result of test.unknownresult: ") {
			t.Errorf("chunks of %d: %#v", chunk, err)
		}
	}
	_, err := Apply(soon(t), p, testPanicError, 0)
	var remote *RemoteError
	if !errors.As(err, &remote) || !remote.Panic || remote.Message != "wrapped: file does not exist" || !errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) {
		t.Errorf("%#v", err)
	}
	event := closing(t, must(NewEvent())(t), nil)
	before := descriptors(t)
	for _, chunk := range []int{1, 2} {
		got, err := Map(soon(t), p, testStamped, []stampedWithMore{stamped{1}.with(event), stamped{2}.with(event), stamped{3}.with(event)}, Chunk(chunk))
		if err != nil || fmt.Sprint(got) != "[1 2 3]" || !event.IsSet() {
			t.Errorf("chunks of %d: %v %v", chunk, got, err)
		}
		event.Clear()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// A pool whose workers cannot be started says so, tries again until they can,
// and stops trying when it is terminated.
func TestPoolTriesAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "here")
	there := dir + ".away"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, PoolConfig{Workers: 1, Dir: dir})
	tries := make(chan string, 100)
	SetLog(LevelWarning, func(_ Level, m string) {
		if strings.Contains(m, " cannot start ") {
			tries <- m
		}
	})
	defer SetLog(LevelOff, nil)
	lose := func() {
		pid, err := Apply(soon(t), p, testPID, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(dir, there), syscall.Kill(pid, syscall.SIGKILL)); err != nil {
			t.Fatal(err)
		}
		for n := 2; n < 4; n++ {
			said := <-tries
			if want := p.name + ": cannot start a worker, try again: "; !strings.HasPrefix(said, want) || !strings.Contains(said, "no such file") {
				t.Errorf("%q, not %q", said, want)
			}
		}
	}
	lose()
	if err := os.Rename(there, dir); err != nil {
		t.Fatal(err)
	}
	if n, err := Apply(soon(t), p, testSquare, 7); n != 49 || err != nil {
		t.Error("it can be started again:", n, err)
	}
	for len(tries) > 0 {
		<-tries
	}
	lose()
	late := ApplyAsync(p, testSquare, 7)
	p.Terminate()
	if _, err := late.Get(soon(t)); !errors.Is(err, ErrTerminated) {
		t.Error(err)
	}
	if err := p.Join(soon(t)); err != nil {
		t.Error(err)
	}
}
