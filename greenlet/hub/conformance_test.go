package hub

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An answer says what stands here for a name of gevent: ours and the test of
// it, those of a package below with its name ("hubtls.Conn"), or, if there is
// nothing, why.
type answer struct {
	gevent string
	ours   string
	test   string
	why    string
}

var conformance = []answer{
	{"gevent.Greenlet", "Greenlet", "TestOutcomes", ""},
	{"gevent.Greenlet.start", "Hub.Spawn", "TestYieldOrder", ""},
	{"gevent.Greenlet.start_later", "Hub.SpawnLater", "TestSpawnLater", ""},
	{"gevent.Greenlet.join", "Greenlet.Join", "TestOutcomes", ""},
	{"gevent.Greenlet.get", "Task.Get", "TestOutcomes", ""},
	{"gevent.Greenlet.kill", "Greenlet.Kill", "TestKill", ""},
	{"gevent.Greenlet.ready", "Greenlet.Ready", "TestOutcomes", ""},
	{"gevent.Greenlet.successful", "Greenlet.Successful", "TestOutcomes", ""},
	{"gevent.Greenlet.dead", "Greenlet.Dead", "TestKill", ""},
	{"gevent.Greenlet.value", "Task.Value", "TestOutcomes", ""},
	{"gevent.Greenlet.exception", "Greenlet.Err", "TestKill", ""},
	{"gevent.Greenlet.link", "Greenlet.Link", "TestLinks", ""},
	{"gevent.Greenlet.link_value", "Greenlet.LinkValue", "TestLinks", ""},
	{"gevent.Greenlet.link_exception", "Greenlet.LinkError", "TestLinks", ""},
	{"gevent.Greenlet.rawlink", "Greenlet.Link", "TestLinks", ""},
	{"gevent.Greenlet.unlink", "Link.Unlink", "TestLinks", ""},
	{"gevent.hub.Hub.handle_error", "Config", "TestErrorsNobodyAsksFor", ""},
	{"gevent.Greenlet.minimal_ident", "Greenlet.ID", "TestNames", ""},
	{"gevent.Greenlet.name", "Greenlet.Name", "TestNames", ""},
	{"gevent.GreenletExit", "ErrExit", "TestKill", ""},
	{"gevent.Timeout", "Timeout", "TestTimeouts", ""},
	{"gevent.with_timeout", "Hub.WithTimeout", "TestTimeouts", ""},
	{"gevent.get_hub", "Greenlet.Hub", "TestNames", ""},
	{"gevent.getcurrent", "Hub.Current", "TestNames", ""},
	{"gevent.idle", "Hub.Idle", "TestIdle", ""},
	{"gevent.iwait", "Iwait", "TestWaitAndIwait", ""},
	{"gevent.joinall", "Hub.JoinAll", "TestOutcomes", ""},
	{"gevent.kill", "Greenlet.KillWith", "TestKill", ""},
	{"gevent.killall", "Hub.KillAll", "TestKillAllInOrder", ""},
	{"gevent.signal_handler", "Hub.Signal", "TestSignal", ""},
	{"gevent.sleep", "Hub.Sleep", "TestSleepOrder", ""},
	{"gevent.spawn", "Hub.Spawn", "TestYieldOrder", ""},
	{"gevent.spawn_later", "Hub.SpawnLater", "TestSpawnLater", ""},
	{"gevent.spawn_raw", "Hub.SpawnRaw", "TestNames", ""},
	{"gevent.wait", "Wait", "TestWaitAndIwait", ""},
	{"gevent.config", "Config", "TestPanicIsTheGreenletsError", ""},
	{"gevent.fork", "", "", "a Go program cannot fork safely; new processes are Hub.Command and the package procs"},
	{"gevent.reinit", "", "", "repairs the hub after a fork; there is none"},
	{"gevent.getswitchinterval", "", "", "the interval of Python's interpreter lock; there is none"},
	{"gevent.setswitchinterval", "", "", "the interval of Python's interpreter lock; there is none"},
	{"gevent.monkey.patch_all", "", "", "replaces blocking functions at run time; Go code cannot be patched, Await serves instead"},
	{"gevent.pool.Group", "Group", "TestGroup", ""},
	{"gevent.pool.Pool", "Pool", "TestPoolLimits", ""},
	{"gevent.pool.PoolFull", "Pool.TrySpawn", "TestPoolLimits", ""},
	{"gevent.pool.apply", "Apply", "TestMapApplyImap", ""},
	{"gevent.pool.apply_async", "ApplyAsync", "TestMapApplyImap", ""},
	{"gevent.pool.map", "Map", "TestMapApplyImap", ""},
	{"gevent.pool.map_async", "MapAsync", "TestMapApplyImap", ""},
	{"gevent.pool.imap", "Imap", "TestMapApplyImap", ""},
	{"gevent.pool.imap_unordered", "ImapUnordered", "TestMapApplyImap", ""},
	{"gevent.queue.Queue", "Queue", "TestQueueBoundedBothWays", ""},
	{"gevent.queue.SimpleQueue", "SimpleQueue", "TestSimpleQueue", ""},
	{"gevent.queue.PriorityQueue", "PriorityQueue", "TestLifoAndPriorityQueue", ""},
	{"gevent.queue.LifoQueue", "LifoQueue", "TestLifoAndPriorityQueue", ""},
	{"gevent.queue.JoinableQueue", "JoinableQueue", "TestJoinableQueue", ""},
	{"gevent.queue.Channel", "Channel", "TestChannel", ""},
	{"gevent.queue.ShutDown", "ErrShutDown", "TestQueueShutDown", ""},
	{"gevent.queue.Empty", "ErrEmpty", "TestQueueWithoutWaiting", ""},
	{"gevent.queue.Full", "ErrFull", "TestQueueWithoutWaiting", ""},
	{"gevent.event.Event", "Event", "TestEventAndAsyncResult", ""},
	{"gevent.event.AsyncResult", "AsyncResult", "TestEventAndAsyncResult", ""},
	{"gevent.lock.Semaphore", "Semaphore", "TestSemaphoreHandsOverInOrder", ""},
	{"gevent.lock.BoundedSemaphore", "BoundedSemaphore", "TestBoundedSemaphore", ""},
	{"gevent.lock.DummySemaphore", "DummySemaphore", "TestDummySemaphore", ""},
	{"gevent.lock.RLock", "RLock", "TestRLock", ""},
	{"gevent.local.local", "Local", "TestLocal", ""},
	{"gevent.server.StreamServer", "StreamServer", "TestStreamServerLimitAndStop", ""},
	{"gevent.server.DatagramServer", "DatagramServer", "TestDatagramServer", ""},
	{"gevent.socket", "Conn", "TestEcho", ""},
	{"gevent.ssl", "hubtls.Conn", "hubtls.TestConn", ""},
	{"gevent.subprocess.Popen", "Popen", "TestPopen", ""},
	{"gevent.threadpool.ThreadPool", "ThreadPool", "TestThreadPool", ""},
	{"gevent.hub.Waiter", "", "", "the means to build primitives is waitList, under all of them; AsyncResult is the public one"},
	{"gevent.util.GreenletTree", "Hub.RunInfo", "TestRunInfo", ""},
	{"gevent.util.print_run_info", "RunInfo.WriteTo", "TestRunInfo", ""},
	{"gevent.util.assert_switches", "Hub.Switches", "TestRunToCompletionDoesNotSwitch", ""},
	{"gevent.backdoor", "", "", "an interactive interpreter for a running program; Go has none, RunInfo shows what runs"},
	{"gevent.events.EventLoopBlocked", "Blocked", "TestWatchdog", ""},
}

