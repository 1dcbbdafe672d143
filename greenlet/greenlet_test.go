package greenlet

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

var errSome = errors.New("some error")

// family returns the main greenlet of a new family that must close without an
// error.
func openFamily[T any](t *testing.T) *Greenlet[T] {
	t.Helper()
	main := Main[T]()
	t.Cleanup(func() {
		if err := main.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return main
}

// must switches to g and fails the test unless v comes back.
func must[T comparable](t *testing.T, g *Greenlet[T], send, want T) {
	t.Helper()
	if got, err := g.Switch(send); err != nil || got != want {
		t.Errorf("Switch(%v) = %v, %v; want %v", send, got, err, want)
	}
}

// mustErr switches to g and fails the test unless err comes back.
func mustErr[T any](t *testing.T, g *Greenlet[T], send T, want error) {
	t.Helper()
	if _, err := g.Switch(send); !errors.Is(err, want) {
		t.Errorf("Switch: error %v, want %v", err, want)
	}
}

func same[E comparable](t *testing.T, got []E, want ...E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func testSimple(t *testing.T) {
	main := Main[int]()
	defer main.Close()
	var list []int
	g := New(main, func(_ *Greenlet[int], v int) (int, error) {
		list = append(list, 1)
		v, err := main.Switch(v * 10)
		list = append(list, 3)
		return v * 10, err
	})
	list = append(list, 0)
	must(t, g, 4, 40)
	list = append(list, 2)
	must(t, g, 5, 50)
	list = append(list, 4)
	same(t, list, 0, 1, 2, 3, 4)
}

func TestSimple(t *testing.T) { testSimple(t) }

func TestTwoChildren(t *testing.T) {
	main := openFamily[int](t)
	count := 0
	run := func(*Greenlet[int], int) (int, error) {
		count++
		main.Switch(0)
		count += 2
		return 0, nil
	}
	g, h := New(main, run), New(main, run)
	for i, step := range []struct {
		g            *Greenlet[int]
		count        int
		gDead, hDead bool
	}{{g, 1, false, false}, {h, 2, false, false}, {h, 4, false, true}, {g, 6, true, true}} {
		must(t, step.g, 0, 0)
		if count != step.count || g.Dead() != step.gDead || h.Dead() != step.hDead {
			t.Errorf("step %d: count %d, dead %t %t", i, count, g.Dead(), h.Dead())
		}
	}
}

func TestTwoRecursiveChildren(t *testing.T) {
	main := openFamily[string](t)
	var list []string
	outer := New(main, func(self *Greenlet[string], _ string) (string, error) {
		list = append(list, "a")
		New(self, func(*Greenlet[string], string) (string, error) {
			list = append(list, "b")
			return self.Switch("")
		}).Switch("")
		list = append(list, "c")
		return "", nil
	})
	must(t, outer, "", "")
	same(t, list, "a", "b", "c")
}

// TestManyGoroutines: families on different goroutines know nothing of each
// other.
func TestManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			main := Main[int]()
			defer main.Close()
			count := 0
			for i := range 100 {
				New(main, func(*Greenlet[int], int) (int, error) {
					runtime.Gosched()
					v, err := main.Switch(i)
					count++
					return v, err
				}).Switch(0)
			}
			runtime.Gosched()
			main.Close()
			if count != 100 {
				t.Errorf("%d greenlets ended, want 100", count)
			}
		})
	}
	wg.Wait()
}

// TestValues: a value may be a struct of several, as python's keyword
// arguments.
func TestValues(t *testing.T) {
	type point struct{ x, y int }
	main := openFamily[point](t)
	g := New(main, func(_ *Greenlet[point], p point) (point, error) {
		p, err := main.Switch(point{p.y, p.x})
		return point{p.x + 1, p.y + 1}, err
	})
	must(t, g, point{4, 2}, point{2, 4})
	must(t, g, point{7, 8}, point{8, 9})
	must(t, g, point{1, 1}, point{1, 1}) // dead: it is main that is switched to
}

