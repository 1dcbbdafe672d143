package greenlet

import (
	"fmt"
	"runtime"
	"testing"
)

// A genlet is a generator made of a greenlet: the classic use of explicit
// switches.
type genlet struct {
	*Greenlet[any]
	child *genlet // the innermost that has yielded through this one
}

func newGenlet(main *Greenlet[any], body func(self *genlet)) *genlet {
	g := new(genlet)
	g.Greenlet = New(main, func(*Greenlet[any], any) (any, error) { body(g); return nil, nil })
	return g
}

// next resumes the generator on behalf of the running greenlet.
func (g *genlet) next() (any, bool) {
	target := g
	for target.child != nil {
		target, target.child = target.child, nil
	}
	if target == g {
		g.SetParent(g.Current())
	}
	g.child = nil
	v, _ := target.Switch(nil)
	return v, !g.Dead()
}

// yield gives v to whoever pulls the generator. When the family is closed, it
// unwinds the generator.
func (g *genlet) yield(v any) {
	if _, err := g.Parent().Switch(v); err != nil {
		runtime.Goexit()
	}
}

func (g *genlet) each(do func(v any)) {
	for v, ok := g.next(); ok; v, ok = g.next() {
		do(v)
	}
}

func TestGenerator(t *testing.T) {
	main := openFamily[any](t)
	for _, depth := range []int{1, 2} {
		var seen []any
		for range 3 {
			g := newGenlet(main, func(self *genlet) {
				for i := range 5 {
					seen = append(seen, i+1)
					if depth == 2 {
						func() { self.yield(i) }()
					} else {
						self.yield(i)
					}
				}
			})
			g.each(func(v any) { seen = append(seen, v) })
		}
		want := "[1 0 2 1 3 2 4 3 5 4 1 0 2 1 3 2 4 3 5 4 1 0 2 1 3 2 4 3 5 4]"
		if got := fmt.Sprint(seen); got != want {
			t.Errorf("depth %d: %v", depth, got)
		}
	}
}

// TestNestedGenerators: generators that pull generators of their own kind.
func TestNestedGenerators(t *testing.T) {
	main := openFamily[any](t)
	var count func(n int) *genlet
	count = func(n int) *genlet {
		return newGenlet(main, func(self *genlet) {
			if n > 0 {
				count(n - 1).each(self.yield)
				self.yield(n)
			}
		})
	}
	var seen []any
	count(5).each(func(v any) { seen = append(seen, v) })
	same(t, seen, any(1), 2, 3, 4, 5)
}

// TestLayeredGenerators: an inner one yields now to its consumer, now past it
// to the consumer's consumer.
func TestLayeredGenerators(t *testing.T) {
	main := openFamily[any](t)
	var seen []any
	outer := newGenlet(main, func(self *genlet) {
		inner := newGenlet(main, func(g *genlet) {
			for i := 1; i < 5; i++ {
				g.yield(i)
				self.child = g
				self.yield(i * i)
			}
		})
		inner.each(func(v any) { seen = append(seen, v) })
	})
	outer.each(func(v any) { seen = append(seen, v) })
	same(t, seen, any(1), 1, 2, 4, 3, 9, 4, 16)
}

// TestPermutations pulls two recursive generators in step.
func TestPermutations(t *testing.T) {
	main := openFamily[any](t)
	var perms func(list []int) *genlet
	perms = func(list []int) *genlet {
		return newGenlet(main, func(self *genlet) {
			if len(list) <= 1 {
				self.yield(list)
				return
			}
			for i, e := range list {
				rest := append(append([]int(nil), list[:i]...), list[i+1:]...)
				perms(rest).each(func(p any) { self.yield(append([]int{e}, p.([]int)...)) })
			}
		})
	}
	var pairs []any
	long, short := perms([]int{0, 1, 2, 3}), perms([]int{0, 1, 2})
	for {
		a, ok := long.next()
		b, also := short.next()
		if !ok || !also {
			break
		}
		pairs = append(pairs, fmt.Sprint(a, b))
	}
	same(t, pairs, any("[0 1 2 3] [0 1 2]"), "[0 1 3 2] [0 2 1]", "[0 2 1 3] [1 0 2]",
		"[0 2 3 1] [1 2 0]", "[0 3 1 2] [2 0 1]", "[0 3 2 1] [2 1 0]")
	n := 0
	perms([]int{0, 1, 2, 3}).each(func(any) { n++ })
	if n != 24 {
		t.Errorf("%d permutations, want 24", n)
	}
}
