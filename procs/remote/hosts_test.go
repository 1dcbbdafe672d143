//go:build linux

package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/bench/testenv"
	"switchyard/procs"
)

// hostEnv says what a process of this test is: the network's, or a host.
const hostEnv = "SWITCHYARD_REMOTE_HOST"

// Workers are on hosts of their own, network namespaces with an interface each,
// while one is cut off, a third are killed, the lines of a third are slow and
// lose packets, and the server is started anew: of the tasks of the durable
// lane none is lost, and each result comes once.
//
// PROCS_FAULTS=long (make faults) has more of all, longer faults, and the
// other lane, where a task is done or fails.
func TestFaultHosts(t *testing.T) {
	if os.Getenv(hostEnv) == "network" {
		onHosts(t)
		return
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("hosts need the program ip, and tc, of iproute2: ", err)
		}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFaultHosts$", "-test.v")
	cmd.Env = append(os.Environ(), hostEnv+"=network", "PROCS_FAULTS="+testenv.Asked("PROCS_FAULTS"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Fatalf("%v\n%s", err, out)
	case err != nil:
		t.Skip("this system does not let us have network namespaces: ", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
}

// ip runs a command of iproute2.
func ip(t testing.TB, command string, args ...any) {
	t.Helper()
	if out, err := ipTry(command, args...); err != nil {
		t.Fatalf("ip %s: %v: %s", fmt.Sprintf(command, args...), err, out)
	}
}

func ipTry(command string, args ...any) (string, error) {
	words := strings.Fields(fmt.Sprintf(command, args...))
	program := "ip"
	if words[0] == "tc" {
		program, words = "tc", words[1:]
	}
	out, err := exec.Command(program, words...).CombinedOutput()
	return string(out), err
}

// host is a worker's process in its own network namespace.
type host struct {
	cmd  *exec.Cmd
	line string // our end of its line
}

// startHost starts one, and gives it a line to the bridge.
func startHost(t *testing.T, i int, url string) *host {
	t.Helper()
	h := &host{cmd: exec.Command("/proc/self/exe", "-test.run=^TestHost$"), line: fmt.Sprint("line", i)}
	h.cmd.Env = append(os.Environ(), hostEnv+"=host")
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	h.cmd.Stdout, h.cmd.Stderr = os.Stderr, os.Stderr // what it fails with
	in := must(h.cmd.StdinPipe())(t)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); h.kill() })
	ip(t, "link add %s type veth peer name host%d", h.line, i)
	ip(t, "link set %s master net up", h.line)
	ip(t, "link set host%d netns %d", i, h.cmd.Process.Pid)
	fmt.Fprintf(in, "host%d 10.77.0.%d/24 %s\n", i, i+2, url)
	return h
}

func (h *host) kill() {
	h.cmd.Process.Kill()
	h.cmd.Wait()
}

// TestHost is what a host does, until its standard input ends.
func TestHost(t *testing.T) {
	if os.Getenv(hostEnv) != "host" {
		t.Skip("TestFaultHosts runs it")
	}
	in := bufio.NewReader(os.Stdin)
	var device, address, url string
	if _, err := fmt.Fscanln(in, &device, &address, &url); err != nil {
		t.Fatal(err)
	}
	ip(t, "link set lo up")
	ip(t, "address add %s dev %s", address, device)
	ip(t, "link set %s up", device)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.Copy(io.Discard, in); cancel() }()
	if err := Work(ctx, url, WorkerConfig{Config: testConfig, Slots: 2}); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
}

func onHosts(t *testing.T) {
	for _, try := range []string{"link add net type bridge", "link add one type veth peer name two", "link delete one"} {
		if out, err := ipTry("%s", try); err != nil {
			t.Skipf("this system does not let us have bridges, and lines to them: ip %s: %v: %s", try, err, out)
		}
	}
	ip(t, "link set lo up")
	ip(t, "address add 10.77.0.1/24 dev net")
	ip(t, "link set net up")
	n, tasks, takes, away := 3, 300, 5*time.Millisecond, time.Duration(0)
	long := testenv.Asked("PROCS_FAULTS") == "long"
	if long {
		n, tasks, away = 6, 20_000, 15*time.Second
	}
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir, Address: "10.77.0.1:0"})
	url := server.URL()
	var hosts []*host
	for i := range n {
		hosts = append(hosts, startHost(t, i, url))
	}
	p := durablePool(t, url, PoolConfig{Lease: minLease, Tries: 100})
	hasWorkers(t, p, n) // who is cut off, or loses too much, while it connects gives up
	for _, h := range hosts[n-n/3:] {
		bad(t, h)
	}
	var results atomic.Int64
	var fs []*procs.Future[int]
	for range tasks {
		fs = append(fs, Submit(p, slow, takes, procs.OnResult(func(int) { results.Add(1) })))
	}
	reach := func(part int) {
		t.Helper()
		eventually(t, fmt.Sprint(part, "/5 of the tasks are done"), func() bool { return results.Load() >= int64(part*tasks/5) })
	}
	reach(1)
	ip(t, "link set %s down", hosts[0].line)
	reach(2)
	for _, h := range hosts[1 : 1+n/3] {
		h.kill()
	}
	reach(3)
	server.Close()
	serve(t, ServerConfig{StoreDir: dir, Address: strings.TrimPrefix(url, "nats://")})
	reach(4)
	time.Sleep(away)
	ip(t, "link set %s up", hosts[0].line)
	for i, f := range fs {
		if _, err := f.Result(soon(t)); err != nil {
			t.Fatal(i, err)
		}
	}
	if got := results.Load(); got != int64(tasks) {
		t.Errorf("%d results of %d tasks", got, tasks)
	}
	if long {
		cutOff(t, url, hosts[3], hosts[4])
	}
}

// cutOff has tasks done in the lane AtMostOnce, while a host is cut off and
// another killed.
func cutOff(t *testing.T, url string, cut, killed *host) {
	p := newPool(t, url, PoolConfig{DeadAfter: 2 * time.Second, Patience: time.Minute})
	hasWorkers(t, p, 4)
	var fs []*procs.Future[int]
	for range 2000 {
		fs = append(fs, Submit(p, slow, 5*time.Millisecond))
	}
	ip(t, "link set %s down", cut.line)
	killed.kill()
	failed := 0
	for i, f := range fs {
		if _, err := f.Result(soon(t)); errors.Is(err, procs.ErrWorkerDied) {
			failed++
		} else if err != nil {
			t.Fatal(i, err)
		}
	}
	ip(t, "link set %s up", cut.line)
	if t.Logf("%d of %d tasks have failed", failed, len(fs)); failed > len(fs)/2 {
		t.Error("more than two hosts had")
	}
	eventually(t, "the host comes back", func() bool {
		_, err := Apply(soon(t), p, square, 2)
		return err == nil && len(p.Workers()) == 3
	})
}

// bad makes a line slow, and lets it lose packets: netem does, and where there
// is none, a bucket which is too small for what comes.
func bad(t *testing.T, h *host) {
	t.Helper()
	_, err := ipTry("tc qdisc add dev %s root netem delay 5ms 3ms loss 3%%", h.line)
	if err != nil {
		_, err = ipTry("tc qdisc add dev %s root tbf rate 2mbit burst 3000 limit 6000", h.line)
	}
	if err != nil {
		t.Log("lines cannot be made slow here:", err)
	}
}
