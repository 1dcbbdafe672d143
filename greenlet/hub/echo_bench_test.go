//go:build linux

package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The echo benchmarks put one server that runs on a hub beside one that runs
// on goroutines, both with GOMAXPROCS=1 and 100 connections, each with one
// request of 64 bytes under way. One op is one round trip; the answer is the
// request in upper case, and every client checks it.
//
// clients=outside: the clients are a process of their own, one thread with an
// epoll loop, the same for both servers; so only the server differs.
// clients=goroutines: the clients are goroutines of the server's process, which
// has to share its one processor with the hub.
// clients=inside: clients and server share the process and the model.
const echoConns = 100

func BenchmarkHubEcho(b *testing.B) {
	b.Run("clients=outside", func(b *testing.B) { compareEcho(b, loadHub, loadGoroutines) })
	b.Run("clients=goroutines", func(b *testing.B) { compareEcho(b, mixedHub, insideGoroutines) })
	b.Run("clients=inside", func(b *testing.B) { compareEcho(b, insideHub, insideGoroutines) })
}

func BenchmarkGoroutineEcho(b *testing.B) {
	b.Run("clients=outside", func(b *testing.B) { compareEcho(b, loadGoroutines, nil) })
	b.Run("clients=inside", func(b *testing.B) { compareEcho(b, insideGoroutines, nil) })
}

// An echoRun does n round trips and returns how long they took.
type echoRun func(b *testing.B, n int) time.Duration

// compareEcho reports f's figures and how many times as many round trips it
// does per second as rival: the median of five turns of both. A turn is never
// short, so that making the connections does not show.
func compareEcho(b *testing.B, f, rival echoRun) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const turns, least = 5, 20_000
	n := max(b.N/turns, least) / echoConns * echoConns
	var times, cpus, ratios, cpuRatios []float64
	for range turns {
		mine, cpu := echoTurn(b, f, n)
		times, cpus = append(times, mine), append(cpus, cpu)
		if rival != nil {
			other, otherCPU := echoTurn(b, rival, n)
			ratios, cpuRatios = append(ratios, other/mine), append(cpuRatios, otherCPU/cpu)
		}
	}
	b.ReportMetric(median(times), "ns/op")
	b.ReportMetric(median(cpus), "cpu-ns/op")
	if rival != nil {
		b.ReportMetric(median(ratios), "x-goroutine")
		b.ReportMetric(median(cpuRatios), "x-goroutine-cpu")
	}
}

// echoTurn returns the time and the processor time of a round trip, in ns.
func echoTurn(b *testing.B, f echoRun, n int) (wall, cpu float64) {
	before := cpuTime()
	wall = float64(f(b, n).Nanoseconds()) / float64(n)
	return wall, float64((cpuTime() - before).Nanoseconds()) / float64(n)
}

func median(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}

func toUpper(b []byte) {
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}

// echoLoop is both servers' handler.
func echoLoop(c net.Conn) error {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		toUpper(buf[:n])
		if _, err := c.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func loadHub(b *testing.B, n int) (d time.Duration) {
	run(b, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(b, err)
		s := &StreamServer{Handle: func(c *Conn) error { return echoLoop(c) }}
		s.Start(h, l)
		d, err = Await(h, func(context.Context) (time.Duration, error) { return load(l.Addr(), n) })
		must(b, err)
		must(b, s.Stop(-1))
	})
	return d
}

func loadGoroutines(b *testing.B, n int) time.Duration {
	stop, addr := goroutineServer(b)
	defer stop()
	d, err := load(addr, n)
	must(b, err)
	return d
}

func goroutineServer(b *testing.B) (stop func(), addr net.Addr) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				echoLoop(c)
			})
		}
	})
	return func() { l.Close(); wg.Wait() }, l.Addr()
}

func insideHub(b *testing.B, n int) (d time.Duration) {
	run(b, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(b, err)
		s := &StreamServer{Handle: func(c *Conn) error { return echoLoop(c) }}
		s.Start(h, l)
		gs := make([]*Greenlet, echoConns)
		start := NewSemaphore(h, 0)
		for i := range gs {
			c, err := h.Dial("tcp", l.Addr().String())
			must(b, err)
			gs[i] = h.Spawn(func() error {
				defer c.Close()
				if err := start.Acquire(); err != nil {
					return err
				}
				return client(c, n/echoConns)
			})
		}
		must(b, h.Yield())
		t := time.Now()
		for range gs {
			start.Release()
		}
		must(b, h.GetAll(gs...))
		d = time.Since(t)
		must(b, s.Stop(-1))
	})
	return d
}

func mixedHub(b *testing.B, n int) (d time.Duration) {
	run(b, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(b, err)
		s := &StreamServer{Handle: func(c *Conn) error { return echoLoop(c) }}
		s.Start(h, l)
		d, err = Await(h, func(context.Context) (time.Duration, error) {
			return goroutineClients(b, l.Addr(), n), nil
		})
		must(b, err)
		must(b, s.Stop(-1))
	})
	return d
}

func insideGoroutines(b *testing.B, n int) time.Duration {
	stop, addr := goroutineServer(b)
	defer stop()
	return goroutineClients(b, addr, n)
}

func goroutineClients(b *testing.B, addr net.Addr, n int) time.Duration {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range echoConns {
		c, err := net.Dial("tcp", addr.String())
		must(b, err)
		wg.Go(func() {
			defer c.Close()
			<-start
			if err := client(c, n/echoConns); err != nil {
				b.Error(err)
			}
		})
	}
	t := time.Now()
	close(start)
	wg.Wait()
	return time.Since(t)
}

// load runs the outside clients and returns the time they measured.
func load(addr net.Addr, n int) (time.Duration, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("HUB_ECHO_LOAD=%s %d", addr, n))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return time.Duration(ns), err
}

// generateLoad is the outside clients: one thread, one epoll, raw calls.
func generateLoad(spec string) error {
	addr, count, _ := strings.Cut(spec, " ")
	left, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	ap, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	req := []byte(strings.Repeat("switch yard echo", echoSize/16))
	want := strings.ToUpper(string(req))
	buf := make([]byte, echoSize)
	fds := make([]int, echoConns)
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: ap.Port, Addr: [4]byte(ap.IP.To4())}); err != nil {
			return err
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
		fds[i] = fd
	}
	events := make([]unix.EpollEvent, echoConns)
	start, sent, done := time.Now(), 0, 0
	for _, fd := range fds {
		if _, err := unix.Write(fd, req); err != nil {
			return err
		}
		sent++
	}
	for done < left {
		n, err := unix.EpollWait(ep, events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if k, err := unix.Read(int(e.Fd), buf); err != nil || k != echoSize || string(buf) != want {
				return fmt.Errorf("wrong answer %q, %v", buf[:max(k, 0)], err)
			}
			done++
			if sent < left {
				if _, err := unix.Write(int(e.Fd), req); err != nil {
					return err
				}
				sent++
			}
		}
	}
	fmt.Println(time.Since(start).Nanoseconds())
	return nil
}
