//go:build linux

package rows

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"switchyard/procs"
)

const ringMembers = 10

// BenchmarkRing is a number that goes round ten processes, through pipes of
// package procs; and through shared memory and futexes, in C. One op is a hop.
func BenchmarkRing(b *testing.B) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		b.Skip("there is no C compiler")
	}
	c := filepath.Join(b.TempDir(), "ring")
	if out, err := exec.Command(cc, "-O2", "-o", c, "testdata/ring.c").CombinedOutput(); err != nil {
		b.Skipf("the C compiler fails: %v\n%s", err, out)
	}
	const hops = "20000"
	for _, cpus := range []string{"one", "all"} {
		b.Run("cpus="+cpus, func(b *testing.B) {
			ours, theirs := child("ring", hops), exec.Command(c, hops)
			if cpus == "one" {
				ours, theirs = child("pinned", "self", "ring", hops), child("pinned", c, hops)
			}
			again := func(cmd *exec.Cmd) func() float64 {
				return func() float64 {
					next := exec.Command(cmd.Path, cmd.Args[1:]...)
					next.Env, next.SysProcAttr = cmd.Env, cmd.SysProcAttr
					return numbers(b, next)[0]
				}
			}
			m := inTurn(b, again(ours), again(theirs))
			b.ReportMetric(m[0]/m[1], "x-c")
			b.ReportMetric(m[0], "ns/hop")
		})
	}
}

type ringArgs struct{ In, Out *procs.Conn }

func (r ringArgs) send(v uint64) error {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], v)
	return r.Out.SendBytes(b[:])
}

func (r ringArgs) recv() (uint64, error) {
	var b [8]byte
	if n, err := r.In.RecvBytesInto(b[:]); n != len(b) || err != nil {
		return 0, fmt.Errorf("received %d bytes, %w", n, err)
	}
	return binary.NativeEndian.Uint64(b[:]), nil
}

var ringMember = procs.Register("rows.ring", func(_ context.Context, r ringArgs) (int, error) {
	for {
		v, err := r.recv()
		if err != nil {
			return 0, err
		}
		if err := r.send(v + 1); err != nil {
			return 0, err
		}
	}
})

// ring is one of the members and has the others as children. It says how many
// nanoseconds a hop takes.
func ring(args []string) (string, error) {
	hops, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return "", err
	}
	var members [ringMembers]ringArgs
	for i := range members {
		in, out, err := procs.NewPipe(procs.OneWay)
		if err != nil {
			return "", err
		}
		members[i].Out, members[(i+1)%ringMembers].In = out, in
	}
	others := make([]*procs.Process, 0, ringMembers)
	for _, m := range members[1:] {
		p := procs.NewProcess(ringMember, m, procs.ProcessConfig{Daemon: true, GOMAXPROCS: 1})
		if err := p.Start(); err != nil {
			return "", err
		}
		others = append(others, p)
	}
	token, begun := uint64(0), uint64(0)
	var from time.Time
	for token < begun+hops {
		if begun == 0 && token >= 200 {
			begun, from = token, time.Now()
		}
		if err := members[0].send(token + 1); err != nil {
			return "", err
		}
		if token, err = members[0].recv(); err != nil || token%ringMembers != 0 {
			return "", fmt.Errorf("token %d, %w", token, err)
		}
	}
	took := time.Since(from)
	for _, p := range others {
		err = errors.Join(err, p.Kill())
	}
	for _, p := range others {
		err = errors.Join(err, p.Join(context.Background()))
	}
	return fmt.Sprint(float64(took.Nanoseconds()) / float64(token-begun)), err
}