// TestSwitchToSelf returns at once.
func TestSwitchToSelf(t *testing.T) {
	main := openFamily[int](t)
	must(t, main, 3, 3)
	g := New(main, func(self *Greenlet[int], v int) (int, error) { return self.Switch(v + 1) })
	must(t, g, 1, 2)
	if _, err := main.Throw(errSome); err != errSome {
		t.Error(err)
	}
}

func TestStates(t *testing.T) {
	main := openFamily[int](t)
	check := func(g *Greenlet[int], started, dead, active, current bool) {
		t.Helper()
		if g.Started() != started || g.Dead() != dead || g.Active() != active || (g.Current() == g) != current {
			t.Errorf("%v: %t %t %t %t", g, g.Started(), g.Dead(), g.Active(), g.Current() == g)
		}
	}
	var g *Greenlet[int]
	g = New(main, func(self *Greenlet[int], v int) (int, error) {
		if self != g {
			t.Error("self is somebody else")
		}
		check(g, true, false, true, true)
		check(main, true, false, true, false)
		return main.Switch(v)
	})
	check(g, false, false, false, false)
	must(t, g, 0, 0)
	check(g, true, false, true, false)
	must(t, g, 0, 0)
	check(g, true, true, false, false)
	check(main, true, false, true, true)
	if g.Main() != main || main.Main() != main {
		t.Error("Main is not the main greenlet")
	}
}

func TestString(t *testing.T) {
	main := openFamily[int](t)
	is := func(g *Greenlet[int], want string) {
		t.Helper()
		if got := fmt.Sprint(g); got != want {
			t.Errorf("String: %q, want %q", got, want)
		}
	}
	g := New(main, func(self *Greenlet[int], _ int) (int, error) {
		is(self, "greenlet 1 (current)")
		is(main, "greenlet 0 (suspended main)")
		self.SetName("worker")
		return main.Switch(0)
	})
	is(main, "greenlet 0 (current main)")
	is(g, "greenlet 1 (pending)")
	g.Switch(0)
	is(g, `greenlet "worker" (suspended)`)
	if g.Name() != "worker" || main.Name() != "" {
		t.Errorf("names %q, %q", g.Name(), main.Name())
	}
	g.Switch(0)
	is(g, `greenlet "worker" (dead)`)
}

// TestStringElsewhere: once its family is closed, a greenlet can be looked at
// from anywhere, and its main greenlet is dead too.
func TestStringElsewhere(t *testing.T) {
	got := make(chan *Greenlet[int])
	go func() {
		main := Main[int]()
		main.Close()
		got <- main
	}()
	if main := <-got; !main.Dead() || main.String() != "greenlet 0 (dead main)" {
		t.Errorf("%v, dead %t", main, main.Dead())
	}
}

// TestRecoverIsPerGreenlet: a greenlet that is switched to while another one
// panics sees nothing of the panic.
func TestRecoverIsPerGreenlet(t *testing.T) {
	main := openFamily[any](t)
	inner := New(main, func(*Greenlet[any], any) (any, error) { return recover(), nil })
	outer := New(main, func(self *Greenlet[any], _ any) (_ any, err error) {
		defer func() {
			inner.SetParent(self)
			if v, _ := inner.Switch(nil); v != nil {
				t.Errorf("inner recovered %v", v)
			}
			if p := recover(); p != "mine" {
				t.Errorf("outer recovered %v", p)
			}
		}()
		panic("mine")
	})
	if _, err := outer.Switch(nil); err != nil {
		t.Error(err)
	}
}

// TestDeepStack switches from deep within calls, whose frames stay.
func TestDeepStack(t *testing.T) {
	main := openFamily[int](t)
	var recurse func(v int) int
	recurse = func(v int) int {
		if v > 0 {
			return v * recurse(v-1)
		}
		v, _ = main.Switch(0)
		return v
	}
	g := New(main, func(_ *Greenlet[int], v int) (int, error) { return recurse(v), nil })
	must(t, g, 5, 0)
	New(main, func(*Greenlet[int], int) (int, error) { return recurse(1000), nil }).Switch(0)
	runtime.GC()
	must(t, g, 10, 1200)
}

