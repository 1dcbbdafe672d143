//go:build linux

package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"switchyard/greenlet/hub"
)

const echoSize = 64

// BenchmarkEcho is a server on a hub beside one in an event loop of gnet, both
// with one thread that runs Go, asked by one and the same client process: at one
// connection what a request costs the server's processor, at a thousand how long
// the slowest of a hundred requests takes and how evenly connections are served
// (Jain's index: 1 if each has as many answers).
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 1000} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			var jains []float64
			var cpus, rates [2][]float64
			one := func(i int, kind string) func() float64 {
				return func() float64 {
					e := askEcho(b, kind, conns)
					cpus[i], rates[i] = append(cpus[i], e.cpu), append(rates[i], e.rate)
					if i == 0 {
						jains = append(jains, e.jain)
					}
					return e.p99
				}
			}
			p99 := inTurn(b, one(0, "hub"), one(1, "gnet"))
			for _, s := range [][]float64{cpus[0], cpus[1], rates[0], rates[1], jains} {
				slices.Sort(s)
			}
			mid := len(jains) / 2
			b.ReportMetric(p99[0]/p99[1], "x-gnet-p99")
			b.ReportMetric(cpus[0][mid]/cpus[1][mid], "x-gnet-cpu")
			b.ReportMetric(rates[0][mid]/rates[1][mid], "x-gnet-rate")
			b.ReportMetric(cpus[0][mid], "cpu-ns/request")
			b.ReportMetric(jains[mid], "jain")
		})
	}
}

// asked is what a client and its server say.
type asked struct{ rate, p99, jain, cpu float64 }

// askEcho starts a server, has it asked for a while, and ends it.
func askEcho(b *testing.B, kind string, conns int) asked {
	server := child("echo", kind)
	server.Env = append(server.Env, "GNET_LOGGING_LEVEL=5") // it logs to standard output
	in, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	lines := bufio.NewScanner(out)
	line := func() string {
		if !lines.Scan() {
			b.Fatal(kind, "says no more", lines.Err())
		}
		return lines.Text()
	}
	cpu := func() float64 {
		io.WriteString(in, "\n")
		ns, err := strconv.ParseFloat(line(), 64)
		if err != nil {
			b.Fatal(err)
		}
		return ns
	}
	addr := line()
	before := cpu()
	v := numbers(b, child("load", addr, strconv.Itoa(conns), "1s"))
	return asked{rate: v[0], p99: v[1], jain: v[2], cpu: (cpu() - before) / v[3]}
}

// serveEcho serves until it is killed, and says how much processor time it has
// had whenever it gets a line.
func serveEcho(args []string) (string, error) {
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(cpuTime())
		}
		os.Exit(0)
	}()
	if args[0] == "hub" {
		return "", hub.Run(echoOnHub)
	}
	// gnet does not say which port it got.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	l.Close()
	return "", gnet.Run(&gnetEcho{addr: addr}, "tcp://"+addr, gnet.WithNumEventLoop(1), gnet.WithTCPNoDelay(gnet.TCPNoDelay))
}

func echoOnHub(h *hub.Hub) error {
	l, err := h.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return (&hub.StreamServer{Handle: func(c *hub.Conn) error {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err == nil {
				_, err = c.Write(buf[:n])
			}
			if err != nil { // the client has ended
				return nil
			}
		}
	}}).Serve(h, l)
}

type gnetEcho struct {
	gnet.BuiltinEventEngine
	addr string
}

func (s *gnetEcho) OnBoot(gnet.Engine) gnet.Action {
	fmt.Println(s.addr)
	return gnet.None
}

func (s *gnetEcho) OnTraffic(c gnet.Conn) gnet.Action {
	b, err := c.Next(-1)
	if err == nil {
		_, err = c.Write(b)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}

// An echoConn is a connection with one request under way: its number, in its
// first bytes, comes back.
type echoConn struct {
	fd       int
	asked    uint64
	at       time.Time
	buf      [echoSize]byte
	got      int
	answered int // in the time that counts
}

func (c *echoConn) ask(at time.Time) error {
	c.asked++
	c.at, c.got = at, 0
	var request [echoSize]byte
	binary.NativeEndian.PutUint64(request[:], c.asked<<16|uint64(c.fd)&0xffff)
	if n, err := unix.Write(c.fd, request[:]); n != echoSize {
		return fmt.Errorf("wrote %d bytes, %v", n, err)
	}
	return nil
}

// read reports whether the answer is there.
func (c *echoConn) read() (bool, error) {
	n, err := unix.Read(c.fd, c.buf[c.got:])
	if err == unix.EAGAIN {
		return false, nil
	}
	if err != nil || n == 0 {
		return false, fmt.Errorf("read %d bytes, %v", n, err)
	}
	if c.got += n; c.got < echoSize {
		return false, nil
	}
	if v := binary.NativeEndian.Uint64(c.buf[:]); v != c.asked<<16|uint64(c.fd)&0xffff {
		return false, fmt.Errorf("answer %x to request %d", v, c.asked)
	}
	return true, nil
}

// loadEcho is the client: one thread, one epoll. It answers with the rate, the
// 99th percentile of the latency in ns, Jain's index, and all its requests.
func loadEcho(args []string) (string, error) {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return "", err
	}
	to, err := net.ResolveTCPAddr("tcp", args[0])
	if err != nil {
		return "", err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return "", err
	}
	conns := make([]echoConn, n)
	for i := range conns {
		c := &conns[i]
		if c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return "", err
		}
		err := errors.Join(
			unix.Connect(c.fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}),
			unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetNonblock(c.fd, true),
			unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}))
		if err != nil {
			return "", err
		}
	}
	begun := time.Now()
	counts := begun.Add(d / 4)
	end := counts.Add(d)
	for i := range conns {
		if err := conns[i].ask(begun); err != nil {
			return "", err
		}
	}
	total := 0
	latencies := make([]time.Duration, 0, 1<<20)
	events := make([]unix.EpollEvent, 256)
	for now := begun; now.Before(end); {
		k, err := unix.EpollWait(ep, events, 1000)
		if err != nil && err != unix.EINTR {
			return "", err
		}
		now = time.Now()
		for _, e := range events[:max(k, 0)] {
			c := &conns[e.Fd]
			done, err := c.read()
			if err != nil {
				return "", err
			}
			if !done {
				continue
			}
			now = time.Now()
			if total++; c.at.After(counts) {
				latencies = append(latencies, now.Sub(c.at))
				c.answered++
			}
			if err := c.ask(now); err != nil {
				return "", err
			}
		}
	}
	if len(latencies) == 0 {
		return "", errors.New("no answers")
	}
	slices.Sort(latencies)
	var sum, squares float64
	for i := range conns {
		x := float64(conns[i].answered)
		sum, squares = sum+x, squares+x*x
	}
	return fmt.Sprintf("%f %d %f %d", sum/d.Seconds(), latencies[len(latencies)*99/100].Nanoseconds(), sum*sum/(squares*float64(n)), total), nil
}
