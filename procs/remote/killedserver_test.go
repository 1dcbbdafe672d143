//go:build linux

package remote

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/bench/testenv"
	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

// serverProcess is a server in a process of its own, with a directory and an
// address. It writes its URL to a file there.
var serverProcess = procs.Register("remotetest.server", func(ctx context.Context, in [2]string) (int, error) {
	s, err := Serve(ServerConfig{AuthKey: testKey, StoreDir: in[0], Address: in[1]})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	path := filepath.Join(in[0], "url")
	if err := os.WriteFile(path+".new", []byte(s.URL()), 0o600); err != nil {
		return 0, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return 0, err
	}
	<-ctx.Done()
	return 0, nil
})

func startServer(t testing.TB, dir, address string) (p *procs.Process, url string) {
	t.Helper()
	path := filepath.Join(dir, "url")
	os.Remove(path)
	p = proctest.Started(t, procs.NewProcess(serverProcess, [2]string{dir, address}, procs.ProcessConfig{}))
	eventually(t, "the server is there", func() bool {
		text, err := os.ReadFile(path)
		url = string(text)
		return err == nil
	})
	return p, url
}

// The server's process is killed right after values were put and got, and a key
// was set: no value is lost, and the key has what it was set to.
//
// PROCS_FAULTS=long (make faults) does it 40 times.
func TestFaultServerKilled(t *testing.T) {
	rounds := 2
	if testenv.Asked("PROCS_FAULTS") == "long" {
		rounds = 40
	}
	dir := t.TempDir()
	server, url := startServer(t, dir, "127.0.0.1:0")
	q := openQueue[int](t, connect(t, url), "values", QueueConfig{Lease: minLease})
	d := openTestDict[int](t, connect(t, url), "rounds", DictConfig{})
	put, again, got := 0, 0, map[int]bool{}
	get := func() {
		t.Helper()
		v, err := q.Get(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if got[v] {
			again++
		}
		got[v] = true
	}
	for round := range rounds {
		for range 20 {
			if err := q.Put(soon(t), put); err != nil {
				t.Fatal(err)
			}
			put++
		}
		for range 15 {
			get()
		}
		if _, err := d.Set(soon(t), "round", round); err != nil {
			t.Fatal(err)
		}
		proctest.Slay(t, server)
		server, _ = startServer(t, dir, strings.TrimPrefix(url, "nats://"))
		if v, _, err := d.Get(soon(t), "round"); v != round || err != nil {
			t.Error(round, v, err)
		}
	}
	for len(got) < put {
		get()
	}
	t.Log(put, "values,", again, "got again")
}
