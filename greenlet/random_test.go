package greenlet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

var errBoom = errors.New("boom")

// A program is a greenlet function whose every step is drawn from a source that
// all its greenlets share. Since one of them runs at a time, two systems that
// switch alike make it take the same steps; its log shows what it saw.
type program struct {
	sys    system
	draw   func(n int) int // 0 to n-1
	left   int             // steps
	size   int             // greenlets
	calm   bool            // no Goexit
	log    strings.Builder
	passed int // transfers before the family was closed
}

const maxSize = 12

func (p *program) note(format string, args ...any) {
	fmt.Fprintf(&p.log, "[%d] ", p.sys.current())
	fmt.Fprintf(&p.log, format+"\n", args...)
}

// run executes the program on a new system and returns its log.
func (p *program) run(open func() system) (log string) {
	done := make(chan struct{})
	go func() { // Goexit may reach main
		defer close(done)
		sys := open()
		p.sys, p.size = sys, 1
		defer func() {
			p.passed = sys.transfers()
			sys.settrace(nil)
			err := sys.close()
			p.note("closed: %t", err == nil)
			for id := range p.size {
				started, dead, parent := sys.look(id)
				p.note("end %d: %t %t %d", id, started, id == 0 || dead, parent)
			}
		}()
		for p.left > 0 {
			v, err := p.body(0, 0)
			p.note("main body: %d %v", v, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		buf := make([]byte, 1<<20)
		panic("program hangs\n" + p.log.String() + string(buf[:runtime.Stack(buf, true)]))
	}
	return p.log.String()
}

// body is the run function of every greenlet.
func (p *program) body(self, v int) (int, error) {
	defer func() { p.note("unwound") }()
	p.note("start %d", v)
	for p.left > 0 {
		p.left--
		switch op := p.draw(20); op {
		case 0, 1, 2:
			if p.size < maxSize {
				parent := p.draw(p.size)
				p.note("create %d", p.sys.create(parent, p.body))
				p.size++
			}
		case 3, 4:
			p.throw()
		case 5:
			id, parent := p.draw(p.size), p.draw(p.size)
			p.note("reparent %d %d: %v", id, parent, p.sys.reparent(id, parent))
		case 6:
			id := p.draw(p.size)
			started, dead, parent := p.sys.look(id)
			p.note("look %d: %t %t %d", id, started, dead, parent)
		case 7:
			return p.draw(100), nil
		case 8:
			return p.draw(100), []error{ErrExit, errBoom, fmt.Errorf("wrapped %w", ErrExit)}[p.draw(3)]
		case 9:
			if self != 0 {
				panic(fmt.Sprint("panic ", self))
			}
		case 10:
			if self != 0 && !p.calm {
				if p.draw(2) == 0 {
					defer func() { panic(fmt.Sprint("panic at the exit of ", self)) }()
				}
				runtime.Goexit()
			}
		case 11:
			p.tracing(p.draw(2) == 0)
		default:
			p.call(p.draw(p.size), p.draw(100), nil)
		}
	}
	return v, nil
}

func (p *program) throw() {
	err := errBoom
	if p.draw(2) == 0 {
		err = ErrExit
	}
	p.call(p.draw(p.size), 0, err)
}

// call switches or throws, and recovers from panics, half of the time.
func (p *program) call(id, v int, err error) {
	if p.sys.current() == 0 || p.draw(2) == 0 {
		defer func() {
			if f := recover(); f != nil {
				p.note("recovered %v", value(f))
			}
		}()
	}
	p.note("send %d %d %v", id, v, err)
	v, err = p.sys.send(id, v, err)
	p.note("got %d %v", v, err)
}

func (p *program) tracing(on bool) {
	if !on {
		p.sys.settrace(nil)
		return
	}
	p.sys.settrace(func(kind string, origin, target int) {
		p.note("%s %d %d", kind, origin, target)
	})
}

// value is what a recovered panic is about, under either system.
func value(p any) any {
	if e, ok := p.(*PanicError); ok {
		return e.Value
	}
	return p
}

// both runs the program that draw's maker describes under both definitions.
// spare is the number of idle workers the real one keeps.
func both(t *testing.T, steps, spare int, calm bool, source func() func(int) int) {
	t.Helper()
	want := &program{draw: source(), left: steps, calm: calm}
	got := &program{draw: source(), left: steps, calm: calm}
	w, g := want.run(newRef), got.run(func() system { return newReal(spare) })
	if w != g {
		t.Fatalf("the logs differ\nreference:\n%s\nreal:\n%s", w, g)
	}
	if debug && calm && spare >= maxSize && want.passed != got.passed {
		t.Fatalf("%d coroutine switches for %d transfers\n%s", got.passed, want.passed, g)
	}
}

// TestRandomPrograms compares thousands of programs of both kinds: with
// Goexit, and without it, where every transfer must cost one coroutine switch.
// (Coroutine switches are counted under -tags greenletdebug.)
func TestRandomPrograms(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	before := runtime.NumGoroutine()
	for seed := range uint64(n) {
		both(t, 20+int(seed%200), []int{keep, 0, 1}[seed%3], seed%2 == 0, func() func(int) int {
			return rand.New(rand.NewPCG(seed, 1)).IntN
		})
	}
	settled(t, before)
}

// FuzzPrograms lets the fuzzer write the programs.
func FuzzPrograms(f *testing.F) {
	f.Add([]byte("a short program"), byte(0), false)
	f.Add(binary.LittleEndian.AppendUint64(nil, 0x0123456789abcdef), byte(255), true)
	f.Fuzz(func(t *testing.T, code []byte, spare byte, calm bool) {
		if len(code) > 4096 {
			return
		}
		both(t, len(code), int(spare), calm, func() func(int) int {
			at := 0
			return func(n int) int {
				if at >= len(code) {
					return 0
				}
				at++
				return int(code[at-1]) % n
			}
		})
	})
}

// settled fails the test unless soon no more goroutines run than before. The
// oracle's are ordinary ones, which end a little after their last message.
func settled(t *testing.T, before int) {
	t.Helper()
	if !ended(before) {
		buf := make([]byte, 1<<20)
		t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
	}
}
