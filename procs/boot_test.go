//go:build linux

package procs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
)

// bodyApart says, beside the kind of a message, that its body is in a
// descriptor.
const bodyApart = 0x80

// A child that is told nothing that makes sense says so, in one line, and ends.
func TestDamagedStart(t *testing.T) {
	worker := (&boot{name: "Child"}).encode()
	argument := (&boot{name: "Child", id: testExit.id, fname: testExit.fname}).encode()
	unknown := (&boot{name: "Child", id: 2, fname: "test.nobody"}).encode()
	null := must(os.OpenFile(os.DevNull, os.O_RDWR, 0))(t)
	defer null.Close()
	here := int(null.Fd())
	for _, c := range []struct {
		what   string
		packet []byte // nil: the other end is closed
		fds    []int
		want   string
	}{
		{"nobody is there", nil, nil, "child: --procs-child is an argument that only package procs gives: there is no parent at descriptor 3: EOF"},
		{"nothing but a kind", []byte{startProcess}, nil, "child: " + codec.ErrWire.Error()},
		{"cut short", append([]byte{startProcess}, worker[:len(worker)-1]...), nil, "child: " + codec.ErrWire.Error()},
		{"its body is missing", []byte{startProcess | bodyApart}, nil, codec.ErrWire.Error()},
		{"an unknown kind", append([]byte{0x3f}, worker...), nil, "Child: unknown start message 63"},
		{"an argument that is missing", append([]byte{startProcess}, argument...), nil, codec.ErrWire.Error()},
		{"the same, detached", append([]byte{startDetached}, argument...), nil, codec.ErrWire.Error()},
		{"an unknown function", append([]byte{startProcess}, unknown...), nil, `"test.nobody" with these types`},
		{"the same, detached", append([]byte{startDetached}, unknown...), nil, `"test.nobody" with these types`},
		{"a worker without memory", append([]byte{startWorker}, worker...), nil, "Child: " + codec.ErrWire.Error()},
		{"a worker with half of it", append([]byte{startWorker}, worker...), []int{here}, "Child: " + codec.ErrWire.Error()},
		{"a worker with other files", append([]byte{startWorker}, worker...), []int{here, here}, "Child: "},
	} {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(ends[1]), "control")
		if c.packet != nil {
			if err := unix.Sendmsg(ends[0], c.packet, unix.UnixRights(c.fds...), nil, 0); err != nil {
				t.Fatal(err)
			}
		} else {
			unix.Close(ends[0])
		}
		cmd := exec.CommandContext(soon(t), must(os.Executable())(t), "--procs-child")
		cmd.ExtraFiles = []*os.File{f}
		out, err := cmd.CombinedOutput()
		f.Close()
		if c.packet != nil {
			unix.Close(ends[0])
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
	begun := closing(t, must(NewSemaphore(0))(t), nil)
	nap := ApplyAsync(p, testOccupy, begun)
	if err := begun.Acquire(soon(t)); err != nil { // else another worker may get the task
		t.Fatal(err)
	}
	p.mu.Lock()
	control := p.workers[0].control
	p.mu.Unlock()
	if err := control.Send(messageAttach|bodyApart, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nap.Get(soon(t)); !errors.Is(err, ErrWorkerDied) {
		t.Error(err)
	}
	if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
		t.Error(v, err)
	}
}
