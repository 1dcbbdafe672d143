//go:build linux

// Package rows measures the project beside what it is compared with, in turn:
// what "make peers" prints, as far as no other package has a benchmark of it.
package rows

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	_ "switchyard/bench/testenv"
	"switchyard/procs"
)

// childVar makes the test binary a child that does one thing: the words of the
// variable. What is measured in a process of its own finds no heap, threads or
// idle goroutines of what was measured before.
const childVar = "PEERS_ROWS_CHILD"

// children are what a child can be, by the first word. Each is given the other
// words, and what it returns is printed.
var children = map[string]func(args []string) (string, error){
	"echo": serveEcho, "load": loadEcho, "ring": ring,
	"parked": parked, "sleepers": sleepers, "parks": parks, "pinned": pinned,
}

func TestMain(m *testing.M) {
	procs.Init()
	words := strings.Fields(os.Getenv(childVar))
	if len(words) == 0 {
		os.Exit(m.Run())
	}
	os.Unsetenv(childVar) // its own children are none
	answer, err := children[words[0]](words[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(answer)
}

// child is a child's command, which dies with this process.
func child(words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join(words, " "), "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// numbers runs a command and returns the numbers that it prints.
func numbers(b *testing.B, cmd *exec.Cmd) (all []float64) {
	b.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(cmd, err, errs.String())
	}
	for _, word := range strings.Fields(string(out)) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			b.Fatalf("%v printed %q", cmd, out)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		b.Fatal(cmd, "printed nothing")
	}
	return all
}

// inTurn measures all, b.N times, each time in another order, and returns the
// medians of what they return.
func inTurn(b *testing.B, all ...func() float64) []float64 {
	b.Helper()
	got := make([][]float64, len(all))
	for range b.N {
		for _, i := range rand.Perm(len(all)) {
			got[i] = append(got[i], all[i]())
		}
	}
	medians := make([]float64, len(all))
	for i, s := range got {
		slices.Sort(s)
		medians[i] = s[len(s)/2]
	}
	b.ReportMetric(0, "ns/op") // it is about all of them
	return medians
}

// pinned becomes the program of its words, on one CPU.
func pinned(argv []string) (string, error) {
	var now, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &now); err != nil {
		return "", err
	}
	for cpu := range 1024 {
		if now.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	// Of this thread, which is the one that goes on in the program.
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return "", err
	}
	env := os.Environ()
	if argv[0] == "self" {
		env, argv = append(env, childVar+"="+strings.Join(argv[1:], " ")), os.Args[:1]
	}
	return "", errors.Join(errors.New("exec"), unix.Exec(argv[0], argv, env))
}

func cpuTime() int64 {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
