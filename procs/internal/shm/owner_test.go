//go:build linux

package shm

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest/wait"
)

func init() {
	children["sleep"] = func(*Segment, []string) {
		fmt.Printf("%x\n", uint64(Self()))
		time.Sleep(time.Hour)
	}
	children["judge"] = judge
}

// judge goes where its first argument says, and prints who of the others it
// takes for alive, and whether it itself knows its namespace.
func judge(_ *Segment, args []string) {
	if args[0] != "late" {
		Self()
	}
	for _, step := range strings.Split(args[0], ",") {
		check(steps[step]())
	}
	if args[0] == "late" {
		Self()
	}
	for _, arg := range args[1:] {
		o, err := strconv.ParseUint(arg, 16, 64)
		check(err)
		fmt.Print(Owner(o).Alive(), " ")
	}
	fmt.Println(Self().place() != 0)
}

func emptyRoot() error {
	dir, err := os.MkdirTemp("", "root")
	if err != nil {
		return err
	}
	return errors.Join(os.Chdir(dir), os.Remove(dir), syscall.Chroot("."))
}

func mountProc(options string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", 0, options)
}

var steps = map[string]func() error{
	"stay":    func() error { return nil },
	"chroot":  emptyRoot,
	"late":    emptyRoot,
	"proc":    func() error { return mountProc("") },
	"hidepid": func() error { return mountProc("hidepid=2") },
	"nobody": func() error {
		return errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534))
	},
}

// startSleeper starts a process that says who it is, and sleeps.
func startSleeper(t *testing.T) (*child, Owner) {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	seg := makeSegment(t, 8)
	c.Env = append(os.Environ(), childEnv+"=sleep 8")
	c.ExtraFiles = []*os.File{seg.File()}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	o, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return c, Owner(o)
}

// Who is dead is decided by evidence alone, wherever the one who asks is: in a
// root directory without /proc, behind hidepid, as another user, or in another
// namespace. gbrain#2840: a lock that was stolen from the living.
func TestOwnerSeenFromElsewhere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change its root directory, its namespaces and its user")
	}
	_, living := startSleeper(t)
	z, zombie := startSleeper(t)
	z.Process.Kill()
	wait.Until(t, "a zombie is not taken for alive", func() bool { return !zombie.Alive() })
	g, gone := startSleeper(t)
	g.Process.Kill()
	g.Wait()
	// As if the id of the living had belonged to an earlier process.
	reused := makeOwner(living.PID(), fold(living.start(), startBits), living.place())
	blind := makeOwner(living.PID(), 0, living.place())                           // it could not tell when it started
	nowhere := makeOwner(gone.PID(), gone.start(), 0)                             // nor where it is
	foreign := makeOwner(gone.PID(), gone.start(), gone.place()^1<<(placeBits-1)) // it is in another namespace

	for _, c := range []struct {
		where string
		flags uintptr // of clone
		alive string  // living zombie gone reused blind nowhere foreign, and whether it knows its place
	}{
		{"stay", 0, "true false false false true true true true"},
		{"nobody", 0, "true false false false true true true true"},
		{"chroot", 0, "true false false true true true true true"},
		{"late", 0, "true false false true true true true true"},
		{"hidepid,nobody", unix.CLONE_NEWNS, "true false false true true true true true"},
		{"stay", unix.CLONE_NEWPID, "true true true true true true true true"},
		{"proc", unix.CLONE_NEWPID | unix.CLONE_NEWNS, "true true true true true true true true"},
		{"chroot", unix.CLONE_NEWPID, "true true true true true true true true"},
	} {
		t.Run(fmt.Sprintf("%s_%x", c.where, c.flags), func(t *testing.T) {
			seg := makeSegment(t, 8)
			cmd := exec.Command(os.Args[0], c.where)
			for _, o := range []Owner{living, zombie, gone, reused, blind, nowhere, foreign} {
				cmd.Args = append(cmd.Args, fmt.Sprintf("%x", uint64(o)))
			}
			cmd.Env = append(os.Environ(), childEnv+"=judge 8")
			cmd.ExtraFiles = []*os.File{seg.File()}
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: c.flags}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), syscall.EPERM.Error()) {
				t.Skip("may not make namespaces here:", err)
			}
			want := c.alive
			if c.where == "late" && strings.HasSuffix(strings.TrimSpace(string(out)), "false") {
				want = "true true true true true true true false" // the kernel cannot say without /proc (before Linux 6.11)
			}
			if got := strings.TrimSpace(string(out)); got != want || err != nil {
				t.Fatalf("living zombie gone reused blind nowhere foreign, place:\ngot  %s %v\nwant %s", got, err, want)
			}
		})
	}
}

// A process in a new pid namespace to which nobody mounted a new /proc sees
// another namespace's there: its ids are not ours.
func TestProcOfAnotherNamespace(t *testing.T) {
	if !procIsOurs() {
		t.Fatal("our own /proc")
	}
	if os.Getuid() != 0 {
		t.Skip("only root may make a pid namespace")
	}
	seg := makeSegment(t, 8)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=proc 8")
	cmd.ExtraFiles = []*os.File{seg.File()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "false" {
		t.Fatal(string(out), err)
	}
}

func init() {
	children["proc"] = func(*Segment, []string) { fmt.Print(procIsOurs()) }
}

// An owner's word keeps its parts apart, and two bits free.
func TestOwnerWord(t *testing.T) {
	for _, pid := range []int{1, 4242, 1<<pidBits - 1} {
		for _, start := range []uint64{0, 1, 1<<startBits - 1} {
			for _, place := range []uint64{0, 1, 0xff, 0x100, 0xabcde, 1<<placeBits - 1} {
				o := makeOwner(pid, start, place)
				if o.PID() != pid || o.start() != start || o.place() != place || o&(3<<30) != 0 {
					t.Fatalf("%d %x %x: %x %d %x %x", pid, start, place, uint64(o), o.PID(), o.start(), o.place())
				}
			}
		}
	}
	if o := makeOwner(1<<pidBits-1, 1<<startBits-1, 1<<placeBits-1); o != ^Owner(3<<30) {
		t.Fatalf("%x: some bits are nobody's", uint64(o))
	}
	for _, v := range []uint64{0, 1, 1<<startBits - 2, 1<<startBits - 1, 1 << startBits, 1 << 40} {
		if f := fold(v, startBits); f == 0 || f >= 1<<startBits || f == fold(v+1, startBits) {
			t.Fatalf("%x: %x %x", v, f, fold(v+1, startBits))
		}
	}
	if again := Self(); again.start() == 0 || again.place() == 0 || Self() != again {
		t.Fatalf("%x", uint64(Self()))
	}
}

// The descriptors that a look takes are given back.
func TestAliveLeaksNothing(t *testing.T) {
	c, o := startSleeper(t)
	before := countFDs(t)
	for range 50 {
		if !o.Alive() || hasEnded(o.PID()) || myPlace() == 0 {
			t.Fatal("not alive")
		}
		if _, err := namespace("/nowhere", pidfdPIDNamespace); err != nil && err != unix.ENOTTY && err != unix.EINVAL {
			t.Fatal(err)
		}
	}
	c.Process.Kill()
	c.Wait()
	if after := countFDs(t); after > before {
		t.Fatalf("%d descriptors, %d before", after, before)
	}
}

func countFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
