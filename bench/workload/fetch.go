package workload

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// thinking is how long the server takes for an answer.
const thinking = time.Millisecond

var fetch = &bench.Workload{
	Name: "Fetch",
	Kind: "waiting and IO",
	Story: "Many downloads over HTTP, so many at once, from a server on the loopback interface that thinks for 1 ms before it " +
		"answers: a crawler, or a program that asks many services. Each has a connection of its own, as Python's " +
		"urlopen makes it. The server is a process of its own with one CPU, the same for every model, and shares the CPUs with " +
		"the clients. So does everybody have the same HTTP client, which knows as much of it as is needed: Go's takes every " +
		"process that links it a fifth longer to start. Latency is that of a download, connecting included.",
	Op:    "download",
	Cases: []bench.Params{"tasks=16/payload=16384"},
	More: []bench.Params{
		"tasks=1/payload=16384", "tasks=4/payload=16384", "tasks=256/payload=16384", "tasks=16/payload=1024", "tasks=16/payload=1048576",
	},
	Want: func(b *bench.B) uint64 {
		n := uint64(b.N)
		return n*sumWords(words(make([]byte, b.Int("payload")), 0)) + n*(n-1)/2
	},
	Ledger: func(b *bench.B) bench.Ledger {
		want := bench.Ledger{
			Units: b.Int("tasks"), Ops: b.N, Bytes: b.N * b.Int("payload"),
			Suspensions: b.N, Elapsed: time.Duration(b.N/b.Int("tasks")) * thinking,
			Together: overlap(b, b.Int("tasks")), // seen by the server
		}
		if b.Model == Serial {
			want.Elapsed = time.Duration(b.N) * thinking
		}
		return concurrent(b, want)
	},
	Impls: byModel(fetchSerial, fetchGreenlet, fetchShared, fetchProcess),
	Limit: func(b *bench.B) error {
		if n := b.Int("tasks"); b.Model == Process && n > maxProcesses {
			return bench.Void("%d processes, at some 1 MiB and more than a millisecond of start-up each, are no way to wait for answers", n)
		}
		return nil
	},
}

type fetchServerArgs struct {
	Listener *os.File
	Payload  int
	Asked    sharedCrowd
}

// fetchServer serves one download per connection, until it is ended. It counts
// the clients that are waiting for an answer at the same moment.
var fetchServer = procs.Register("bench.fetchserver", func(_ context.Context, in fetchServerArgs) (none struct{}, err error) {
	ln, err := net.FileListener(in.Listener)
	if err != nil {
		return none, err
	}
	body, asked := words(make([]byte, in.Payload), 0), in.Asked.crowd()
	defer runtime.KeepAlive(in.Asked.Array)
	for {
		conn, err := ln.Accept()
		if err != nil {
			return none, err
		}
		go func() {
			defer conn.Close()
			_ = upload(conn, body, asked) // what went wrong shows in the answers
		}()
	}
})

// upload answers the request for download i by the body, with i added to its
// first word.
func upload(conn net.Conn, body []byte, asked crowd) error {
	request, _, err := readHead(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	i := 0
	if _, err := fmt.Sscanf(request, "GET /%d HTTP/1.1", &i); err != nil {
		return err
	}
	asked.note(asked.come())
	time.Sleep(thinking)
	asked.leave()
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	first := words(make([]byte, 8), i)
	answer := net.Buffers{head, first, body[len(first):]}
	_, err = answer.WriteTo(conn)
	return err
}

// readHead reads what stands before a body: the first line, and how long the
// body is.
func readHead(r *bufio.Reader) (first string, length int, err error) {
	for {
		raw, err := r.ReadSlice('\n')
		if err != nil {
			return "", 0, err
		}
		switch line := strings.TrimRight(string(raw), "\r\n"); {
		case line == "":
			return first, length, nil
		case first == "":
			first = line
		default:
			if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				if length, err = strconv.Atoi(v); err != nil {
					return "", 0, err
				}
			}
		}
	}
}

// withServer starts the server, and ends it when ask has returned. It enters
// how many clients the server has seen at once.
func withServer(b *bench.B, ask func(addr string) (uint64, error)) (uint64, error) {
	return withCrowd(func(asked sharedCrowd) (uint64, error) {
		answer, err := serveDownloads(b, asked, ask)
		b.Enter(bench.Entry{Inside: asked.crowd().most()})
		return answer, err
	})
}

