//go:build linux

package procs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// checker type-checks packages of procs, and finds where they call code that
// is not theirs.
type checker struct {
	fset     *token.FileSet
	importer types.Importer
	packages []listed // of procs
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{fset: token.NewFileSet()}
	exports := make(map[string]string)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		// Those of the examples are programs of users.
		if in(p.ImportPath, procsPath) && !in(p.ImportPath, procsPath+"/internal/proctest") && !in(p.ImportPath, procsPath+"/examples") {
			c.packages = append(c.packages, p)
		}
	}
	c.importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(exports[path])
	})
	return c
}

const procsPath = "switchyard/procs"

func in(path, parent string) bool { return path == parent || strings.HasPrefix(path, parent+"/") }

func internal(path string) bool { return strings.Contains(path, "/internal/") }

// check returns the calls in a package, each as "function: call".
func (c *checker) check(t *testing.T, path string, files []*ast.File) (calls []string) {
	t.Helper()
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Uses: make(map[*ast.Ident]types.Object), Defs: make(map[*ast.Ident]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection)}
	config := types.Config{Importer: c.importer}
	if _, err := config.Check(path, c.fset, files, info); err != nil {
		t.Fatal(path, err)
	}
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			v := &visitor{info: info, public: !internal(path)}
			if v.public && f.Name.IsExported() {
				for _, field := range f.Type.Params.List {
					for _, id := range field.Names {
						v.params = append(v.params, info.Defs[id])
					}
				}
			}
			v.walk(f.Body, false)
			where := f.Name.Name
			if f.Recv != nil {
				where = types.ExprString(f.Recv.List[0].Type) + "." + where
			}
			for _, call := range v.found {
				calls = append(calls, where+": "+call)
			}
		}
	}
	return calls
}

type visitor struct {
	info   *types.Info
	public bool           // else no function or error of a user comes so far
	params []types.Object // of an exported function: its caller's own
	found  []string
}

// userMethods are the methods of errors and values that their types may define.
var userMethods = []string{"Error", "Is", "As", "Unwrap", "String", "GoString", "Format", "Close", "Timeout", "Temporary",
	"MarshalBinary", "UnmarshalBinary", "AppendBinary", "MarshalText", "UnmarshalText", "GobEncode", "GobDecode"}

// walk looks at the calls below n. guarded says that fault keeps what they do
// from doing harm.
func (v *visitor) walk(n ast.Node, guarded bool) {
	if body, ok := n.(*ast.BlockStmt); ok && v.recovers(body) {
		guarded = true
	}
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.FuncLit:
			v.walk(m.Body, guarded)
			return false
		case *ast.CallExpr:
			if v.ofFault(m) {
				for _, arg := range m.Args {
					v.walk(arg, true)
				}
				return false
			}
			if !guarded && v.foreign(m) {
				v.found = append(v.found, types.ExprString(m.Fun))
			}
		}
		return true
	})
}

// recovers reports whether a function has a deferred call of fault.
func (v *visitor) recovers(body *ast.BlockStmt) bool {
	return slices.ContainsFunc(body.List, func(s ast.Stmt) (found bool) {
		if d, ok := s.(*ast.DeferStmt); ok {
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				found = found || ok && v.ofFault(call)
				return !found
			})
		}
		return found
	})
}

func (v *visitor) ofFault(call *ast.CallExpr) bool {
	s, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return ok && v.info.Uses[s.Sel] != nil && v.info.Uses[s.Sel].Pkg() != nil && v.info.Uses[s.Sel].Pkg().Path() == procsPath+"/internal/fault"
}

