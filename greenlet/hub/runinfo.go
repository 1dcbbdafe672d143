package hub

import (
	"fmt"
	"io"
	"runtime"
	"strings"
)

// A RunInfo is a picture of a hub: its greenlets as a tree, each with its
// stack (gevent.util.GreenletTree, gevent.util.print_run_info).
type RunInfo struct {
	Main     *GreenletInfo // and whom it spawned
	Orphans  []*GreenletInfo
	Live     int    // greenlets, without main
	Timers   int    // armed
	Waiting  int    // greenlets waiting for a descriptor
	Outside  int    // awaits, signal handlers and holds
	Switches uint64 // so far
	Carriers int    // coroutines, those waiting for a greenlet included
}

// A GreenletInfo is one greenlet of a [RunInfo].
type GreenletInfo struct {
	ID       uint64
	Name     string
	State    string // running, ready, waiting, pending
	Stack    []runtime.Frame
	Children []*GreenletInfo // whom it spawned and who are not dead
}

// RunInfo takes the picture. Orphans are those whose spawner is dead. It
// switches to every suspended greenlet for a moment, to have it describe its
// own stack: about a microsecond for each. Callbacks may use it too, and
//
//	h.Signal(func(os.Signal) { h.RunInfo().WriteTo(os.Stderr) }, syscall.SIGUSR1)
//
// lets one ask a running program.
func (h *Hub) RunInfo() *RunInfo {
	info := &RunInfo{
		Live: h.live, Timers: h.timers.armed, Waiting: h.ioWait,
		Outside: h.holds, Switches: h.switches, Carriers: h.nCarry,
	}
	nodes := map[uint64]*GreenletInfo{}
	info.Main = h.describe(h.main)
	nodes[0] = info.Main
	for g := h.all; g != nil; g = g.after {
		n := h.describe(g)
		nodes[g.id] = n
		// Whoever spawned it comes before it in the list.
		if by := nodes[g.by]; by != nil {
			by.Children = append(by.Children, n)
		} else {
			info.Orphans = append(info.Orphans, n)
		}
	}
	return info
}

func (h *Hub) describe(g *Greenlet) *GreenletInfo {
	n := &GreenletInfo{ID: g.id, Name: g.Name(), State: g.state()}
	if g.co != nil {
		n.Stack = h.stack(g)
	}
	return n
}

// A probe asks a suspended greenlet for its stack.
type probe struct {
	back interface {
		Switch(struct{}) (struct{}, error)
	}
	pcs []uintptr
}

func (*probe) Error() string { return "hub: request for a stack" }

// stack returns where g is, without the frames of the hub's own waiting.
func (h *Hub) stack(g *Greenlet) []runtime.Frame {
	me := h.main.co.Current()
	p := &probe{back: me, pcs: make([]uintptr, 64)}
	if me == g.co {
		p.pcs = p.pcs[:runtime.Callers(3, p.pcs)]
	} else {
		cur := h.cur
		g.pending = &thrown{p, g.pending}
		g.co.Switch(struct{}{})
		h.cur = cur
	}
	var stack []runtime.Frame
	frames := runtime.CallersFrames(p.pcs)
	for {
		f, more := frames.Next()
		if f.Function == "switchyard/greenlet/hub.try" || f.Function == "" {
			break
		}
		if len(stack) > 0 || !isWaiting(f.Function) {
			stack = append(stack, f)
		}
		if !more {
			break
		}
	}
	return stack
}

// isWaiting reports whether function is one in which every suspended greenlet
// is.
func isWaiting(function string) bool {
	for _, f := range [...]string{".(*Hub).woken", ".(*Hub).wait", ".(*Greenlet).deliver", ".(*Hub).yieldSlow"} {
		if strings.HasSuffix(function, f) {
			return true
		}
	}
	return false
}

// answer runs in the greenlet that was asked and switches back.
func (p *probe) answer() {
	p.pcs = p.pcs[:runtime.Callers(3, p.pcs)]
	p.back.Switch(struct{}{})
}

// answerProbes serves requests for a stack that came instead of a turn.
func (g *Greenlet) answerProbes() {
	for g.pending != nil {
		p, ok := g.pending.err.(*probe)
		if !ok {
			return
		}
		g.pending = g.pending.next
		p.answer()
	}
}

// WriteTo writes the picture as indented text.
func (i *RunInfo) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, i.String())
	return int64(n), err
}

func (i *RunInfo) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "hub: %d greenlets, %d coroutines, %d timers, %d waiting for descriptors, %d events expected from outside, %d switches\n",
		i.Live, i.Carriers, i.Timers, i.Waiting, i.Outside, i.Switches)
	i.Main.write(&b, "")
	for _, o := range i.Orphans {
		o.write(&b, "")
	}
	return b.String()
}

func (n *GreenletInfo) write(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s%s (%s)\n", indent, n.Name, n.State)
	for _, f := range n.Stack {
		fmt.Fprintf(b, "%s  | %s %s:%d\n", indent, f.Function, f.File, f.Line)
	}
	for _, c := range n.Children {
		c.write(b, indent+"  +-- ")
	}
}