func serveDownloads(b *bench.B, asked sharedCrowd, ask func(addr string) (uint64, error)) (uint64, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	server := procs.NewProcess(fetchServer, fetchServerArgs{file, b.Int("payload"), asked}, procs.ProcessConfig{Daemon: true, GOMAXPROCS: 1})
	if err := server.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = server.Kill()
		_ = server.Join(context.Background())
		_ = server.Close()
	}()
	file.Close()
	ln.Close() // whoever connects to a server that has died is refused
	addr := ln.Addr().String()
	if err := downloads(stripe{0, 1, 1}, bench.NewUnit(1, 1), dialTCP(addr)); err != nil { // it is up
		return 0, err
	}
	return ask(addr)
}

// A dialer makes a connection to the server.
type dialer func() (io.ReadWriteCloser, error)

// dialTCP dials as every model does but greenlets.
func dialTCP(addr string) dialer {
	return func() (io.ReadWriteCloser, error) { return net.Dial("tcp", addr) }
}

// downloads fetches a unit's share, one after the other.
func downloads(share stripe, u *bench.Unit, dial dialer) error { return share.each(fetcher(u, dial)) }

// fetcher returns what fetches number i, with a buffer of its own.
func fetcher(u *bench.Unit, dial dialer) func(i int) error {
	r, buf := bufio.NewReader(nil), make([]byte, 64<<10)
	return timed(u, func(i int) error {
		conn, err := dial()
		if err != nil {
			return err
		}
		r.Reset(conn)
		err = cmp.Or(download(conn, r, buf, i, u), conn.Close())
		if err != nil {
			return fmt.Errorf("download %d: %w", i, err)
		}
		return nil
	})
}

// download asks for number i, and adds up the body as it comes.
func download(conn io.Writer, r *bufio.Reader, buf []byte, i int, u *bench.Unit) error {
	if _, err := fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", i); err != nil {
		return err
	}
	status, left, err := readHead(r)
	if err != nil || status != "HTTP/1.1 200 OK" {
		return fmt.Errorf("answered by %q: %w", status, err)
	}
	for left > 0 {
		n, err := io.ReadFull(r, buf[:min(left, len(buf))])
		u.Bytes += n
		if err != nil {
			return err
		}
		u.Answer += sumWords(buf[:n])
		left -= n
	}
	return nil
}

func fetchSerial(b *bench.B) (uint64, error) {
	return withServer(b, func(addr string) (uint64, error) {
		return alone(b, func(u *bench.Unit) error { return downloads(stripe{0, 1, b.N}, u, dialTCP(addr)) })
	})
}

func fetchGreenlet(b *bench.B) (uint64, error) {
	return withServer(b, func(addr string) (uint64, error) {
		n := b.Int("tasks")
		return raceGreenlets(b, n, func(h *hub.Hub) work {
			dial := func() (io.ReadWriteCloser, error) { return h.Dial("tcp", addr) }
			return func(i int, u *bench.Unit) error { return downloads(stripe{i, n, b.N}, u, dial) }
		})
	})
}

func fetchShared(b *bench.B, launch launcher) (uint64, error) {
	return withServer(b, func(addr string) (uint64, error) {
		n := b.Int("tasks")
		return race(b, launch, n, func(i int, u *bench.Unit) error { return downloads(stripe{i, n, b.N}, u, dialTCP(addr)) })
	})
}

type fetchArgs struct {
	Addr  string
	Share stripe
}

var fetchWorker = registerWorker("bench.fetch", func(_ context.Context, in fetchArgs, u *bench.Unit) error {
	err := downloads(in.Share, u, dialTCP(in.Addr))
	u.Waits = u.Ops
	return err
})

func fetchProcess(b *bench.B) (uint64, error) {
	return withServer(b, func(addr string) (uint64, error) {
		n := b.Int("tasks")
		return raceWorkers(b, fetchWorker, inputs(n, func(i int) fetchArgs { return fetchArgs{addr, stripe{i, n, b.N}} }))
	})
}
