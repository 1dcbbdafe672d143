//go:build linux

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"switchyard/procs/internal/proctest/wait"
)

// cluster is three NATS servers that are not of this package.
type cluster struct {
	nodes [3]*server.Server
	opts  [3]*server.Options
}

// startCluster starts servers which take the key of AuthKey: testKey. Their
// routes have addresses of loopback to themselves, so that nobody else can have
// the port.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	public := must(PublicKey(testKey))(t)
	net := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(250), rand.IntN(250))
	var routes []*url.URL
	for i := range 3 {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("%s%d:6222", net, i+1)})
	}
	c := &cluster{}
	for i := range c.nodes {
		c.opts[i] = &server.Options{ServerName: fmt.Sprint("node", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), Nkeys: []*server.NkeyUser{{Nkey: public}}, Routes: routes,
			Cluster: server.ClusterOpts{Name: "test", Host: fmt.Sprint(net, i+1), Port: 6222}}
		c.start(t, i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	knowsAll := func(s *server.Server) bool { return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 }
	for ctx := patient(t); !slices.ContainsFunc(c.nodes[:], knowsAll); time.Sleep(10 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the cluster has no leader, who knows all")
		}
	}
	return c
}

func (c *cluster) start(t *testing.T, i int) {
	t.Helper()
	c.nodes[i] = must(server.NewServer(c.opts[i]))(t)
	go c.nodes[i].Start()
	if !c.nodes[i].ReadyForConnections(wait.Patience) {
		t.Fatal("node", i, "does not start")
	}
	if c.opts[i].Port < 0 { // the same one next time
		fmt.Sscanf(c.nodes[i].Addr().String(), "127.0.0.1:%d", &c.opts[i].Port)
	}
}

// patient is soon for what waits for elections: each takes 4 to 9 seconds, and
// more of them when the votes are split.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (c *cluster) stop(i int) {
	c.nodes[i].Shutdown()
	c.nodes[i].WaitForShutdown()
}

func (c *cluster) url() string {
	var all []string
	for _, s := range c.nodes {
		all = append(all, s.ClientURL())
	}
	return strings.Join(all, ",")
}

// In a cluster of three servers, one is lost, the one that had the queue, and
// comes back: nothing else is lost, and all goes on.
func TestClusterLosesNode(t *testing.T) {
	c := startCluster(t)
	config := testConfig
	config.Replicas = 3
	session := func() *Session {
		t.Helper()
		s := must(Connect(patient(t), c.url(), config))(t)
		t.Cleanup(func() { s.Close() })
		return s
	}
	a, b := session(), session()
	tasks := must(OpenQueue[int](patient(t), a, "tasks", QueueConfig{Size: 40}))(t)
	other := must(OpenQueue[int](patient(t), b, "tasks", QueueConfig{}))(t)
	sums := must(OpenDict[int](patient(t), b, "sums", DictConfig{}))(t)
	objects := must(OpenStore(patient(t), a, "objects", StoreConfig{}))(t)
	event := must(OpenEvent(patient(t), b, "over"))(t)
	worksHere(t, c.url(), WorkerConfig{Config: config})
	p := must(NewPool(a, PoolConfig{Lane: AtLeastOnce}))(t)
	t.Cleanup(p.Terminate)
	object := noise(objectChunk + 1)
	woken := make(chan error, 1)
	go func() { woken <- event.Wait(patient(t)) }()
	if _, err := objects.Put(patient(t), "a", bytes.NewReader(object)); err != nil {
		t.Fatal(err)
	}
	put := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := tasks.Put(patient(t), i); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	work := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			v, err := other.Get(patient(t))
			if v != i || err != nil {
				t.Fatal(i, v, err)
			}
			if v, err = Apply(patient(t), p, square, v); v != i*i || err != nil {
				t.Fatal(i, v, err)
			}
			if _, err := sums.Modify(patient(t), "sum", func(s int, _ bool) (int, bool) { return s + v, true }); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	put(0, 30)
	work(0, 10)
	leader := must(tasks.stream.Info(patient(t)))(t).Cluster.Leader
	lost := slices.IndexFunc(c.opts[:], func(o *server.Options) bool { return o.ServerName == leader })
	c.stop(lost)
	work(10, 20)
	var got bytes.Buffer
	if _, err := objects.Get(patient(t), "a", &got); !bytes.Equal(got.Bytes(), object) || err != nil {
		t.Error(got.Len(), err)
	}
	c.start(t, lost)
	put(30, 40)
	work(20, 40)
	want := 0
	for i := range 40 {
		want += i * i
	}
	if v, _, err := sums.Get(patient(t), "sum"); v != want || err != nil {
		t.Error(v, want, err)
	}
	if err := errors.Join(event.Set(patient(t)), event.Clear(patient(t))); err != nil {
		t.Error(err)
	}
	if err := <-woken; err != nil {
		t.Error(err)
	}
}