// TestConformance: every name of gevent has an answer, what it names and the
// test it names exist, and nothing but that list is answered.
func TestConformance(t *testing.T) {
	text, err := os.ReadFile("testdata/gevent-api.txt")
	must(t, err)
	exported, tests := map[string]bool{}, map[string]bool{}
	for _, pkg := range []string{"", "hubtls"} {
		declared(t, pkg, exported, tests)
	}
	answers := map[string]answer{}
	for _, a := range conformance {
		if _, twice := answers[a.gevent]; twice {
			t.Errorf("%s is answered twice", a.gevent)
		}
		answers[a.gevent] = a
		switch {
		case a.why != "" && (a.ours != "" || a.test != ""):
			t.Errorf("%s has an answer and a reason why not", a.gevent)
		case a.why == "" && (a.ours == "" || a.test == ""):
			t.Errorf("%s has neither an answer with a test nor a reason", a.gevent)
		case a.ours != "" && !exported[a.ours]:
			t.Errorf("%s is answered by %s, which there is not", a.gevent, a.ours)
		case a.test != "" && !tests[a.test]:
			t.Errorf("%s is tested by %s, which there is not", a.gevent, a.test)
		}
	}
	names := strings.Fields(string(text))
	answered := 0
	for _, name := range names {
		a, ok := answers[name]
		if !ok {
			t.Errorf("%s has no answer", name)
		}
		if a.test != "" {
			answered++
		}
		delete(answers, name)
	}
	for name := range answers {
		t.Errorf("%s is not in the list", name)
	}
	t.Logf("%d of %d names answered by a test, the others by a reason", answered, len(names))
}

// declared adds a package's exported names, Type, Func and Type.Method, and its
// test functions. pkg is a folder below this one, or empty.
func declared(t *testing.T, pkg string, exported, tests map[string]bool) {
	files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	must(t, err)
	if pkg != "" {
		pkg += "."
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, d := range f.Decls {
			fn, isFunc := d.(*ast.FuncDecl)
			if strings.HasSuffix(file, "_test.go") {
				if isFunc && isTest(fn) {
					tests[pkg+fn.Name.Name] = true
				}
				continue
			}
			if isFunc {
				exported[pkg+receiver(fn)+fn.Name.Name] = fn.Name.IsExported()
				continue
			}
			for _, s := range d.(*ast.GenDecl).Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					exported[pkg+s.Name.Name] = s.Name.IsExported()
				case *ast.ValueSpec:
					for _, n := range s.Names {
						exported[pkg+n.Name] = n.IsExported()
					}
				}
			}
		}
	}
}

// isTest reports whether go test runs the function as a test: func TestXxx(t
// *testing.T).
func isTest(d *ast.FuncDecl) bool {
	if d.Recv != nil || !strings.HasPrefix(d.Name.Name, "Test") || len(d.Type.Params.List) != 1 {
		return false
	}
	p, ok := d.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := p.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "T"
}

// receiver returns "Type." for a method, else "".
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	e := d.Recv.List[0].Type
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if i, ok := e.(*ast.IndexExpr); ok {
		e = i.X
	}
	if n, ok := e.(*ast.Ident); ok {
		return n.Name + "."
	}
	return ""
}
