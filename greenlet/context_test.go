package greenlet

import (
	"context"
	"testing"
)

type key struct{}

func with(v int) context.Context { return context.WithValue(context.Background(), key{}, v) }

func seen(g *Greenlet[int]) int {
	v, _ := g.Context().Value(key{}).(int)
	return v
}

func look(self *Greenlet[int], _ int) (int, error) { return seen(self), nil }

// TestContextNotInherited: a new greenlet has an empty context of its own.
func TestContextNotInherited(t *testing.T) {
	main := openFamily[int](t)
	main.SetContext(with(1))
	must(t, New(main, look), 0, 0)
	if seen(main) != 1 {
		t.Error("main lost its context")
	}
}

// TestContextGiven: it is handed on by setting it, before the start or by a
// closure.
func TestContextGiven(t *testing.T) {
	main := openFamily[int](t)
	main.SetContext(with(7))
	g := New(main, look)
	g.SetContext(main.Context())
	must(t, g, 0, 7)
	ctx := main.Context()
	must(t, New(main, func(self *Greenlet[int], v int) (int, error) {
		self.SetContext(ctx)
		return look(self, v)
	}), 0, 7)
}

// TestContextPerGreenlet: each keeps its own while they switch, until it sets
// another.
func TestContextPerGreenlet(t *testing.T) {
	main := openFamily[int](t)
	run := func(self *Greenlet[int], v int) (int, error) {
		self.SetContext(with(v))
		for {
			v, err := main.Switch(seen(self))
			if err != nil {
				return 0, err
			}
			if v != 0 {
				self.SetContext(with(v))
			}
		}
	}
	g, h := New(main, run), New(main, run)
	must(t, g, 1, 1)
	must(t, h, 2, 2)
	must(t, g, 0, 1)
	must(t, h, 3, 3)
	must(t, g, 0, 1)
	g.SetContext(h.Context())
	must(t, g, 0, 3)
}