// TestHoldingLock: a lock stays held across switches, and another greenlet can
// release it.
func TestHoldingLock(t *testing.T) {
	main := openFamily[int](t)
	var mu sync.Mutex
	g := New(main, func(*Greenlet[int], int) (int, error) {
		mu.Lock()
		v, err := main.Switch(0)
		mu.Unlock()
		return v, err
	})
	must(t, g, 0, 0)
	if mu.TryLock() {
		t.Error("the lock was not held")
	}
	must(t, g, 0, 0)
	if !mu.TryLock() {
		t.Error("the lock was not released")
	}
}

// TestMillionSwitches: a thousand greenlets switch and kill at random.
func TestMillionSwitches(t *testing.T) {
	const greenlets = 1000
	switches := 1_000_000
	if raceEnabled || debug {
		switches /= 10
	}
	main := Main[int]()
	left, unwound := switches, 0
	rng := uint64(1)
	random := func() int { // xorshift
		rng ^= rng << 13
		rng ^= rng >> 7
		rng ^= rng << 17
		return int(rng % greenlets)
	}
	all := make([]*Greenlet[int], greenlets)
	run := func(*Greenlet[int], int) (_ int, err error) {
		defer func() { unwound++ }()
		for err == nil {
			left--
			switch {
			case left <= 0:
				_, err = main.Switch(0)
			case left%100 == 0:
				_, err = all[random()].Throw(ErrExit)
			default:
				_, err = all[random()].Switch(0)
			}
		}
		return 0, err
	}
	died := 0
	for left > 0 { // whenever one dies, main gets the control and replaces it
		for i, g := range all {
			if g == nil || g.Dead() {
				if g != nil {
					died++
				}
				all[i] = New(main, run)
			}
		}
		all[random()].Switch(0)
	}
	started := 0
	for _, g := range all {
		if g.Dead() {
			died++
		} else if g.Started() {
			started++
		}
	}
	if err := main.Close(); err != nil {
		t.Fatal(err)
	}
	if died == 0 || unwound > died+started || unwound < started {
		t.Errorf("%d died, %d were alive, %d unwound", died, started, unwound)
	}
	if n := runtime.NumGoroutine(); strings.Contains(stacks(), "greenlet.(*family") {
		t.Errorf("%d goroutines left\n%s", n, stacks())
	}
}

// stacks returns the stacks of all goroutines.
func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// TestInsidePull: a sequence that a greenlet pulls may switch, from the
// goroutine that iter.Pull gave it.
func TestInsidePull(t *testing.T) {
	if debug {
		t.Skip("a debug build takes the sequence's goroutine for a foreign one")
	}
	main := openFamily[int](t)
	g := New(main, func(_ *Greenlet[int], v int) (int, error) {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for {
				w, err := main.Switch(v)
				if err != nil || !yield(w) {
					return
				}
			}
		})
		defer stop()
		sum := 0
		for range 3 {
			w, _ := next()
			sum += w
		}
		return sum, nil
	})
	for _, want := range []int{9, 9, 9} {
		must(t, g, 9, want)
	}
	must(t, g, 5, 23)
}

// TestNestedFamilies: a greenlet may open a family of its own, whose greenlets
// may switch in the outer one; then the inner family waits as a whole.
func TestNestedFamilies(t *testing.T) {
	if debug {
		t.Skip("a debug build takes the inner greenlet's goroutine for a foreign one")
	}
	outer := openFamily[int](t)
	var log []int
	g := New(outer, func(_ *Greenlet[int], v int) (int, error) {
		err := Run(func(inner *Greenlet[int]) error {
			h := New(inner, func(*Greenlet[int], int) (int, error) {
				v, err := outer.Switch(v + 1)
				log = append(log, v)
				return v, err
			})
			v, err := h.Switch(0)
			log = append(log, -v)
			return err
		})
		return 7, err
	})
	must(t, g, 1, 2)
	must(t, g, 5, 7)
	same(t, log, 5, -5)
}
