//go:build linux

package procs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"switchyard/procs/internal/codec"
)

// A child that is told nothing that makes sense says so, in one line, and ends.
func TestDamagedStart(t *testing.T) {
	worker := (&boot{name: "Child"}).encode()
	null := must(os.OpenFile(os.DevNull, os.O_RDWR, 0))(t)
	defer null.Close()
	here := int(null.Fd())
	for _, c := range []struct {
		what   string
		packet []byte // nil: the other end is closed
		fds    []int
		want   string
	}{
		{"nobody is there", nil, nil, "child: " + childArg + " is an argument that only package procs gives: there is no parent at descriptor 3: EOF"},
		{"nothing but a kind", []byte{packetProcess}, nil, "child: " + codec.ErrWire.Error()},
		{"cut short", append([]byte{packetProcess}, worker[:len(worker)-1]...), nil, "child: " + codec.ErrWire.Error()},
		{"its body is missing", []byte{packetProcess | controlBlob}, nil, codec.ErrWire.Error()},
		{"an unknown kind", append([]byte{0x3f}, worker...), nil, "Child: unknown start message 63"},
		{"a worker without memory", append([]byte{packetWorker}, worker...), nil, "Child: " + codec.ErrWire.Error()},
		{"a worker with half of it", append([]byte{packetWorker}, worker...), []int{here}, "Child: " + codec.ErrWire.Error()},
		{"a worker with other files", append([]byte{packetWorker}, worker...), []int{here, here}, "Child: "},
	} {
		ours, theirs, err := newControl()
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(theirs), "control")
		if c.packet != nil {
			if err := ours.sendPacket(c.packet, c.fds); err != nil {
				t.Fatal(err)
			}
		} else {
			ours.close()
		}
		cmd := exec.CommandContext(soon(t), must(os.Executable())(t), childArg)
		cmd.ExtraFiles = []*os.File{f}
		out, err := cmd.CombinedOutput()
		f.Close()
		if c.packet != nil {
			ours.close()
		}
		if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(string(out), "procs: ") || !strings.Contains(string(out), c.want) ||
			strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v, %q, not %q", c.what, err, out, c.want)
		}
	}
}

// A worker that receives what is no message ends: its task fails at once, and
// another worker takes its place.
func TestDamagedMessageToWorker(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Fatal(v, err)
	}
	nap := ApplyAsync(p, testNap, time.Hour)
	p.mu.Lock()
	control := p.workers[0].control
	p.mu.Unlock()
	if err := control.sendPacket([]byte{packetAttach | controlBlob}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nap.Get(soon(t)); !errors.Is(err, ErrWorkerDied) {
		t.Error(err)
	}
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
}
