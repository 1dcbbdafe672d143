package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

var command = &bench.Workload{
	Name: "Command",
	Kind: "running commands",
	Story: "Each of some tasks runs an external command again and again: starts it, sends it a line, reads its answer, and " +
		"collects its exit code, which is what the line asked for. The command is a script of the system's /bin/sh, which " +
		"starts in less time than a Go program; starting it is most of the work, and the kernel's. " +
		"The process model has worker processes that run commands. Latency is from start to exit code.",
	Op:    "command",
	Cases: []bench.Params{"tasks=4"},
	More:  []bench.Params{"tasks=1", "tasks=16"},
	Batch: func(p bench.Params) int { return p.Int("tasks") },
	Want: func(b *bench.B) (sum uint64) {
		for i := range b.N {
			sum += 2 * uint64(commandCode(i))
		}
		return sum
	},
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("tasks")
		return concurrent(b, bench.Ledger{Units: n, Ops: b.N, Each: b.N / n, Bytes: commandLine * b.N, Suspensions: b.N, Together: overlap(b, n)})
	},
	Impls: byModel(commandSerial, commandGreenlet, commandShared, commandProcess),
	Limit: func(*bench.B) error {
		if _, err := exec.LookPath(shell); err != nil {
			return bench.Void("there is no %s to run: %v", shell, err)
		}
		return nil
	},
}

// shell runs script: it answers a line, and ends with the exit code that stands
// in it.
const (
	shell       = "/bin/sh"
	script      = `read code; echo "$code"; exit "$code"`
	commandLine = len("10\n")
)

// commandCode is the exit code that command i is asked for.
func commandCode(i int) int { return 10 + i%90 }

// A dialogue is a command that has been started: what it reads and writes, and
// how to wait for its end.
type dialogue struct {
	in   io.WriteCloser
	out  io.ReadCloser
	wait func() error
}

// talk leads the dialogue with command i, and enters it.
func (d dialogue) talk(i int, u *bench.Unit) error {
	ask, answer := fmt.Appendln(nil, commandCode(i)), make([]byte, commandLine)
	if _, err := d.in.Write(ask); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.out, answer); err != nil {
		return err
	}
	u.Bytes += len(answer)
	if !bytes.Equal(ask, answer) {
		return fmt.Errorf("%q was answered by %q", ask, answer)
	}
	_ = d.in.Close()
	var exit *exec.ExitError
	if err := d.wait(); !errors.As(err, &exit) {
		return fmt.Errorf("the command ended with %v instead of an exit code", err)
	}
	_ = d.out.Close()
	u.Answer += uint64(commandCode(i) + exit.ExitCode())
	return nil
}

// runCommands does a unit's ops, each by a command that start starts.
func runCommands(share stripe, u *bench.Unit, beside crowd, start func() (dialogue, error)) error {
	return share.each(timed(u, func(i int) error {
		defer beside.join(u)()
		d, err := start()
		if err != nil {
			return err
		}
		if err := d.talk(i, u); err != nil {
			return fmt.Errorf("command %d: %w", i, err)
		}
		return nil
	}))
}

// begin starts a command, of package exec or of a hub.
func begin[In io.WriteCloser, Out io.ReadCloser](cmd interface {
	StdinPipe() (In, error)
	StdoutPipe() (Out, error)
	Start() error
	Wait() error
}) (d dialogue, err error) {
	if d.in, err = cmd.StdinPipe(); err != nil {
		return d, err
	}
	if d.out, err = cmd.StdoutPipe(); err != nil {
		return d, err
	}
	d.wait = cmd.Wait
	return d, cmd.Start()
}

// execCommand is what all models do but greenlets.
func execCommand() (dialogue, error) { return begin(exec.Command(shell, "-c", script)) }

func commandSerial(b *bench.B) (uint64, error) {
	return alone(b, func(u *bench.Unit) error { return runCommands(stripe{0, 1, b.N}, u, newCrowd(), execCommand) })
}

func commandGreenlet(b *bench.B) (uint64, error) {
	n, beside := b.Int("tasks"), newCrowd()
	return raceGreenlets(b, n, func(h *hub.Hub) work {
		hubCommand := func() (dialogue, error) { return begin(h.Command(shell, "-c", script)) }
		return func(i int, u *bench.Unit) error { return runCommands(stripe{i, n, b.N}, u, beside, hubCommand) }
	})
}

func commandShared(b *bench.B, launch launcher) (uint64, error) {
	n, beside := b.Int("tasks"), newCrowd()
	return race(b, launch, n, func(i int, u *bench.Unit) error { return runCommands(stripe{i, n, b.N}, u, beside, execCommand) })
}

var commandWorker = registerWorker("bench.command", func(_ context.Context, in sharedStripe, u *bench.Unit) error {
	err := runCommands(in.Share, u, in.Beside.crowd(), execCommand)
	u.Waits = u.Ops
	return err
})

func commandProcess(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	return withCrowd(func(s sharedCrowd) (uint64, error) {
		return raceWorkers(b, commandWorker, inputs(n, func(i int) sharedStripe { return sharedStripe{stripe{i, n, b.N}, s} }))
	})
}
