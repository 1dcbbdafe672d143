package proctree

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	_ "switchyard/bench/testenv"
)

// A shell, two that it has started, and one that the second of them has:
// parents come before their children, and what has ended and been waited for is
// gone.
func TestDescendants(t *testing.T) {
	cmd := exec.Command("sh", "-c", `sleep 600 & a=$!; sh -c 'sleep 600 & echo $$ $!; wait' & b=$!; echo $a $b; wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // to end all of them, whatever is listed
	if err := cmd.Start(); err != nil {
		t.Skip("no sh here: ", err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	var first, second, inner, grandchild int
	lines := bufio.NewScanner(out)
	for range 2 { // in either order
		var x, y int
		lines.Scan()
		if _, err := fmt.Sscan(lines.Text(), &x, &y); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if slices.Contains(Children(cmd.Process.Pid), y) {
			first, second = x, y
		} else {
			inner, grandchild = x, y
		}
	}
	shell := cmd.Process.Pid
	if inner != second {
		t.Fatalf("the processes are %d, %d, and %d with %d", first, second, inner, grandchild)
	}
	for pid, want := range map[int][]int{
		os.Getpid(): {shell, first, second, grandchild}, shell: {first, second, grandchild}, second: {grandchild}, grandchild: nil,
	} {
		if got := Descendants(pid); !slices.Equal(got, want) {
			t.Errorf("below %d are %d, want %d", pid, got, want)
		}
	}
	for pid, want := range map[int][]int{os.Getpid(): {shell}, shell: {first, second}, second: {grandchild}, first: nil} {
		if got := Children(pid); !slices.Equal(got, want) {
			t.Errorf("the children of %d are %d, want %d", pid, got, want)
		}
	}
	if err := syscall.Kill(grandchild, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(Descendants(second)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process that has ended is still there")
		}
	}
	if got := Descendants(1 << 30); got != nil {
		t.Errorf("below no process are %d", got)
	}
}
