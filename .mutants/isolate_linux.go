package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// initVariable tells a copy of this program that it is process 1 of a new PID
// namespace; its value is the directory that shall be read-only, or "-".
const initVariable = "MUTANTS_INIT"

// canSeal reports whether this process may make namespaces.
func canSeal() bool {
	r := Runner{Sealed: true, Dir: "-"}
	return r.command([]string{"true"}).Run() == nil
}

// command returns a command in a process group, and in namespaces if they are
// to be had: a changed program cannot signal anybody outside.
func (r *Runner) command(args []string) *exec.Cmd {
	if !r.Sealed {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), initVariable+"="+r.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
	}
	return cmd
}

// beInit is process 1 of the namespace: it runs one command, reaps orphans
// meanwhile, and ends with the command's status; the kernel then kills what is
// left.
func beInit(dir string, args []string) int {
	os.Unsetenv(initVariable)
	if err := enclose(dir); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		return 125
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		return 125
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 125
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}

// enclose gives the namespace its own /proc, and makes dir read-only.
func enclose(dir string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if dir == "-" {
		return nil
	}
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", dir, err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", dir, err)
	}
	return os.Chdir(here) // through the new mount
}

// killTree kills a process, its group, and all below it.
func killTree(pid int) {
	below := descendants(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	for _, p := range below {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
}

// treeMemory sums the resident memory of a process and all below it, in bytes.
func treeMemory(pid int) (sum int64) {
	for _, p := range append(descendants(pid), pid) {
		fields := bytes.Fields(readFile(fmt.Sprintf("/proc/%d/statm", p)))
		if len(fields) > 1 {
			pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}

// descendants lists the living processes below pid.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		// The command's name may hold anything, even parentheses.
		text := readFile(name)
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		self, _ := strconv.Atoi(strings.Split(name, "/")[2])
		parent, _ := strconv.Atoi(string(fields[1]))
		children[parent] = append(children[parent], self)
	}
	all := children[pid]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

func readFile(name string) []byte {
	text, _ := os.ReadFile(name)
	return text
}

// memoryTotal returns the machine's memory in bytes.
func memoryTotal() int64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
