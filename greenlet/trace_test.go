package greenlet

import (
	"fmt"
	"testing"
)

// tracer records events as text.
func tracer(log *[]string, names map[*Greenlet[int]]string) func(Event[int]) {
	return func(e Event[int]) {
		*log = append(*log, fmt.Sprintf("%v %s %s", e.Kind, names[e.Origin], names[e.Target]))
	}
}

func TestTrace(t *testing.T) {
	main := openFamily[int](t)
	g1 := New(main, nothing)
	g2 := New(main, func(*Greenlet[int], int) (int, error) { return 0, errSome })
	g3 := New(main, func(*Greenlet[int], int) (int, error) { return g2.Switch(0) })
	var log []string
	trace := tracer(&log, map[*Greenlet[int]]string{main: "main", g1: "g1", g2: "g2", g3: "g3"})
	if old := main.SetTrace(trace); old != nil {
		t.Error("there was a trace function")
	}
	must(t, g1, 0, 0)
	mustErr(t, g3, 0, errSome)
	if g1.SetTrace(trace) == nil || main.Trace() == nil { // twice the same
		t.Error("the trace function is gone")
	}
	main.SetTrace(nil)
	must(t, g1, 0, 0)
	same(t, log, "switch main g1", "switch g1 main", "switch main g3", "switch g3 g2", "throw g2 main")
}

// TestTraceOfSuspended: greenlets that were suspended before tracing began are
// traced too.
func TestTraceOfSuspended(t *testing.T) {
	main := openFamily[int](t)
	var g2 *Greenlet[int]
	g1 := New(main, func(*Greenlet[int], int) (int, error) { main.Switch(0); return g2.Switch(1) })
	g2 = New(main, func(*Greenlet[int], int) (int, error) { main.Switch(0); return 2, nil })
	g1.Switch(0)
	g2.Switch(0)
	var log []string
	main.SetTrace(tracer(&log, map[*Greenlet[int]]string{main: "main", g1: "g1", g2: "g2"}))
	must(t, g1, 0, 2)
	main.SetTrace(nil)
	same(t, log, "switch main g1", "switch g1 g2", "switch g2 main")
}

// TestTracePanics turns tracing off and goes on in the target.
func TestTracePanics(t *testing.T) {
	main := openFamily[int](t)
	g := New(main, func(*Greenlet[int], int) (int, error) { return main.Switch(0) })
	g.Switch(0)
	events := 0
	main.SetTrace(func(Event[int]) { events++; panic(errSome) })
	func() {
		defer func() {
			if p, ok := recover().(*PanicError); !ok || p.Value != errSome {
				t.Errorf("recovered %v", p)
			}
		}()
		g.Switch(0)
	}()
	if main.Trace() != nil || events != 1 || !g.Dead() {
		t.Errorf("trace off %t, %d events, %v", main.Trace() == nil, events, g)
	}
	must(t, New(main, nothing), 0, 0)
}

// TestTraceSwitches: a trace function may switch; the value that was on its way
// arrives.
func TestTraceSwitches(t *testing.T) {
	main := openFamily[string](t)
	var log []string
	g2 := New(main, func(*Greenlet[string], string) (string, error) {
		v, err := main.Switch("g2 first")
		log = append(log, "g2 got "+v)
		return "g2 done", err
	})
	g1 := New(main, func(_ *Greenlet[string], v string) (string, error) {
		log = append(log, "g1 got "+v)
		return "g1 done", nil
	})
	g2.SetParent(g1)
	once := false
	main.SetTrace(func(e Event[string]) {
		log = append(log, "trace")
		if once {
			return
		}
		once = true
		v, err := g2.Switch("from the trace function") // it goes on in main
		log = append(log, fmt.Sprint("trace function got ", v, " ", err))
	})
	v, _ := g1.Switch("argument")
	log = append(log, "main got "+v)
	v, _ = g2.Switch("again")
	log = append(log, "main got "+v)
	main.SetTrace(nil)
	same(t, log, "trace", "main got g2 first", "g2 got again", "trace function got g2 done <nil>",
		"g1 got argument", "trace", "main got g1 done")
}