// foreign reports whether a call may be one of code that is not ours: a method
// that an error or a value may define, or a function that was given to us.
func (v *visitor) foreign(call *ast.CallExpr) bool {
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return slices.Contains(v.params, v.info.Uses[f])
	case *ast.SelectorExpr:
		s := v.info.Selections[f]
		if s == nil { // of a package
			return v.public && v.looksInto(v.info.Uses[f.Sel], call.Args)
		}
		if s.Kind() == types.FieldVal {
			return v.public && v.info.TypeOf(f).String() != "context.CancelFunc"
		}
		if n, ok := s.Recv().(*types.Named); ok && n.Obj().Pkg() != nil && in(n.Obj().Pkg().Path(), procsPath) {
			return false // an interface of ours has our implementations
		}
		i, ok := s.Recv().Underlying().(*types.Interface)
		return ok && !sealed(i) && slices.Contains(userMethods, f.Sel.Name)
	}
	return false
}

// looksInto reports whether o is a function of package errors that calls
// methods of errors which may be a user's. Who asks for an error of the system,
// or for one that only we know, asks no user's.
func (v *visitor) looksInto(o types.Object, args []ast.Expr) bool {
	if o.Pkg() == nil || o.Pkg().Path() != "errors" || !slices.Contains([]string{"Is", "As", "AsType", "Unwrap"}, o.Name()) {
		return false
	}
	if o.Name() != "Is" {
		return true
	}
	var target types.Object
	switch a := ast.Unparen(args[1]).(type) {
	case *ast.Ident:
		target = v.info.Uses[a]
	case *ast.SelectorExpr:
		target = v.info.Uses[a.Sel]
	}
	return target == nil || target.Pkg() == nil || in(target.Pkg().Path(), procsPath) && target.Exported() && !internal(target.Pkg().Path())
}

// sealed reports whether only the package of an interface can implement it.
func sealed(i *types.Interface) bool {
	for m := range i.Methods() {
		if !m.Exported() {
			return true
		}
	}
	return false
}

func (c *checker) parse(t *testing.T, name string, src any) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(c.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// allowed are the calls that fault need not make, as "function: call", by the
// reason. A function may go to another file or package; who adds one says why.
var allowed = map[string][]string{
	"the caller's own function, called in its goroutine: a panic is the caller's, and finds everything in order": {
		"*Array[T].Update: fn", "*Value[T].Update: fn", "Heartbeat: beat", "RegisterStar: fn", "*ShareableList.All: yield",
		"*pipeSocket.Control: f", "*Condition.WaitFor: predicate", "*List[T].Modify: f", "*Value[T].Modify: f", "*Dict[V].Modify: f",
		"*Func[In, Out].Call: f.call",
	},
	"a sequence of the caller's: pull notes its panic, which goes on in the loop": {
		"imap: in.stop", "*feed[In, Out].submit: s.next", "*feed[In, Out].end: s.failed",
	},
	"what calls it catches what it does": {
		"NewProcess: f.call", "*erasedFunc[In, Out].start: f.call", "*erasedFunc[In, Out].RunOne: f.call", "*erasedFunc[In, Out].RunChunk: f.call",
		"*Type[T, In].construct: t.make", "*Method[T, In, Out].invoke: m.call",
		"notify: o.OnError", // Future.AddDoneCallback
		"*plan.planMarshaler: reflect.NewAt(t, v).Interface().(encoding.BinaryMarshaler).MarshalBinary",
		"*plan.planMarshaler: reflect.NewAt(t, v).Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary",
	},
	"a function of our own": {
		"init: c.encode", "*plan.decodeWhole: c.Close", "callbacks: o.onError", "spawn: spec.ended", "*stdioEnds.copy: e.input", "*monitor.settle: w.try",
		"*Supervisor.start: c.make", "*acceptor[C].take: c.Close", "*acceptor[C].handshake: l.exam", "*acceptor[C].handshake: l.open",
		"*Pool.end: r.finish", "ending.unheard: e.r.unheard", "*direct.await: r.unheard",
		"*batch.end: b.done", "*Executor.Shutdown: r.cancel", "*outbox[T].flush: o.run", "*outbox[T].drain: o.send",
		"*erasedFunc[In, Out].RunOne: out", "*erasedFunc[In, Out].RunChunk: buffer",
		"*guest.look: g.instead", "*lineSocket.flush: s.run",
	},
	"a connection of package net, and what package nats says of its own": {
		"*dialer.Dial: c.Close", "takeOver: nc.Close", "*lineSocket.drain: s.c.Close", "*lineSocket.close: s.c.Close", "*taker.fetch: batch.Error", "serveLocal: s.Addr().String", "endLocal: a.String",
	},
	"an error of our own, of the kernel, or of fault": {
		"Random: err.Error", "munmap: err.Error", "*workers.start: err.Error", "*RemoteError.failed: failed.Error", "*mapping[Out].end: errors.As",
		"*Condition.waitFor: errors.Is", "*streamSocket.recv: errors.Is", "*Process.String: errors.Is",
		"linkTo: errors.Is", "*clientLink.send: errors.Is", "*Manager.Shutdown: errors.Is",
	},
}

// Everything that is not ours, methods of errors and of values, callbacks and
// hooks, is called by package fault, or where a reason says why it need not be.
func TestUserCodeIsCalledByFault(t *testing.T) {
	if testing.Short() {
		t.Skip("short: go list builds all packages")
	}
	c := newChecker(t)
	known := make(map[string]bool)
	for _, calls := range allowed {
		for _, call := range calls {
			known[call] = true
		}
	}
	for _, p := range c.packages {
		if p.ImportPath == procsPath+"/internal/fault" {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			files = append(files, c.parse(t, filepath.Join(p.Dir, name), nil))
		}
		for _, call := range c.check(t, p.ImportPath, files) {
			if !known[call] {
				t.Errorf("%s: %s is not called by package fault; see allowed", p.ImportPath, call)
			}
		}
	}
	// It sees what it is to see.
	found := c.check(t, procsPath+"/planted", []*ast.File{c.parse(t, "planted.go", planted)})
	want := []string{
		"Sees: err.Error", "Sees: errors.Is", "Sees: errors.As", "Sees: errors.Unwrap", "Sees: v.String", "Sees: m.MarshalBinary",
		"Sees: c.Close", "Sees: alike.Is", "Sees: err.Unwrap", "Sees: hook", "Sees: x.callback", "Sees: x.callback", "*holder.Sees: x.of[0].callback",
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q in the planted file, want %q", found, want)
	}
}

const planted = `package planted

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"

	"switchyard/procs"
	"switchyard/procs/internal/fault"
)

type holder struct {
	callback func() error
	cancel   context.CancelFunc
	of       []*holder
}

func Sees(err error, v fmt.Stringer, m encoding.BinaryMarshaler, c io.Closer, hook func(), x *holder) {
	_ = err.Error()
	_ = errors.Is(err, procs.ErrClosed)
	_ = errors.As(err, new(*procs.RemoteError))
	_ = errors.Unwrap(err)
	_ = v.String()
	_, _ = m.MarshalBinary()
	_ = c.Close()
	if alike, ok := err.(interface{ Is(error) bool }); ok {
		_ = alike.Is(nil)
	}
	if err, ok := err.(interface{ Unwrap() []error }); ok {
		_ = err.Unwrap()
	}
	hook()
	_ = x.callback()
	func() { _ = x.callback() }()
}

func (x *holder) Sees() { _ = x.of[0].callback() }

func Passes(err error, hook func(), x *holder) (failed error) {
	_ = fault.Apart(func() { hook(); _ = x.callback(); _ = err.Error() })
	func() {
		defer fault.Recover(&failed)
		_ = x.callback()
	}()
	func() {
		defer func() { failed = fault.NewPanic(recover()) }()
		hook()
	}()
	x.cancel()
	_ = reflect.TypeOf(err).String()
	_ = errors.Is(err, io.EOF)
	_ = new(procs.RemoteError).Error()
	ours := func() {}
	ours()
	return nil
}
`
